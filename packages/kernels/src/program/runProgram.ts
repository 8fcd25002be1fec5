/** @file Programs in tfjs operations: the meaning of every kernel that runs one, on every backend. */
import {
  abs,
  add,
  atan,
  cast,
  cos,
  div,
  equal,
  erf,
  exp,
  floor,
  less,
  lessEqual,
  log,
  logicalAnd,
  logicalNot,
  logicalOr,
  maximum,
  minimum,
  mul,
  neg,
  notEqual,
  pow,
  round,
  scalar,
  sigmoid,
  sin,
  sqrt,
  sub,
  type Tensor,
  tanh,
  tidy,
  where,
} from "@tensorflow/tfjs-core";
import type { BinaryOp, Program, UnaryOp } from "./program.js";

const floats = (truth: Tensor): Tensor => cast(truth, "float32");
const isTrue = (x: Tensor): Tensor => notEqual(x, 0);

const unary: Readonly<Record<UnaryOp, (a: Tensor) => Tensor>> = {
  neg,
  abs,
  sqrt,
  exp,
  log,
  sigmoid,
  tanh,
  sin,
  cos,
  atan,
  erf,
  floor,
  round,
  not: (a) => floats(logicalNot(isTrue(a))),
};

const binary: Readonly<Record<BinaryOp, (a: Tensor, b: Tensor) => Tensor>> = {
  add,
  sub,
  mul,
  div,
  min: minimum,
  max: maximum,
  pow,
  less: (a, b) => floats(less(a, b)),
  lessEqual: (a, b) => floats(lessEqual(a, b)),
  equal: (a, b) => floats(equal(a, b)),
  and: (a, b) => floats(logicalAnd(isTrue(a), isTrue(b))),
  or: (a, b) => floats(logicalOr(isTrue(a), isTrue(b))),
};

/**
 * The outputs of a program, one tfjs operation for each instruction.
 *
 * @param inputs a float32 tensor for each input: `[]` for a scalar, `[C]` for one per channel, `[..., C]` for an element's
 * @returns a tensor for each output, broadcast no further than its inputs are
 * @throws RangeError when there are more or fewer inputs than the program has
 *
 * @example
 * const square = { inputs: ["element"], instructions: [{ op: "mul", of: [0, 0] }], outputs: [1] } as const;
 * runProgram(square, [tensor1d([3])])[0].arraySync(); // [9]
 */
export function runProgram({ inputs: rates, instructions, outputs }: Program, inputs: readonly Tensor[]): Tensor[] {
  if (inputs.length !== rates.length) {
    throw new RangeError(`runProgram: inputs must be ${rates.length} tensors, got ${inputs.length}`);
  }
  return tidy(() => {
    const values = [...inputs];
    for (const instruction of instructions) {
      if (instruction.op === "constant") values.push(scalar(instruction.value));
      else {
        const of = instruction.of.map((i) => values[i]!) as [Tensor, Tensor, Tensor];
        if (instruction.op === "select") values.push(where(isTrue(of[0]), of[1], of[2]));
        else if (instruction.of.length === 1) values.push(unary[instruction.op as UnaryOp](of[0]));
        else values.push(binary[instruction.op as BinaryOp](of[0], of[1]));
      }
    }
    return outputs.map((i) => values[i]!.clone());
  });
}

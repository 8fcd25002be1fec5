/** @file What programs look like: identities, constants, rates; and derivatives where they jump. */
import { type NeuronProgram, neuronFormula, type Program, rates, runProgram } from "@sew/kernels";
import { read, scoped } from "@sew/kernels/testing";
import {
  abs,
  add,
  cast,
  ceil,
  clipByValue,
  div,
  exp,
  floor,
  grads,
  greaterEqual,
  leakyRelu,
  maximum,
  minimum,
  mul,
  neg,
  onesLike,
  pow,
  reciprocal,
  relu,
  relu6,
  round,
  scalar,
  sigmoid,
  sign,
  sqrt,
  square,
  step,
  sub,
  type Tensor,
  tensor1d,
  tensor2d,
  where,
} from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";

type F = (v: Tensor, x: Tensor, params: Readonly<Record<string, Tensor>>) => Tensor;

/** The program of a neuron whose spikes are this function of v and x. */
function programOf(f: F, params: Readonly<Record<string, Tensor>> = {}): NeuronProgram {
  const { program } = neuronFormula({
    name: "function",
    params,
    state: () => ({ v: 0 }),
    step: ({ v }, x, given) => ({ spikes: f(v!, x, given), state: { v: v! } }),
  });
  return program!;
}

/** The instructions of a program, a line each: inputs are v and x, results `%2`, `%3`, … */
function listing({ instructions, outputs }: Program): string {
  const name = (i: number) => ["v", "x"][i] ?? `%${i}`;
  const lines = instructions.map((instruction) =>
    instruction.op === "constant"
      ? String(instruction.value)
      : `${instruction.op} ${instruction.of.map(name).join(" ")}`,
  );
  return [...lines, `→ ${name(outputs[0]!)}`].join("; ");
}

describe("a program", () => {
  it.each<[string, F, string]>([
    ["x − 0 is x", (_, x) => sub(x, 0), "→ x"],
    ["x + 0 is not, where x is −0", (_, x) => add(x, 0), "0; add x %2; → %3"],
    ["x + −0 is x", (_, x) => add(x, -0), "→ x"],
    ["x · 1 and x / 1 are x", (_, x) => div(mul(1, x), 1), "→ x"],
    ["x · −1 is −x", (_, x) => mul(x, -1), "neg x; → %2"],
    ["−(−x) is x", (_, x) => neg(neg(x)), "→ x"],
    ["v + (−x) is v − x", (v, x) => add(v, neg(x)), "sub v x; → %2"],
    ["v − (−x) is v + x", (v, x) => sub(v, neg(x)), "add v x; → %2"],
    ["(−v) · (−x) is v · x", (v, x) => mul(neg(v), neg(x)), "mul v x; → %2"],
    ["x / 4 is x · 0.25", (_, x) => div(x, 4), "0.25; mul x %2; → %3"],
    ["x / 3 is not x · (1/3)", (_, x) => div(x, 3), "3; div x %2; → %3"],
    ["x · 0 is not 0, of x = −1, ∞ or NaN", (_, x) => mul(x, 0), "0; mul x %2; → %3"],
    [
      "constants are computed in float32",
      (_, x) => mul(x, add(scalar(0.1), 0.2)),
      "0.30000001192092896; mul x %2; → %3",
    ],
    ["but for what backends compute otherwise", (_, x) => mul(x, exp(scalar(1))), "1; exp %2; mul x %3; → %4"],
    ["what is computed twice is computed once", (v, x) => mul(add(v, x), add(x, v)), "add v x; mul %2 %2; → %3"],
    ["a choice of two equal values is none", (v, x) => where(greaterEqual(v, 0), x, x), "→ x"],
    [
      "0 · S is 0 for a truth value S",
      (v, x) => add(x, mul(0, cast(greaterEqual(v, 1), "float32"))),
      "0; add x %2; → %3",
    ],
  ])("has identities that keep every bit, and no others: %s", (_, f, expected) =>
    scoped(() => expect(listing(programOf(f).forward)).toBe(expected)),
  );

  it("has its values by rate: scalar, per channel, per element", () =>
    scoped(() => {
      const params = { a: scalar(1), b: tensor1d([1, 2]) };
      const { forward } = programOf((v, x, { a, b }) => add(mul(x, sigmoid(b!)), mul(v, mul(sigmoid(a!), 2))), params);
      expect(rates(forward)).toEqual([
        ...["element", "element", "scalar", "channel"],
        ...["scalar", "scalar", "scalar", "channel", "element", "element", "element"],
      ]);
    }));

  it("shares what the backward pass computes again with the gradients", () =>
    scoped(() => {
      const { backward } = programOf((_, x) => exp(x));
      expect(backward.instructions.map(({ op }) => op)).toEqual(["exp", "mul"]);
    }));

  it("is run with as many inputs as it has", () =>
    scoped(() =>
      expect(() => runProgram(programOf((v, x) => add(v, x)).forward, [scalar(1)])).toThrow(
        new RangeError("runProgram: inputs must be 2 tensors, got 1"),
      ),
    ));
});

describe("a gradient is that of tfjs where it jumps, and at 0, −0 and bounds:", () => {
  const at = [-1, -0.5, -0, 0, 0.5, 1, 2, 6, 7];
  it.each<[string, (v: Tensor, x: Tensor) => Tensor]>([
    ["abs", abs],
    ["relu", relu],
    ["relu6", relu6],
    ["leakyRelu", (v) => leakyRelu(v, 0.25)],
    ["clipByValue", (v) => clipByValue(v, -0.5, 2)],
    ["floor", floor],
    ["ceil", ceil],
    ["round", round],
    ["sign", sign],
    ["step", (v) => step(v, 0.5)],
    ["sqrt", (v) => sqrt(relu(v))],
    ["square", square],
    ["reciprocal", (v) => reciprocal(add(v, 8))],
    ["greaterEqual", (v) => cast(greaterEqual(v, 0), "float32")],
    ["bool and back", (v) => cast(cast(v, "bool"), "float32")],
    ["maximum", maximum],
    ["minimum", minimum],
    ["pow of a number", (v, x) => add(pow(v, 3), x)],
    ["pow", (v, x) => pow(v, round(x))],
    ["where", (v, x) => where(greaterEqual(v, x), mul(v, 2), mul(x, 3))],
    ["div", (v, x) => div(v, add(x, 9))],
  ])("%s", (_, f) =>
    scoped(() => {
      const v = tensor2d(at.map((value) => at.map(() => value)));
      const x = tensor2d(at.map(() => at));
      const given = (a: Tensor, b: Tensor) => add(f(a, b), mul(b, 0));
      const { forward, backward } = programOf(given);
      expect(read(mul(runProgram(forward, [v, x])[0]!, onesLike(v)))).toEqual(read(given(v, x)));
      const [dx, dv] = runProgram(backward, [v, x, onesLike(v), mul(v, 0)]);
      const [byV, byX] = grads(given)([v, x]);
      const plain = (t: Tensor) => read(mul(t, onesLike(v))).map((value) => value + 0);
      expect(plain(dv!)).toEqual(plain(byV!));
      expect(plain(dx!)).toEqual(plain(byX!));
    }),
  );
});

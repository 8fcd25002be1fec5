import {
  add,
  cos,
  dispose,
  grads,
  memory,
  mul,
  range,
  reshape,
  setBackend,
  sum,
  type Tensor,
  tensor,
  tidy,
} from "@tensorflow/tfjs-core";
import type { Numbers, OpCase } from "./opCase.js";

const outputsOf = (f: OpCase["f"], inputs: readonly Tensor[]) => [f(...inputs)].flat() as Tensor[];

/** A sum with a different weight for each value, so that all gradients differ. */
const weightedSum = (y: Tensor) => sum(mul(y, reshape(cos(range(0, y.size)), y.shape)));

interface Outcome {
  readonly shapes: readonly (readonly number[])[];
  readonly values: readonly (readonly number[])[];
  /** How many results there are; gradients follow them. */
  readonly results: number;
  readonly leaks: string | undefined;
}

/** The results of a function on a backend, then the gradients of a weighted sum of them. */
async function evaluate(backend: string, op: OpCase, inputs: readonly Numbers[]): Promise<Outcome> {
  const { f, differentiable = true } = op;
  await setBackend(backend);
  const before = memory();
  const xs = inputs.map(({ shape, values }) => tensor([...values], [...shape]));
  const loss = (...args: Tensor[]) =>
    outputsOf(f, args)
      .map(weightedSum)
      .reduce((a, b) => add(a, b));
  const results = tidy(() => outputsOf(f, xs));
  const gradients = differentiable ? tidy(() => grads(loss)(xs)) : [];
  const all = [...results, ...gradients];
  const values = await Promise.all(all.map(async (t) => [...(await t.data())]));
  const shapes = all.map(({ shape }) => shape);
  dispose([...all, ...xs]);
  const { numTensors, numDataBuffers } = memory();
  const [tensors, buffers] = [numTensors - before.numTensors, numDataBuffers - before.numDataBuffers];
  const leaks = tensors === 0 && buffers === 0 ? undefined : `leaves ${tensors} tensors and ${buffers} buffers behind`;
  return { shapes, values, results: results.length, leaks };
}

/**
 * Compares a function on a backend with the same on `cpu`.
 *
 * @param tolerance largest difference, relative to the largest magnitude in a result, or absolute where that is below 1
 * @returns what is wrong, in words; `undefined` when nothing is
 */
export async function checkOp(
  backend: string,
  op: OpCase,
  inputs: readonly Numbers[],
  tolerance: number,
): Promise<string | undefined> {
  const expected = await evaluate("cpu", op, inputs);
  const actual = await evaluate(backend, op, inputs);
  for (const [i, values] of expected.values.entries()) {
    const of = i < expected.results ? `result ${i}` : `the gradient of input ${i - expected.results}`;
    if (String(actual.shapes[i]) !== String(expected.shapes[i])) {
      return `${of} has shape [${actual.shapes[i]}], and on cpu [${expected.shapes[i]}]`;
    }
    const bound = tolerance * Math.max(1, ...values.map(Math.abs));
    const at = values.findIndex((value, j) => {
      const other = actual.values[i]![j]!;
      return !(Object.is(other, value) || Math.abs(other - value) <= bound);
    });
    if (at >= 0) return `${of} has ${actual.values[i]![at]} at [${at}], and on cpu ${values[at]}`;
  }
  return actual.leaks;
}

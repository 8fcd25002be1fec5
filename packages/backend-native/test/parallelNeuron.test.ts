/** @file Parallel neurons: the native kernels against the composed operations, and against themselves on other instruction sets. */
import { instructionSet, instructionSets, setInstructionSet } from "@sew/backend-native";
import {
  charged,
  hasKernel,
  type NeuronFormula,
  neuronFormula,
  parallelNeuron,
  parallelNeuronKernel,
} from "@sew/kernels";
import { read, scoped } from "@sew/kernels/testing";
import { maskedPsn, parallelNeuron as neuronOf, type ParallelNeuron, psn, slidingPsn } from "@sew/neurons";
import { atan, erf, piecewiseQuadratic, type Spike, sigmoid, smooth } from "@sew/surrogates";
import { abs, grads, mul, sum, type Tensor, tensor } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { afterAll, expect, it } from "vitest";
import { describeNative, withThreads } from "./describeNative.js";
import { floats, integers, seeds, sizeOf } from "./values.js";

const drawn = (shape: readonly number[], seed: number) =>
  tensor(floats(shape, seed, "reals").data as Float32Array, [...shape]);

const formulaOf = (spike: Spike): NeuronFormula =>
  neuronFormula({
    name: "fire",
    params: {},
    state: () => ({}),
    step: (_, h) => ({ spikes: spike(h), state: {} }),
  });

const surrogates = fc.constantFrom(atan(), sigmoid(), erf(), piecewiseQuadratic(), smooth(sigmoid()));

/** About the width of vectors and blocks, of channels that are no multiple of a vector. */
const neurons = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 9 }), fc.constantFrom(1, 7, 17, 33)),
  fc.constantFrom([1, 1023], [2, 512], [41, 25], [347, 3], [32, 32]),
);

const models: readonly ((steps: number, order: number, spike: Spike) => ParallelNeuron)[] = [
  (steps, _, spike) => neuronOf(psn, { steps }, spike),
  (steps, order, spike) => neuronOf(maskedPsn, { steps, order }, spike),
  (_, order, spike) => neuronOf(slidingPsn, { order }, spike),
];

const dyOf = ({ shape }: Tensor) => drawn(shape, 99);

const largest = (t: Tensor) => read(t).reduce((most, v) => Math.max(most, Math.abs(v)), 0);

/** Throws unless every number is near the other, relative to the largest magnitude of what it is a sum of. */
function expectNear(actual: Tensor, expected: Tensor, magnitude = largest(expected)): void {
  const [a, e] = [read(actual), read(expected)];
  const bound = 1e-5 * magnitude;
  expect(actual.shape).toEqual(expected.shape);
  for (const [i, v] of e.entries()) expect(Math.abs(a[i]! - v)).toBeLessThanOrEqual(bound);
}

describeNative("parallel neurons", () => {
  const best = instructionSet();
  afterAll(() => setInstructionSet(best));

  it("give the spikes and gradients of the composed operations", () =>
    fc.assert(
      fc.property(
        fc.constantFrom(...models),
        fc.record({ steps: fc.integer({ min: 1, max: 20 }), order: fc.integer({ min: 1, max: 5 }) }),
        neurons,
        surrogates,
        seeds,
        (model, { steps, order }, shape, spike, seed) =>
          scoped(() => {
            const neuron = model(steps, order, spike);
            const next = integers(seed);
            const weights = neuron.initial((bound) => (next() / 2 ** 31 - 1) * bound);
            const x = drawn([steps, ...shape], seed);
            const [rows, bias] = neuron.matrices(x, weights);
            // No H within what rounding may change.
            fc.pre(read(charged(x, rows, bias)).every((h) => Math.abs(h) > 1e-5));
            const inputs = [x, rows, bias];
            expect(hasKernel(parallelNeuronKernel, neuron.formula)).toBe(true);
            const resultsOf = (run: typeof parallelNeuron, dy: Tensor) => {
              const fire = (...given: Tensor[]) => run(given, neuron.formula)[0]!;
              return [fire(...inputs), ...grads((...given) => sum(mul(fire(...given), dy)))(inputs)];
            };
            const { composed } = parallelNeuronKernel;
            const found = resultsOf(parallelNeuron, dyOf(x));
            // A surrogate's slope is 0 or more, so that of |dy| the gradient by the bias is a sum of magnitudes.
            const terms = largest(resultsOf(composed, abs(dyOf(x))).at(-1)!);
            const magnitudes = [undefined, undefined, terms * largest(x), terms];
            for (const [i, expected] of resultsOf(composed, dyOf(x)).entries())
              expectNear(found[i]!, expected, magnitudes[i]);
          }),
      ),
      { numRuns: 100 },
    ));

  it("give the same bits on 1, 2 and 5 threads and on every instruction set", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 20 }),
        fc.oneof(neurons, fc.constantFrom([3000], [33000])),
        fc.constantFrom(atan(), piecewiseQuadratic(), smooth(sigmoid())),
        seeds,
        (steps, more, shape, spike, seed) =>
          scoped(() => {
            const inputs = sizeOf(shape) > 3000 ? 2 : more;
            const given = [
              drawn([inputs, ...shape], seed),
              drawn([steps, inputs], seed + 1),
              drawn([steps, 1], seed + 2),
            ];
            const formula = formulaOf(spike);
            const fire = (...tensors: Tensor[]) => parallelNeuron(tensors, formula)[0]!;
            const all = instructionSets().flatMap((set) => {
              setInstructionSet(set);
              return [1, 2, 5].map((threads) =>
                withThreads(threads, () => {
                  const spikes = fire(...given);
                  const d = grads((...tensors) => sum(mul(fire(...tensors), dyOf(spikes))))(given);
                  return Buffer.concat([spikes, ...d].map((t) => Buffer.from(t.dataSync().slice().buffer)));
                }),
              );
            });
            for (const other of all) expect(other.equals(all[0]!)).toBe(true);
          }),
      ),
      { numRuns: 40 },
    ));
});

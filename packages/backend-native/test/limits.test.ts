/** @file Neurons that the interpreter just has room for, and those for which it has none. */
import {
  hasKernel,
  multiStepNeuron,
  multiStepNeuronKernel,
  type NeuronFormula,
  neuronFormula,
  normNeuron,
  normNeuronTraining,
} from "@sew/kernels";
import { expectClose, read, scoped } from "@sew/kernels/testing";
import { add, engine, fill, mul, sin, sub, sum, type Tensor, tensor, tidy } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { expect, it, vi } from "vitest";
import { describeNative } from "./describeNative.js";

/** What a neuron has how many of. */
interface Size {
  readonly variables: number;
  readonly parameters: number;
  /** Different constants of its step. */
  readonly constants: number;
  /** Values that are computed first and used last. */
  readonly waiting: number;
}

const small: Size = { variables: 1, parameters: 1, constants: 1, waiting: 1 };
const kinds = Object.keys(small) as (keyof Size)[];

/** Tensors `[T, N, C]`, `[N, C]`, `[C]` or `[]` whose values all differ. */
const wave = (shape: readonly number[], seed: number): Tensor => {
  const size = shape.reduce((a, b) => a * b, 1);
  return tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(3 * i + seed)),
    [...shape],
  );
};

/** A neuron of this size that fires reals: a sum in which each variable, parameter, constant and value has its place. */
function neuronOf({ variables, parameters, constants, waiting }: Size, name = "large"): NeuronFormula {
  const names = Array.from({ length: variables }, (_, i) => `v${i}`);
  const params = Object.fromEntries(
    Array.from({ length: parameters }, (_, i) => [`p${i}`, wave(i % 2 === 0 ? [] : [4], i)]),
  );
  return neuronFormula({
    name,
    params,
    state: () => Object.fromEntries(names.map((name, i) => [name, i / 8])),
    step(state, x, params) {
      const held = [x];
      for (let i = 0; i < waiting; i++) held.push(sin(held.at(-1)!));
      let u = held.reduceRight((total, value) => sub(value, total));
      for (const value of Object.values<Tensor>({ ...params, ...state })) u = sin(add(u, value));
      for (let i = 0; i < constants; i++) u = mul(add(u, 1 / (i + 3)), 0.5);
      return { spikes: u, state: Object.fromEntries(names.map((name, i) => [name, mul(u, 1 / (i + 2))])) };
    },
  });
}

const runs = (size: Size): boolean => tidy(() => hasKernel(multiStepNeuronKernel, neuronOf(size)));

/** The most of a kind that the interpreter has room for. */
function mostOf(kind: keyof Size): number {
  let [fits, over] = [1, 1000];
  while (over - fits > 1) {
    const middle = (fits + over) >> 1;
    if (runs({ ...small, [kind]: middle })) fits = middle;
    else over = middle;
  }
  return fits;
}

/** What a neuron's operation and its composed operations return, and their gradients. */
function expectComposed(formula: NeuronFormula): void {
  const x = wave([3, 2, 4], 1);
  const inputs = [x, ...formula.stateNames.map((_, i) => wave([2, 4], i)), ...formula.parameters];
  const outcome = (of: typeof multiStepNeuronKernel.composed) => {
    const loss = () =>
      of(inputs, formula)
        .map((y, i) => sum(mul(y, wave(y.shape, 7 + i))))
        .reduce((a, b) => add(a, b));
    const { value, grads } = engine().gradients(loss, inputs);
    return [value, ...grads, ...of(inputs, formula)];
  };
  const expected = outcome(multiStepNeuronKernel.composed);
  for (const [i, y] of outcome(multiStepNeuron).entries()) expectClose(y, expected[i]!);
}

describeNative("a neuron at the interpreter's limits", () => {
  it("has up to 8 state variables and 16 parameters in a fused kernel", () =>
    expect([mostOf("variables"), mostOf("parameters")]).toEqual([8, 16]));

  it.each(kinds)("computes what its composed operations compute, with the most %s and with more", (kind) => {
    const most = mostOf(kind);
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    for (const count of [most - 1, most, most + 1, most + 2]) {
      scoped(() => {
        const formula = neuronOf({ ...small, [kind]: count }, `${kind} ${count}`);
        expect(hasKernel(multiStepNeuronKernel, formula)).toBe(count <= most);
        expectComposed(formula);
      });
    }
    expect(warn).toHaveBeenCalledTimes(2);
    warn.mockRestore();
  });

  it("computes it of any numbers near the limits", () => {
    const [constants, waiting] = [mostOf("constants"), mostOf("waiting")];
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const about = (most: number) =>
      fc.oneof(fc.integer({ min: 1, max: most }), fc.integer({ min: most - 9, max: most + 9 }));
    const sizes = fc.record({
      variables: fc.integer({ min: 1, max: 9 }),
      parameters: fc.integer({ min: 0, max: 17 }),
      constants: about(constants),
      waiting: about(waiting),
    });
    fc.assert(
      fc.property(sizes, (size) => scoped(() => expectComposed(neuronOf(size)))),
      { numRuns: 8 },
    );
    warn.mockRestore();
  });

  it("warns once that it is too large, with the limit and the remedy, in every kernel of its model", () =>
    scoped(() => {
      const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
      const [x, ones] = [wave([3, 2, 4], 1), fill([4], 1)];
      for (const formula of [
        neuronOf({ ...small, variables: 9 }, "nine"),
        neuronOf({ ...small, variables: 9 }, "nine"),
      ]) {
        const attrs = { ...formula, epsilon: 1e-5, isLastReader: () => false };
        const spikes = [
          normNeuronTraining([x, ones, ones, ...formula.parameters], attrs)[0]!,
          normNeuron([x, ones, ones, ones, ones, ...formula.parameters], attrs)[0]!,
        ];
        for (const y of spikes) expect(read(y).every(Number.isFinite)).toBe(true);
      }
      expect(warn.mock.calls).toEqual([
        [
          "nine: a neuron of a fused kernel of the backend native must have at most 8 state variables and 16 tensors among its parameters, got 9 and 1; keep fewer variables, and pass parameters that are not learned as numbers. The neuron runs as composed operations, several times slower than a fused kernel.",
        ],
      ]);
      warn.mockRestore();
    }));
});

/** @file The updates of optimisers: the composed operations, each rounded to float32. */
import * as fc from "fast-check";
import { type AddonCall, float32s, type KernelCase, kernelCase } from "../kernelCase.js";
import { about, floats, type Kind, seeds, type Values } from "../values.js";

const f = Math.fround;

/** Sizes about the width of vectors and the 16384 numbers of a task. */
const shapes = fc.tuple(about(8, 16, 100, 16_384), fc.constantFrom(1, 2, 3)).map((shape): number[] => shape);
const kinds: fc.Arbitrary<Kind> = fc.constantFrom("reals", "wide", "hard");
const rates = fc.constantFrom(0, 0.1, 0.001, 3);
const betas = fc.constantFrom(0, 0.9, 0.999);

/** Tensors of one shape, by name. */
const tensors = <N extends string>(...names: readonly N[]): fc.Arbitrary<Record<N, Values>> =>
  fc
    .record({ shape: shapes, seed: seeds, kind: kinds })
    .map(
      ({ shape, seed, kind }) =>
        Object.fromEntries(names.map((name, i) => [name, floats(shape, seed + i, kind)])) as Record<N, Values>,
    );

const momentum = kernelCase({
  kernel: "ApplyMomentum",
  calls: fc.record({
    inputs: tensors("weight", "velocity", "gradient"),
    attrs: fc.record({ rate: rates, momentum: betas }),
  }),
  expected: ({ weight, velocity, gradient }, { rate, momentum }) => {
    const { shape } = weight;
    const u = Array.from(velocity.data, (u, i) => f(f(f(momentum) * u) + gradient.data[i]!));
    const w = Array.from(weight.data, (w, i) => f(w - f(f(rate) * u[i]!)));
    return [w, u].map((data) => ({ shape, data, signedZeros: true }));
  },
  // It has no such kernel. optimizer.test.ts compares with its composed operations.
  onCpu: () => false,
});

const adam = kernelCase({
  kernel: "ApplyAdam",
  calls: fc.record({
    inputs: tensors("weight", "mean", "square", "gradient"),
    attrs: fc.record({
      rate: rates,
      beta1: betas,
      beta2: betas,
      epsilon: fc.constantFrom(1e-8, 0.5),
      step: fc.constantFrom(1, 2, 1000),
    }),
  }),
  expected: ({ weight, mean, square, gradient }, { rate, beta1, beta2, epsilon, step }) => {
    const { shape } = weight;
    const mix = (beta: number, old: number, now: number) => f(f(f(beta) * old) + f(f(1 - beta) * now));
    const unbiased = (beta: number, value: number) => f(value / f(1 - beta ** step));
    const m = Array.from(mean.data, (m, i) => mix(beta1, m, gradient.data[i]!));
    const v = Array.from(square.data, (v, i) => mix(beta2, v, f(gradient.data[i]! ** 2)));
    const w = Array.from(weight.data, (w, i) => {
      const root = f(Math.sqrt(unbiased(beta2, v[i]!)));
      return f(w - f(f(rate) * f(unbiased(beta1, m[i]!) / f(root + f(epsilon)))));
    });
    return [w, m, v].map((data) => ({ shape, data, signedZeros: true }));
  },
  onCpu: () => false,
});

export const cases: readonly KernelCase[] = [momentum, adam];

export const addonCalls: Readonly<Record<string, AddonCall>> = {
  applyMomentum: { numbers: [3, 0.1, 0.9], arrays: [3, 3, 3, 3, 3].map(float32s), sizes: [0, 0] },
  applyAdam: {
    numbers: [3, 0.1, 0.9, 0.1, 0.5, 0.9, 0.1, 0.5, 1e-8],
    arrays: [3, 3, 3, 3, 3, 3, 3].map(float32s),
    sizes: [0, 0],
  },
};

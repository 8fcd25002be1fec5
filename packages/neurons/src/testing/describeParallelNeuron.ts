/** @file What must hold of every parallel neuron model. A model's test calls `describeParallelNeuron` once. */
import { describeBackends, expectClose, floatsOf, read, scoped } from "@sew/kernels/testing";
import { atan } from "@sew/surrogates";
import {
  fill,
  gather,
  grads,
  memory,
  mul,
  ones,
  reshape,
  slice,
  sum,
  type Tensor,
  tensor,
  zeros,
  zerosLike,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { type ParallelNeuronModel, type ParallelWeights, parallelNeuron } from "../index.js";

/** A neuron, weights, and currents `[T, size]` for it. */
interface Drawn<P> {
  readonly params: P;
  readonly steps: number;
  readonly size: number;
  readonly x: number[];
  /** Numbers for weights and B. */
  readonly learned: number[];
}

/** H this near to the threshold may round to either side of it. */
const tie = 1e-4;

/**
 * Tests a parallel neuron model against `H = W X + B` and `S = Θ(H)`, on every backend: values, gradients, memory, and, where no
 * time-step depends on a later one, sequences in pieces. How W comes from the weights is the model's own to test.
 *
 * @param model the model; the rows of W must be linear in its weights
 * @param parameters parameters in the model's domain, with the time-steps T of a sequence
 */
export function describeParallelNeuron<P extends object>(
  model: ParallelNeuronModel<P>,
  parameters: fc.Arbitrary<{ readonly params: P; readonly steps: number }>,
): void {
  const spike = atan();
  const drawn: fc.Arbitrary<Drawn<P>> = fc
    .tuple(parameters, fc.integer({ min: 1, max: 6 }))
    .chain(([{ params, steps }, size]) =>
      fc.record({
        params: fc.constant(params),
        steps: fc.constant(steps),
        size: fc.constant(size),
        x: floatsOf(steps * size),
        learned: floatsOf(steps * steps + steps),
      }),
    );
  const make = (p: P) => parallelNeuron(model, p, spike);
  /** Weights in the shapes of the initial ones, from numbers. */
  const weightsOf = (p: P, numbers: readonly number[]): ParallelWeights => {
    const { weight, bias } = make(p).initial(() => 0);
    const values = (t: Tensor, from: number) =>
      tensor(
        Array.from({ length: t.size }, (_, i) => numbers[(from + i) % numbers.length]! / 4),
        t.shape,
      );
    return { weight: values(weight, 0), bias: values(bias, weight.size) };
  };
  const forAll = (
    check: (given: Drawn<P> & { x2: Tensor; weights: ParallelWeights; neuron: ReturnType<typeof make> }) => void,
    numRuns = 50,
  ): void =>
    fc.assert(
      fc.property(drawn, (given) =>
        scoped(() => {
          const { params, steps, size, x, learned } = given;
          const weights = weightsOf(params, learned);
          check({ ...given, x2: tensor(x, [steps, size]), weights, neuron: make(params) });
        }),
      ),
      { numRuns },
    );
  /** W, row by row, and B of each step. */
  const matrix = (params: P, { weight, bias }: ParallelWeights, steps: number) => {
    const w = read(model.rows(weight, params, 0, steps));
    const b = read(bias);
    return { w: (t: number, j: number) => w[t * steps + j]!, b: (t: number) => (b.length === 1 ? b[0]! : b[t]!) };
  };
  const dyOf = (shape: number[]) =>
    tensor(
      Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i + 1)),
      shape,
    );

  describeBackends(`${model.name} as a parallel neuron`, () => {
    it("charges to W X + B, and fires where that reaches 0", () =>
      forAll(({ params, steps, size, x, x2, weights, neuron }) => {
        const { w, b } = matrix(params, weights, steps);
        const h = x.map((_, at) => {
          const [t, i] = [Math.floor(at / size), at % size];
          let sum = b(t);
          for (let j = 0; j < steps; j++) sum += w(t, j) * x[j * size + i]!;
          return sum;
        });
        expectClose(neuron.charge(x2, weights), h, { relative: 1e-4, absolute: 1e-4 });
        const spikes = read(neuron(x2, weights).spikes);
        for (const [at, s] of spikes.entries()) {
          if (Math.abs(h[at]!) > tie) expect(s).toBe(h[at]! > 0 ? 1 : 0);
          else expect([0, 1]).toContain(s);
        }
      }));

    it("fires on the threshold itself, Θ(0) = 1", () =>
      forAll(({ x2, weights, neuron }) => {
        const nothing = { weight: zerosLike(weights.weight), bias: zerosLike(weights.bias) };
        expect(read(neuron(x2, nothing).spikes).every((s) => s === 1)).toBe(true);
      }, 5));

    it("has the gradients of W X + B and the surrogate: Wᵀ (dS σ') for X, and sums of them for what it learns", () =>
      forAll(({ params, steps, size, x, x2, weights, neuron }) => {
        const dS = dyOf([steps, size]);
        const loss = (a: Tensor, weight: Tensor, bias: Tensor) => sum(mul(neuron(a, { weight, bias }).spikes, dS));
        const [dx, dWeight, dBias] = grads(loss)([x2, weights.weight, weights.bias]);
        const { w } = matrix(params, weights, steps);
        const dH = read(mul(dS, spike.slope(neuron.charge(x2, weights))));
        const at = (t: number, i: number) => dH[t * size + i]!;
        const each = Array.from({ length: steps }, (_, t) => t);
        const near = { relative: 1e-3, absolute: 1e-3 };
        expectClose(
          dx!,
          x.map((_, k) => each.reduce((sum, t) => sum + w(t, Math.floor(k / size)) * at(t, k % size), 0)),
          near,
        );
        const perStep = each.map((t) => Array.from({ length: size }, (_, i) => at(t, i)).reduce((a, b) => a + b, 0));
        expectClose(dBias!, dBias!.size === 1 ? [perStep.reduce((a, b) => a + b, 0)] : perStep, near);
        // Of a W that is linear in the weights, they and their gradients make Σ dH (W X).
        const product = each.reduce((total, t) => {
          for (let i = 0; i < size; i++) {
            for (let j = 0; j < steps; j++) total += at(t, i) * w(t, j) * x[j * size + i]!;
          }
          return total;
        }, 0);
        expectClose(sum(mul(dWeight!, weights.weight)), [product], { relative: 1e-2, absolute: 1e-2 });
      }));

    it("treats every neuron alike: permuting them permutes the spikes", () =>
      forAll(({ size, x2, weights, neuron }) => {
        const order = Array.from({ length: size }, (_, i) => size - 1 - i);
        const [a, b] = [neuron(x2, weights), neuron(gather(x2, order, 1), weights)];
        expect(read(b.spikes)).toEqual(read(gather(a.spikes, order, 1)));
      }, 20));

    it("takes currents of any rank", () =>
      forAll(({ steps, size, x2, weights, neuron }) => {
        const image = reshape(x2, [steps, 1, size, 1]);
        expect(neuron(image, weights).spikes.shape).toEqual([steps, 1, size, 1]);
        expect(read(neuron(image, weights).spikes)).toEqual(read(neuron(x2, weights).spikes));
      }, 10));

    it("gives the same when the sequence is cut and the past handed over, or refuses a piece", () =>
      forAll(({ steps, x2, weights, neuron }) => {
        if (!neuron.causal()) {
          expect(() => neuron(slice(x2, [0], [1]), weights)).toThrow(
            new RangeError(
              `${model.name}: x must have all ${steps} time-steps at once, since each depends on later ones, got 1`,
            ),
          );
          return;
        }
        const whole = neuron(x2, weights);
        fc.pre(read(neuron.charge(x2, weights)).every((h) => Math.abs(h) > tie));
        for (let cut = 1; cut < steps; cut++) {
          const first = neuron(slice(x2, [0], [cut]), weights);
          const rest = neuron(slice(x2, [cut]), weights, first.past);
          expect([...read(first.spikes), ...read(rest.spikes)]).toEqual(read(whole.spikes));
          expect(read(rest.past)).toEqual(read(whole.past));
        }
      }));

    it("refuses no time-steps, and more than it has weights for", () =>
      forAll(({ params, steps, size, weights, neuron }) => {
        expect(() => neuron(zeros([0, size]), weights)).toThrow(
          new RangeError(`${model.name}: x must be [T, ...] with T at least 1, got [0,${size}]`),
        );
        if (model.steps?.(params) === undefined) return;
        expect(() => neuron(ones([steps + 1, size]), weights)).toThrow(
          new RangeError(`${model.name}: x must have at most the ${steps} time-steps of its weights, got ${steps + 1}`),
        );
      }, 5));

    it("refuses weights of another shape, and none", () =>
      forAll(({ params, size, steps, weights, neuron }) => {
        const x = ones([steps, size]);
        const { weight, bias } = weights;
        const other = ones([...weight.shape, 1]);
        const refused = (given: object, message: string) =>
          expect(() => neuron(x, given as ParallelWeights)).toThrow(`${model.name}: ${message}`);
        refused({ weight: other, bias }, `weight must be [${weight.shape}], got [${other.shape}]; initial makes it`);
        const most = model.steps?.(params) ?? steps;
        refused({ weight, bias: ones([1]) }, `bias must be a scalar or [${most},1], got [1]; initial makes it`);
        refused({ weight }, "weights must have bias, a tensor, got undefined; initial makes them");
        refused({ bias }, "weights must have weight, a tensor, got undefined; initial makes them");
        expect(() => neuron(x, undefined as never)).toThrow(`${model.name}: weights must have weight`);
      }, 5));

    it("refuses a past of other currents", () =>
      forAll(({ size, weights, neuron }) => {
        expect(() => neuron(ones([1, size]), weights, ones([1, size + 1]))).toThrow(
          new RangeError(`${model.name}: past must be [before, ${size}], as x [1,${size}] is, got [1,${size + 1}]`),
        );
      }, 5));

    it("keeps its two results in memory and nothing else, and its gradient likewise", () => {
      const [{ params, steps }] = fc.sample(parameters, { numRuns: 1, seed: 1 }) as [{ params: P; steps: number }];
      const neuron = make(params);
      const weights = neuron.initial(() => 0.5);
      const x = fill([steps, 2], 1.5);
      const before = memory().numTensors;
      const { spikes, past } = neuron(x, weights);
      expect(memory().numTensors - before).toBe(2);
      const d = grads((a: Tensor, weight: Tensor, bias: Tensor) => neuron(a, { weight, bias }).spikes)([
        x,
        weights.weight,
        weights.bias,
      ]);
      expect(memory().numTensors - before).toBe(5);
      for (const t of [spikes, past, ...d, x, weights.weight, weights.bias]) t.dispose();
    });
  });
}

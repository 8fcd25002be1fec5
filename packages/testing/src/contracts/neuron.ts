/** @file What must hold of every neuron model. A model's test calls `describeNeuron` once. */
import { canFuse, type MembraneParams, type Neuron, type NeuronModel, neuron, type Reset, unroll } from "@sew/neurons";
import { atan } from "@sew/surrogates";
import {
  add,
  gather,
  grad,
  grads,
  memory,
  mul,
  reshape,
  slice,
  sub,
  sum,
  type Tensor,
  tensor,
  tensor1d,
  zerosLike,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { float32, floats, type Sequence, sequences } from "../arbitraries.js";
import { describeBackends } from "../backends.js";
import { expectClose, read } from "../close.js";
import { scoped } from "../scoped.js";

/** A neuron's potentials, currents and charged potentials, as plain numbers. */
interface Charged<P> {
  readonly v: Tensor;
  readonly x: Tensor;
  readonly h: number[];
  readonly p: P;
}

/** The same neuron, made only of tensor operations: what a fused kernel is held against. */
export function composed(fused: Neuron): Neuron {
  return Object.assign((v: Tensor, x: Tensor) => fused(v, x), { params: fused.params, spike: fused.spike });
}

/**
 * Tests a neuron model against Eqs. 1-3, on every backend.
 *
 * @param model the model
 * @param params parameters in the model's domain; let them range over both resets and both `detachReset`
 */
export function describeNeuron<P extends MembraneParams>(model: NeuronModel<P>, params: fc.Arbitrary<P>): void {
  const spike = atan();
  const slope = (h: number[], { vThreshold }: P) => read(spike.slope(sub(tensor1d(h), vThreshold)));

  const forAllSteps = (check: (charged: Charged<P>) => void): void =>
    fc.assert(
      fc.property(floats, floats, params, (vs, xs, p) => {
        const n = Math.min(vs.length, xs.length);
        scoped(() => {
          const [v, x] = [tensor1d(vs.slice(0, n)), tensor1d(xs.slice(0, n))];
          check({ v, x, h: read(model.charge(v, x, p)), p });
        });
      }),
    );

  const forAllSequences = (check: (s: { x: Tensor; v: Tensor; n: Neuron } & Omit<Sequence, "x" | "v">) => void): void =>
    fc.assert(
      fc.property(sequences, params, ({ x, v, ...s }, p) => {
        scoped(() => check({ ...s, x: tensor(x, [s.steps, s.size]), v: tensor1d(v), n: neuron(model, p, spike) }));
      }),
    );

  describeBackends(`${model.name} as a neuron`, () => {
    describe("one step", () => {
      it("fires where the charged potential reaches the threshold, and nowhere else (Eq. 2)", () =>
        forAllSteps(({ v, x, h, p }) =>
          // In float32: H − V_th is what Θ sees.
          expect(read(neuron(model, p)(v, x).spikes)).toEqual(
            h.map((u) => (Math.fround(u - Math.fround(p.vThreshold)) >= 0 ? 1 : 0)),
          ),
        ));

      it("fires on the threshold itself, Θ(0) = 1", () =>
        fc.assert(
          fc.property(float32(-8, 8), float32(-8, 8), params, (a, b, p) =>
            scoped(() => {
              const [v, x] = [tensor1d([a]), tensor1d([b])];
              const [vThreshold] = read(model.charge(v, x, p));
              expect(read(neuron(model, { ...p, vThreshold: vThreshold! })(v, x).spikes)).toEqual([1]);
            }),
          ),
        ));

      it("resets the neurons that fired to V_reset and leaves the others charged (Eq. 3)", () =>
        forAllSteps(({ v, x, h, p }) => {
          const out = neuron(model, { ...p, reset: "hard" })(v, x);
          const s = read(out.spikes);
          expectClose(
            out.v,
            h.map((u, i) => (s[i] === 1 ? p.vReset : u)),
          );
        }));

      it("lowers the neurons that fired by V_th and leaves the others charged (soft reset)", () =>
        forAllSteps(({ v, x, h, p }) => {
          const out = neuron(model, { ...p, reset: "soft" })(v, x);
          const s = read(out.spikes);
          expectClose(
            out.v,
            h.map((u, i) => (s[i] === 1 ? u - p.vThreshold : u)),
          );
        }));

      it("has the shape of x in both results, and keeps them in memory and nothing else", () => {
        const v = tensor([0, 0, 0, 0, 0, 0], [1, 2, 3]);
        const x = tensor([1, 2, 3, 4, 5, 6], [1, 2, 3]);
        const step = neuron(model);
        const before = memory().numTensors;
        const out = step(v, x);
        expect(memory().numTensors - before).toBe(2);
        expect([out.spikes.shape, out.v.shape]).toEqual([x.shape, x.shape]);
        for (const t of [out.spikes, out.v, v, x]) t.dispose();
      });
    });

    describe("its gradient in one step", () => {
      /** dH/dX, which the model alone defines. */
      const chargeSlope = ({ v, x, p }: Charged<P>) => read(grad((u) => model.charge(v, u, p))(x));

      it("is the surrogate's slope at H − V_th through the spike, whatever the reset", () =>
        forAllSteps((c) => {
          const { v, x, h, p } = c;
          const [σ, dh] = [slope(h, p), chargeSlope(c)];
          expectClose(
            grad((u) => neuron(model, p, spike)(v, u).spikes)(x),
            dh.map((d, i) => d * σ[i]!),
          );
        }));

      const throughReset = (
        reset: Reset,
        detachReset: boolean,
        dv: (h: number, s: number, σ: number, p: P) => number,
      ) =>
        forAllSteps((c) => {
          const { v, x, h, p } = c;
          const step = neuron(model, { ...p, reset, detachReset }, spike);
          const [s, σ, dh] = [read(step(v, x).spikes), slope(h, p), chargeSlope(c)];
          expectClose(
            grad((u) => step(v, u).v)(x),
            dh.map((d, i) => d * dv(h[i]!, s[i]!, σ[i]!, p)),
          );
        });

      it("is 1 − S through a hard reset that is detached", () => throughReset("hard", true, (_, s) => 1 - s));

      it("gains (V_reset − H) σ'(H − V_th) when a hard reset is not detached", () =>
        throughReset("hard", false, (h, s, σ, p) => 1 - s + (p.vReset - h) * σ));

      it("is 1 through a soft reset that is detached", () => throughReset("soft", true, () => 1));

      it("gains −V_th σ'(H − V_th) when a soft reset is not detached", () =>
        throughReset("soft", false, (_h, _s, σ, p) => 1 - p.vThreshold * σ));

      it("does not depend on the detach in its values", () =>
        forAllSteps(({ v, x, p }) => {
          const [a, b] = [true, false].map((detachReset) => neuron(model, { ...p, detachReset }, spike)(v, x));
          expect([read(a!.spikes), read(a!.v)]).toEqual([read(b!.spikes), read(b!.v)]);
        }));
    });

    describe("unrolled over time", () => {
      it("does T single steps, each from the potential that the last one left", () =>
        forAllSequences(({ x, v, n, steps, size }) => {
          const all = unroll(n, x, v);
          let potential = v;
          const spikes: number[] = [];
          for (let t = 0; t < steps; t++) {
            const step = n(potential, reshape(slice(x, [t, 0], [1, size]), [size]));
            spikes.push(...read(step.spikes));
            potential = step.v;
          }
          expect(all.spikes.shape).toEqual([steps, size]);
          expect(read(all.spikes)).toEqual(spikes);
          expectClose(all.v, potential, { relative: 1e-6, absolute: 1e-6 });
        }));

      it("starts at V_reset unless it is given a potential", () =>
        forAllSequences(({ x, v, n }) => {
          const rest = add(zerosLike(v), n.params.vReset);
          const [a, b] = [unroll(n, x), unroll(n, x, rest)];
          expect([read(a.spikes), read(a.v)]).toEqual([read(b.spikes), read(b.v)]);
        }));

      it("gives the same when the sequence is cut and the potential handed over", () =>
        forAllSequences(({ x, v, n, steps }) => {
          const whole = unroll(n, x, v);
          for (let cut = 1; cut < steps; cut++) {
            const [first, rest] = [slice(x, [0], [cut]), slice(x, [cut])];
            const begun = unroll(n, first, v);
            const done = unroll(n, rest, begun.v);
            expect([...read(begun.spikes), ...read(done.spikes)]).toEqual(read(whole.spikes));
            expect(read(done.v)).toEqual(read(whole.v));
          }
        }));

      it("treats every neuron alike: permuting them permutes the result", () =>
        forAllSequences(({ x, v, n, size }) => {
          const order = Array.from({ length: size }, (_, i) => (i * 3 + 1) % size);
          fc.pre(new Set(order).size === size);
          const permuted = (t: Tensor, axis: number) => gather(t, order, axis);
          const [a, b] = [unroll(n, x, v), unroll(n, permuted(x, 1), permuted(v, 0))];
          expect(read(b.spikes)).toEqual(read(permuted(a.spikes, 1)));
          expect(read(b.v)).toEqual(read(permuted(a.v, 0)));
        }));

      it("is differentiable over any number of steps, one included, and ends alike when cut", () =>
        forAllSequences(({ x, v, n, steps }) => {
          const last = (a: Tensor, b: Tensor) => {
            const { v: end } = unroll(n, a, b);
            return sum(mul(end, weights(end)));
          };
          const [dx, dv] = grads(last)([x, v]);
          expect([dx!.shape, dv!.shape]).toEqual([x.shape, v.shape]);
          const begun = steps === 1 ? v : unroll(n, slice(x, [0], [steps - 1]), v).v;
          const [dLast] = grads(last)([slice(x, [steps - 1], [1]), begun]);
          expectClose(slice(dx!, [steps - 1], [1]), dLast!);
        }));

      it("has the gradients of the chain rule over all steps, with the terms of the reset that the detach leaves", () =>
        forAllSequences(({ x, v, n, steps, size }) => {
          const p = n.params as P;
          const [dS, dEnd] = [read(weights(x)), read(weights(v))];
          const dx = new Array<number>(steps * size).fill(0);
          const dv = [...dEnd];
          // The same sums with all terms positive: what a rounding error is in proportion to.
          const [dxSize, dvSize] = [[...dx], dv.map(Math.abs)];
          const potentials: Tensor[] = [v];
          const currents = Array.from({ length: steps }, (_, t) => reshape(slice(x, [t, 0], [1, size]), [size]));
          for (const current of currents) potentials.push(n(potentials.at(-1)!, current).v);
          for (let t = steps - 1; t >= 0; t--) {
            const [before, current] = [potentials[t]!, currents[t]!];
            const h = read(model.charge(before, current, p));
            const [s, σ] = [read(n(before, current).spikes), slope(h, p)];
            const [byV, byX] = grads((a, b) => model.charge(a, b, p))([before, current]).map(read);
            for (let i = 0; i < size; i++) {
              const kept = p.reset === "soft" ? 1 : 1 - s[i]!;
              const moved = p.detachReset ? 0 : p.reset === "soft" ? -p.vThreshold : p.vReset - h[i]!;
              const direct = dS[t * size + i]! * σ[i]!;
              const dh = direct + dv[i]! * (kept + moved * σ[i]!);
              const dhSize = Math.abs(direct) + dvSize[i]! * (kept + Math.abs(moved) * σ[i]!);
              dx[t * size + i] = dh * byX![i]!;
              dxSize[t * size + i] = dhSize * Math.abs(byX![i]!);
              dv[i] = dh * byV![i]!;
              dvSize[i] = dhSize * (1 + Math.abs(byV![i]!));
            }
          }
          const [gx, gv] = grads((a, b) => {
            const { spikes, v: last } = unroll(n, a, b);
            return add(sum(mul(spikes, weights(spikes))), sum(mul(last, weights(last))));
          })([x, v]);
          const near = (actual: Tensor, expected: number[], sizes: number[]) => {
            for (const [i, value] of read(actual).entries()) {
              expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(1e-5 * (1 + sizes[i]!));
            }
          };
          near(gx!, dx, dxSize);
          near(gv!, dv, dvSize);
        }));

      it("keeps its two results in memory and nothing else, and its gradient likewise", () => {
        const x = tensor([0.5, 1, 1.5, 2, 2.5, 3], [3, 2]);
        const step = neuron(model);
        const before = memory().numTensors;
        const out = unroll(step, x);
        expect(memory().numTensors - before).toBe(2);
        const dx = grad((u) => unroll(step, u).spikes)(x);
        expect(memory().numTensors - before).toBe(3);
        for (const t of [out.spikes, out.v, dx, x]) t.dispose();
      });

      it("equals the composed operations where the backend has a fused kernel, values and gradients", ({ skip }) => {
        if (!canFuse(neuron(model))) skip("the backend has no fused kernel for this neuron");
        forAllSequences(({ x, v, n }) => {
          const [fused, plain] = [unroll(n, x, v), unroll(composed(n), x, v)];
          expect(read(fused.spikes)).toEqual(read(plain.spikes));
          expectClose(fused.v, plain.v, { relative: 1e-6, absolute: 1e-6 });
          const loss = (step: Neuron) =>
            grads((a, b) => {
              const { spikes, v: last } = unroll(step, a, b);
              return add(sum(mul(spikes, weights(spikes))), sum(mul(last, weights(last))));
            })([x, v]);
          const [g, e] = [loss(n), loss(composed(n))];
          expectClose(g[0]!, e[0]!);
          expectClose(g[1]!, e[1]!);
        });
      });
    });
  });
}

/** Different numbers for the elements of a tensor, so that a mixed-up gradient shows. */
function weights(t: Tensor): Tensor {
  return tensor(
    Array.from({ length: t.size }, (_, i) => Math.sin(i + 1)),
    t.shape,
  );
}

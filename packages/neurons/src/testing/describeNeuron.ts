/** @file What must hold of every neuron model. A model's test calls `describeNeuron` once. */

import { hasKernel, multiStepNeuronKernel, type NeuronProgram, programParameters, runProgram } from "@sew/kernels";
import {
  describeBackends,
  expectClose,
  float32,
  floats,
  read,
  type Sequence,
  scoped,
  sequences,
} from "@sew/kernels/testing";
import { atan, smooth } from "@sew/surrogates";
import {
  add,
  cast,
  cos,
  engine,
  fill,
  gather,
  grad,
  grads,
  memory,
  mul,
  onesLike,
  range,
  reshape,
  scalar,
  slice,
  sub,
  sum,
  type Tensor,
  tensor,
  tensor1d,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  composed,
  type MembraneParams,
  type Neuron,
  type NeuronModel,
  neuron,
  type Reset,
  type State,
  type Step,
  unroll,
} from "../index.js";
import type { Numeric } from "./membraneParams.js";

/** A neuron's state, currents and charged potentials. */
interface Charged<P> {
  readonly state: State<"v">;
  readonly x: Tensor;
  readonly h: number[];
  readonly p: P;
}

/** Options of {@link describeNeuron}. */
export interface DescribeNeuronOptions {
  /** Parameters that must be numbers: the model refuses tensors for them. @defaultValue none */
  readonly numbersOnly?: readonly string[];
  /** Why finite differences do not have its gradients, even in smooth mode. @defaultValue they have */
  readonly unsmooth?: string;
  /** Why the model cannot be traced, so that no fused kernel runs it. @defaultValue it is traced */
  readonly untraceable?: string;
}

/**
 * Tests a neuron model against Eqs. 1-3, on every backend: one step, its gradient, sequences, any number of state
 * variables, parameters that are numbers, scalars or one value per channel, and that it is traced into a program, which fused
 * kernels run. What a model does differently from Eqs. 2 and 3 is its own to test; the laws that then do not hold are skipped.
 *
 * @param model the model
 * @param numericParams parameters in the model's domain, as numbers; let them range over both resets and both `detachReset`
 * @param options what is not tested, and why there is nothing to test
 */
export function describeNeuron<P extends MembraneParams, S extends string>(
  model: NeuronModel<P, S>,
  numericParams: fc.Arbitrary<Numeric<P>>,
  { numbersOnly = [], unsmooth, untraceable }: DescribeNeuronOptions = {},
): void {
  // TypeScript cannot see that a P with numbers for its parameters is a P.
  const params = numericParams as unknown as fc.Arbitrary<P>;
  const spike = atan();
  const slope = (h: number[], { vThreshold }: P) => read(spike.slope(sub(tensor1d(h), vThreshold)));
  const names = Object.keys(model.state(model.defaults)) as (S | "v")[];
  const others = names.filter((name) => name !== "v");
  const numeric = Object.entries(model.defaults).flatMap(([name, value]) => (typeof value === "number" ? [name] : []));
  const tensors = numeric.filter((name) => !numbersOnly.includes(name));
  // Properties of each parameter are repeated as often as there are parameters.
  const runsOfParameter = 20;
  const charge = (state: State, x: Tensor, p: P): Tensor => model.charge(state as State<S | "v">, x, p).v;
  /** The state with this potential, and other variables that all differ. */
  const around = (v: Tensor): State<S | "v"> =>
    Object.fromEntries(
      names.map((name, i) => [name, name === "v" ? v : mul(0.1 * (i + 1), cos(add(range(0, v.size), i)))]),
    ) as State<S | "v">;
  const ownFire = model.fire !== undefined && "it fires by a rule of its own";
  const ownReset = model.reset !== undefined && "it resets by a rule of its own";
  const ownState = others.length > 0 && "it has further state, whose gradients the reference sums leave out";

  const forAllSteps = (check: (charged: Charged<P>) => void): void =>
    fc.assert(
      fc.property(floats, floats, params, (vs, xs, p) => {
        const n = Math.min(vs.length, xs.length);
        scoped(() => {
          const [v, x] = [tensor1d(vs.slice(0, n)), tensor1d(xs.slice(0, n))];
          const state = around(v);
          check({ state, x, h: read(charge(state, x, p)), p });
        });
      }),
    );

  const forAllSequences = (
    check: (
      s: { x: Tensor; v: Tensor; state: State<S | "v">; n: Neuron<S | "v">; p: P } & Omit<Sequence, "x" | "v">,
    ) => void,
    numRuns = 50,
  ): void =>
    fc.assert(
      fc.property(sequences, params, ({ x, v, ...s }, p) => {
        scoped(() => {
          const potential = tensor1d(v);
          const n = neuron(model, p, spike);
          check({ ...s, x: tensor(x, [s.steps, s.size]), v: potential, state: around(potential), n, p });
        });
      }),
      { numRuns },
    );

  describeBackends(`${model.name} as a neuron`, () => {
    describe("one step", () => {
      it("fires where the charged potential reaches the threshold, and nowhere else (Eq. 2)", ({ skip }) => {
        if (ownFire) skip(ownFire);
        forAllSteps(({ state, x, h, p }) =>
          // In float32: H − V_th is what Θ sees.
          expect(read(neuron(model, p)(state as State<S | "v">, x).spikes)).toEqual(
            h.map((u) => (Math.fround(u - Math.fround(p.vThreshold as number)) >= 0 ? 1 : 0)),
          ),
        );
      });

      it("fires on the threshold itself, Θ(0) = 1", ({ skip }) => {
        if (ownFire) skip(ownFire);
        fc.assert(
          fc.property(float32(-8, 8), float32(-8, 8), params, (a, b, p) =>
            scoped(() => {
              const [state, x] = [around(tensor1d([a])), tensor1d([b])];
              const [vThreshold] = read(charge(state, x, p));
              expect(read(neuron(model, { ...p, vThreshold: vThreshold! })(state, x).spikes)).toEqual([1]);
            }),
          ),
        );
      });

      it("emits what it declares and nothing else: 0 and 1, whole numbers up to the most, or any numbers", () =>
        forAllSteps(({ state, x, p }) => {
          const step = neuron(model, p);
          const { emits } = step;
          const most = emits.kind === "counts" ? emits.most : 1;
          const declared = (s: number) =>
            emits.kind === "reals" ? !Number.isNaN(s) : Number.isInteger(s) && s >= 0 && s <= most;
          expect(read(step(state as State<S | "v">, x).spikes).filter((s) => !declared(s))).toEqual([]);
        }));

      it("resets the neurons that fired to V_reset and leaves the others charged (Eq. 3)", ({ skip }) => {
        if (ownReset) skip(ownReset);
        forAllSteps(({ state, x, h, p }) => {
          const out = neuron(model, { ...p, reset: "hard" })(state as State<S | "v">, x);
          const s = read(out.spikes);
          expectClose(
            out.state.v,
            h.map((u, i) => (s[i] === 1 ? (p.vReset as number) : u)),
          );
        });
      });

      it("lowers the neurons that fired by V_th and leaves the others charged (soft reset)", ({ skip }) => {
        if (ownReset) skip(ownReset);
        forAllSteps(({ state, x, h, p }) => {
          const out = neuron(model, { ...p, reset: "soft" })(state as State<S | "v">, x);
          const s = read(out.spikes);
          expectClose(
            out.state.v,
            h.map((u, i) => (s[i] === 1 ? u - (p.vThreshold as number) : u)),
          );
        });
      });

      it("returns every state variable that it declares, and no other", () => {
        const step = neuron(model);
        scoped(() => expect(Object.keys(step(step.initialState([2]), tensor1d([0, 1])).state)).toEqual(names));
      });

      it("has the shape of x in all results, and keeps them in memory and nothing else", () => {
        const x = tensor([1, 2, 3, 4, 5, 6], [1, 2, 3]);
        const step = neuron(model);
        const state = step.initialState(x.shape);
        const before = memory().numTensors;
        const out = step(state, x);
        expect(memory().numTensors - before).toBe(1 + names.length);
        const results = [out.spikes, ...Object.values<Tensor>(out.state)];
        for (const t of results) expect(t.shape).toEqual(x.shape);
        for (const t of [...results, ...Object.values<Tensor>(state), x]) t.dispose();
      });
    });

    it.skipIf(numbersOnly.length === 0).each(numbersOnly)("refuses a tensor for %s", (name) =>
      scoped(() => expect(() => neuron(model, { [name]: scalar(1) } as unknown as Partial<P>)).toThrow(RangeError)),
    );

    it.skipIf(model.learns === undefined)("learns parameters that are numbers by default", () =>
      expect(tensors).toEqual(expect.arrayContaining(Object.keys(model.learns!))),
    );

    const bounds = Object.entries(model.lowerBounds ?? {});
    it.skipIf(bounds.length === 0)("accepts its parameters at their lower bounds", () => {
      for (const [name, bound] of bounds) {
        expect(numeric).toContain(name);
        neuron(model, { [name]: bound } as Partial<P>);
      }
    });

    describe("its gradient in one step", () => {
      /** dH/dX, which the model alone defines. */
      const chargeSlope = ({ state, x, p }: Charged<P>) => read(grad((u) => charge(state, u, p))(x));

      it("is the surrogate's slope at H − V_th through the spike, whatever the reset", ({ skip }) => {
        if (ownFire) skip(ownFire);
        forAllSteps((c) => {
          const { state, x, h, p } = c;
          const [σ, dh] = [slope(h, p), chargeSlope(c)];
          expectClose(
            grad((u) => neuron(model, p, spike)(state as State<S | "v">, u).spikes)(x),
            dh.map((d, i) => d * σ[i]!),
          );
        });
      });

      const throughReset = (
        skip: (why: string) => void,
        reset: Reset,
        detachReset: boolean,
        dv: (h: number, s: number, σ: number, p: P) => number,
      ) => {
        if (ownFire || ownReset) skip(ownFire || ownReset || "");
        forAllSteps((c) => {
          const { x, h, p } = c;
          const state = c.state as State<S | "v">;
          const step = neuron(model, { ...p, reset, detachReset }, spike);
          const [s, σ, dh] = [read(step(state, x).spikes), slope(h, p), chargeSlope(c)];
          expectClose(
            grad((u) => step(state, u).state.v)(x),
            dh.map((d, i) => d * dv(h[i]!, s[i]!, σ[i]!, p)),
          );
        });
      };

      it("is 1 − S through a hard reset that is detached", ({ skip }) =>
        throughReset(skip, "hard", true, (_, s) => 1 - s));

      it("gains (V_reset − H) σ'(H − V_th) when a hard reset is not detached", ({ skip }) =>
        throughReset(skip, "hard", false, (h, s, σ, p) => 1 - s + ((p.vReset as number) - h) * σ));

      it("is 1 through a soft reset that is detached", ({ skip }) => throughReset(skip, "soft", true, () => 1));

      it("gains −V_th σ'(H − V_th) when a soft reset is not detached", ({ skip }) =>
        throughReset(skip, "soft", false, (_h, _s, σ, p) => 1 - (p.vThreshold as number) * σ));

      it("does not depend on the detach in its values", () =>
        forAllSteps(({ state, x, p }) => {
          const [a, b] = [true, false].map((detachReset) =>
            neuron(model, { ...p, detachReset }, spike)(state as State<S | "v">, x),
          );
          expect(readAll(a!)).toEqual(readAll(b!));
        }));
    });

    describe("its program", () => {
      it.skipIf(untraceable !== undefined)("is there, as it is and smooth, of numbers and of tensors", () =>
        scoped(() => {
          for (const of of [spike, smooth(spike)]) {
            const scalars = Object.fromEntries(
              tensors.map((name) => [name, scalar(model.defaults[name as keyof P] as number)]),
            );
            for (const given of [{}, scalars]) programOf(neuron(model, given as Partial<P>, of));
          }
        }),
      );

      it.skipIf(untraceable !== undefined)("emits what the model declares", () => {
        const own = neuron(model);
        expect(programOf(own).spikes).toEqual(own.emits);
      });

      it.skipIf(untraceable !== undefined)("has the values of the step, bit by bit, and its gradients", () =>
        fc.assert(
          fc.property(floats, floats, params, fc.boolean(), (vs, xs, p, isSmooth) => {
            const n = Math.min(vs.length, xs.length);
            scoped(() => {
              const [v, x] = [tensor1d(vs.slice(0, n)), tensor1d(xs.slice(0, n))];
              const given = Object.fromEntries(tensors.map((name) => [name, fill([n], p[name as keyof P] as number)]));
              const own = neuron(model, { ...p, ...given }, isSmooth ? smooth(spike) : spike);
              const program = programOf(own);
              const state = names.map((name) => around(v)[name]);
              const outputs = ({ spikes, state }: Step<S | "v">) => [spikes, ...names.map((name) => state[name])];
              const composedOutputs = (...[x, ...state]: Tensor[]) =>
                outputs(own(Object.fromEntries(names.map((name, i) => [name, state[i]])) as State<S | "v">, x!));
              const inputs = [...state, x, ...programParameters(own)];
              const full = (t: Tensor) => mul(t, onesLike(x));
              expect(runProgram(program.forward, inputs).map((t) => read(full(t)))).toEqual(
                composedOutputs(x, ...state).map(read),
              );
              const dys = [x, ...state].map((t, i) => add(weights(t), i));
              const loss = (...inputs: Tensor[]) =>
                composedOutputs(...inputs.slice(0, 1 + names.length))
                  .map((y, i) => sum(mul(y, dys[i]!)))
                  .reduce((a, b) => add(a, b));
              const by = [x, ...state, ...own.parameters];
              const { grads } = engine().gradients(() => loss(...by), by, undefined, true);
              const all = runProgram(program.backward, [...inputs, ...dys]);
              const scale = Math.max(1, ...all.flatMap((t) => read(full(t)).map(Math.abs)));
              for (const [i, gradient] of grads.entries()) {
                expectClose(full(all[i]!), gradient ?? mul(by[i]!, 0), { relative: 1e-6, absolute: 1e-6 * scale });
              }
            });
          }),
        ),
      );
    });

    describe("unrolled over time", () => {
      it("does T single steps, each from the state that the last one left", () =>
        forAllSequences(({ x, state: start, n, steps, size }) => {
          const all = unroll(n, x, start);
          let state = start;
          const spikes: number[] = [];
          for (let t = 0; t < steps; t++) {
            const step = n(state, reshape(slice(x, [t, 0], [1, size]), [size]));
            spikes.push(...read(step.spikes));
            state = step.state;
          }
          expect(all.spikes.shape).toEqual([steps, size]);
          expect(read(all.spikes)).toEqual(spikes);
          for (const name of names) expectClose(all.state[name], state[name], { relative: 1e-6, absolute: 1e-6 });
        }));

      it("starts at its initial state, the potential at V_reset", () =>
        forAllSequences(({ x, v, n }) => {
          const rest = n.initialState(v.shape);
          expect(read(rest.v)).toEqual(read(v).map(() => Math.fround(n.params.vReset as number)));
          expect(readAll(unroll(n, x))).toEqual(readAll(unroll(n, x, rest)));
        }));

      it("gives the same when the sequence is cut and the state handed over", () =>
        forAllSequences(({ x, state, n, steps }) => {
          const whole = unroll(n, x, state);
          for (let cut = 1; cut < steps; cut++) {
            const [first, rest] = [slice(x, [0], [cut]), slice(x, [cut])];
            const begun = unroll(n, first, state);
            const done = unroll(n, rest, begun.state);
            expect([...read(begun.spikes), ...read(done.spikes)]).toEqual(read(whole.spikes));
            for (const name of names) expect(read(done.state[name])).toEqual(read(whole.state[name]));
          }
        }));

      it.each(["int32", "bool"] as const)("takes currents and states of %s as the numbers they are", (dtype) =>
        forAllSequences(({ x, n, state: { v, ...others } }) => {
          const [xs, vs] = [cast(x, dtype), cast(v, dtype)];
          const own = unroll(n, xs, { ...others, v: vs } as State<S | "v">);
          const float = unroll(n, cast(xs, "float32"), { ...others, v: cast(vs, "float32") } as State<S | "v">);
          expect([read(own.spikes), read(own.state.v)]).toEqual([read(float.spikes), read(float.state.v)]);
        }),
      );

      it("treats every neuron alike: permuting them permutes the result", () =>
        forAllSequences(({ x, state, n, size }) => {
          const order = Array.from({ length: size }, (_, i) => (i * 3 + 1) % size);
          fc.pre(new Set(order).size === size);
          const permuted = (t: Tensor, axis: number) => gather(t, order, axis);
          const other = Object.fromEntries(names.map((name) => [name, permuted(state[name], 0)])) as State<S | "v">;
          const [a, b] = [unroll(n, x, state), unroll(n, permuted(x, 1), other)];
          expect(read(b.spikes)).toEqual(read(permuted(a.spikes, 1)));
          for (const name of names) expect(read(b.state[name])).toEqual(read(permuted(a.state[name], 0)));
        }));

      it.each(tensors)("takes %s as a number, as a scalar, and as one value per channel, alike", (name) =>
        forAllSequences(({ x, state, n, p, size }) => {
          const number = p[name as keyof P] as number;
          const expected = unroll(n, x, state);
          for (const value of [scalar(number), fill([size], number)]) {
            const got = unroll(neuron(model, { ...p, [name]: value }, spike), x, state);
            expect(read(got.spikes)).toEqual(read(expected.spikes));
            for (const s of names) expectClose(got.state[s], expected.state[s], { relative: 1e-5, absolute: 1e-5 });
          }
        }, runsOfParameter),
      );

      it.each(tensors)("passes gradients to %s: those of the channels sum to that of the layer", (name) =>
        forAllSequences(({ x, state, p, size }) => {
          const number = p[name as keyof P] as number;
          const gradient = (shape: number[]): number[] =>
            read(
              grad((value: Tensor) => {
                const out = unroll(neuron(model, { ...p, [name]: value }, spike), x, state);
                return add(sum(mul(out.spikes, weights(out.spikes))), sum(mul(out.state.v, weights(out.state.v))));
              })(fill(shape, number)),
            );
          // A parameter that the step does not read, such as V_reset under a soft reset, has no gradient.
          const attempt = (shape: number[]): number[] | string => {
            try {
              return gradient(shape);
            } catch (error) {
              return (error as Error).message.slice(0, 30);
            }
          };
          const [whole, each] = [attempt([]), attempt([size])];
          if (typeof whole === "string" || typeof each === "string") {
            expect(each).toBe(whole);
            return;
          }
          const total = each.reduce((a, b) => a + b, 0);
          const scale = each.reduce((a, b) => a + Math.abs(b), 1);
          expect(Math.abs(whole[0]! - total)).toBeLessThanOrEqual(1e-4 * scale);
        }, runsOfParameter),
      );

      const smoothly = unsmooth === undefined ? it : it.skip;
      smoothly.each(tensors)(
        "has, smooth and not detached, the gradient of %s that finite differences have",
        (name) => {
          forAllSequences(({ x, state, p }) => {
            // Of moderate potentials: large ones, as of an exponential charge, lose the digits of a difference.
            const currents = mul(x, 0.25);
            const before = Object.fromEntries(
              Object.entries<Tensor>(state).map(([variable, values]) => [variable, mul(values, 0.25)]),
            ) as typeof state;
            const loss = (value: Tensor) =>
              weighted(
                unroll(neuron(model, { ...p, [name]: value, detachReset: false }, smooth(spike)), currents, before),
              );
            const value = p[name as keyof P] as number;
            const lossAt = (v: number) => read(loss(scalar(v)))[0]!;
            const here = lossAt(value);
            fc.pre(Math.abs(here) < 100);
            const quotient = (h: number) => (lossAt(value + h) - lossAt(value - h)) / (2 * h);
            // The factor of a square is small, and so must its steps be.
            const width = 2 ** -6 * Math.min(1, Math.max(2 ** -4, Math.abs(value)));
            const [coarse, fine] = [quotient(width), quotient(width / 2)];
            const at = scalar(value);
            // Where nothing reads the parameter there is none.
            const { grads } = engine().gradients(() => loss(at), [at], undefined, true);
            const gradient = grads[0] ? read(grads[0])[0]! : 0;
            // A quotient of half the width has a fourth of the error, so that both tell how far it is out.
            const rounding = (4e-6 / width) * (Math.abs(here) + x.size) + 1e-3 * Math.abs(gradient);
            expect(Math.abs(fine - gradient)).toBeLessThanOrEqual(Math.abs(coarse - fine) + rounding);
          }, runsOfParameter);
        },
      );

      it("is differentiable over any number of steps, one included, and ends alike when cut", () =>
        forAllSequences(({ x, v, state, n, steps }) => {
          const last = (from: State<S | "v">) => (a: Tensor, b: Tensor) => {
            const { v: end } = unroll(n, a, { ...from, v: b }).state;
            return sum(mul(end, weights(end)));
          };
          const [dx, dv] = grads(last(state))([x, v]);
          expect([dx!.shape, dv!.shape]).toEqual([x.shape, v.shape]);
          const begun = steps === 1 ? state : unroll(n, slice(x, [0], [steps - 1]), state).state;
          const [dLast] = grads(last(begun))([slice(x, [steps - 1], [1]), begun.v]);
          expectClose(slice(dx!, [steps - 1], [1]), dLast!);
        }));

      it("has the gradients of the chain rule over all steps, with the terms of the reset that the detach leaves", ({
        skip,
      }) => {
        if (ownFire || ownReset || ownState) skip(ownFire || ownReset || ownState || "");
        forAllSequences(({ x, v, n, p, steps, size }) => {
          const [dS, dEnd] = [read(weights(x)), read(weights(v))];
          const dx = new Array<number>(steps * size).fill(0);
          const dv = [...dEnd];
          // The same sums with all terms positive: what a rounding error is in proportion to.
          const [dxSize, dvSize] = [[...dx], dv.map(Math.abs)];
          const potentials: Tensor[] = [v];
          const currents = Array.from({ length: steps }, (_, t) => reshape(slice(x, [t, 0], [1, size]), [size]));
          for (const current of currents)
            potentials.push(n({ v: potentials.at(-1)! } as State<S | "v">, current).state.v);
          for (let t = steps - 1; t >= 0; t--) {
            const [before, current] = [potentials[t]!, currents[t]!];
            const h = read(charge({ v: before }, current, p));
            const [s, σ] = [read(n({ v: before } as State<S | "v">, current).spikes), slope(h, p)];
            const [byV, byX] = grads((a, b) => charge({ v: a }, b, p))([before, current]).map(read);
            for (let i = 0; i < size; i++) {
              const kept = p.reset === "soft" ? 1 : 1 - s[i]!;
              const { vThreshold, vReset } = p as { vThreshold: number; vReset: number };
              const moved = p.detachReset ? 0 : p.reset === "soft" ? -vThreshold : vReset - h[i]!;
              const direct = dS[t * size + i]! * σ[i]!;
              const dh = direct + dv[i]! * (kept + moved * σ[i]!);
              const dhSize = Math.abs(direct) + dvSize[i]! * (kept + Math.abs(moved) * σ[i]!);
              dx[t * size + i] = dh * byX![i]!;
              dxSize[t * size + i] = dhSize * Math.abs(byX![i]!);
              dv[i] = dh * byV![i]!;
              dvSize[i] = dhSize * (1 + Math.abs(byV![i]!));
            }
          }
          const [gx, gv] = grads((a, b) => weighted(unroll(n, a, { v: b } as State<S | "v">)))([x, v]);
          const near = (actual: Tensor, expected: number[], sizes: number[]) => {
            for (const [i, value] of read(actual).entries()) {
              expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(1e-5 * (1 + sizes[i]!));
            }
          };
          near(gx!, dx, dxSize);
          near(gv!, dv, dvSize);
        });
      });

      it("keeps its results in memory and nothing else, and its gradient likewise", () => {
        const x = tensor([0.5, 1, 1.5, 2, 2.5, 3], [3, 2]);
        const step = neuron(model);
        const before = memory().numTensors;
        const out = unroll(step, x);
        expect(memory().numTensors - before).toBe(1 + names.length);
        const dx = grad((u) => unroll(step, u).spikes)(x);
        expect(memory().numTensors - before).toBe(2 + names.length);
        for (const t of [out.spikes, ...Object.values<Tensor>(out.state), dx, x]) t.dispose();
      });

      it("equals the composed operations where the backend has a fused kernel, values and gradients", ({ skip }) => {
        if (!hasKernel(multiStepNeuronKernel, neuron(model)))
          skip("the backend has no fused kernel of programs, or the neuron no program");
        forAllSequences(({ x, v, state, n }) => {
          const [fused, plain] = [unroll(n, x, state), unroll(composed(n), x, state)];
          expect(read(fused.spikes)).toEqual(read(plain.spikes));
          for (const name of names) {
            expectClose(fused.state[name], plain.state[name], { relative: 1e-6, absolute: 1e-6 });
          }
          const loss = (step: Neuron<S | "v">) =>
            grads((a, b) => weighted(unroll(step, a, { ...state, v: b })))([x, v]);
          const [g, e] = [loss(n), loss(composed(n))];
          expectClose(g[0]!, e[0]!);
          expectClose(g[1]!, e[1]!);
        });
      });
    });
  });
}

/** The program of a neuron; throws what its trace could not do. */
function programOf({ program, untraced }: Neuron): NeuronProgram {
  if (program === undefined) throw new Error(untraced);
  return program;
}

/** A scalar that all spikes and the last potential have their own weight in. */
function weighted({ spikes, state }: { readonly spikes: Tensor; readonly state: State<"v"> }): Tensor {
  return add(sum(mul(spikes, weights(spikes))), sum(mul(state.v, weights(state.v))));
}

/** All results as numbers. */
function readAll({ spikes, state }: { readonly spikes: Tensor; readonly state: State }): number[][] {
  return [spikes, ...Object.values(state)].map(read);
}

/** Different numbers for the elements of a tensor, so that a mixed-up gradient shows. */
function weights(t: Tensor): Tensor {
  return tensor(
    Array.from({ length: t.size }, (_, i) => Math.sin(i + 1)),
    t.shape,
  );
}

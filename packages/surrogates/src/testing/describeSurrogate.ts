/** @file What must hold of every surrogate. Its test calls `describeSurrogate` once. */

import { neuronFormula, runProgram } from "@sew/kernels";
import { describeBackends, expectClose, float32, floats, floatsOf, read, scoped } from "@sew/kernels/testing";
import { grad, memory, mul, neg, tensor1d, tidy } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { type Spike, smooth } from "../index.js";

/**
 * Tests a surrogate, on every backend: Θ in the forward pass, exactly its slope in the backward pass, a primitive that the
 * slope is the derivative of, and that both are traced, so that fused kernels run them.
 *
 * @param name of the surrogate
 * @param make makes the spike function, as users do
 * @param params parameters in its domain
 */
export function describeSurrogate<P>(name: string, make: (params?: P) => Spike, params: fc.Arbitrary<P>): void {
  const forAll = (check: (spike: Spike, u: number[]) => void): void =>
    fc.assert(fc.property(params, floats, (p, u) => scoped(() => check(make(p), u))));

  describeBackends(`${name} as a surrogate`, () => {
    it("is Θ in the forward pass: 1 where u ≥ 0, else 0", () =>
      forAll((spike, u) => expect(read(spike(tensor1d(u)))).toEqual(u.map((x) => (x >= 0 ? 1 : 0)))));

    it("fires at 0 and not the least below it", () =>
      scoped(() => expect(read(make()(tensor1d([0, -0, -1.2e-38, 1.2e-38, -1e-7])))).toEqual([1, 1, 0, 1, 0])));

    it("does not fire on NaN, and fires on Infinity", () =>
      scoped(() =>
        expect(read(make()(tensor1d([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])))).toEqual([
          0, 1, 0,
        ]),
      ));

    it("is exactly its slope in the backward pass", () =>
      fc.assert(
        fc.property(
          params,
          floats.chain((u) => fc.tuple(fc.constant(u), floatsOf(u.length))),
          (p, [us, dys]) =>
            scoped(() => {
              const [spike, u, dy] = [make(p), tensor1d(us), tensor1d(dys)];
              expect(read(grad(spike)(u, dy))).toEqual(read(mul(dy, spike.slope(u))));
            }),
        ),
      ));

    it("has a slope of u's shape that is symmetric, nowhere negative and nowhere above that at 0", () =>
      forAll((spike, us) => {
        const u = tensor1d(us);
        const slopes = read(spike.slope(u));
        expect(slopes).toHaveLength(us.length);
        expectClose(spike.slope(neg(u)), slopes, { relative: 1e-5, absolute: 1e-6 });
        const [top] = read(spike.slope(tensor1d([0])));
        for (const s of slopes) expect(s >= 0 && s <= top! * (1 + 1e-6)).toBe(true);
      }));

    it("has a primitive σ with σ(0) = 1/2, odd around it and nowhere falling", () =>
      forAll((spike, us) => {
        const sorted = us.toSorted((a, b) => a - b);
        const σ = read(spike.primitive!(tensor1d(sorted)));
        expectClose(spike.primitive!(tensor1d([0])), [0.5], { relative: 0, absolute: 1e-7 });
        expectClose(
          spike.primitive!(neg(tensor1d(sorted))),
          σ.map((value) => 1 - value),
        );
        for (const [i, value] of σ.slice(1).entries()) {
          // Neighbours may round the wrong way round.
          expect(value - σ[i]!).toBeGreaterThanOrEqual(-1e-6 * Math.max(1, Math.abs(value)));
        }
      }));

    it("is the derivative of its primitive: difference quotients are means of the slope in between", () =>
      fc.assert(
        fc.property(params, fc.array(float32(-4, 4), { minLength: 1, maxLength: 16 }), (p, zs) =>
          scoped(() => {
            const spike = make(p);
            // Intervals of an eighth of the slope's own scale, 1/σ'(0), within a few of it about 0: kinks are in some.
            const [top] = read(spike.slope(tensor1d([0])));
            const parts = Array.from({ length: 17 }, (_, k) => (k - 8) / 128);
            const points = parts.map((part) => zs.map((z) => Math.fround((z + part) / top!)));
            const slopes = points.map((us) => read(spike.slope(tensor1d(us))));
            const σ = [points[0]!, points[16]!].map((us) => read(spike.primitive!(tensor1d(us))));
            for (const i of zs.keys()) {
              const there = slopes.map((s) => s[i]!);
              const [first, last, low, high] = [points[0]![i]!, points[16]![i]!, σ[0]![i]!, σ[1]![i]!];
              // The trapezoidal rule. How the slope bends says how far it may be out, jumps and kinks included.
              const mean = (there.reduce((a, b) => a + b) - (there[0]! + there[16]!) / 2) / 16;
              const bend =
                there.slice(2).reduce((sum, s, k) => sum + Math.abs(s - 2 * there[k + 1]! + there[k]!), 0) / 16;
              const rounding = 1e-5 * top! * Math.max(1, Math.abs(low), Math.abs(high));
              expect(Math.abs((high - low) / (last - first) - mean)).toBeLessThanOrEqual(bend + rounding);
            }
          }),
        ),
      ));

    it("is, smooth, its primitive in the forward pass and the same slope in the backward pass", () =>
      forAll((spike, us) => {
        const [soft, u] = [smooth(spike), tensor1d(us)];
        expect(read(soft(u))).toEqual(read(spike.primitive!(u)));
        expect(read(grad(soft)(u))).toEqual(read(grad(spike)(u)));
        expect(read(soft.slope(u))).toEqual(read(spike.slope(u)));
      }));

    it.each(["as it is", "smooth"])("is traced, %s: its program has its values and its slope", (mode) =>
      forAll((given, us) => {
        const spike = mode === "smooth" ? smooth(given) : given;
        const { program } = neuronFormula({
          name,
          params: {},
          state: () => ({ v: 0 }),
          step: ({ v }, x) => ({ spikes: spike(x), state: { v: v! } }),
        });
        expect(program).toBeDefined();
        if (mode === "as it is") expect(program!.spikes).toEqual({ kind: "bits" });
        const [u, one] = [tensor1d(us), tensor1d(us.map(() => 1))];
        expect(read(runProgram(program!.forward, [u, u])[0]!)).toEqual(read(spike(u)));
        const [slope] = runProgram(program!.backward, [u, u, one, u]);
        expectClose(mul(slope!, one), spike.slope(u), { relative: 1e-6, absolute: 1e-30 });
      }),
    );

    it.each(["as it is", "smooth"])(
      "keeps, %s, its result in memory and nothing else, and its gradient likewise",
      (mode) => {
        const [spike, u] = [mode === "smooth" ? smooth(make()) : make(), tensor1d([-1, 0, 1])];
        const before = memory().numTensors;
        const kept = [spike(u), tidy(() => grad(spike)(u))];
        expect(memory().numTensors - before).toBe(2);
        for (const t of [...kept, u]) t.dispose();
      },
    );
  });
}

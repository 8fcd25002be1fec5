/** @file What must hold of every surrogate. Its test calls `describeSurrogate` once. */
import type { FusedSlope, Spike } from "@sew/surrogates";
import { grad, memory, mul, neg, tensor1d, tidy } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { floats, floatsOf } from "../arbitraries.js";
import { describeBackends } from "../backends.js";
import { expectClose, read } from "../close.js";
import { scoped } from "../scoped.js";

/** The formulas that fused kernels know, in float64. */
const formulas: Record<FusedSlope["kind"], (u: number, alpha: number) => number> = {
  atan: (u, alpha) => alpha / (2 * (1 + ((Math.PI / 2) * alpha * u) ** 2)),
  sigmoid: (u, alpha) => (alpha * Math.exp(-Math.abs(alpha * u))) / (1 + Math.exp(-Math.abs(alpha * u))) ** 2,
  rectangular: (u, a) => (Math.abs(u) < a / 2 ? 1 / a : 0),
  constant: (_, value) => value,
};

/**
 * Tests a surrogate, on every backend: Θ on the way forward, exactly its slope on the way back.
 *
 * @param name of the surrogate
 * @param make makes the spike function, as users do
 * @param params parameters in its domain
 */
export function describeSurrogate<P>(name: string, make: (params?: P) => Spike, params: fc.Arbitrary<P>): void {
  const forAll = (check: (spike: Spike, u: number[]) => void): void =>
    fc.assert(fc.property(params, floats, (p, u) => scoped(() => check(make(p), u))));

  describeBackends(`${name} as a surrogate`, () => {
    it("is Θ on the way forward: 1 where u ≥ 0, else 0", () =>
      forAll((spike, u) => expect(read(spike(tensor1d(u)))).toEqual(u.map((x) => (x >= 0 ? 1 : 0)))));

    it("fires at 0 and not the least below it", () =>
      scoped(() => expect(read(make()(tensor1d([0, -0, -1.2e-38, 1.2e-38, -1e-7])))).toEqual([1, 1, 0, 1, 0])));

    it("does not fire on NaN, and fires on Infinity", () =>
      scoped(() =>
        expect(read(make()(tensor1d([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])))).toEqual([
          0, 1, 0,
        ]),
      ));

    it("is exactly its slope on the way back", () =>
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

    it("tells fused kernels the slope that it has", () =>
      forAll((spike, us) => {
        const { kind, alpha } = spike.fused!;
        expectClose(
          spike.slope(tensor1d(us)),
          us.map((u) => formulas[kind](u, alpha)),
          { relative: 1e-4, absolute: 1e-6 },
        );
      }));

    it("keeps its result in memory and nothing else, and its gradient likewise", () => {
      const [spike, u] = [make(), tensor1d([-1, 0, 1])];
      const before = memory().numTensors;
      const kept = [spike(u), tidy(() => grad(spike)(u))];
      expect(memory().numTensors - before).toBe(2);
      for (const t of [...kept, u]) t.dispose();
    });
  });
}

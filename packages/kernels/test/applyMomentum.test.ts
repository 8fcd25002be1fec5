import { applyMomentum } from "@sew/kernels";
import { describeBackends, float32, scoped } from "@sew/kernels/testing";
import { tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { it } from "vitest";
import { expectWithin } from "./within.js";

const value = float32(-8, 8);
const parameters = fc.array(fc.record({ weight: value, velocity: value, gradient: value }), {
  minLength: 1,
  maxLength: 40,
});
const attributes = fc.record({ rate: float32(0, 2), momentum: fc.constantFrom(0, 0.5, 0.9, 0.999) });

describeBackends("applyMomentum", () => {
  it("is a step of gradient descent with momentum: u ← μ·u + g, w ← w − rate·u", () =>
    fc.assert(
      fc.property(parameters, attributes, (all, { rate, momentum }) =>
        scoped(() => {
          const tensorOf = (name: "weight" | "velocity" | "gradient") => tensor1d(all.map((p) => p[name]));
          const inputs = { weight: tensorOf("weight"), velocity: tensorOf("velocity"), gradient: tensorOf("gradient") };
          const [weight, velocity] = applyMomentum(inputs, { rate, momentum });
          const steps = all.map(({ weight: w, velocity: u, gradient: g }) => {
            const next = momentum * u + g;
            const magnitude = Math.abs(momentum * u) + Math.abs(g);
            return { w: w - rate * next, u: next, magnitude, all: Math.abs(w) + rate * magnitude };
          });
          expectWithin(
            velocity!,
            steps.map(({ u, magnitude }) => ({ value: u, magnitude })),
            4,
          );
          expectWithin(
            weight!,
            steps.map(({ w, all }) => ({ value: w, magnitude: all })),
            8,
          );
        }),
      ),
    ));
});

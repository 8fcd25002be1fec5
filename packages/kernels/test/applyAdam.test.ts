import { applyAdam } from "@sew/kernels";
import { describeBackends, float32, scoped } from "@sew/kernels/testing";
import { tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { it } from "vitest";
import { expectWithin } from "./within.js";

const value = float32(-8, 8);
const parameters = fc.array(fc.record({ weight: value, mean: value, square: float32(0, 64), gradient: value }), {
  minLength: 1,
  maxLength: 40,
});
const beta = fc.constantFrom(0, 0.5, 0.9, 0.999);
const attributes = fc.record({
  rate: float32(0, 2),
  beta1: beta,
  beta2: beta,
  epsilon: fc.constantFrom(1e-8, 1e-3, 0.5),
  step: fc.constantFrom(1, 2, 10, 10_000),
});

describeBackends("applyAdam", () => {
  it("is a step of Adam with both means made unbiased", () =>
    fc.assert(
      fc.property(parameters, attributes, (all, attrs) =>
        scoped(() => {
          const { rate, beta1, beta2, epsilon, step } = attrs;
          const tensorOf = (name: "weight" | "mean" | "square" | "gradient") => tensor1d(all.map((p) => p[name]));
          const [weight, mean, square] = applyAdam(
            {
              weight: tensorOf("weight"),
              mean: tensorOf("mean"),
              square: tensorOf("square"),
              gradient: tensorOf("gradient"),
            },
            attrs,
          );
          const steps = all.map(({ weight: w, mean, square, gradient: g }) => {
            const m = beta1 * mean + (1 - beta1) * g;
            const v = beta2 * square + (1 - beta2) * g ** 2;
            const magnitude = beta1 * Math.abs(mean) + (1 - beta1) * Math.abs(g);
            // From m to the change of w.
            const factor = rate / (1 - beta1 ** step) / (Math.sqrt(v / (1 - beta2 ** step)) + epsilon);
            return { w: w - factor * m, m, v, magnitude, all: Math.abs(w) + factor * magnitude };
          });
          expectWithin(
            mean!,
            steps.map(({ m, magnitude }) => ({ value: m, magnitude })),
            5,
          );
          expectWithin(
            square!,
            steps.map(({ v }) => ({ value: v, magnitude: v })),
            6,
          );
          expectWithin(
            weight!,
            steps.map(({ w, all }) => ({ value: w, magnitude: all })),
            24,
          );
        }),
      ),
    ));
});

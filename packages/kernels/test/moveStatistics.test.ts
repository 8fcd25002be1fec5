import { moveStatistics } from "@sew/kernels";
import { describeBackends, float32, scoped } from "@sew/kernels/testing";
import { tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { it } from "vitest";
import { expectWithin } from "./within.js";

const mean = float32(-8, 8);
const variance = float32(0, 64);
const statistics = fc.array(fc.record({ runningMean: mean, runningVar: variance, mean, variance }), {
  minLength: 1,
  maxLength: 40,
});
const attributes = fc.record({
  momentum: fc.oneof(fc.constantFrom(0, 0.1, 1), float32(0, 1)),
  // The counts of a batch are 2 and more.
  unbias: fc.integer({ min: 2, max: 1000 }).map((n) => n / (n - 1)),
});

describeBackends("moveStatistics", () => {
  it("moves the running statistics a part of the way to the batch's, its variance made unbiased", () =>
    fc.assert(
      fc.property(statistics, attributes, (channels, { momentum, unbias }) =>
        scoped(() => {
          const tensorOf = (name: "runningMean" | "runningVar" | "mean" | "variance") =>
            tensor1d(channels.map((c) => c[name]));
          const [movedMean, movedVar] = moveStatistics(
            {
              runningMean: tensorOf("runningMean"),
              runningVar: tensorOf("runningVar"),
              mean: tensorOf("mean"),
              variance: tensorOf("variance"),
            },
            { momentum, unbias },
          );
          const moved = (running: number, batch: number) => {
            const parts = [(1 - momentum) * running, momentum * batch] as const;
            return { value: parts[0] + parts[1], magnitude: Math.abs(parts[0]) + Math.abs(parts[1]) };
          };
          expectWithin(
            movedMean!,
            channels.map((c) => moved(c.runningMean, c.mean)),
            5,
          );
          expectWithin(
            movedVar!,
            channels.map((c) => moved(c.runningVar, unbias * c.variance)),
            7,
          );
        }),
      ),
    ));
});

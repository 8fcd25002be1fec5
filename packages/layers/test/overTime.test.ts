import { describeBackends, read, scoped } from "@sew/kernels/testing";
import {
  batchNorm,
  disposeModule,
  evaluation,
  flatten,
  namedBuffers,
  namedParameters,
  neurons,
  overTime,
} from "@sew/layers";
import { spikesOfShape } from "@sew/layers/testing";
import { integrateAndFire } from "@sew/neurons";
import { concat, tensor3d, zeros } from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";

describeBackends("a module over time", () => {
  it("is the module of a sequence that repeats the input", () =>
    scoped(() => {
      const x = spikesOfShape([1, 3, 5], 2);
      const layer = neurons(integrateAndFire)(5);
      const repeated = layer.forward(concat([x, x, x, x]), evaluation);
      expect(read(overTime(layer, 4).forward(x, evaluation))).toEqual(read(repeated));
    }));

  it("works out by hand: an IF neuron with a current of 0.5 fires at every second step", () =>
    scoped(() => {
      const y = overTime(neurons(integrateAndFire)(1), 4).forward(tensor3d([[[0.5]]]), evaluation);
      expect(read(y)).toEqual([0, 1, 0, 1]);
    }));
});

describe("overTime", () => {
  it("has the names of the module", () => {
    const norm = batchNorm(2);
    const still = overTime(norm, 2);
    expect([...namedParameters(still)]).toEqual([...namedParameters(norm)]);
    expect([...namedBuffers(still)]).toEqual([...namedBuffers(norm)]);
    disposeModule(norm);
  });

  it("refuses a sequence, and steps below 1", () =>
    scoped(() => {
      expect(() => overTime(flatten(), 2).forward(zeros([2, 1, 1, 1, 1]), evaluation)).toThrow(
        new RangeError("overTime: x must have 1 time-step, got [2,1,1,1,1]"),
      );
      expect(() => overTime(flatten(), 0)).toThrow(
        new RangeError("overTime: steps must be an integer of at least 1, got 0"),
      );
    }));
});

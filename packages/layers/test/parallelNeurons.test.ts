import { describeBackends, read, scoped } from "@sew/kernels/testing";
import {
  convNormNeuron,
  disposeState,
  emissionOf,
  evaluation,
  parallelNeurons,
  run,
  seeded,
  stream,
} from "@sew/layers";
import { describeModule, expectRecomputes, spikesOfShape } from "@sew/layers/testing";
import { maskedPsn, parallelNeuron, psn, slidingPsn } from "@sew/neurons";
import { constant } from "@sew/surrogates";
import { cast, scalar, slice, sum, tensor1d, tensor2d, variable, variableGrads } from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";

const shape = [3, 2, 4];
describeModule("a layer of PSN", {
  make: () => parallelNeurons(psn, { steps: 3 })(4),
  input: shape,
  output: shape,
  timeless: false,
  causal: false,
});
describeModule("a layer of masked PSN", {
  make: () => parallelNeurons(maskedPsn, { steps: 3 })(4),
  input: shape,
  output: shape,
  timeless: false,
});
describeModule("a layer of sliding PSN", {
  make: () => parallelNeurons(slidingPsn, { order: 2 })(4),
  input: shape,
  output: shape,
  timeless: false,
});

describeBackends("a layer of parallel neurons", () => {
  it("is its neuron with the weights that it learns", () =>
    scoped(() => {
      const x = spikesOfShape([6, 3, 5], 2);
      const layer = parallelNeurons(slidingPsn, { order: 3 }, constant())(5);
      const alone = parallelNeuron(slidingPsn, { order: 3 });
      const weights = { weight: tensor1d([0.25, 0.5, 1]), bias: scalar(-1) };
      expect(read(layer.forward(x, evaluation))).toEqual(read(alone(x, weights).spikes));
      layer.parameters.bias.assign(scalar(-1.75));
      expect(read(layer.forward(x, evaluation))).not.toEqual(read(alone(x, weights).spikes));
    }));

  it("passes gradients to its weights", () =>
    scoped(() => {
      const layer = parallelNeurons(slidingPsn, { order: 2 }, constant())(1);
      const { weight, bias } = layer.parameters;
      const x = tensor2d([[1], [2], [3]]);
      const { grads } = variableGrads(() => sum(layer.forward(x, evaluation)), [weight, bias]);
      expect([read(grads[weight.name]!), read(grads[bias.name]!)]).toEqual([[3, 6], [3]]);
    }));

  it("keeps the last currents of a stream for each layer", () =>
    scoped(() => {
      const layer = parallelNeurons(slidingPsn, { order: 3 })(1);
      const first = stream(layer, tensor2d([[0.25], [0.5], [0.75]]));
      expect(read(first.state[""]!.past!)).toEqual([0.5, 0.75]);
      const next = stream(layer, tensor2d([[0.5]]), first.state);
      // H = 0.5/4 + 0.75/2 + 0.5 − 1 = 0.
      expect([read(next.y), read(next.state[""]!.past!)]).toEqual([[1], [0.75, 0.5]]);
      disposeState(next.state);
    }));

  it("trains alike in a unit that recomputes", () =>
    scoped(() =>
      expectRecomputes(
        (recompute) => convNormNeuron(2, 3, parallelNeurons(psn, { steps: 3 }), { recompute }),
        spikesOfShape([3, 2, 5, 4, 2]),
      ),
    ));

  it("takes currents of bool as the numbers they are", () =>
    scoped(() => {
      const layer = parallelNeurons(slidingPsn)(4);
      const x = spikesOfShape([3, 2, 4]);
      expect(read(run(layer, cast(x, "bool"), evaluation))).toEqual(read(run(layer, x, evaluation)));
    }));

  it("streams PSN as a whole alone", () =>
    scoped(() => {
      const layer = parallelNeurons(psn, { steps: 3 })(2);
      const x = spikesOfShape([3, 1, 2]);
      expect(read(stream(layer, x).y)).toEqual(read(run(layer, x, evaluation)));
      expect(() => stream(layer, slice(x, [0], [2]))).toThrow(
        new RangeError("psn: x must have all 3 time-steps at once, since each depends on later ones, got 2"),
      );
      expect(() => stream(layer, x, stream(layer, x).state)).toThrow(
        new RangeError("psn: x must have at most the 3 time-steps of its weights, got 3 and 3 more"),
      );
    }));

  it("shares a λ that the caller holds, which is none of its parameters", () =>
    scoped(() => {
      const lambda = variable(scalar(0));
      const layer = parallelNeurons(maskedPsn, { steps: 2, lambda })(1);
      expect(Object.keys(layer.parameters)).toEqual(["weight", "bias"]);
      layer.parameters.weight.assign(
        tensor2d([
          [0, 2],
          [0, 0],
        ]),
      );
      const x = tensor2d([[0], [1]]);
      const before = read(layer.forward(x, evaluation));
      lambda.assign(scalar(1));
      expect([before, read(layer.forward(x, evaluation))]).toEqual([
        [1, 0],
        [0, 0],
      ]);
    }));
});

describe("parallelNeurons", () => {
  it("gives each layer weights of its own, the same for the same seed", () =>
    scoped(() => {
      const make = () => {
        const factory = parallelNeurons(psn, { steps: 4 });
        return [factory(2), factory(2)].map((layer) => read(layer.parameters.weight));
      };
      const [first, second] = seeded(3, make);
      expect(second).not.toEqual(first);
      expect(seeded(3, make)).toEqual([first, second]);
    }));

  it("makes layers that emit spikes", () =>
    scoped(() => expect(emissionOf(parallelNeurons(slidingPsn)(1))).toEqual({ kind: "bits" })));

  it.each([0, 1.5])("refuses %s channels", (channels) =>
    expect(() => parallelNeurons(slidingPsn)(channels)).toThrow(
      new RangeError(`parallelNeurons: channels must be an integer of at least 1, got ${channels}`),
    ),
  );

  it("refuses parameters at once", () =>
    expect(() => parallelNeurons(slidingPsn, { order: 0 })).toThrow(
      new RangeError("slidingPsn: order must be an integer of at least 1, got 0"),
    ));
});

import { describeBackends, read, scoped } from "@sew/kernels/testing";
import { convNormNeuron, evaluation, namedBuffers, namedParameters, neurons } from "@sew/layers";
import { describeModule, spikesOfShape } from "@sew/layers/testing";
import { integrateAndFire, lif, plif } from "@sew/neurons";
import { expect, it } from "vitest";

describeModule("convNormNeuron", {
  make: () => convNormNeuron(2, 3, neurons(lif), { stride: 2 }),
  input: [3, 2, 6, 4, 2],
  output: [3, 2, 3, 2, 3],
  timeless: false,
});

describeBackends("convNormNeuron", () => {
  it("is SN(BN(Conv(x))), its three children one after another", () =>
    scoped(() => {
      const unit = convNormNeuron(2, 3, neurons(integrateAndFire, { vThreshold: 0.25 }));
      const { conv, norm, neuron } = unit.children;
      const x = spikesOfShape([4, 2, 5, 5, 2]);
      const spikes = read(unit.forward(x, evaluation));
      const inTurn = [conv!, norm!, neuron!].reduce((y, layer) => layer.forward(y, evaluation), x);
      expect(spikes).toEqual(read(inTurn));
      expect(new Set(spikes)).toEqual(new Set([0, 1]));
    }));

  it("names its parameters and buffers for its children", () =>
    scoped(() => {
      const unit = convNormNeuron(2, 3, neurons(plif));
      expect([...namedParameters(unit).keys()]).toEqual(["conv.weight", "norm.weight", "norm.bias", "neuron.w"]);
      expect([...namedBuffers(unit).keys()]).toEqual(["norm.runningMean", "norm.runningVar"]);
    }));
});

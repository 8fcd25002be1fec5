import { describeBackends, expectClose, read, scoped } from "@sew/kernels/testing";
import {
  batchNorm,
  convNormNeuron,
  evaluation,
  neuronOf,
  neurons,
  normNeuron,
  parallelNeurons,
  relus,
  run,
} from "@sew/layers";
import { describeModule, spikesOfShape } from "@sew/layers/testing";
import { plif, psn } from "@sew/neurons";
import { grad, relu, tensor, tensor1d } from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";

describeModule("relus", { make: () => relus()(2), input: [3, 2, 4, 2], output: [3, 2, 4, 2], timeless: true });
describeModule("convNormNeuron with ReLU", {
  make: () => convNormNeuron(2, 3, relus(), { stride: 2 }),
  input: [3, 2, 6, 4, 2],
  output: [3, 2, 3, 2, 3],
  timeless: true,
});

describeBackends("relus", () => {
  it("is max(x, 0), with no gradient where x is negative", () =>
    scoped(() => {
      const x = tensor1d([-2, -0.5, 0.5, 2]);
      const layer = relus()(2);
      expect(read(layer.forward(x, evaluation))).toEqual([0, 0, 0.5, 2]);
      expect(read(grad((u) => layer.forward(u, evaluation))(x))).toEqual([0, 0, 1, 1]);
    }));

  it.each([{ training: true }, { training: false }])("takes the neurons' place after a norm, training $training", (c) =>
    scoped(() => {
      const x = tensor([1, -2, 3, 5, 0, -7], [3, 1, 2]);
      const y = normNeuron(batchNorm(2), relus()(2), x, c);
      expectClose(y, relu(run(batchNorm(2), x, c)));
    }),
  );

  it("keeps values that are no spikes", () =>
    scoped(() => {
      const unit = convNormNeuron(2, 3, relus());
      const values = read(unit.forward(spikesOfShape([2, 1, 5, 5, 2]), { training: true }));
      expect(new Set(values).size).toBeGreaterThan(2);
      expect(Math.min(...values)).toBe(0);
    }));
});

it("neuronOf is the neuron of a layer of neurons, and not what else has that name", () => {
  const [layer, parallel] = [neurons(plif)(2), parallelNeurons(psn, { steps: 2 })(2)];
  expect(neuronOf(layer)).toBe(layer.neuron);
  expect(neuronOf(parallel)).toBe(parallel.parallel);
  expect(neuronOf(Object.assign(relus()(2), { neuron: relus()(2) }))).toBeUndefined();
});

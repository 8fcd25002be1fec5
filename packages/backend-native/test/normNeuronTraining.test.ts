import * as fc from "fast-check";
import { expect, it } from "vitest";
import { describeNative } from "./describeNative.js";
import { runKernelOn, sameBits } from "./kernelCase.js";
import { trainingCalls } from "./kernels/normNeuron.js";

describeNative("the fused norm and neurons in training", () => {
  it("give what batch norm and the neurons give one after the other, bit for bit", () =>
    fc.assert(
      fc.property(trainingCalls, ({ inputs: { x, scale, offset, rate }, attrs }) => {
        const { epsilon, formula } = attrs;
        const norm = { inputs: { x, scale, offset }, attrs: { epsilon } };
        const [y, mean, variance] = runKernelOn("native", "BatchNormTraining", norm);
        const shape = x.shape.slice(1);
        const data = new Float32Array(x.data.length / x.shape[0]!).fill(formula.recognised!.vReset);
        const v = { shape, dtype: "float32", data } as const;
        const [spikes] = runKernelOn("native", "MultiStepNeuron", { inputs: { x: y!, v, rate }, attrs: { formula } });
        const found = runKernelOn("native", "NormNeuronTraining", { inputs: { x, scale, offset, rate }, attrs });
        expect(sameBits(found, [spikes!, mean!, variance!])).toBe(true);
      }),
      { numRuns: 200 },
    ));
});

/** @file The fused kernels that a backend may register. On `cpu`, which has none, the packages compose the operations. */
import { batchNormTraining } from "@sew/kernels";
import { integrateAndFire, lif, type Neuron, neuron, plif, type Unrolled, unroll } from "@sew/neurons";
import * as fc from "fast-check";
import { numbers, type OpCase } from "./opCase.js";

/** Sequences of 4 steps and states of 2 x 16 neurons. Sums and halves of eighths are exact: spikes do not depend on rounding. */
const sequences = fc.tuple(numbers([4, 2, 16]), numbers([2, 16], -1, 0.875));

/** Images of 2 steps with scale and offset of 6 channels. */
const batches = fc.tuple(numbers([2, 2, 3, 3, 6]), numbers([6]), numbers([6]));

const outputs = ({ spikes, state }: Unrolled<"v">) => [spikes, state.v];

const multiStep = (of: string, model: () => Neuron<"v">): OpCase => ({
  name: `MultiStepNeuron of ${of}`,
  kernel: "MultiStepNeuron",
  inputs: sequences,
  f: (x, v) => outputs(unroll(model(), x!, { v: v! })),
});

/** One case or more for each fused kernel. */
export const fused: readonly OpCase[] = [
  multiStep("IF, soft reset", () => neuron(integrateAndFire, { reset: "soft" })),
  multiStep("LIF", () => neuron(lif)),
  multiStep("LIF, gradient through the reset", () => neuron(lif, { detachReset: false })),
  {
    ...multiStep("PLIF", () => neuron(plif)),
    inputs: sequences.map((drawn) => [...drawn, { shape: [], values: [0] }]),
    f: (x, v, w) => outputs(unroll(neuron(plif, { w: w! }), x!, { v: v! })),
  },
  {
    name: "BatchNormTraining",
    kernel: "BatchNormTraining",
    inputs: batches,
    f: (x, scale, offset) => batchNormTraining({ x: x!, scale: scale!, offset: offset! }, { epsilon: 1e-3 })[0]!,
  },
  {
    // No gradient passes through them.
    name: "BatchNormTraining, its statistics",
    kernel: "BatchNormTraining",
    inputs: batches,
    f: (x, scale, offset) => batchNormTraining({ x: x!, scale: scale!, offset: offset! }, { epsilon: 1e-3 }).slice(1),
    differentiable: false,
  },
];

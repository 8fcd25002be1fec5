/** @file A report with every part in it. */
import type { EpochRecord, ReportData } from "@sew/analysis";

export const classNames = ["hand clapping", "right arm counter-clockwise", "other gestures"];

/** A history of so many epochs, the best of which is the last but one where there are more than two. */
export function historyOf(epochs: number): EpochRecord[] {
  return Array.from({ length: epochs }, (_, epoch) => ({
    epoch,
    learningRate: 0.1 / (epoch + 1),
    trainLoss: 2 / (epoch + 1),
    trainTop1: 1 - 0.8 / (epoch + 1),
    testLoss: 2.2 / (epoch + 1),
    testTop1: epoch === epochs - 1 ? 0.5 : 0.9 - 0.5 / (epoch + 1),
    seconds: 61.5,
    samplesPerSecond: 12.34,
  }));
}

export const example: Required<ReportData> = {
  title: "7B-Net on gestures",
  subtitle: "T = 2",
  notes: ["The data is synthetic."],
  summary: { parameters: 130_938 },
  history: historyOf(20),
  confusion: {
    counts: [
      [18, 1, 0],
      [2, 7, 11],
      [0, 0, 1234],
    ],
    classNames,
  },
  firingRates: {
    layers: { "unit0.neuron": { rate: 0.0812, silent: 0.125 }, "block0.b.neuron": { rate: 0, silent: 1 } },
    blocks: { block0: { residual: 0.0521, output: 1.3333 }, block1: { output: 0.25 } },
    warnings: ['"block0.b.neuron" never fires.'],
  },
  samples: [
    { className: "hand clapping", frames: Uint16Array.from({ length: 32 }, (_, i) => i % 3), shape: [4, 2, 2, 2] },
  ],
  configuration: {
    epochs: 20,
    optimizer: { name: "sgd", momentum: 0.9 },
    stages: [32, 64],
    augment: [],
    resume: undefined,
  },
  environment: { node: "v20.20.2", tfjs: "4.22.0" },
};

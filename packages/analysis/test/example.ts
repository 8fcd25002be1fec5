/** @file A report with all sections in it. */
import {
  type Confusion,
  confusionSection,
  type EpochRecord,
  type FiringRates,
  firingRatesSection,
  type Report,
  type Sample,
  samplesSection,
  settingsSection,
  summaryFigures,
  trainingSection,
} from "@sew/analysis";

/** A history with test data. The best epoch is the last but one where there are more than two. */
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

/** A history without test data. */
export function trainOnly(epochs: number): EpochRecord[] {
  return historyOf(epochs).map(({ testLoss: _loss, testTop1: _top1, ...record }) => record);
}

/** A history with validation data too, whose accuracy is highest in the second epoch. */
export function withValidation(history: readonly EpochRecord[]): EpochRecord[] {
  return history.map((record) => ({
    ...record,
    validationLoss: 2.1 / (record.epoch + 1),
    validationTop1: record.epoch === 1 ? 0.912 : 0.3,
  }));
}

export const confusion: Required<Confusion> = {
  counts: [
    [18, 1, 0],
    [2, 7, 11],
    [0, 0, 1234],
  ],
  classNames: ["hand clapping", "right arm counter-clockwise", "other gestures"],
};

export const rates: FiringRates = {
  layers: {
    "unit0.neuron": { rate: 0.0812, perStep: [0.1, 0.0624], silent: 0.125, saturated: 0.0625 },
    "block0.b.neuron": { rate: 0, perStep: [0, 0], silent: 1, saturated: 0 },
  },
  blocks: {
    block0: {
      input: 1.2812,
      residual: 0.0521,
      output: 1.3333,
      perStep: { input: [1, 1.5624], residual: [0, 0.1042], output: [1, 1.6666] },
      density: { input: 0.5, residual: 0.0521, output: 0.5521 },
    },
    block1: {
      input: 1,
      output: 0.25,
      perStep: { input: [1, 1], output: [0.5, 0] },
      density: { input: 1, output: 0.25 },
    },
  },
  warnings: ['"block0.b.neuron" never fires.'],
};

export const sample: Sample = {
  className: "hand clapping",
  frames: Uint16Array.from({ length: 32 }, (_, i) => i % 3),
  shape: [4, 2, 2, 2],
};

export const configuration: object = {
  epochs: 20,
  optimizer: { name: "sgd", momentum: 0.9 },
  stages: [32, 64],
  augment: [],
  resume: undefined,
};

export const environment: object = { node: "v20.20.2", tfjs: "4.22.0" };

export const example: Required<Report> = {
  title: "7B-Net on gestures",
  subtitle: "T = 2",
  notes: ["The data is synthetic."],
  figures: summaryFigures({ parameters: 130_938 }, historyOf(20)),
  sections: [
    trainingSection(historyOf(20)),
    confusionSection(confusion),
    firingRatesSection(rates),
    samplesSection([sample]),
    settingsSection({ Configuration: configuration, Environment: environment }),
  ],
};

/** @file What a report is made from. */
import type { FiringRates } from "./firingRates.js";

/** What an epoch came to. Accuracies are fractions from 0 to 1; losses are means over samples. */
export interface EpochRecord {
  /** Counted from 0; the report counts from 1. */
  readonly epoch: number;
  readonly learningRate: number;
  readonly trainLoss: number;
  readonly trainTop1: number;
  /** Where there are test data. */
  readonly testLoss?: number;
  readonly testTop1?: number;
  /** How long the epoch took. */
  readonly seconds: number;
  readonly samplesPerSecond: number;
}

/** The figures at the head of a report. Those left out are taken from the history where it has them. */
export interface ReportSummary {
  /** Accuracy on the test data in the best epoch, from 0 to 1. */
  readonly bestTop1?: number;
  /** The epoch it was reached in, counted from 0. */
  readonly bestEpoch?: number;
  /** Accuracy on the test data in the last epoch, from 0 to 1. */
  readonly finalTop1?: number;
  /** How many epochs there were. */
  readonly epochs?: number;
  /** How many numbers training changes. */
  readonly parameters?: number;
  /** Training samples per second. */
  readonly samplesPerSecond?: number;
  /** How long it took in all. */
  readonly seconds?: number;
}

/** Which classes were taken for which. */
export interface ReportConfusion {
  /** How many samples of the true class were predicted as each: `counts[true][predicted]`. */
  readonly counts: readonly (readonly number[])[];
  /** Names of the classes, in the order of the counts; their numbers unless given. */
  readonly classNames?: readonly string[];
}

/** A sample of the data, as the network sees it. */
export interface ReportSample {
  /** The name of its class. */
  readonly className: string;
  /** Counts of events `[T, H, W, 2]`, row by row, OFF before ON. */
  readonly frames: ArrayLike<number>;
  /** `[T, H, W, 2]`. */
  readonly shape: readonly number[];
}

/** What a report is made from; it has a section for each part that is given. */
export interface ReportData {
  /** The heading. */
  readonly title: string;
  /** One line under it, such as network and data set. */
  readonly subtitle?: string;
  /** What a reader must know before anything else, such as that the data is synthetic. */
  readonly notes?: readonly string[];
  readonly summary?: ReportSummary;
  /** The epochs in order, such as the history of `train`. */
  readonly history?: readonly EpochRecord[];
  readonly confusion?: ReportConfusion;
  readonly firingRates?: FiringRates;
  readonly samples?: readonly ReportSample[];
  /** Settings, nested as one likes. */
  readonly configuration?: object;
  /** Versions and machine. */
  readonly environment?: object;
}

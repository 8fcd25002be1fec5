/** Metrics of an epoch, such as `@sew/training` gives. Accuracies are fractions from 0 to 1; losses are means over samples. */
export interface EpochRecord {
  /** Counted from 0; reports count from 1. */
  readonly epoch: number;
  readonly learningRate: number;
  readonly trainLoss: number;
  readonly trainTop1: number;
  /** Where there are validation data. */
  readonly validationLoss?: number;
  readonly validationTop1?: number;
  /** Where there are test data. */
  readonly testLoss?: number;
  readonly testTop1?: number;
  /** Duration of the epoch. */
  readonly seconds: number;
  /** Training samples per second. */
  readonly samplesPerSecond: number;
  /** Share of the training time in which it waited for the next batch, from 0 to 1. @defaultValue not shown */
  readonly dataWait?: number;
}

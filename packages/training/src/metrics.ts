/** Metrics of an epoch. Accuracies are fractions from 0 to 1; losses are means over samples, in nats. */
export interface EpochMetrics {
  /** Counted from 0. */
  readonly epoch: number;
  /** The learning rate of the epoch's last update. */
  readonly learningRate: number;
  readonly trainLoss: number;
  readonly trainTop1: number;
  /** Where there are validation data. */
  readonly validationLoss?: number;
  readonly validationTop1?: number;
  /** Where there are 5 classes or more. */
  readonly validationTop5?: number;
  /** Where there are test data. */
  readonly testLoss?: number;
  readonly testTop1?: number;
  /** Where there are 5 classes or more. */
  readonly testTop5?: number;
  /** Duration of the epoch, its evaluations included. */
  readonly seconds: number;
  /** Training samples per second of training. */
  readonly samplesPerSecond: number;
  /** Share of the training time in which it waited for the next batch, from 0 to 1; decoding in its own thread counts. */
  readonly dataWait: number;
  /** End of the epoch, in seconds since 1970. */
  readonly time: number;
}

/** The accuracy that chooses the best epoch; undefined where the run has neither validation nor test data. */
export function scoreOf({ validationTop1, testTop1 }: EpochMetrics): number | undefined {
  return validationTop1 ?? testTop1;
}

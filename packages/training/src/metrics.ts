/** What is measured of an epoch besides loss and accuracy, by an option of `training`. All numbers are finite. */
export interface EpochMeasures {
  /** ‖∂L/∂O^l‖ of each block of the network, by its path, from the input on. */
  readonly gradientNorms?: Readonly<Record<string, number>>;
  /** Firing rates of each block: the mean of A^l, where its residual path ends in neurons, and of O^l. */
  readonly firingRates?: Readonly<Record<string, { readonly residual?: number; readonly output: number }>>;
  /** The time constant τ that each layer of neurons has learned, in time-steps: the mean over its channels. */
  readonly timeConstants?: Readonly<Record<string, number>>;
}

/** Metrics of an epoch, a line of `metrics.jsonl`. Accuracies are fractions from 0 to 1; losses are means over samples, in nats. */
export interface EpochMetrics extends EpochMeasures {
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
  /** Of the mean output up to step 1, 2, … T, where T is above 1. */
  readonly validationTop1PerStep?: readonly number[];
  /** Where there are test data. */
  readonly testLoss?: number;
  readonly testTop1?: number;
  /** Where there are 5 classes or more. */
  readonly testTop5?: number;
  /** Of the mean output up to step 1, 2, … T, where T is above 1. */
  readonly testTop1PerStep?: readonly number[];
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

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
  /** Accuracy of the mean output up to time-step 1, 2, … T. @defaultValue not shown */
  readonly validationTop1PerStep?: readonly number[];
  /** Accuracy of the mean output up to time-step 1, 2, … T. @defaultValue not shown */
  readonly testTop1PerStep?: readonly number[];
  /** Norms of the gradient by the outputs of the blocks, by their paths. @defaultValue not shown */
  readonly gradientNorms?: Readonly<Record<string, number>>;
  /** Mean outputs of the residual path and of the whole of each block. @defaultValue not shown */
  readonly firingRates?: Readonly<Record<string, { readonly residual?: number; readonly output: number }>>;
  /** Learned time constants τ of layers, in time-steps. @defaultValue not shown */
  readonly timeConstants?: Readonly<Record<string, number>>;
}

/** @file Learning rates as pure functions of the epoch. */

/** The learning rate of an epoch, counted from 0. */
export type Schedule = (epoch: number) => number;

/** Options of {@link cosine}. */
export interface CosineOptions {
  /** The rate of epoch 0. */
  readonly lr: number;
  /** T_max: the epoch at which the rate would reach 0, usually the length of the run. */
  readonly epochs: number;
}

/**
 * `lr(e) = lr · (1 + cos(π·e / T_max)) / 2`: PyTorch's CosineAnnealingLR with η_min = 0.
 *
 * @throws RangeError when lr is not a positive number or epochs not a positive integer
 *
 * @example
 * cosine({ lr: 0.1, epochs: 320 })(160); // 0.05
 */
export function cosine({ lr, epochs }: CosineOptions): Schedule {
  checkPositive("cosine", "lr", lr);
  checkPositiveInteger("cosine", "epochs", epochs);
  return (epoch) => (lr * (1 + Math.cos((Math.PI * epoch) / epochs))) / 2;
}

/** Options of {@link step}. */
export interface StepOptions {
  /** The rate of epoch 0. */
  readonly lr: number;
  /** Epochs between two changes. */
  readonly size: number;
  /** What the rate is multiplied by at each change. */
  readonly gamma?: number;
}

/**
 * `lr(e) = lr · γ^⌊e / size⌋`: PyTorch's StepLR.
 *
 * @throws RangeError when lr or gamma is not a positive number or size not a positive integer
 *
 * @example
 * step({ lr: 1, size: 64, gamma: 0.5 })(128); // 0.25
 */
export function step({ lr, size, gamma = 0.1 }: StepOptions): Schedule {
  checkPositive("step", "lr", lr);
  checkPositive("step", "gamma", gamma);
  checkPositiveInteger("step", "size", size);
  return (epoch) => lr * gamma ** Math.floor(epoch / size);
}

/**
 * `lr(e) = lr`.
 *
 * @throws RangeError when lr is not a positive number
 *
 * @example
 * constantRate(0.001)(7); // 0.001
 */
export function constantRate(lr: number): Schedule {
  checkPositive("constantRate", "lr", lr);
  return () => lr;
}

function checkPositive(where: string, name: string, value: number): void {
  if (!(value > 0 && Number.isFinite(value))) {
    throw new RangeError(`${where}: ${name} must be a positive number, got ${value}`);
  }
}

function checkPositiveInteger(where: string, name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new RangeError(`${where}: ${name} must be an integer of at least 1, got ${value}`);
  }
}

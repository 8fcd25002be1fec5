/** @file Checks of parameters that several models have. */

/** Throws unless every one of the named parameters is a finite number. */
export function checkFinite(model: string, params: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(params)) {
    if (!Number.isFinite(value)) throw new RangeError(`${model}: ${name} must be a finite number, got ${value}`);
  }
}

/** Throws unless `value` is a finite number above 0. */
export function checkPositive(model: string, name: string, value: number): void {
  if (!(value > 0 && Number.isFinite(value))) {
    throw new RangeError(`${model}: ${name} must be a finite number above 0, got ${value}`);
  }
}

/** Throws unless τ is a finite number of time-steps from 1 on. */
export function checkTau(model: string, tau: number): void {
  if (!(tau >= 1 && Number.isFinite(tau))) {
    throw new RangeError(`${model}: tau must be at least 1 time-step, got ${tau}`);
  }
}

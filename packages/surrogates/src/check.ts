/** @file The one check that every surrogate's parameter needs. */

import { shown } from "@sew/kernels";

/** Throws unless `value` is a finite number above 0. */
export function checkPositive(where: string, name: string, value: number): void {
  if (!(value > 0 && Number.isFinite(value))) {
    throw new RangeError(`${where}: ${name} must be a finite number above 0, got ${shown(value)}`);
  }
}

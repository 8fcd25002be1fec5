/** @file Checks of arguments that several layers need. */
import { shown } from "@sew/kernels";

/** The most values of one tensor: 1 GiB of float32. */
const MOST_VALUES = 2 ** 28;

/**
 * Throws unless `value` is an integer of at least `least`, and no larger than a tensor may be.
 *
 * @internal
 */
export function checkInteger(where: string, name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least) {
    throw new RangeError(`${where}: ${name} must be an integer of at least ${least}, got ${shown(value)}`);
  }
  if (value > MOST_VALUES) throw new RangeError(`${where}: ${name} must be at most ${MOST_VALUES}, got ${value}`);
}

/** Throws unless `value` is a number for which `holds` is true, which `must` says in words. */
export function checkNumber(
  where: string,
  name: string,
  value: number,
  must: string,
  holds: (value: number) => boolean,
): void {
  if (typeof value !== "number" || !holds(value)) {
    throw new RangeError(`${where}: ${name} must be ${must}, got ${shown(value)}`);
  }
}

/** Throws unless a tensor of this shape has at most 2²⁸ values. Before it is made: the system may end the process after. */
export function checkShape(where: string, shape: readonly number[]): void {
  if (shape.reduce((a, b) => a * b, 1) > MOST_VALUES) {
    throw new RangeError(`${where}: shape must have at most ${MOST_VALUES} values, got [${shape}]`);
  }
}

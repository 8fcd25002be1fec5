/** @file Checks of sizes that several layers need. */

/** Throws unless `value` is an integer of at least `least`. */
export function checkInteger(where: string, name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least) {
    throw new RangeError(`${where}: ${name} must be an integer of at least ${least}, got ${value}`);
  }
}

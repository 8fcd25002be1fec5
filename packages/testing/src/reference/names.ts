/** @file Names as cases spell them: without regard to case, spaces, dashes and underscores. */

/** What is left of a name when its spelling is put aside. */
export function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[\s_-]/g, "");
}

/**
 * The entry with this name, however it is spelt.
 *
 * @param what asks, for the error
 * @throws RangeError that lists the known names
 */
export function lookUp<T>(what: string, entries: Readonly<Record<string, T>>, name: string): T {
  const found = Object.entries(entries).find(([known]) => plain(known) === plain(name));
  if (found === undefined) {
    throw new RangeError(`${what} must be one of ${Object.keys(entries).join(", ")}, got ${name}`);
  }
  return found[1];
}

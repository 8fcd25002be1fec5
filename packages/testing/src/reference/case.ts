/** @file A reference case: a name, and what of it differs here. */

/** One reference case. */
export interface ReferenceCase {
  readonly name: string;
  /**
   * Runs it on the current backend. Every line says what differs and by how much; no line, no difference.
   *
   * @throws when the case cannot be run, such as one of a block that does not exist
   */
  run(): string[];
}

/** What was compared, and the difference in words when there is one; see `difference`. */
export type Comparison = readonly [what: string, difference: string | undefined];

/** The lines of a case's report. */
export function report(comparisons: readonly Comparison[]): string[] {
  return comparisons.filter(([, found]) => found !== undefined).map(([what, found]) => `${what}: ${found}`);
}

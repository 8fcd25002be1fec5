/** @file A reference case: a name, and what of it differs here. */

/** One reference case. */
export interface ReferenceCase {
  readonly name: string;
  /** Runs it on the current backend. Every line says what differs and by how much; no line, no difference. */
  run(): string[];
}

/** A case of a kind that this code does not have yet. */
export interface UnsupportedCase {
  readonly name: string;
  /** What is missing. */
  readonly unsupported: string;
}

/** What was compared, and the difference in words when there is one; see `difference`. */
export type Comparison = readonly [what: string, difference: string | undefined];

/** The lines of a case's report. */
export function report(comparisons: readonly Comparison[]): string[] {
  return comparisons.filter(([, found]) => found !== undefined).map(([what, found]) => `${what}: ${found}`);
}

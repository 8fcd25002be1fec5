/** @file An explanation for reading. */
import type { Explained, Explanation } from "./explainStep.js";

/** Share of the step below which a part without a reason is not listed. */
const LISTED = 0.001;

const percent = (part: number, whole: number) => `${((100 * part) / whole).toFixed(1)} %`;
const milliseconds = (seconds: number) => `${(1000 * seconds).toFixed(2)} ms`;

/** A line for each part that takes time, its reasons below it, the rest of the step, and the least that its convolutions take. */
export function explanationLines({ parts, seconds }: Omit<Explanation, "paths">, arithmetic: number): string[] {
  const isListed = (part: Explained) => part.reasons.length > 0 || part.seconds >= LISTED * seconds;
  const listed = parts.filter(isListed);
  const others = parts.filter((part) => !isListed(part));
  const sum = (of: readonly Explained[]) => of.reduce((total, part) => total + part.seconds, 0);
  const cells = [
    ...listed.map((part) => [
      part.layer,
      part.work,
      part.path,
      milliseconds(part.seconds),
      percent(part.seconds, seconds),
    ]),
    ...[
      { name: `${others.flatMap(({ kernels }) => kernels).length} other kernels`, spent: sum(others) },
      { name: "between kernels, in JavaScript", spent: seconds - sum(parts) },
      { name: "training step", spent: seconds },
      { name: "its convolutions at the peak", spent: arithmetic },
    ].map(({ name, spent }) => [name, "", "", milliseconds(spent), percent(spent, seconds)]),
  ];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells.flatMap((row, i) => {
    const line = row.map((cell, c) => (c < 3 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!))).join("  ");
    return [line, ...(listed[i]?.reasons ?? []).map((reason) => `    ${reason}`)];
  });
}

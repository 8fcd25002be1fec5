/** @file Measurements as comma-separated values, for spreadsheets and data frames. */
import { stringify } from "csv-stringify/sync";

type Cell = string | number | boolean;

/** Values by the names of their columns. */
function cells(value: unknown, column: string, into: Record<string, Cell>): Record<string, Cell> {
  if (value === undefined || value === null) return into;
  if (typeof value !== "object") {
    into[column] = value as Cell;
    return into;
  }
  for (const [name, part] of Object.entries(value)) cells(part, column === "" ? name : `${column}.${name}`, into);
  return into;
}

/**
 * Records as comma-separated values (RFC 4180), one row for each: such as the layers of `firingRates` and `synOps`, the blocks
 * of `gradientNorms`, or the epochs of a run.
 *
 * Each value has a column; those of nested records and arrays have names such as `input.norm` and `perStep.0`. A record that
 * lacks a column has nothing there. Numbers have all their digits.
 *
 * @param records a list, or records by their names, which then are the first column, `name`
 * @returns the text of a file, with a heading and lines that end with `\n`
 * @see RFC 4180, "Common Format and MIME Type for Comma-Separated Values (CSV) Files"
 *
 * @example
 * csv({ "block0.neuron": { rate: 0.25, perStep: [0.5, 0] }, "a, b": { rate: 1 } });
 * // 'name,rate,perStep.0,perStep.1\nblock0.neuron,0.25,0.5,0\n"a, b",1,,\n'
 */
export function csv(records: readonly object[] | Readonly<Record<string, object>>): string {
  const rows = Array.isArray(records)
    ? records.map((record) => cells(record, "", {}))
    : Object.entries(records).map(([name, record]) => ({ name, ...cells(record, "", {}) }));
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return stringify([columns, ...rows.map((row: Record<string, Cell>) => columns.map((column) => row[column]))], {
    cast: { boolean: String },
  });
}

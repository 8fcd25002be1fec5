/** @file Every number of a check, as tables: of a figure, with or without zero-init. */
import type { Measurement } from "./measure.js";
import { type ComparedFamily, compared, type Figure, settingOf } from "./networks.js";

/** The rates and gradients of the four families, a row for each block. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const families = Object.keys(compared) as ComparedFamily[];

/** A number in as few digits as tell it from its neighbours; nothing where there is none. */
const rate = (value: number | undefined): string => (value === undefined ? "" : value.toFixed(4));
const gradient = (value: number): string => (value === 0 ? "0" : value.toExponential(3));

/** A table for each figure, with and without zero-init. */
export function tablesOf(measurements: readonly Measurement[]): Table[] {
  const tables = new Map<string, Measurement[]>();
  for (const each of measurements) {
    const key = `${each.figure} ${each.zeroInit}`;
    tables.set(key, [...(tables.get(key) ?? []), each]);
  }
  return [...tables.values()].map(tableOf);
}

function tableOf(networks: readonly Measurement[]): Table {
  const { figure, zeroInit, blocks } = networks[0]!;
  const sorted = networks.toSorted((a, b) => families.indexOf(a.family) - families.indexOf(b.family));
  const columnsOf = ({ family }: Measurement): string[] => {
    const gradients = `${family} ‖∂L/∂S‖`;
    return family === "Spiking" ? [gradients, `${family} O`] : [gradients, `${family} A`, `${family} O`];
  };
  const cellsOf = (network: Measurement, l: number): string[] => {
    const { gradient: norm, residual, output } = network.blocks[l]!;
    const cells = [gradient(norm), ...(network.family === "Spiking" ? [] : [rate(residual)]), rate(output)];
    return cells;
  };
  return {
    title: titleOf(figure, zeroInit),
    columns: ["block", ...sorted.flatMap(columnsOf)],
    rows: blocks.map(({ downsample }, l) => [
      `${l + 1}${downsample ? " ▽" : ""}`,
      ...sorted.flatMap((network) => cellsOf(network, l)),
    ]),
  };
}

/** What tables and charts of a figure are called. */
export function titleOf(figure: Figure, zeroInit: boolean): string {
  return `${settingOf(figure)}, ${zeroInit ? "zero-init" : "without zero-init"}`;
}

/** A table as text, its columns aligned. */
export function textOf({ title, columns, rows }: Table): string {
  const widths = columns.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]): string => cells.map((cell, i) => cell.padStart(widths[i]!)).join("  ");
  return [title, line(columns), ...rows.map(line), ""].join("\n");
}

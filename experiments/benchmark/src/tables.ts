/** @file The figures for reading: on the terminal, and as Markdown. */
import { type BreakEvens, EVERY_DENSITY } from "@sew/backend-native";
import { parts } from "./breakdown.js";
import type { NetworkFigures } from "./network.js";
import type { LayerSweep } from "./sweep.js";
import { median } from "./timing.js";

/** A row that was measured. */
export interface NamedFigures extends NetworkFigures {
  readonly name: string;
  /** The ordinary row that it is held against, if it is a variant. */
  readonly ordinary?: string;
}

const percent = (part: number, whole: number) => `${((100 * part) / whole).toFixed(0)} %`;
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
const range = (seconds: readonly number[]) => `${Math.min(...seconds).toFixed(3)}-${Math.max(...seconds).toFixed(3)}`;
const ofFloor = ({ seconds, flops }: NetworkFigures, peak: number) =>
  `${(median(seconds) / (flops / peak)).toFixed(2)}x`;

export const gigaflops = (rate: number) => (rate / 1e9).toFixed(1);

/** The time of a row as a multiple of its ordinary row's; `undefined` where it has none or that was not measured. */
function ofOrdinary(row: NamedFigures, all: readonly NamedFigures[]): string | undefined {
  const other = all.find(({ name }) => name === row.ordinary);
  return other && `${(median(row.seconds) / median(other.seconds)).toFixed(2)}x`;
}

/** A line of the terminal's table for each row. */
export function figuresTable(figures: readonly NamedFigures[], peak: number): Record<string, string | number>[] {
  return figures.map((row) => {
    const multiple = ofOrdinary(row, figures);
    return {
      work: row.name,
      seconds: median(row.seconds).toFixed(3),
      range: range(row.seconds),
      floor: (row.flops / peak).toFixed(3),
      ratio: ofFloor(row, peak),
      ...(multiple && { "of ordinary": multiple }),
      resident: megabytes(row.peakResident),
      tensors: megabytes(row.peakTensors),
      "new buffers": row.newBuffers,
    };
  });
}

/** Where the time goes, in milliseconds and percent. */
export function breakdownTable(figures: readonly NamedFigures[]): Record<string, string>[] {
  return figures.map(({ name, breakdown }) => {
    const total = parts.reduce((sum, part) => sum + breakdown[part], 0);
    const cells = parts.map((part) => [
      part,
      `${(1000 * breakdown[part]).toFixed(1)} (${percent(breakdown[part], total)})`,
    ]);
    return { work: name, ...Object.fromEntries(cells) };
  });
}

/** The firing rates in one line: by the network's parts, each layer's where these are few, else their range and mean. */
export function ratesLine(rates: NetworkFigures["firingRates"]): string {
  const byPart = new Map<string, number[]>();
  for (const [path, rate] of Object.entries(rates)) {
    const part = path.split(".")[0]!;
    byPart.set(part, [...(byPart.get(part) ?? []), rate]);
  }
  const digits = (rate: number) => rate.toFixed(3);
  return [...byPart]
    .map(([part, found]) => {
      if (found.length <= 2) return `${part} ${found.map(digits).join(" ")}`;
      const mean = found.reduce((a, b) => a + b) / found.length;
      return `${part} ${digits(Math.min(...found))}-${digits(Math.max(...found))} (mean ${digits(mean)})`;
    })
    .join(", ");
}

/** The time of event-driven convolutions of one layer as a multiple of the dense ones', a line for each density. */
export function sweepTable({ points }: LayerSweep): Record<string, string | number>[] {
  const lines = new Map<number, Record<string, string | number>>();
  for (const { density, product, storage, events, dense } of points) {
    const line = lines.get(density) ?? { density };
    lines.set(density, { ...line, [`${product}, ${storage}`]: `${(events / dense).toFixed(2)}x` });
  }
  return [...lines.values()];
}

/** The densities up to which convolutions are event-driven. */
export function breakEvenTable(breakEvens: BreakEvens): Record<string, string>[] {
  return Object.entries(breakEvens).map(([kind, density]) => ({
    convolution: kind,
    "up to": density === EVERY_DENSITY ? "always" : density.toFixed(2),
  }));
}

/** The table of a README. */
export function markdown(figures: readonly NamedFigures[], machine: string, peak: number): string {
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  const lines = figures.map((row) => {
    const multiple = ofOrdinary(row, figures);
    const time = `${median(row.seconds).toFixed(3)} s (${range(row.seconds)})${multiple ? `, ${multiple} of the ordinary` : ""}`;
    return [row.name, time, ofFloor(row, peak), megabytes(row.peakResident)];
  });
  return (
    `${machine}; multiply-add peak ${gigaflops(peak)} GFLOP/s.\n\n` +
    `${row(["work", "time (range)", "of the floor", "resident"])}|---|---|---|---|\n${lines.map(row).join("")}`
  );
}

/** @file A row of `pnpm bench data`: so many images or events a second. */
import { median, time } from "../timing.js";

/** Work that is timed. */
export interface DataRow {
  readonly name: string;
  /** What is counted. */
  readonly unit: string;
  /** Name of the row that does the least of the same work: this one's limit. */
  readonly limit?: string;
  /** Does the work once, and returns how many it has taken. */
  run(): Promise<number>;
}

/** Rows, and what to do when they have run. */
export interface DataRows {
  readonly rows: readonly DataRow[];
  close(): Promise<void>;
}

/** What was measured of a row. */
export interface DataFigures extends Omit<DataRow, "run"> {
  /** Images or events of a run. */
  readonly count: number;
  /** Seconds of each run. */
  readonly seconds: readonly number[];
  /** Processor seconds of each run, those of all threads. */
  readonly cpuSeconds: readonly number[];
}

/** Times a row. */
export async function measure({ run, ...row }: DataRow, runs: number): Promise<DataFigures> {
  const cpuSeconds: number[] = [];
  let count = 0;
  const seconds = await time(async () => {
    const before = process.cpuUsage();
    count = await run();
    const { user, system } = process.cpuUsage(before);
    cpuSeconds.push((user + system) / 1e6);
  }, runs);
  return { ...row, count, seconds, cpuSeconds: cpuSeconds.slice(-runs) };
}

/** Images or events of a second, and of a second of one core. */
export const rates = ({ count, seconds, cpuSeconds }: DataFigures) => ({
  rate: count / median(seconds),
  perCore: count / median(cpuSeconds),
});

/** A line of the terminal's table for each row. */
export function dataTable(figures: readonly DataFigures[]): Record<string, string>[] {
  const short = (value: number) => value.toPrecision(3).replace(/e\+.*/, (e) => `e${Number(e.slice(2))}`);
  return figures.map((row) => {
    const { rate, perCore } = rates(row);
    const limit = figures.find(({ name }) => name === row.limit);
    const range = row.seconds.map((seconds) => row.count / seconds);
    return {
      work: row.name,
      "a second": `${short(rate)} ${row.unit}`,
      range: `${short(Math.min(...range))}-${short(Math.max(...range))}`,
      "a core's second": short(perCore),
      ...(limit !== undefined && { "of the limit": `${Math.round((100 * perCore) / rates(limit).perCore)} %` }),
    };
  });
}

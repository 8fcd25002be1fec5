/** @file The convolutions' figures for reading. */
import { type ProductFigures, shareOf } from "./measure.js";

/** Share of the bound below which a shape is listed with what is measured of it. */
const FAR = 0.5;
/** Shares of the time that are worth telling, and speeds of all threads as a multiple of one's. */
const [MUCH, SLOW_THREADS] = [0.1, 0.75];

const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
const microseconds = (seconds: number) => (1e6 * seconds).toFixed(0);

/** A line of the terminal's table for each product of each shape. */
export function convolutionTable(figures: readonly ProductFigures[]): Record<string, string | number>[] {
  return figures.map((each) => ({
    convolution: each.shape,
    product: each.product,
    input: `${each.storage} ${each.density.toFixed(2)}`,
    path: each.path,
    µs: microseconds(each.seconds),
    "operations, M": (each.operations / 1e6).toFixed(1),
    "arithmetic, µs": microseconds(each.arithmetic),
    MB: (each.bytes / 1e6).toFixed(1),
    "memory, µs": microseconds(each.memory),
    "of the bound": percent(shareOf(each)),
  }));
}

/** What was measured of a product beside its time. */
export function findings(each: ProductFigures, threads: number): string[] {
  const speedUp = each.oneThread / each.seconds;
  return [
    ...(each.besides > MUCH
      ? [`${percent(each.besides)} of its time is in ${each.path.split(" + ").slice(0, -1).join(", ")}`]
      : []),
    ...(speedUp < SLOW_THREADS * threads ? [`${threads} threads are ${speedUp.toFixed(1)}x as fast as one`] : []),
  ];
}

/** The shapes that are below half of their bound, the furthest first. */
export function farLines(figures: readonly ProductFigures[], threads: number): string[] {
  return figures
    .filter((each) => shareOf(each) < FAR)
    .toSorted((a, b) => shareOf(a) - shareOf(b))
    .map((each) => {
      const found = findings(each, threads);
      const bound = each.arithmetic > each.memory ? "arithmetic" : "memory";
      const head = `${percent(shareOf(each))} of ${bound}: ${each.shape}, ${each.product}, ${each.path}`;
      return found.length === 0 ? head : `${head}; ${found.join("; ")}`;
    });
}

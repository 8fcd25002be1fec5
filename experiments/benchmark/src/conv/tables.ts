/** @file The convolutions' figures for reading. */
import { operationsShare, type ProductFigures, shareOf } from "./measure.js";

/** Share of the bound below which a shape is listed with where its time goes. */
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

/**
 * Where the time of a product goes, by what was measured: the call itself and what runs beside the operations, from a tenth of
 * the time on, the longest first; then the share of the peak that the operations reach in the time that is left, and why
 * additions reach little; last, threads that add little.
 */
export function findings(each: ProductFigures, threads: number): string[] {
  const shares = Object.entries({ "the call itself": each.call, ...each.besides })
    .filter(([, share]) => share > MUCH)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, share]) => `${percent(share)} ${name}`);
  const isListed = each.additionsPerList > 0;
  const operations = each.path.includes("event-driven") ? "additions" : "products";
  const lists = isListed ? `, ${each.additionsPerList.toFixed(0)} a list,` : "";
  const speedUp = each.oneThread / each.seconds;
  return [
    ...(shares.length > 0 ? [`of its time ${shares.join(", ")}`] : []),
    `its ${operations}${lists} run at ${percent(operationsShare(each))} of the peak`,
    ...(speedUp < SLOW_THREADS * threads ? [`${threads} threads are ${speedUp.toFixed(1)}x as fast as one`] : []),
  ];
}

/** The shapes that are below half of their bound, the furthest first. */
export function farLines(figures: readonly ProductFigures[], threads: number): string[] {
  return figures
    .filter((each) => shareOf(each) < FAR)
    .toSorted((a, b) => shareOf(a) - shareOf(b))
    .map((each) => {
      const bound = each.arithmetic > each.memory ? "arithmetic" : "memory";
      const head = `${percent(shareOf(each))} of ${bound}: ${each.shape}, ${each.product}, ${each.path}`;
      return [head, ...findings(each, threads)].join("; ");
    });
}

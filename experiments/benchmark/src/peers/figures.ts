/** @file From what processes found out to the figures of a work. */
import { median } from "../timing.js";
import type { Failed, Measured } from "./measure.js";
import type { WayFailed, WayFigures, WorkFigures } from "./tables.js";
import type { Way } from "./ways.js";

/** What the process of a way found out in a round. */
export type Found = Measured | Failed;

/** The first failure of a way, or the figures of all its rounds. */
function wayFigures({ name, side }: Way, rounds: readonly Found[]): WayFigures | WayFailed {
  const failure = rounds.find((each) => "failed" in each);
  if (failure !== undefined) return { name, side, failed: failure.failed };
  const measured = rounds as readonly Measured[];
  const seconds = measured.flatMap((each) => each.seconds);
  const compileSeconds = Math.max(0, measured[0]!.warmUp[0]! - median(seconds));
  return { name, side, seconds, compileSeconds, peak: Math.max(...measured.map(({ peak }) => peak)) };
}

/** The figures of a work from what each way found out in each round so far. */
export function figuresOf(name: string, found: ReadonlyMap<Way, readonly Found[]>): WorkFigures {
  const tried = [...found].filter(([, rounds]) => rounds.length > 0);
  return { name, ways: tried.map(([way, rounds]) => wayFigures(way, rounds)) };
}

/**
 * Checks that all ways run the same network.
 *
 * @throws Error when the networks of two ways have not the same layers or scores
 */
export function checkSameNetwork(name: string, found: ReadonlyMap<Way, readonly Found[]>): void {
  const networks = [...found].flatMap(([way, rounds]) =>
    rounds.flatMap((each) =>
      "failed" in each ? [] : [{ way: way.name, layers: `${each.layers}; scores [${each.output}]` }],
    ),
  );
  const [first] = networks;
  const other = networks.find(({ layers }) => layers !== first!.layers);
  if (other === undefined) return;
  throw new Error(
    `peers: the networks of ${name} must have the same layers, got parameters ${first!.layers} in ${first!.way} and ` +
      `${other.layers} in ${other.way}`,
  );
}

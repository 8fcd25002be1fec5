/** @file What was measured of both sides, for reading. */
import { median } from "../timing.js";
import { EAGER, type Way } from "./ways.js";

/** What was measured of a way to run a work. */
export interface WayFigures extends Pick<Way, "name" | "side"> {
  /** Of each pass, in all rounds. */
  readonly seconds: readonly number[];
  /** What the first pass of the first process took beyond a later one, in seconds: compilers, above all. */
  readonly compileSeconds: number;
  /** Largest resident size of its processes, in bytes. */
  readonly peak: number;
}

/** A way without figures. */
export interface WayFailed extends Pick<Way, "name" | "side"> {
  readonly failed: string;
}

/** A work, and what was measured of it. */
export interface WorkFigures {
  readonly name: string;
  readonly ways: readonly (WayFigures | WayFailed)[];
}

const isMeasured = (way: WayFigures | WayFailed): way is WayFigures => "seconds" in way;

/** The fastest of a side's ways, by its median; undefined where none was measured. */
export function bestOf({ ways }: WorkFigures, side: Way["side"]): WayFigures | undefined {
  return ways
    .filter(isMeasured)
    .filter((way) => way.side === side)
    .toSorted((a, b) => median(a.seconds) - median(b.seconds))[0];
}

const named = ({ ways }: WorkFigures, name: string) => ways.filter(isMeasured).find((way) => way.name === name);
const seconds = (values: readonly number[]) => median(values).toPrecision(3);
const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(2);

/** How many times as fast a way is as another one. */
const ahead = (way: WayFigures, other: WayFigures | undefined) =>
  other === undefined ? "–" : `${(median(other.seconds) / median(way.seconds)).toFixed(2)}x`;

const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  row(head) + row(head.map(() => "---")) + rows.map(row).join("");

/** A line for each work: both sides' best ways. */
export function summaryTable(works: readonly WorkFigures[]): string {
  const cell = (way: WayFigures | undefined) =>
    way === undefined ? "–" : `${seconds(way.seconds)} s, ${gigabytes(way.peak)} GB`;
  const lines = works.map((work) => {
    const [ours, peer] = [bestOf(work, "ours"), bestOf(work, "peer")];
    const eager = named(work, EAGER);
    return [
      work.name,
      cell(eager),
      peer === undefined ? "–" : `${cell(peer)} (${peer.name})`,
      ours === undefined ? "–" : `${cell(ours)} (${ours.name})`,
      ours === undefined ? "–" : ahead(ours, eager),
      ours === undefined ? "–" : ahead(ours, peer),
    ];
  });
  const head = [
    "work",
    "peer, eager float32",
    "peer, best way",
    "ours, best way",
    "ahead of eager",
    "ahead of the best",
  ];
  return table(head, lines);
}

/** Every way of a work, the fastest first, and those that failed. */
export function wayTable(work: WorkFigures): string {
  const best = bestOf(work, "peer");
  const eager = named(work, EAGER);
  const measured = work.ways.filter(isMeasured).toSorted((a, b) => median(a.seconds) - median(b.seconds));
  const failed = work.ways.filter((way): way is WayFailed => !isMeasured(way));
  return table(
    ["way", "seconds (range)", "ahead of the peer's best", "ahead of eager float32", "peak, GB", "compiling, s"],
    [
      ...measured.map((way) => [
        way.name,
        `${seconds(way.seconds)} (${Math.min(...way.seconds).toPrecision(3)}-${Math.max(...way.seconds).toPrecision(3)})`,
        ahead(way, best),
        ahead(way, eager),
        gigabytes(way.peak),
        way.compileSeconds.toFixed(0),
      ]),
      ...failed.map(({ name, failed }) => [name, `failed: ${failed.replaceAll("|", "\\|")}`, "", "", "", ""]),
    ],
  );
}

/** Both kinds of tables, as Markdown. */
export function markdown(works: readonly WorkFigures[], machine: string): string {
  const parts = works.map((work) => `**${work.name}**\n\n${wayTable(work)}`);
  return [`${machine}.\n`, summaryTable(works), ...parts].join("\n");
}

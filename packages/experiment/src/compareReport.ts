/** @file The report of a comparison: a table, curves, what they show. */
import { join } from "node:path";
import {
  html,
  type Line,
  lineChart,
  type Section,
  section,
  settingsSection,
  sideBySide,
  table,
  writeReport,
} from "@sew/analysis";
import { writeAtomic } from "@sew/files";
import type { EpochMetrics } from "@sew/training";
import type { Claim, ComparedResult, Comparison } from "./experiment.js";
import { writeJson } from "./writeJson.js";

/** What a report of a comparison shows. */
export interface ReportedComparison {
  readonly experiment: string;
  readonly name: string;
  readonly comparison: Comparison;
  readonly options: readonly string[];
  readonly results: readonly ComparedResult[];
  readonly claims: readonly Claim[];
  readonly notes: readonly string[];
  readonly sections?: readonly Section[] | undefined;
}

const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
const nats = (value: number): string => value.toFixed(3);

/** The last epoch of a run in some words. */
export function lastOf({ trainLoss, testTop1, validationTop1 }: EpochMetrics): string {
  const top1 = testTop1 ?? validationTop1;
  return `training loss ${nats(trainLoss)}${top1 === undefined ? "" : `, top-1 ${percent(top1)}`}`;
}

/** A number of a run, from its history. */
interface Column {
  readonly heading: string;
  readonly of: (history: readonly EpochMetrics[]) => number | undefined;
  readonly write: (value: number) => string;
}

const top1Of = ({ testTop1, validationTop1 }: EpochMetrics): number | undefined => testTop1 ?? validationTop1;

const columns: readonly Column[] = [
  { heading: "training loss", of: (history) => history.at(-1)?.trainLoss, write: nats },
  { heading: "training top-1", of: (history) => history.at(-1)?.trainTop1, write: percent },
  { heading: "top-1, last epoch", of: (history) => history.at(-1) && top1Of(history.at(-1)!), write: percent },
  {
    heading: "top-1, best epoch",
    of: (history) => mostOf(history.flatMap((epoch) => top1Of(epoch) ?? [])),
    write: percent,
  },
];

function mostOf(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : Math.max(...values);
}

/** Mean and standard deviation over the seeds, `1.234 ± 0.056`. */
export function spread(values: readonly number[], write: (value: number) => string): string {
  if (values.length === 0) return "–";
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length === 1) return write(mean);
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
  return `${write(mean).replace(/ %$/, "")} ± ${write(deviation)}`;
}

/** Heading and rows of the table of a comparison: mean and standard deviation over the seeds. */
function rowsOf(results: readonly ComparedResult[]): { readonly heading: string[]; readonly rows: string[][] } {
  const present = columns.filter(({ of }) =>
    results.some(({ runs }) => runs.some(({ history }) => of(history) !== undefined)),
  );
  return {
    heading: ["run", "seeds", ...present.map(({ heading }) => heading)],
    rows: results.map(({ name, runs, diverged }) => [
      name,
      `${runs.length + diverged.length}`,
      ...present.map(({ of, write }) => {
        const values = runs.flatMap(({ history }) => of(history) ?? []);
        if (diverged.length === 0) return spread(values, write);
        return values.length === 0 ? "diverged" : `${spread(values, write)} (${diverged.length} diverged)`;
      }),
    ]),
  };
}

/**
 * A curve of one value over the epochs for each result: the mean over its seeds, and their range.
 *
 * @param title of the chart
 * @param results at most 12
 * @param of the value of an epoch
 */
export function curves(
  title: string,
  results: readonly ComparedResult[],
  of: (epoch: EpochMetrics) => number | undefined,
): ReturnType<typeof lineChart> {
  const epochs = Math.max(...results.flatMap(({ runs }) => runs.map(({ history }) => history.length)), 1);
  const lines = results.map(({ name, runs }): Line => {
    const at = (epoch: number) => runs.flatMap(({ history }) => (history[epoch] && of(history[epoch])) ?? []);
    const all = Array.from({ length: epochs }, (_, epoch) => at(epoch));
    return {
      name,
      values: all.map((values) =>
        values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length,
      ),
      ...(runs.length > 1 && {
        range: all.map((values) =>
          values.length === 0 ? undefined : ([Math.min(...values), Math.max(...values)] as const),
        ),
      }),
    };
  });
  return lineChart({ title, lines });
}

/** The most curves of a chart. */
const MOST = 12;

function defaultSections(results: readonly ComparedResult[]): Section[] {
  const drawn = results.filter(({ runs }) => runs.length > 0).slice(0, MOST);
  if (drawn.length === 0) return [];
  const measured = drawn.some(({ runs }) =>
    runs.some(({ history }) => history.some((epoch) => top1Of(epoch) !== undefined)),
  );
  return [
    section(
      "Curves",
      sideBySide(
        curves("Training loss", drawn, ({ trainLoss }) => trainLoss),
        measured && curves("Top-1", drawn, top1Of),
      ),
    ),
  ];
}

/** Writes `report.html`, `results.md` and `results.json` into the folder of a comparison. */
export async function writeComparisonReport(folder: string, compared: ReportedComparison): Promise<void> {
  const { experiment, name, comparison, options, results, claims, notes } = compared;
  const { heading, rows } = rowsOf(results);
  const sections = compared.sections ?? defaultSections(results);
  await writeReport(join(folder, "report.html"), {
    title: comparison.title,
    subtitle: `${experiment}: ${name}`,
    notes,
    sections: [
      claims.length > 0 &&
        section(
          "What the results show",
          html`<ul>${claims.map(({ text, holds }) => html`<li>${holds ? "✓" : "✗ does not hold:"} ${text}</li>`)}</ul>`,
        ),
      section("Results", table(heading, rows)),
      ...sections,
      settingsSection({ "Options of all runs": { options: options.join(" ") } }),
    ],
  });
  const markdown = [heading, heading.map((_, i) => (i === 0 ? "---" : "--:")), ...rows];
  const lines = markdown.map((cells) => `| ${cells.join(" | ")} |`);
  const said = claims.map(({ text, holds }) => `- ${holds ? "holds" : "does not hold"}: ${text}`);
  const listed = [...said, ...notes.map((note) => `- ${note}`)];
  const text = [`# ${comparison.title}`, "", ...lines, ...(listed.length > 0 ? ["", ...listed] : []), ""].join("\n");
  await writeAtomic(join(folder, "results.md"), [Buffer.from(text)]);
  await writeJson("comparison", join(folder, "results.json"), { comparison: name, options, claims, notes, results });
}

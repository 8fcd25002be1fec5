/** @file The report of a comparison: a table, curves, what they show. */
import { join } from "node:path";
import {
  html,
  type Line,
  type LineChartOptions,
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
import type { Claim, ComparedResult } from "./experiment.js";
import { writeJson } from "./writeJson.js";

/** What a report of a comparison shows. */
export interface ReportedComparison {
  readonly title: string;
  readonly subtitle: string;
  readonly results: readonly ReportedResult[];
  /** @defaultValue none */
  readonly claims?: readonly Claim[];
  readonly notes: readonly string[];
  /** Settings in which the results differ: a row for each, with a value for each result. @defaultValue not shown */
  readonly differences?: readonly (readonly string[])[];
  /** @defaultValue curves of losses and accuracies */
  readonly sections?: readonly Section[] | undefined;
  /** Settings of all runs, under headings. @defaultValue not shown */
  readonly settings?: Readonly<Record<string, object>>;
  /** What `results.json` holds. */
  readonly numbers: object;
}

/** The part of a result that a report shows. */
export type ReportedResult = Pick<ComparedResult, "name" | "diverged"> & {
  /** The network by which its curves have their colour. @defaultValue `name` */
  readonly network?: string;
  readonly runs: readonly Pick<ComparedResult["runs"][number], "seed" | "history">[];
};

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
  /** Writes the values of all seeds. @defaultValue mean and standard deviation */
  readonly join?: (values: readonly number[]) => string;
}

const seconds = (value: number): string => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} s`;

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
  {
    heading: "epochs",
    of: (history) => history.length,
    write: (value) => `${value}`,
    join: (values) => [...new Set(values)].join(", "),
  },
  {
    heading: "time per epoch",
    of: (history) => medianOf(history.flatMap(({ seconds }) => seconds ?? [])),
    write: seconds,
  },
];

function mostOf(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : Math.max(...values);
}

function medianOf(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** Mean and standard deviation over the seeds, `1.234 ± 0.056`. */
export function spread(values: readonly number[], write: (value: number) => string): string {
  if (values.length === 0) return "–";
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length === 1) return write(mean);
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
  return `${write(mean).replace(/ (%|s)$/, "")} ± ${write(deviation)}`;
}

/** Heading and rows of the table of a comparison: mean and standard deviation over the seeds. */
function rowsOf(results: readonly ReportedResult[]): { readonly heading: string[]; readonly rows: string[][] } {
  const measured = columns.filter(({ of }) =>
    results.some(({ runs }) => runs.some(({ history }) => of(history) !== undefined)),
  );
  // Where all runs diverged, a column says so.
  const present = measured.length > 0 ? measured : columns.slice(0, 1);
  return {
    heading: ["run", "seeds", ...present.map(({ heading }) => heading)],
    rows: results.map(({ name, runs, diverged }) => [
      name,
      `${runs.length + diverged.length}`,
      ...present.map(({ of, write, join }) => {
        const values = runs.flatMap(({ history }) => of(history) ?? []);
        if (diverged.length === 0) return values.length > 0 && join ? join(values) : spread(values, write);
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
 * @param format how a value is written. @defaultValue three significant digits
 */
export function curves(
  title: string,
  results: readonly ReportedResult[],
  of: (epoch: EpochMetrics) => number | undefined,
  format?: LineChartOptions["format"],
): ReturnType<typeof lineChart> {
  const epochs = Math.max(...results.flatMap(({ runs }) => runs.map(({ history }) => history.length)), 1);
  const lines = results.map(({ name, network, runs }): Line => {
    const at = (epoch: number) => runs.flatMap(({ history }) => (history[epoch] && of(history[epoch])) ?? []);
    const all = Array.from({ length: epochs }, (_, epoch) => at(epoch));
    return {
      name,
      ...(network !== undefined && { network }),
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
  return lineChart({ title, lines, ...(format !== undefined && { format }) });
}

/** The most curves of a chart. */
const MOST = 12;

/** The curves of a comparison, each where any run has it. */
const charts: readonly {
  readonly title: string;
  readonly of: (epoch: EpochMetrics) => number | undefined;
  readonly format?: "percent";
}[] = [
  { title: "Training loss", of: ({ trainLoss }) => trainLoss },
  { title: "Training top-1", of: ({ trainTop1 }) => trainTop1, format: "percent" },
  { title: "Evaluation loss", of: ({ testLoss, validationLoss }) => testLoss ?? validationLoss },
  { title: "Evaluation top-1", of: top1Of, format: "percent" },
];

function defaultSections(results: readonly ReportedResult[]): Section[] {
  const all = results.filter(({ runs }) => runs.some(({ history }) => history.length > 0));
  const drawn = all.slice(0, MOST);
  const shown = charts.filter(({ of }) =>
    drawn.some(({ runs }) => runs.some(({ history }) => history.some((epoch) => of(epoch) !== undefined))),
  );
  if (shown.length === 0) return [];
  const parts = shown.map(({ title, of, format }) => curves(title, drawn, of, format));
  const left = all.length > MOST && html`<p class="lead">The first ${MOST} of ${all.length} are drawn.</p>`;
  return [section("Curves", left, sideBySide(...parts))];
}

/** Writes `report.html`, `results.md` and `results.json` into the folder of a comparison. */
export async function writeComparisonReport(folder: string, compared: ReportedComparison): Promise<void> {
  const { title, subtitle, results, claims = [], notes, differences = [], settings, numbers } = compared;
  const { heading, rows } = rowsOf(results);
  const names = ["setting", ...results.map(({ name }) => name)];
  await writeReport(join(folder, "report.html"), {
    title,
    subtitle,
    notes,
    sections: [
      claims.length > 0 &&
        section(
          "What the results show",
          html`<ul>${claims.map(({ text, holds }) => html`<li>${holds ? "✓" : "✗ does not hold:"} ${text}</li>`)}</ul>`,
        ),
      section(
        "Results",
        table(
          heading,
          rows.map((cells) => cells.map(unbroken)),
        ),
      ),
      differences.length > 0 &&
        section("Settings that differ", html`<div class="wrapped">${table(names, differences)}</div>`),
      ...(compared.sections ?? defaultSections(results)),
      settings && settingsSection(settings),
    ],
  });
  const said = claims.map(({ text, holds }) => `- ${holds ? "holds" : "does not hold"}: ${text}`);
  const listed = [...said, ...notes.map((note) => `- ${note}`)];
  const text = [
    `# ${title}`,
    "",
    ...markdownTable(heading, rows),
    ...(differences.length > 0 ? ["", "## Settings that differ", "", ...markdownTable(names, differences)] : []),
    ...(listed.length > 0 ? ["", ...listed] : []),
    "",
  ].join("\n");
  await writeAtomic(join(folder, "results.md"), [Buffer.from(text)]);
  await writeJson("comparison", join(folder, "results.json"), numbers);
}

/** A number and its unit on one line. */
function unbroken(cell: string): string {
  return cell.replaceAll(/ (?=[%s±]|[\d.]+ [%s]$)/g, "\u202f");
}

function markdownTable(heading: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [heading, heading.map((_, i) => (i === 0 ? "---" : "--:")), ...rows];
  return all.map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`);
}

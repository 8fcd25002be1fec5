/** @file `--check-data`: every sample of an experiment's data read, and a report of what is there and what is wrong. */
import { join } from "node:path";
import { html, type Section, samplesSection, section, table, writeReport } from "@sew/analysis";
import {
  type CheckedData,
  type CheckedSample,
  checkData,
  type DataCheck,
  type DataProblem,
  type SplitCheck,
} from "@sew/datasets";
import { printable } from "@sew/kernels";
import type { CommandLine, Given } from "./commandLine.js";
import { checkFolder, showPreparation } from "./data.js";
import type { Experiment, ExperimentDataset } from "./experiment.js";
import { inOptions } from "./remedies.js";
import type { Settings } from "./settings.js";
import { writeJson } from "./writeJson.js";

/** Problems, duplicates and warnings that are shown of each; `--json` writes all. */
const SHOWN = 50;
/** Samples that are named of each problem. */
const NAMES = 5;
/** Longest side of a drawn frame, in pixels: the pictures of the most classes stay below 5 MB. */
const THUMBNAIL = 112;
/** Classes that the terminal shows. */
const CLASSES = 20;

/**
 * Checks the data of `--check-data`, prints a summary and writes `data.html`, into `--out` or
 * `runs/<experiment>/check-<dataset>`, where it replaces that of an earlier check.
 *
 * @returns the exit code: 0 where all is well, else 1
 */
export async function checkDataOf<Own extends object>(
  experiment: Experiment<Own>,
  line: CommandLine<Own>,
  given: Given<Own>,
): Promise<number> {
  const { name, datasets } = experiment;
  const { checkData: data = "", dataset, out = join("runs", name, `check-${dataset}`), json } = given;
  const settings = line.settings({ ...given, data }, out);
  const { title } = datasets[dataset]!;
  await checkFolder("--check-data", data, title);
  const bars = new Map<string, ReturnType<typeof showPreparation>>();
  const checked = await checkData(await open(datasets[dataset]!, settings), {
    archives: data,
    onProgress(what, done, total) {
      if (!bars.has(what)) bars.set(what, showPreparation(`checking ${what}`));
      bars.get(what)!(done, total);
    },
  });
  const found: DataCheck = {
    ...checked,
    problems: checked.problems.map((each) => ({ ...each, message: inOptions(experiment, each.message) })),
    warnings: checked.warnings.map((text) => inOptions(experiment, text)),
  };
  const file = join(out, "data.html");
  await writeReport(file, {
    title: `${title}, checked`,
    subtitle: data,
    figures: [
      { name: "Samples", value: found.splits.reduce((sum, { count }) => sum + count, 0) },
      { name: "Classes", value: found.classes.length },
      { name: "Problems", value: found.problems.length },
      { name: "Duplicates", value: found.duplicates.length, detail: "groups of equal samples" },
    ],
    sections: sectionsOf(found),
  });
  const { examples: _, ...numbers } = found;
  if (json !== undefined) await writeJson("--json", json, numbers);
  process.stdout.write(printable(`${summaryOf(`${title} in ${data}`, found)}\nreport: ${file}\n`));
  return found.problems.length === 0 ? 0 : 1;
}

/** What is checked; an error of opening it becomes a problem. */
async function open<Own extends object>(
  dataset: ExperimentDataset<Own>,
  settings: Settings & Own,
): Promise<CheckedData> {
  try {
    if (dataset.checked !== undefined) return await dataset.checked(settings);
    if (dataset.recordings !== undefined) return await dataset.recordings(settings, showPreparation);
    return { ...(await dataset.open(settings, showPreparation)) };
  } catch (error) {
    const failed = Promise.reject(error);
    failed.catch(() => {});
    return { data: failed };
  }
}

const sizeOf = (bytes: number): string =>
  bytes < 1e6
    ? `${(bytes / 1e3).toFixed(1)} kB`
    : bytes < 1e9
      ? `${(bytes / 1e6).toFixed(1)} MB`
      : `${(bytes / 1e9).toFixed(1)} GB`;

const splitHeads = ["split", "samples", "damaged", "files", "size", "shape"];

function splitRow({ name, count, damaged, files, shape }: SplitCheck): string[] {
  return [
    name,
    `${count}`,
    `${damaged}`,
    `${files?.count ?? "–"}`,
    files ? sizeOf(files.bytes) : "–",
    shape.join(" x "),
  ];
}

const measureHeads = ["per sample", "split", "least", "5 %", "median", "95 %", "greatest"];

function measureRows(splits: readonly SplitCheck[]): string[][] {
  return splits.flatMap(({ name, distributions }) =>
    Object.entries(distributions).map(([measure, { least, low, median, high, greatest }]) => [
      measure,
      name,
      ...[least, low, median, high, greatest].map((value) => `${Math.round(value)}`),
    ]),
  );
}

function classRows({ classes, splits }: DataCheck): string[][] {
  return classes.map((name, label) => [name, ...splits.map(({ classCounts }) => `${classCounts[label] ?? 0}`)]);
}

const nameOf = ({ split, name, className }: CheckedSample): string => `${split}/${name} (${className})`;

function problemText({ message, samples }: DataProblem): string {
  if (samples.length === 0) return message;
  const more = samples.length - NAMES;
  return `${samples.slice(0, NAMES).map(nameOf).join(", ")}${more > 0 ? ` and ${more} more` : ""}: ${message}`;
}

/** What is shown of a list, and how many are not. */
function shownOf(texts: readonly string[]): string[] {
  const more = texts.length - SHOWN;
  return [...texts.slice(0, SHOWN), ...(more > 0 ? [`and ${more} more, which --json writes`] : [])];
}

/** The lists of the report and of the summary, by their headings. */
function listsOf({ problems, duplicates, warnings }: DataCheck): [heading: string, texts: string[]][] {
  return [
    ["Problems", shownOf(problems.map(problemText))],
    ["Duplicates", shownOf(duplicates.map((equal) => equal.map(nameOf).join(" = ")))],
    ["Warnings", shownOf(warnings)],
  ];
}

function sectionsOf(found: DataCheck): (Section | undefined)[] {
  const { splits } = found;
  const measures = measureRows(splits);
  const lists = listsOf(found).map(([heading, texts]) =>
    texts.length === 0 ? undefined : section(heading, ...texts.map((text) => html`<p>${text}</p>`)),
  );
  const fingerprints = splits.map(
    ({ name, fingerprint }) => html`<p>SHA-256 of ${name}: <code>${fingerprint}</code></p>`,
  );
  return [
    ...lists,
    splits.length === 0 ? undefined : section("Splits", table(splitHeads, splits.map(splitRow)), fingerprints),
    measures.length === 0 ? undefined : section("Distributions", table(measureHeads, measures)),
    splits.length === 0
      ? undefined
      : section("Classes", table(["class", ...splits.map(({ name }) => name)], classRows(found))),
    examplesSection(found),
  ];
}

/** Rows under one another, the first column to the left, the others to the right. */
function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ");
  return rows.map(line).join("\n");
}

function summaryOf(title: string, found: DataCheck): string {
  const { classes, splits, problems } = found;
  const counts = splits.map(({ name, classCounts }) => {
    return `${name}: ${classes.length} classes of ${Math.min(...classCounts)} to ${Math.max(...classCounts)} samples`;
  });
  const measures = measureRows(splits);
  const parts = [
    title,
    ...(splits.length === 0 ? [] : [aligned([splitHeads, ...splits.map(splitRow)])]),
    ...(measures.length === 0 ? [] : [aligned([measureHeads, ...measures])]),
    ...(splits.length === 0 || classes.length > CLASSES
      ? counts
      : [aligned([["class", ...splits.map(({ name }) => name)], ...classRows(found)])]),
    ...(splits.length === 0
      ? []
      : [splits.map(({ name, fingerprint }) => `SHA-256 of ${name}: ${fingerprint}`).join("\n")]),
    ...listsOf(found).flatMap(([heading, texts]) =>
      texts.length === 0 ? [] : [`${heading}:\n${texts.map((text) => `- ${text}`).join("\n")}`],
    ),
    problems.length === 0 ? "all is well" : `${problems.length} ${problems.length === 1 ? "problem" : "problems"}`,
  ];
  return parts.join("\n\n");
}

/** Pictures of samples; in their place why there are none, since not all values can be shown as a picture. */
function examplesSection({ classes, examples }: DataCheck): Section | undefined {
  const title =
    examples.length < classes.length
      ? `A sample of ${examples.length} of ${classes.length} classes`
      : "A sample of each class";
  try {
    return samplesSection(examples, title, { longestSide: THUMBNAIL });
  } catch (error) {
    return section(title, html`<p>No picture: ${(error as Error).message}</p>`);
  }
}

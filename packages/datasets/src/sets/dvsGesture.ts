/** @file DVS128 Gesture: 11 hand and arm gestures of 29 people under several lights. */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type EventDataset, type EventDatasetOptions, nameWith, type Sample, type Split } from "../eventDataset.js";
import { type Events, eventsBetween } from "../events.js";
import { FileFormatError } from "../fileFormatError.js";
import { listNames } from "../folders.js";
import { readAedat31 } from "../formats/readAedat31.js";
import { readLines } from "../formats/readLines.js";
import { checkTruncated } from "../formats/recording.js";

/**
 * The gestures, in class order: `gestureClasses[label]`, with label = class of the label file - 1.
 *
 * Trap: tools that unpack the samples into folders "0".."10" and sort the names as text get 0, 1, 10, 2, …, so that their
 * output 2 is "other gestures". Checkpoints trained that way need their outputs permuted.
 */
export const gestureClasses: readonly string[] = [
  "hand clapping",
  "right-hand wave",
  "left-hand wave",
  "right arm clockwise",
  "right arm counter-clockwise",
  "left arm clockwise",
  "left arm counter-clockwise",
  "arm roll",
  "air drums",
  "air guitar",
  "other gestures",
];

/** Side of the square sensor of a DVS128, in pixels. */
export const GESTURE_SENSOR = 128;

/** In this file a folder of synthetic recordings says so; see `writeSyntheticGestures`. */
export const SYNTHETIC_MARKER = "synthetic.json";

/** How far a label may reach beyond the first or last event, in microseconds: a still sensor is silent. */
const SLACK = 100_000;

/** One labelled stretch of a recording. */
export interface GestureSample extends Sample {
  /** First microsecond of the gesture. */
  readonly start: number;
  /** First microsecond after it. */
  readonly end: number;
}

/**
 * How {@link dvsGesture} treats recordings that are truncated and labels that are wrong. The labels after the end of a
 * truncated recording are wrong, too.
 */
export interface DvsGestureOptions extends EventDatasetOptions {
  /**
   * What to do about labels whose times are wrong: `end` not after `start`, overlap with another label, no events, or
   * more than 0.1 s beyond the recording. `"error"` throws; `"warn"` emits a process warning, once each, and takes the
   * events with `start <= t < end`, which may be none. Some files as published (user22_led) need `"warn"`.
   *
   * @defaultValue `"error"`
   */
  readonly labelProblems?: "error" | "warn";
}

/**
 * DVS128 Gesture as published: 128 x 128 pixels, 11 classes, 1176 train and 288 test samples.
 *
 * `dir` holds `trials_to_train.txt` and `trials_to_test.txt`, which name one recording a line; the recordings
 * `<trial>.aedat` (AEDAT 3.1); and `<trial>_labels.csv` with a header and rows `class (1..11), start, end` in
 * microseconds. Each row is one sample: the events with `start <= t < end`, times as recorded, label = class - 1. It is
 * named `<label>/<trial>_<k>`, its file name in other readers' folders, with k counting the rows of that class in the trial.
 *
 * A folder written by `writeSyntheticGestures` is read too, and is then named "synthetic-gestures".
 *
 * @param dir the unpacked `DvsGesture` folder
 * @throws TypeError when an option is none of its values
 * @throws (samples) Error when a file is missing; FileFormatError when a line is malformed, names an unknown class, or
 *   has wrong times
 * @throws (events) FileFormatError when the recording is damaged, an event lies outside the sensor, or the label does
 *   not fit the recording
 * @see Amir et al., "A Low Power, Fully Event-Based Gesture Recognition System", CVPR 2017
 *
 * @example
 * ```ts no-run
 * const gestures = dvsGesture("data/DvsGesture", { labelProblems: "warn" });
 * for (const sample of await gestures.samples("train")) {
 *   console.log(gestures.classes[sample.label], (await gestures.events(sample)).t.length);
 * }
 * ```
 */
export function dvsGesture(
  dir: string,
  { labelProblems = "error", truncated = "refuse" }: DvsGestureOptions = {},
): EventDataset<GestureSample> {
  if (labelProblems !== "error" && labelProblems !== "warn") {
    throw new TypeError(
      `dvsGesture: labelProblems must be "error" or "warn", got ${JSON.stringify(labelProblems satisfies never)}`,
    );
  }
  checkTruncated("dvsGesture", truncated);
  const warned = new Set<string>();
  const report = (file: string, line: number, must: string, got: string): void => {
    const fault = { reader: "dvsGesture", file, line, must, got };
    if (labelProblems === "error") {
      throw new FileFormatError({ ...fault, remedy: 'pass labelProblems: "warn" to take the events that are there' });
    }
    const { message } = new FileFormatError(fault);
    if (warned.has(message)) return;
    warned.add(message);
    process.emitWarning(message, "LabelWarning");
  };

  // Samples of a recording follow one another, so the recording last read is the one needed next.
  let last: { path: string; events: Promise<Events> } | undefined;
  const recording = (path: string): Promise<Events> => {
    if (last?.path !== path) {
      last = { path, events: readAedat31(path, { height: GESTURE_SENSOR, width: GESTURE_SENSOR, truncated }) };
    }
    return last.events;
  };

  const synthetic = existsSync(join(dir, SYNTHETIC_MARKER));
  return {
    name: nameWith(synthetic ? "synthetic-gestures" : "dvs-gesture", {
      lenient: labelProblems === "warn",
      truncated: truncated === "keep",
    }),
    classes: gestureClasses,
    height: GESTURE_SENSOR,
    width: GESTURE_SENSOR,
    ...(!synthetic && { published: { train: 1176, test: 288 } }),

    async samples(split) {
      const samples: GestureSample[] = [];
      for (const trial of await readTrials(dir, split)) {
        const rows = await readLabels(join(dir, `${trial}_labels.csv`));
        checkTimes(rows, report);
        const seen = new Map<number, number>();
        for (const { file, label, start, end } of rows) {
          const k = seen.get(label) ?? 0;
          seen.set(label, k + 1);
          samples.push({
            name: `${label}/${trial}_${k}`,
            label,
            files: [join(dir, `${trial}.aedat`), file],
            start,
            end,
          });
        }
      }
      return samples;
    },

    async events({ name, files: [path = "", labels = ""], start, end }) {
      const all = await recording(path);
      const events = eventsBetween(all, start, end);
      const [from, to] = [all.t[0] ?? 0, all.t.at(-1) ?? 0];
      if (events.t.length === 0 || start < from - SLACK || end > to + SLACK) {
        const line = (await readLabels(labels)).find((row) => row.start === start && row.end === end)?.line ?? 0;
        report(
          labels,
          line,
          `label times within the recording, ${from}..${to} us`,
          `${start}..${end} us with ${events.t.length} events for sample ${name}`,
        );
      }
      return events;
    },
  };
}

/**
 * The trials of a split, each with its recording. Throws when one is listed twice, here or for the other split; warns of
 * recordings that neither list names.
 */
async function readTrials(dir: string, split: Split): Promise<string[]> {
  const [file, other] = [listOf(dir, split), listOf(dir, split === "train" ? "test" : "train")];
  const absentLists = [listOf(dir, "train"), listOf(dir, "test")].filter((list) => !existsSync(list));
  if (absentLists.includes(file)) throw missing(listNames(absentLists));
  const trials = await readTrialList(file);
  if (trials.length === 0) {
    throw new FileFormatError({ reader: "dvsGesture", file, line: 1, must: "name a recording", got: "none" });
  }
  const elsewhere = new Set(existsSync(other) ? (await readTrialList(other)).map(({ trial }) => trial) : []);
  const seen = new Set<string>();
  const absent: string[] = [];
  for (const { trial, line } of trials) {
    if (seen.has(trial) || elsewhere.has(trial)) {
      const got = `${trial} ${seen.has(trial) ? "twice" : `also in ${other}`}`;
      throw new FileFormatError({ reader: "dvsGesture", file, line, must: "name each recording once", got });
    }
    seen.add(trial);
    const recording = join(dir, `${trial}.aedat`);
    if (!existsSync(recording)) absent.push(recording);
  }
  if (absent.length > 0) throw missing(listNames(absent));
  const unlisted = (await readdir(dir)).filter((name) => {
    const [, trial] = /^(.+)\.aedat$/.exec(name) ?? [];
    return trial !== undefined && !seen.has(trial) && !elsewhere.has(trial);
  });
  if (unlisted.length > 0 && existsSync(other)) {
    process.emitWarning(
      `dvsGesture: ${dir} has recordings that no list names, and that are not used: ${listNames(unlisted)}`,
      "UnlistedRecordingWarning",
    );
  }
  return trials.map(({ trial }) => trial);
}

function listOf(dir: string, split: Split): string {
  return join(dir, `trials_to_${split}.txt`);
}

/** The trials that a list names, by line. */
async function readTrialList(file: string): Promise<{ trial: string; line: number }[]> {
  return (await readLinesOf(file)).flatMap((text, i) => {
    if (text === "") return [];
    const [, trial] = /^([\w-]+)\.aedat$/.exec(text) ?? [];
    if (trial === undefined) {
      const must = 'name one recording "<trial>.aedat" a line';
      throw new FileFormatError({ reader: "dvsGesture", file, line: i + 1, must, got: JSON.stringify(text) });
    }
    return [{ trial, line: i + 1 }];
  });
}

interface LabelRow {
  readonly file: string;
  readonly line: number;
  readonly label: number;
  readonly start: number;
  readonly end: number;
}

/** The rows of a label file. Their times are only checked to be numbers. */
async function readLabels(file: string): Promise<LabelRow[]> {
  const fail = (line: number, must: string, got: string): never => {
    throw new FileFormatError({ reader: "dvsGesture", file, line, must, got });
  };
  const [header = "", ...lines] = await readLinesOf(file);
  if (!header.startsWith("class")) {
    fail(1, 'start with the header "class,startTime_usec,endTime_usec"', JSON.stringify(header));
  }
  return lines.flatMap((text, i) => {
    if (text === "") return [];
    const line = i + 2;
    const fields = /^(\d{1,15})\s*,\s*(\d{1,15})\s*,\s*(\d{1,15})$/.exec(text)?.slice(1).map(Number);
    const [gesture = 0, start = 0, end = 0] =
      fields ?? fail(line, "hold rows of three whole numbers", JSON.stringify(text));
    if (gesture < 1 || gesture > gestureClasses.length) {
      fail(line, `hold classes in 1..${gestureClasses.length}`, `${gesture}`);
    }
    return { file, line, label: gesture - 1, start, end };
  });
}

/** Reports labels that end before they start, and neighbours in time that overlap. */
function checkTimes(
  rows: readonly LabelRow[],
  report: (file: string, line: number, must: string, got: string) => void,
): void {
  for (const { file, line, start, end } of rows) {
    if (end <= start) report(file, line, "hold labels that end after they start", `${start}..${end} us`);
  }
  const sorted = rows.toSorted((a, b) => a.start - b.start);
  for (const [i, { file, line, start, end }] of sorted.entries()) {
    const before = sorted[i - 1];
    if (before !== undefined && start < before.end) {
      const got = `${start}..${end} us, which overlaps ${before.start}..${before.end} us of line ${before.line},`;
      report(file, line, "hold labels that do not overlap", got);
    }
  }
}

async function readLinesOf(file: string): Promise<string[]> {
  return readLines("dvsGesture", file).catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ENOENT" ? missing(file) : error;
  });
}

function missing(files: string): Error {
  return new Error(
    `dvsGesture: dir must hold the DVS128 Gesture files, got no ${files}; ` +
      "unpack DvsGesture.tar.gz there, or make a synthetic set with writeSyntheticGestures",
  );
}

import { stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import { checkArchives } from "./archives.js";
import { checkRecording, checkSourceSample, messageOf, type SampleFindings } from "./checkSample.js";
import type { CheckWorkerData } from "./checkWorker.js";
import type { EventDataset, Sample, Split } from "./eventDataset.js";
import { fingerprint } from "./fingerprint.js";
import { listNames } from "./folders.js";
import { integrate } from "./integrate.js";
import { checkDistinct, checkLabels, checkSource, type Source } from "./source.js";
import { createWorkerPool, type WorkerPool } from "./workerPool.js";

/** What {@link checkData} checks: a data set of recordings, or the sources of its splits by their names. */
export type CheckedData = EventDataset | Readonly<Record<string, Source | Promise<Source> | undefined>>;

/** How {@link checkData} reads. */
export interface CheckDataOptions {
  /** Threads that read the samples of a source, 0..1024; recordings are read in the calling thread. @defaultValue the number of cores */
  readonly workers?: number;
  /** A folder in which archives are compared with their published MD5, such as that of the data. @defaultValue none */
  readonly archives?: string;
  /** Called at the start of a split and after every few of its samples; for an archive, with megabytes. @defaultValue none */
  readonly onProgress?: (what: string, done: number, total: number) => void;
}

/** A sample, by the split that it is in. */
export interface CheckedSample {
  readonly split: string;
  readonly name: string;
  readonly className: string;
}

/** Something that is wrong with a data set. */
export interface DataProblem {
  /** What is wrong, where, and the remedy. */
  readonly message: string;
  /** The samples that cannot be used because of it; none where it is of the whole set. */
  readonly samples: readonly CheckedSample[];
}

/** How a measure is distributed over the samples of a split. */
export interface Distribution {
  readonly least: number;
  /** The quantile of 5 %. */
  readonly low: number;
  readonly median: number;
  /** The quantile of 95 %. */
  readonly high: number;
  readonly greatest: number;
}

/** What a split holds. */
export interface SplitCheck {
  readonly name: string;
  /** Number of samples. */
  readonly count: number;
  /** Number of samples that cannot be read. */
  readonly damaged: number;
  /** The files it is made from, and their length in all. @defaultValue not known */
  readonly files?: { readonly count: number; readonly bytes: number };
  /** Of recordings the sensor `[H, W, polarities]`, else the shape of a sample. */
  readonly shape: readonly number[];
  /** Number of samples of each class. */
  readonly classCounts: readonly number[];
  /** Of recordings `events` and `milliseconds`, of image files `height` and `width` in pixels. */
  readonly distributions: Readonly<Record<string, Distribution>>;
  /**
   * A SHA-256 in hexadecimal: that of the source or, of recordings, one that changes with a name, a label, an event, or
   * the order.
   */
  readonly fingerprint: string;
}

/** A sample to be drawn. */
export interface ExampleSample {
  readonly className: string;
  /** Values in row-major order; of recordings counts in 4 slices of equal event count. */
  readonly frames: ArrayLike<number>;
  /** `[T, H, W, C]`. */
  readonly shape: readonly number[];
}

/** What {@link checkData} found. */
export interface DataCheck {
  readonly classes: readonly string[];
  readonly splits: readonly SplitCheck[];
  /** Those of whole splits before those of samples; empty where all is well. */
  readonly problems: readonly DataProblem[];
  /** Samples that equal one another, within a split and across splits. */
  readonly duplicates: readonly (readonly CheckedSample[])[];
  /** Process warnings of the data set, such as `LabelWarning`. */
  readonly warnings: readonly string[];
  /** The first sound sample of each class, of at most 104 classes. */
  readonly examples: readonly ExampleSample[];
}

/** Classes that have an example; N-Caltech101 has 101. */
const MOST_EXAMPLES = 104;
/** Frames of an example of recordings. */
const EXAMPLE_FRAMES = 4;
/** Samples of a thread's job: messages then cost little, and progress is still seen. */
const JOB = 32;

/**
 * Reads every sample of a data set, and says what is there, what is missing or damaged, and what is there twice.
 *
 * These are problems: a split that cannot be opened, or has another number of samples than the published one; a class
 * without samples in a split; a sample that cannot be read, has no events, or values that are not finite; equal samples in
 * two splits (a leak) or of two classes, one problem however many there are; an archive with another MD5 than the published
 * one. A problem does not end the check. Samples are equal when they have the same events, or the same pixels; all of them
 * are listed as duplicates.
 *
 * Of image files all pixels are decoded, whatever the source crops. Memory use is that of some samples, and some 200 bytes
 * for each sample of the set.
 *
 * @param data the data set. A source may be a promise; one that rejects is a problem of its split
 *
 * @example
 * await writeSyntheticGestures("gestures", { trainSubjects: 1, testSubjects: 1, lightsPerSubject: 1, gestureSeconds: 0.1 });
 * const { splits, problems } = await checkData(dvsGesture("gestures"));
 * splits.map(({ name, count }) => `${name} ${count}`); // ["train 11", "test 11"]
 * problems; // []
 */
export async function checkData(
  data: CheckedData,
  { workers = availableParallelism(), archives, onProgress }: CheckDataOptions = {},
): Promise<DataCheck> {
  const warnings = new Set<string>();
  const onWarning = ({ message }: Error): void => void warnings.add(message);
  process.on("warning", onWarning);
  const report = new Findings();
  const splits = splitsOf(data, workers);
  if (splits.length === 0) report.problem("checkData: data must have a split, got none");
  try {
    if (archives !== undefined) {
      for (const message of await checkArchives(archives, onProgress)) report.problem(message);
    }
    for (const [name, opening] of splits) {
      try {
        await report.add(name, await opening(), onProgress);
      } catch (error) {
        report.problem(messageOf(error));
      }
    }
    // A warning is an event of the next turn.
    await setImmediate();
  } finally {
    process.off("warning", onWarning);
  }
  return { ...report.all(), warnings: [...warnings] };
}

/** A split that can be read. */
interface OpenSplit {
  readonly classes: readonly string[];
  readonly labels: ArrayLike<number>;
  readonly names: readonly string[];
  readonly shape: readonly number[];
  readonly files?: SplitCheck["files"];
  readonly published?: number | undefined;
  /** From the digest of each sample; of a damaged one there is none. */
  fingerprint(digests: readonly (string | undefined)[]): string;
  /** What is found of each sample, in order. */
  findings(): AsyncIterable<SampleFindings>;
  example(index: number): Promise<Omit<ExampleSample, "className">>;
}

/** The splits of a data set, each still to be opened. */
function splitsOf(data: CheckedData, workers: number): [name: string, open: () => Promise<OpenSplit>][] {
  if (isEventDataset(data)) {
    return (["train", "test"] as const).map((split) => [split, () => openRecordings(data, split)]);
  }
  return Object.entries(data).flatMap(([name, source]): [string, () => Promise<OpenSplit>][] => {
    if (source === undefined) return [];
    // It may reject before its turn; until then that must not end the process.
    Promise.resolve(source).catch(() => {});
    return [[name, async () => openSource(await source, workers)]];
  });
}

function isEventDataset(data: CheckedData): data is EventDataset {
  return typeof (data as EventDataset).events === "function";
}

async function openRecordings(dataset: EventDataset, split: Split): Promise<OpenSplit> {
  const { name, classes, height, width, polarities = 2 } = dataset;
  const samples = await dataset.samples(split);
  const labels = samples.map(({ label }) => label);
  const names = samples.map((sample) => sample.name);
  if (samples.length === 0) throw new RangeError(`checkData: ${split} of ${name} must hold samples, got none`);
  checkLabels("checkData", classes, labels, names);
  checkDistinct("checkData", "dataset", names);
  const sensor = { height, width, polarities };
  return {
    classes,
    labels,
    names,
    shape: [height, width, polarities],
    files: await filesOf(samples),
    published: dataset.published?.[split],
    fingerprint: (digests) =>
      fingerprint({ name, split, classes, names, labels, digests: digests.map((d) => d ?? "") }),
    async *findings() {
      for (const sample of samples) {
        yield await dataset.events(sample).then(
          (events) => checkRecording(events, sensor),
          (error) => ({ fault: messageOf(error) }),
        );
      }
    },
    async example(index) {
      const events = await dataset.events(samples[index]!);
      const frames = integrate(events, { by: "count", frames: EXAMPLE_FRAMES, ...sensor });
      return { frames, shape: [EXAMPLE_FRAMES, height, width, polarities] };
    },
  };
}

/** The files of samples, each once; those that do not exist count for nothing, since reading them will fail. */
async function filesOf(samples: readonly Sample[]): Promise<{ count: number; bytes: number }> {
  const files = new Set(samples.flatMap((sample) => sample.files));
  let bytes = 0;
  for (const file of files) bytes += (await stat(file).catch(() => undefined))?.size ?? 0;
  return { count: files.size, bytes };
}

async function openSource(source: Source, workers: number): Promise<OpenSplit> {
  checkSource("checkData", source);
  const { classes, labels, names, shape, count, module, files, published } = source;
  const jobs = Array.from({ length: Math.ceil(count / JOB) }, (_, job) =>
    Array.from({ length: Math.min(JOB, count - job * JOB) }, (_, i) => job * JOB + i),
  );
  return {
    classes,
    labels,
    names,
    shape,
    published,
    ...(files !== undefined && { files }),
    fingerprint: () => source.fingerprint,
    async *findings() {
      if (module === undefined || workers === 0) {
        for (let i = 0; i < count; i++) yield await checkSourceSample(source, shape, i);
        return;
      }
      const threads = Math.min(workers, jobs.length);
      const pool: WorkerPool<readonly number[], readonly SampleFindings[]> = createWorkerPool(
        new URL("./checkWorker.js", import.meta.url),
        threads,
        { source: module, shape } satisfies CheckWorkerData,
      );
      try {
        const ahead: Promise<readonly SampleFindings[]>[] = [];
        for (let next = 0; ; ) {
          while (ahead.length < 2 * threads && next < jobs.length) {
            const job = pool.run(jobs[next++]!);
            job.catch(() => {}); // Thrown when its turn comes.
            ahead.push(job);
          }
          const job = ahead.shift();
          if (job === undefined) return;
          yield* await job;
        }
      } finally {
        await pool.close();
      }
    },
    async example(index) {
      return { frames: await source.read([index]), shape };
    },
  };
}

/** What was found so far. */
class Findings {
  readonly #splits: SplitCheck[] = [];
  readonly #problems: { readonly message: string; readonly samples: CheckedSample[] }[] = [];
  /** Pairs of equal samples that are in two splits, and those that are in two classes of one split. */
  readonly #shared: string[] = [];
  readonly #mixed: string[] = [];
  /** The samples of the splits so far, one after another, and the first of each digest by its place among them. */
  readonly #samples: { readonly split: string; readonly open: OpenSplit; readonly start: number }[] = [];
  readonly #first = new Map<string, number>();
  readonly #equal = new Map<string, CheckedSample[]>();
  readonly #examples = new Map<string, ExampleSample>();
  #classes: readonly string[] = [];

  problem(message: string, sample?: CheckedSample): void {
    const last = this.#problems.at(-1);
    // Samples of one recording have the same fault, and both splits of a folder that is another one.
    if (last?.message !== message) this.#problems.push({ message, samples: sample === undefined ? [] : [sample] });
    else if (sample !== undefined) last.samples.push(sample);
  }

  async add(split: string, open: OpenSplit, onProgress?: CheckDataOptions["onProgress"]): Promise<void> {
    const { classes, labels, names, shape, files, published } = open;
    const before = this.#samples.at(-1);
    const start = before === undefined ? 0 : before.start + before.open.names.length;
    this.#samples.push({ split, open, start });
    if (this.#classes.length === 0) this.#classes = classes;
    else if (classes.join("\n") !== this.#classes.join("\n")) {
      this.problem(`checkData: ${split} must have the classes of the split before, got others; unpack the set again`);
    }
    const classCounts = classes.map(() => 0);
    for (let i = 0; i < labels.length; i++) classCounts[labels[i]!]!++;
    const missing = classes.filter((_, label) => classCounts[label] === 0);
    if (missing.length > 0) {
      this.problem(
        `checkData: ${split} must hold samples of each class, got none of ${listNames(missing)}; unpack it again`,
      );
    }
    if (published !== undefined && published !== names.length) {
      this.problem(
        `checkData: ${split} must hold ${published} samples as published, got ${names.length}; unpack it again`,
      );
    }
    onProgress?.(split, 0, names.length);
    const measures: Record<string, Float64Array> = {};
    const digests: (string | undefined)[] = [];
    for await (const finding of open.findings()) {
      const index = digests.length;
      const sample = this.#sample(start + index);
      digests.push("digest" in finding ? finding.digest : undefined);
      if ("fault" in finding) this.problem(finding.fault, sample);
      else {
        this.#compare(finding.digest, start + index);
        for (const [name, value] of Object.entries(finding.measures)) {
          measures[name] ??= new Float64Array(names.length).fill(Number.NaN);
          measures[name][index] = value;
        }
        if (this.#examples.size < MOST_EXAMPLES && !this.#examples.has(sample.className)) {
          // A pixel may have more events than a frame can count; the recording is sound all the same.
          const example = await open.example(index).catch(() => undefined);
          if (example !== undefined) this.#examples.set(sample.className, { className: sample.className, ...example });
        }
      }
      if (digests.length % JOB === 0 || digests.length === names.length) {
        onProgress?.(split, digests.length, names.length);
      }
    }
    this.#splits.push({
      name: split,
      count: names.length,
      damaged: digests.filter((digest) => digest === undefined).length,
      ...(files !== undefined && { files }),
      shape,
      classCounts,
      distributions: Object.fromEntries(Object.entries(measures).map(([name, all]) => [name, distributionOf(all)])),
      fingerprint: open.fingerprint(digests),
    });
  }

  #sample(place: number): CheckedSample {
    const { split, open, start } = this.#samples.findLast((each) => each.start <= place)!;
    const index = place - start;
    return { split, name: open.names[index]!, className: open.classes[open.labels[index]!]! };
  }

  #compare(digest: string, place: number): void {
    const before = this.#first.get(digest);
    if (before === undefined) {
      this.#first.set(digest, place);
      return;
    }
    const [first, sample] = [this.#sample(before), this.#sample(place)];
    const equal = this.#equal.get(digest);
    if (equal === undefined) this.#equal.set(digest, [first, sample]);
    else equal.push(sample);
    const pair = `${nameOf(sample)} equal to ${nameOf(first)}`;
    if (first.split !== sample.split) this.#shared.push(pair);
    else if (first.className !== sample.className) this.#mixed.push(pair);
  }

  /** Those of whole splits first: those of samples may be many. */
  #allProblems(): DataProblem[] {
    const equal = [
      [this.#shared, "splits must share no sample", "one of each"],
      [this.#mixed, "equal samples must be of one class", "the wrong one of each"],
    ] as const;
    return [
      ...this.#problems.filter(({ samples }) => samples.length === 0),
      ...equal.flatMap(([pairs, must, which]) =>
        pairs.length === 0
          ? []
          : { message: `checkData: ${must}, got ${listNames(pairs)}; remove ${which}`, samples: [] },
      ),
      ...this.#problems.filter(({ samples }) => samples.length > 0),
    ];
  }

  all(): Omit<DataCheck, "warnings"> {
    return {
      classes: this.#classes,
      splits: this.#splits,
      problems: this.#allProblems(),
      duplicates: [...this.#equal.values()],
      examples: this.#classes.flatMap((className) => this.#examples.get(className) ?? []),
    };
  }
}

function nameOf({ split, name }: CheckedSample): string {
  return `${split}/${name}`;
}

function distributionOf(values: Float64Array): Distribution {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  const at = (part: number): number => sorted[Math.round(part * (sorted.length - 1))]!;
  return { least: at(0), low: at(0.05), median: at(0.5), high: at(0.95), greatest: at(1) };
}

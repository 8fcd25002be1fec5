/** @file A synthetic stand-in for DVS128 Gesture, for machines without the recordings. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { stat, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { readRegular } from "@sew/files";
import { checkSeed } from "@sew/random";
import * as z from "zod";
import { readFolder } from "../folders.js";
import { hashFile } from "../hashFile.js";
import { createWorkerPool } from "../workerPool.js";
import { writeFolderAtomic } from "../writeFolderAtomic.js";
import { gestureClasses, SYNTHETIC_MARKER } from "./dvsGesture.js";
import { lights } from "./synthetic/recordGestures.js";
import type { RecordingJob, WrittenFile } from "./synthetic/recordingWorker.js";

/** How much {@link writeSyntheticGestures} makes. */
export interface SyntheticGestureOptions {
  /** Decides everything; an integer. The same options give the same bytes. @defaultValue 0 */
  readonly seed?: number;
  /** People of the train split, 1..1000. @defaultValue 40 */
  readonly trainSubjects?: number;
  /** Other people, of the test split, 1..1000. @defaultValue 16 */
  readonly testSubjects?: number;
  /** Recordings of each person, each under another light, 1..4. @defaultValue 2 */
  readonly lightsPerSubject?: number;
  /** Mean length of a gesture in seconds, in 0.1..60; each is up to a tenth shorter or longer. @defaultValue 1.25 */
  readonly gestureSeconds?: number;
  /** Threads that make recordings, 1..1000. @defaultValue the number of cores */
  readonly workers?: number;
  /** Called after each recording that was made; not called when the set exists. @defaultValue none */
  readonly onProgress?: (done: number, total: number) => void;
}

/** The marker file: what the set was made from, and what belongs to it. */
const markerSchema = z.object({
  synthetic: z.literal(true),
  /** Raised when the same options give other recordings. */
  generator: z.number(),
  seed: z.number(),
  trainSubjects: z.number().int().min(1).max(1000),
  testSubjects: z.number().int().min(1).max(1000),
  lightsPerSubject: z.number(),
  gestureSeconds: z.number(),
  files: z.array(z.object({ name: z.string(), bytes: z.number(), sha256: z.string() })),
});

type Marker = z.infer<typeof markerSchema>;

/** The files besides recordings, their labels and the marker. */
const TEXTS = ["trials_to_train.txt", "trials_to_test.txt", "gesture_mapping.csv", "README.txt"] as const;

/**
 * Writes a synthetic data set in the files of DVS128 Gesture, for `dvsGesture` to read.
 *
 * Drawn people (head, torso, two jointed arms) perform the eleven gestures before a simulated event camera of 128 x 128
 * pixels: thresholds that differ from pixel to pixel, microsecond times, a refractory time, noise and hot pixels. Each
 * recording is one person under one light, all gestures one after another with pauses, as `userNN_<light>.aedat` with
 * `userNN_<light>_labels.csv`. The people of the test split are others than those of the train split. "Clockwise" is as
 * the camera sees it. The set is synthetic and says so: in `README.txt`, in `synthetic.json`, in each recording's header
 * and in the data set's name. Results on it are not results on DVS128 Gesture.
 *
 * With the default options it has 880 train and 352 test samples. A set that exists with the same options is left alone;
 * one made with other options is replaced, if its files are as this function wrote them. The folder appears atomically.
 *
 * @param dir the folder to make
 * @throws RangeError when an option is out of its range
 * @throws Error when a set must be made and `dir` holds a file that this function did not write
 *
 * @example
 * await writeSyntheticGestures("data/synthetic-gestures", { trainSubjects: 4, testSubjects: 2 });
 * const gestures = dvsGesture("data/synthetic-gestures");
 */
export async function writeSyntheticGestures(
  dir: string,
  {
    seed = 0,
    trainSubjects = 40,
    testSubjects = 16,
    lightsPerSubject = 2,
    gestureSeconds = 1.25,
    workers = availableParallelism(),
    onProgress,
  }: SyntheticGestureOptions = {},
): Promise<void> {
  checkSeed("writeSyntheticGestures", seed);
  checkRange("trainSubjects", trainSubjects, 1, 1000);
  checkRange("testSubjects", testSubjects, 1, 1000);
  checkRange("lightsPerSubject", lightsPerSubject, 1, lights.length);
  checkRange("workers", workers, 1, 1000);
  if (!(gestureSeconds >= 0.1 && gestureSeconds <= 60)) {
    throw new RangeError(`writeSyntheticGestures: gestureSeconds must be in 0.1..60, got ${gestureSeconds}`);
  }
  const plan: Omit<Marker, "files"> = {
    synthetic: true,
    generator: 2,
    seed,
    trainSubjects,
    testSubjects,
    lightsPerSubject,
    gestureSeconds,
  };
  if (await exists(dir, plan)) return;

  const recordings = recordingsOf(plan);
  const trials = (of: (subject: number) => boolean): string =>
    recordings.flatMap(({ subject, trial }) => (of(subject) ? `${trial}.aedat\n` : [])).join("");
  const texts: Record<(typeof TEXTS)[number], string> = {
    "trials_to_train.txt": trials((subject) => subject <= trainSubjects),
    "trials_to_test.txt": trials((subject) => subject > trainSubjects),
    "gesture_mapping.csv": `action,label\n${gestureClasses.map((name, i) => `${name.replaceAll(/[ -]/g, "_")},${i + 1}\n`).join("")}`,
    "README.txt":
      "SYNTHETIC. These are not recordings of people: @sew/datasets (writeSyntheticGestures) has drawn and simulated them,\n" +
      "in the file formats of DVS128 Gesture. Results on them are not results on DVS128 Gesture.\n",
  };

  const fill = async (folder: string): Promise<void> => {
    const url = new URL("./synthetic/recordingWorker.js", import.meta.url);
    const pool = createWorkerPool<RecordingJob, readonly WrittenFile[]>(url, Math.min(workers, recordings.length));
    const files: WrittenFile[] = [];
    try {
      let done = 0;
      const written = recordings.map(async (recording) => {
        const result = await pool.run({ ...recording, folder, seed, gestureSeconds });
        onProgress?.(++done, recordings.length);
        return result;
      });
      files.push(...(await Promise.all(written)).flat());
    } finally {
      await pool.close();
    }
    for (const [name, text] of Object.entries(texts)) {
      await writeFile(join(folder, name), text);
      files.push({
        name,
        bytes: Buffer.byteLength(text),
        sha256: createHash("sha256").update(text).digest("hex"),
      });
    }
    await writeFile(
      join(folder, SYNTHETIC_MARKER),
      `${JSON.stringify({ ...plan, files } satisfies Marker, null, 2)}\n`,
    );
  };
  await writeFolderAtomic(dir, { fill, checkReplaceable });
}

type Plan = Omit<Marker, "files">;

/** The recordings of a set: each person under each light. */
function recordingsOf({
  trainSubjects,
  testSubjects,
  lightsPerSubject,
}: Plan): Omit<RecordingJob, "folder" | "seed" | "gestureSeconds">[] {
  return Array.from({ length: trainSubjects + testSubjects }, (_, i) => i + 1).flatMap((subject) =>
    lights.slice(0, lightsPerSubject).map(({ name }, light) => ({
      subject,
      light,
      trial: `user${`${subject}`.padStart(2, "0")}_${name}`,
    })),
  );
}

/** Whether `dir` holds the complete set of this plan, as it was written. */
async function exists(dir: string, plan: Plan): Promise<boolean> {
  const { files = [], ...found } = (await readMarker(dir)) ?? {};
  if (!isDeepStrictEqual(found, plan)) return false;
  for (const { name, bytes, sha256 } of files) {
    const path = join(dir, name);
    if ((await sizeOf(path)) !== bytes || (await hashFile("writeSyntheticGestures", path)) !== sha256) return false;
  }
  return true;
}

/** Throws when `dir` holds a file that {@link writeSyntheticGestures} did not write, or that changed since. */
async function checkReplaceable(dir: string): Promise<void> {
  const { files = [] } = (await readMarker(dir)) ?? {};
  const written = new Map(files.map(({ name, sha256 }) => [name, sha256]));
  if (files.length > 0)
    written.set(SYNTHETIC_MARKER, await hashFile("writeSyntheticGestures", join(dir, SYNTHETIC_MARKER)));
  for (const { name } of await readFolder("writeSyntheticGestures", dir, "choose another folder")) {
    const path = join(dir, name);
    if (
      written.has(name) &&
      (await stat(path)).isFile() &&
      (await hashFile("writeSyntheticGestures", path)) === written.get(name)
    )
      continue;
    throw new Error(
      `writeSyntheticGestures: dir must be empty, missing, or a set as this function wrote it, got ${dir} with ` +
        `${written.has(name) ? "another " : ""}${name}; choose another folder, or delete this one`,
    );
  }
}

/** The longest marker, of 2000 people under 4 lights, has 2 MB. */
const MOST_MARKER_BYTES = 2 ** 22;

/** The marker of a set; `undefined` when `dir` has none, or one that names other files than this function writes. */
async function readMarker(dir: string): Promise<Marker | undefined> {
  const file = join(dir, SYNTHETIC_MARKER);
  if (!existsSync(file)) return undefined;
  const marker = parseMarker((await readRegular("writeSyntheticGestures", file, MOST_MARKER_BYTES)).toString());
  if (marker === undefined) return undefined;
  const trials = recordingsOf(marker).flatMap(({ trial }) => [`${trial}.aedat`, `${trial}_labels.csv`]);
  const own = new Set([...trials, ...TEXTS]);
  return marker.files.every(({ name }) => own.has(name)) ? marker : undefined;
}

/** Length of a file; `undefined` when there is none. */
async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size;
}

function parseMarker(text: string): Marker | undefined {
  try {
    return markerSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function checkRange(name: string, value: number, min: number, max: number): void {
  if (!(Number.isInteger(value) && value >= min && value <= max)) {
    throw new RangeError(`writeSyntheticGestures: ${name} must be an integer in ${min}..${max}, got ${value}`);
  }
}

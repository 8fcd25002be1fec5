/** @file CIFAR10-DVS: pictures of CIFAR-10 that moved on a screen before a DVS128. */
import { type EventDataset, type EventDatasetOptions, nameWith, type Sample } from "../eventDataset.js";
import { DVS128_SENSOR, readAedat2 } from "../formats/readAedat2.js";
import { checkTruncated } from "../formats/recording.js";
import { listClassFolders } from "./classFolders.js";
import { splitByClass } from "./splitByClass.js";

const CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const SAMPLES_PER_CLASS = 1000;
const TEST_FILES = 100;

/** How {@link cifar10Dvs} reads the recordings, and divides them: they were published without a split. */
export interface Cifar10DvsOptions extends EventDatasetOptions {
  /**
   * Which recordings of a class are its test split; results with different splits do not compare.
   *
   * - `"sew"`: those after the first 90 % of the file names, compared as text (0, 1, 10, 100, 101, …, 999). Of 1000
   *   recordings these are the numbers 91..99 and 909..999: the split of the code of the SEW paper.
   * - `"first100"`: the numbers 0..99, as in TEBN and work after it. It is the easier one.
   *
   * @defaultValue `"sew"`
   */
  readonly split?: "sew" | "first100";
}

/**
 * CIFAR10-DVS as published: 128 x 128 pixels, 10 classes of 1000 recordings, of which 9000 train and 1000 test.
 *
 * `dir` holds the ten unpacked folders `<class>/cifar10_<class>_<number>.aedat` (AEDAT 2.0). Samples are in the order
 * of class and file name, compared as text, and are named `<class>/cifar10_<class>_<number>`. The set's `name` ends in
 * the split.
 *
 * Events are those of SpikingJelly: `x = 127 - y_raw`, `y = 127 - x_raw`, `p = 1 - p_raw` of the address's bits, rows
 * and columns exchanged against {@link readAedat2}, because the camera lay on its side. The pictures are upright.
 * Special events, which SpikingJelly would take for others, are dropped.
 *
 * @param dir the folder that holds the class folders
 * @throws TypeError when an option is none of its values
 * @throws (samples) Error when a class has no folder or no recording, or a file is not named as published. A process
 *   warning (`IncompleteSetWarning`) says when a class does not have 1000 recordings: the split is then another one
 * @throws (events) FileFormatError as `readAedat2`
 * @see Li et al., "CIFAR10-DVS: An Event-Stream Dataset for Object Classification", 2017
 *
 * @example
 * ```ts no-run
 * const pictures = cifar10Dvs("data/CIFAR10DVS");
 * const cache = await cacheFrames(pictures, "train", { dir: "cache", frames: 16 });
 * cache.count; // 9000
 * ```
 */
export function cifar10Dvs(
  dir: string,
  { split: rule = "sew", truncated = "refuse" }: Cifar10DvsOptions = {},
): EventDataset {
  checkTruncated("cifar10Dvs", truncated);
  if (rule !== "sew" && rule !== "first100") {
    throw new TypeError(`cifar10Dvs: split must be "sew" or "first100", got ${JSON.stringify(rule satisfies never)}`);
  }
  let warned = false;
  return {
    name: nameWith(`cifar10-dvs-${rule}`, { truncated: truncated === "keep" }),
    classes: CLASSES,
    height: DVS128_SENSOR,
    width: DVS128_SENSOR,
    published: { train: 9000, test: 1000 },

    async samples(split) {
      const samples = await listClassFolders({ caller: "cifar10Dvs", dir, folders: CLASSES, ending: ".aedat" });
      const numbers = samples.map(({ name }) => numberOf(name));
      if (!warned) warned = warnOfMissing(dir, samples);
      if (rule === "sew") return splitByClass(samples, split);
      return samples.filter((_, i) => numbers[i]! < TEST_FILES === (split === "test"));
    },

    async events({ files: [file = ""] }) {
      const { t, x, y, p } = await readAedat2(file, { truncated });
      return { t, x: y, y: x, p };
    },
  };
}

/** The number in the name of a sample, `<class>/cifar10_<class>_<number>`. */
function numberOf(name: string): number {
  const [, folder, named, number] = /^(\w+)\/cifar10_([a-z]+)_(\d+)$/.exec(name) ?? [];
  if (number !== undefined && folder === named) return Number(number);
  throw new Error(
    `cifar10Dvs: recordings must be named <class>/cifar10_<class>_<number>.aedat, got ${name}.aedat; move it away`,
  );
}

/** Emits a warning when a class does not have all of its recordings, and returns whether it did. */
function warnOfMissing(dir: string, samples: readonly Sample[]): boolean {
  for (const [label, name] of CLASSES.entries()) {
    const count = samples.filter((sample) => sample.label === label).length;
    if (count === SAMPLES_PER_CLASS) continue;
    process.emitWarning(
      `cifar10Dvs: ${dir} must hold ${SAMPLES_PER_CLASS} recordings of each class, got ${count} of ${name}; its split is ` +
        "not the published one",
      "IncompleteSetWarning",
    );
    return true;
  }
  return false;
}

/** @file N-MNIST: the digits of MNIST, seen by an event camera that moves. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type EventDataset, type EventDatasetOptions, nameWith, type Sample, type Split } from "../eventDataset.js";
import { FileFormatError } from "../fileFormatError.js";
import { listNames } from "../folders.js";
import { readAtis } from "../formats/readAtis.js";
import { readLines } from "../formats/readLines.js";
import { checkTruncated } from "../formats/recording.js";
import { listClassFolders } from "./classFolders.js";

/** Side of the square field of view, in pixels. */
const SENSOR = 34;

const FOLDERS: Record<Split, string> = { train: "Train", test: "Test" };
const LISTS: Record<Split, string> = { train: "train1K.txt", test: "test100.txt" };
const DIGITS = Array.from({ length: 10 }, (_, digit) => `${digit}`);

/**
 * N-MNIST: 34 x 34 pixels, 10 classes, 60,000 train and 10,000 test samples of about 0.3 s.
 *
 * Two layouts of `dir` are read. As published: `Train/<digit>/<number>.bin` and `Test/<digit>/<number>.bin`, samples in
 * the order of digit and file name, named `<digit>/<number>`. As in SLAYER's small set: `<id>.bs2`, with a line
 * `<id> <digit>` each in `train1K.txt` and `test100.txt` (`#` starts a comment), samples in the order of the list, named `<id>`.
 *
 * @param dir the folder that holds `Train` and `Test`, or the lists
 * @throws TypeError when an option is none of its values
 * @throws (samples) Error when neither layout is there or a file is missing; FileFormatError when a list is malformed
 * @throws (events) FileFormatError as `readAtis`
 *
 * @example
 * ```ts no-run
 * const digits = nMnist("data/N-MNIST");
 * for (const sample of await digits.samples("test")) {
 *   console.log(digits.classes[sample.label], (await digits.events(sample)).t.length);
 * }
 * ```
 */
export function nMnist(dir: string, { truncated = "refuse" }: EventDatasetOptions = {}): EventDataset {
  checkTruncated("nMnist", truncated);
  return {
    name: nameWith("n-mnist", { truncated: truncated === "keep" }),
    classes: DIGITS,
    height: SENSOR,
    width: SENSOR,
    ...(existsSync(join(dir, FOLDERS.train)) && { published: { train: 60_000, test: 10_000 } }),
    samples(split) {
      const folder = join(dir, FOLDERS[split]);
      if (existsSync(folder))
        return listClassFolders({ caller: "nMnist", dir: folder, folders: DIGITS, ending: ".bin" });
      if (existsSync(join(dir, LISTS[split]))) return fromList(dir, split);
      const missing = (["train", "test"] as const).filter(
        (each) => !existsSync(join(dir, FOLDERS[each])) && !existsSync(join(dir, LISTS[each])),
      );
      const archives = missing.map((each) => `${FOLDERS[each]}.zip`).join(" and ");
      return Promise.reject(
        new Error(
          `nMnist: dir must hold Train/<digit>/*.bin and Test/<digit>/*.bin, or ${LISTS.train} and ${LISTS.test}, got none ` +
            `for ${missing.join(" and ")} in ${dir}; unpack ${archives} of N-MNIST there`,
        ),
      );
    },
    events: ({ files: [path = ""] }) => readAtis(path, { height: SENSOR, width: SENSOR, truncated }),
  };
}

/** The samples of a list. Throws when one is listed twice, here or in the list of the other split. */
async function fromList(dir: string, split: Split): Promise<Sample[]> {
  const file = join(dir, LISTS[split]);
  const rows = await readList(file);
  if (rows.length === 0) {
    throw new FileFormatError({ reader: "nMnist", file, line: 1, must: "list a sample", got: "none" });
  }
  const other = join(dir, LISTS[split === "train" ? "test" : "train"]);
  const elsewhere = new Set(existsSync(other) ? (await readList(other)).map(({ name }) => name) : []);
  const seen = new Set<string>();
  const missing: string[] = [];
  const samples = rows.map(({ name, label, line }): Sample => {
    if (seen.has(name) || elsewhere.has(name)) {
      const got = `${name} ${seen.has(name) ? "twice" : `also in ${other}`}`;
      throw new FileFormatError({ reader: "nMnist", file, line, must: "list each sample once", got });
    }
    seen.add(name);
    const path = join(dir, `${name}.bs2`);
    if (!existsSync(path)) missing.push(path);
    return { name, label, files: [path] };
  });
  if (missing.length === 0) return samples;
  throw new Error(`nMnist: dir must hold every sample of ${LISTS[split]}, got no ${listNames(missing)}; copy it again`);
}

async function readList(file: string): Promise<{ name: string; label: number; line: number }[]> {
  return (await readLines("nMnist", file)).flatMap((text, i) => {
    if (text === "" || text.startsWith("#")) return [];
    const [, name, digit] = /^(\d+)\s+(\d)$/.exec(text) ?? [];
    if (name === undefined) {
      const must = 'hold lines "<id> <digit>"';
      throw new FileFormatError({ reader: "nMnist", file, line: i + 1, must, got: JSON.stringify(text) });
    }
    return [{ name, label: Number(digit), line: i + 1 }];
  });
}

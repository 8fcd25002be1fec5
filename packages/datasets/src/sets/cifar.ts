/** @file CIFAR-10 and CIFAR-100: small photographs. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Split } from "../eventDataset.js";
import { fingerprint } from "../fingerprint.js";
import { listNames } from "../folders.js";
import { CIFAR_SIDE, readCifar } from "../formats/readCifar.js";
import { checkIndices, type Source, sizeOf } from "../source.js";

const SHAPE = [1, CIFAR_SIDE, CIFAR_SIDE, 3];

const CIFAR10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

const FINE = (
  "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle " +
  "caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish " +
  "forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle " +
  "mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine " +
  "possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar " +
  "sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale " +
  "willow_tree wolf woman worm"
).split(" ");

const COARSE = (
  "aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices household_furniture " +
  "insects large_carnivores large_man-made_outdoor_things large_natural_outdoor_scenes large_omnivores_and_herbivores " +
  "medium_mammals non-insect_invertebrates people reptiles small_mammals trees vehicles_1 vehicles_2"
).split(" ");

/** Which labels of {@link cifar100} count. */
export interface Cifar100Options {
  /** The 100 fine classes or the 20 coarse ones. @defaultValue `"fine"` */
  readonly labels?: "fine" | "coarse";
}

/**
 * CIFAR-10: 50,000 train and 10,000 test images of 10 classes, as a source of shape `[1, 32, 32, 3]`, values in 0..1.
 *
 * Reads the "binary version": `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`, in `dir` or in its folder
 * `cifar-10-batches-bin`. Samples are in file order, named `<file>/<number>`. A split is read once, 154 MB or 31 MB of
 * memory that all worker threads share; its bytes are in the fingerprint.
 *
 * @param dir the folder that holds the files
 * @throws Error when a file is missing; FileFormatError as `readCifar`, or when a file does not have 10,000 records
 *
 * @example
 * ```ts no-run
 * const train = await cifar10("data/cifar-10-batches-bin", "train");
 * const { train: most, validation } = split(train, { validation: 0.1 });
 * const transforms = [
 *   randomCrop({ height: 32, width: 32, padding: 4 }),
 *   randomFlip(),
 *   normalise({ mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] }),
 * ];
 * const loader = createLoader(most, { batchSize: 128, shuffle: true, transforms });
 * ```
 */
export async function cifar10(dir: string, split: Split): Promise<Source> {
  return openCifar({
    caller: "cifar10",
    name: `cifar-10-${split}`,
    dir,
    inner: "cifar-10-batches-bin",
    files: { train: [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}`), test: ["test_batch"] },
    split,
    records: 10_000,
    kinds: [CIFAR10],
    kind: 0,
  });
}

/**
 * CIFAR-100: 50,000 train and 10,000 test images of 100 fine or 20 coarse classes, as a source of shape `[1, 32, 32, 3]`,
 * values in 0..1.
 *
 * Reads the "binary version": `train.bin` and `test.bin`, in `dir` or in its folder `cifar-100-binary`. All else is as in
 * {@link cifar10}.
 *
 * @param dir the folder that holds the files
 * @throws Error when a file is missing; FileFormatError as `readCifar`, or when a file does not have its 50,000 or 10,000
 *   records; RangeError when `labels` is neither
 *
 * @example
 * ```ts no-run
 * const coarse = await cifar100("data/cifar-100-binary", "test", { labels: "coarse" });
 * coarse.classes.length; // 20
 * ```
 */
export async function cifar100(dir: string, split: Split, { labels = "fine" }: Cifar100Options = {}): Promise<Source> {
  if (labels !== "fine" && labels !== "coarse") {
    throw new RangeError(`cifar100: labels must be "fine" or "coarse", got ${JSON.stringify(labels satisfies never)}`);
  }
  return openCifar({
    caller: "cifar100",
    name: `cifar-100-${labels}-${split}`,
    dir,
    inner: "cifar-100-binary",
    files: { train: ["train"], test: ["test"] },
    split,
    records: split === "train" ? 50_000 : 10_000,
    kinds: [COARSE, FINE],
    kind: labels === "fine" ? 1 : 0,
  });
}

/** What the two sets differ in. */
interface CifarSet {
  readonly caller: string;
  readonly name: string;
  readonly dir: string;
  /** The folder of the archive, which may be in `dir`. */
  readonly inner: string;
  /** Of each split, without their ending `.bin`. */
  readonly files: Readonly<Record<Split, readonly string[]>>;
  readonly split: Split;
  /** Number of records of each file. */
  readonly records: number;
  /** Class names of each label byte. */
  readonly kinds: readonly (readonly string[])[];
  /** Which label byte counts. */
  readonly kind: number;
}

async function openCifar(set: CifarSet): Promise<Source> {
  const { name, records, kinds, kind } = set;
  const folder = folderOf(set);
  const files = set.files[set.split];
  const classes = kinds[kind]!;
  const count = files.length * records;
  const labels = new Uint8Array(count);
  const pixels = new Uint8Array(new SharedArrayBuffer(count * sizeOf(SHAPE)));
  for (const [f, file] of files.entries()) {
    const expected = { classes: kinds.map(({ length }) => length), records };
    const part = await readCifar(join(folder, `${file}.bin`), expected);
    labels.set(part.labels[kind]!, f * records);
    pixels.set(part.pixels, f * records * sizeOf(SHAPE));
  }
  const options: PixelOptions = { name, pixels };
  return {
    name,
    classes,
    count,
    shape: SHAPE,
    labels,
    names: Array.from(labels, (_, i) => `${files[Math.floor(i / records)]}/${`${i % records}`.padStart(5, "0")}`),
    fingerprint: fingerprint({ name, classes, labels, pixels: createHash("sha256").update(pixels).digest("hex") }),
    files: { count: files.length, bytes: count * (sizeOf(SHAPE) + kinds.length) },
    module: { url: import.meta.url, name: openPixels.name, options },
    ...openPixels(options),
  };
}

/** `dir` or its folder `inner`, whichever holds the files. */
function folderOf({ caller, dir, inner, files, split }: CifarSet): string {
  const folder = existsSync(join(dir, inner)) ? join(dir, inner) : dir;
  const missing = [...files.train, ...files.test].filter((file) => !existsSync(join(folder, `${file}.bin`)));
  const first = missing.find((file) => files[split].includes(file));
  if (first === undefined) return folder;
  const got = existsSync(join(folder, first)) ? `${first}, the version for Python,` : "no such file";
  throw new Error(
    `${caller}: dir must hold ${listNames(missing.map((file) => `${file}.bin`))}, got ${got} in ${folder}; unpack the binary version of the set there`,
  );
}

interface PixelOptions {
  /** Opens messages. */
  readonly name: string;
  /** Colours of all samples, 0..255, in shared memory. */
  readonly pixels: Uint8Array;
}

/** Opens images in memory for reading, in any thread. @internal */
export function openPixels({ name, pixels }: PixelOptions): Pick<Source, "read"> {
  const size = sizeOf(SHAPE);
  return {
    read(indices) {
      checkIndices(name, pixels.length / size, indices);
      const values = new Float32Array(indices.length * size);
      for (let n = 0; n < indices.length; n++) {
        const from = indices[n]! * size;
        for (let i = 0; i < size; i++) values[n * size + i] = pixels[from + i]! / 255;
      }
      return values;
    },
  };
}

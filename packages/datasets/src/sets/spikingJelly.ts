/** @file The folders in which SpikingJelly caches events and frames. */
import { existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { EventDataset, Sample, Split } from "../eventDataset.js";
import { FileFormatError } from "../fileFormatError.js";
import { fingerprint } from "../fingerprint.js";
import { type NpyArray, readNpyArrays, readNpyChecksum } from "../formats/npz.js";
import { readNpz } from "../formats/readNpz.js";
import { withBytes } from "../formats/recording.js";
import { checkIndices, checkSize, type Source, sizeOf } from "../source.js";
import { listClassFolders } from "./classFolders.js";
import { splitByClass } from "./splitByClass.js";

/** The sensor of {@link spikingJellyEvents}, which the files do not tell. */
export interface SpikingJellyEventsOptions {
  /** Rows of the sensor, in pixels. */
  readonly height: number;
  /** Columns of the sensor, in pixels. */
  readonly width: number;
  /** Name of the data set, lower-case words joined by `-`; names its frame caches. @defaultValue `"spikingjelly-events"` */
  readonly name?: string;
}

/**
 * Events that SpikingJelly has cached: `events_np/train/<class>/*.npz` and `events_np/test/<class>/*.npz`, or, of sets
 * without a split, `events_np/<class>/*.npz`.
 *
 * Classes are the folders in the order of their names as text, which is SpikingJelly's: of DVS128 Gesture 0, 1, 10, 2,
 * …, so that label 2 is the folder "10". `classes[label]` is the folder. Samples are in the order of class and file
 * name. Where there is no split, the train split is the first `ceil(0.9 n)` samples of each class, as in the code of
 * the paper.
 *
 * @param dir the folder `events_np`
 * @throws Error when `dir` has no class folder
 * @throws (samples) Error when a class has no folder in a split, or no recording
 * @throws (events) FileFormatError as `readNpz`
 *
 * @example
 * ```ts no-run
 * const gestures = await spikingJellyEvents("DVS128Gesture/events_np", { height: 128, width: 128, name: "dvs-gesture" });
 * const cache = await cacheFrames(gestures, "train", { dir: "cache", frames: 16 });
 * cache.count; // 1176
 * ```
 */
export async function spikingJellyEvents(
  dir: string,
  { height, width, name = "spikingjelly-events" }: SpikingJellyEventsOptions,
): Promise<EventDataset> {
  const caller = "spikingJellyEvents";
  const classes = await listClasses(caller, dir);
  return {
    name,
    classes,
    height,
    width,
    samples: (split) => listSamples(caller, dir, classes, split),
    events: ({ files: [file = ""] }) => readNpz(file, { height, width }),
  };
}

/** Which frames {@link spikingJellyFrames} opens. */
export interface SpikingJellyFramesOptions {
  readonly split: Split;
}

/**
 * Frames that SpikingJelly has cached: `train/<class>/*.npz` and `test/<class>/*.npz`, or, of sets without a split,
 * `<class>/*.npz`, as a source of shape `[T, H, W, 2]`.
 *
 * A file holds the array `frames`, `[T, 2, H, W]`, of counts: channel 0 of OFF events, channel 1 of ON events. Classes,
 * samples and split are those of {@link spikingJellyEvents}. The fingerprint takes the CRC-32 that the files hold of
 * their frames.
 *
 * @param dir the folder of the frames, such as `frames_number_16_split_by_number`
 * @throws Error when a class has no folder, or no frames; FileFormatError when a file is no `.npz` with frames
 * @throws (read) FileFormatError when a file is damaged, or its frames are of another shape than those of the first one
 *
 * @example
 * ```ts no-run
 * const train = await spikingJellyFrames("DVS128Gesture/frames_number_16_split_by_number", { split: "train" });
 * train.shape; // [16, 128, 128, 2]
 * const loader = createLoader(train, { batchSize: 16, shuffle: true, transforms: [temporalDelete({ keep: 12 })] });
 * ```
 */
export async function spikingJellyFrames(dir: string, { split }: SpikingJellyFramesOptions): Promise<Source> {
  const caller = "spikingJellyFrames";
  const classes = await listClasses(caller, dir);
  const samples = await listSamples(caller, dir, classes, split);
  const files = samples.map(({ files: [file = ""] }) => file);
  const labels = samples.map(({ label }) => label);
  const names = samples.map(({ name }) => name);
  const [frames = 0, , height = 0, width = 0] = (await readFrames(files[0]!)).shape;
  const shape = [frames, height, width, 2];
  checkSize(caller, shape);
  const checksums: number[] = [];
  for (const file of files) {
    checksums.push(await withBytes(caller, file, (bytes) => readNpyChecksum(bytes, "frames")));
  }
  const options: FramesReaderOptions = { files, shape };
  return {
    name: "spikingjelly-frames",
    classes,
    count: files.length,
    shape,
    labels,
    names,
    fingerprint: fingerprint({ classes, labels, names, shape, checksums }),
    module: { url: import.meta.url, name: openSpikingJellyFrames.name, options },
    ...openSpikingJellyFrames(options),
  };
}

interface FramesReaderOptions {
  readonly files: readonly string[];
  /** `[T, H, W, 2]`. */
  readonly shape: readonly number[];
}

/** Opens the frames for reading, in any thread. @internal */
export function openSpikingJellyFrames({ files, shape }: FramesReaderOptions): {
  read(indices: ArrayLike<number>): Promise<Float32Array>;
} {
  const [frames = 0, height = 0, width = 0, channels = 0] = shape;
  const [size, cells] = [sizeOf(shape), height * width];
  return {
    async read(indices) {
      checkIndices("spikingjelly-frames", files.length, indices);
      const values = new Float32Array(indices.length * size);
      for (let n = 0; n < indices.length; n++) {
        const file = files[indices[n]!]!;
        const found = await readFrames(file);
        if (found.shape.join() !== [frames, channels, height, width].join()) {
          throw fault(file, `hold frames of shape [${frames}, ${channels}, ${height}, ${width}]`, found);
        }
        // [T, C, H, W] to [T, H, W, C].
        for (let plane = 0; plane < frames * channels; plane++) {
          const [frame, channel] = [Math.floor(plane / channels), plane % channels];
          const to = n * size + frame * cells * channels + channel;
          for (let cell = 0; cell < cells; cell++) values[to + cell * channels] = found.data[plane * cells + cell]!;
        }
      }
      return values;
    },
  };
}

/** The frames of a file, `[T, 2, H, W]`. */
async function readFrames(file: string): Promise<NpyArray> {
  const { frames } = await withBytes("spikingJellyFrames", file, (bytes) => readNpyArrays(bytes, ["frames"]));
  if (frames.shape.length !== 4 || frames.shape[1] !== 2 || frames.data.length === 0) {
    throw fault(file, "hold frames of shape [T, 2, H, W]", frames);
  }
  const wrong = frames.data.findIndex((count) => !Number.isFinite(count));
  if (wrong >= 0) throw fault(file, "hold frames of finite counts", frames, `${frames.data[wrong]}`);
  return frames;
}

function fault(file: string, must: string, { shape }: NpyArray, got = `[${shape.join(", ")}]`): FileFormatError {
  const remedy = "it is of another data set: move it away, or let SpikingJelly make its folder again";
  return new FileFormatError({ reader: "spikingJellyFrames", file, must, got, remedy });
}

/** The class folders of a cache, in the order of their names as text. */
async function listClasses(caller: string, dir: string): Promise<string[]> {
  const folder = existsSync(join(dir, "train")) ? join(dir, "train") : dir;
  const classes: string[] = [];
  for (const name of (await readdir(folder)).sort()) {
    if (!name.startsWith(".") && (await stat(join(folder, name))).isDirectory()) classes.push(name);
  }
  if (classes.length > 0) return classes;
  throw new Error(
    `${caller}: dir must hold train/<class>/*.npz or <class>/*.npz, got no folder in ${folder}; name the folder that ` +
      "SpikingJelly made, such as events_np",
  );
}

async function listSamples(caller: string, dir: string, classes: string[], split: Split): Promise<Sample[]> {
  const hasSplit = existsSync(join(dir, "train"));
  const of = { caller, dir: hasSplit ? join(dir, split) : dir, folders: classes, ending: ".npz" };
  const samples = await listClassFolders(of);
  return hasSplit ? samples : splitByClass(samples, split);
}

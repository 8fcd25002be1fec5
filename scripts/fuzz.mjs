// pnpm fuzz [options]: damages recordings, images, lists and frame caches at random, and reads them.
//
// Each damaged file must be refused with an error that names it, or give the data of the undamaged one, or data with
// another fingerprint, so that no run resumes on them. Formats without a checksum of their own allow the last alone: a
// flipped coordinate is a coordinate. A frame cache has checksums, so it has no such case. Ends with a table, and with
// status 1 when a file did anything else: other data in silence, another error, more than five seconds.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { damaged } from "./damaged.mjs";
import { turbo } from "./turbo.mjs";

const { values } = parseArgs({
  options: {
    files: { type: "string", default: "100000" },
    seed: { type: "string", default: "0" },
    help: { type: "boolean", short: "h" },
  },
});
if (values.help) {
  console.log(
    "usage: pnpm fuzz [--files <n>] [--seed <n>]\n\n  --files  damaged files, over all formats (100000)\n  --seed   of the damages (0)",
  );
  process.exit();
}
const [files, seed] = [Number(values.files), Number(values.seed)];
if (!(Number.isInteger(files) && files > 0 && Number.isInteger(seed))) {
  console.error("fuzz: --files must be an integer above 0 and --seed an integer");
  process.exit(2);
}
const built = turbo(["build", "--filter=@sew/datasets", "--output-logs=errors-only"]);
if (built !== 0) process.exit(built);
const {
  cacheFrames,
  dvsGesture,
  encodeAedat31,
  fingerprint,
  imageFolder,
  imageNet,
  nMnist,
  openFrameCache,
  readCifar,
  spikingJellyFrames,
  writeSyntheticGestures,
  ...readers
} = await import("../packages/datasets/dist/index.js");
const writers = await import("../packages/datasets/test/fixtures/recordings.mjs");
const { random } = await import("../packages/random/dist/index.js");

process.removeAllListeners("warning");
const dir = mkdtempSync(join(tmpdir(), "sew-fuzz-"));
process.on("exit", () => rmSync(dir, { recursive: true, force: true }));

/** The least data of every format. */
const gestures = join(dir, "gestures");
await writeSyntheticGestures(gestures, { trainSubjects: 1, testSubjects: 1, lightsPerSubject: 1, gestureSeconds: 0.1 });
rmSync(join(gestures, "synthetic.json"));
const digits = join(dir, "digits");
cpSync(gestures, digits, { recursive: true });
writeFileSync(join(digits, "train1K.txt"), "#id digit\n1 3\n2 5\n");
for (const id of [1, 2]) {
  const draw = random(seed, id);
  const events = Array.from({ length: 300 }, (_, i) => [
    draw.int(34),
    draw.int(34),
    (draw.int(2) << 7) | (i >> 8),
    0,
    i & 255,
  ]);
  writeFileSync(join(digits, `${id}.bs2`), Uint8Array.from(events.flat()));
}

/** One recording in every format, and those that other programs wrote. */
const recordings = join(dir, "recordings");
mkdirSync(recordings);
const rows = Array.from({ length: 60 }, (_, i) => [10 * i + (i >> 5) * 5000, (i * 7) % 34, (i * 5) % 34, i % 2]);
const columns = {
  t: Float64Array.from(rows, ([t]) => t),
  x: Uint16Array.from(rows, ([, x]) => x),
  y: Uint16Array.from(rows, ([, , y]) => y),
  p: Uint8Array.from(rows, ([, , , p]) => p),
};
const foreign = JSON.parse(
  readFileSync(new URL("../packages/datasets/test/fixtures/recordings.json", import.meta.url), "utf8"),
).files;
const written = {
  "AEDAT 2.0": ["readAedat2", writers.encodeAedat2(rows)],
  "AEDAT 3.1": ["readAedat31", encodeAedat31(columns)],
  "AEDAT 4": ["readAedat4", writers.encodeAedat4(rows)],
  ATIS: ["readAtis", writers.encodeAtis(rows)],
  DAT: ["readDat", writers.encodeDat(rows)],
  EVT2: ["readEvt2", writers.encodeEvt2(rows)],
  "EVT2.1": ["readEvt21", writers.encodeEvt21(rows)],
  EVT3: ["readEvt3", writers.encodeEvt3(rows)],
  NPZ: ["readNpz", writers.encodeNpz(rows)],
  ...Object.fromEntries(
    Object.entries(foreign).map(([name, { reader, base64 }]) => [`${name} *`, [reader, Buffer.from(base64, "base64")]]),
  ),
};
const frameFiles = join(dir, "spikingjelly", "train");
for (const name of ["0", "1"]) {
  mkdirSync(join(frameFiles, name), { recursive: true });
  const frames = writers.npyOf(
    "<f8",
    [2, 2, 3, 3],
    Float64Array.from({ length: 36 }, (_, i) => i),
  );
  writeFileSync(join(frameFiles, name, "0.npz"), writers.zipOf({ "frames.npy": frames }, { deflated: true }));
}
const images = join(dir, "images");
const sharp = createRequire(new URL("../packages/datasets/package.json", import.meta.url))("sharp");
const raw = { width: 8, height: 8, channels: 3 };
const png = await sharp(
  Uint8Array.from({ length: 192 }, (_, i) => (i * 37) % 256),
  { raw },
)
  .png()
  .toBuffer();
for (const name of ["a", "b"]) {
  mkdirSync(join(images, name), { recursive: true });
  writeFileSync(join(images, name, "1.png"), png);
}
const kaggle = join(dir, "kaggle");
const val = join(kaggle, "ILSVRC", "Data", "CLS-LOC", "val");
mkdirSync(val, { recursive: true });
const jpeg = await sharp(png).resize(32, 24).jpeg().toBuffer();
for (const name of ["v1", "v2"]) writeFileSync(join(val, `${name}.JPEG`), jpeg);
writeFileSync(join(kaggle, "LOC_synset_mapping.txt"), "n01440764 tench, Tinca tinca\nn01443537 goldfish\n");
writeFileSync(
  join(kaggle, "LOC_val_solution.csv"),
  "ImageId,PredictionString\nv2,n01443537 1 2 3 4 \nv1,n01440764 1 2 3 4 \n",
);
const cifar = join(dir, "test_batch.bin");
writeFileSync(
  cifar,
  Uint8Array.from({ length: 2 * 3073 }, (_, i) => (i % 3073 === 0 ? 3 : (i * 37) % 256)),
);
const tiny = {
  name: "tiny",
  classes: ["even", "odd"],
  height: 4,
  width: 3,
  samples: async () =>
    Array.from({ length: 5 }, (_, i) => ({ name: `s${i}`, label: i % 2, files: [join(digits, "1.bs2")] })),
  events: async () => ({
    t: Float64Array.of(0, 1, 2),
    x: Uint16Array.of(0, 1, 2),
    y: Uint16Array.of(0, 1, 2),
    p: Uint8Array.of(0, 1, 1),
  }),
};
const { path: cache } = await cacheFrames(tiny, "train", { dir, frames: 2 });

/** Data, and the fingerprint that a run would compare. */
const asData = (data) => ({ data: fingerprint({ data }), fingerprint: fingerprint({ data }) });
const samplesOf = async (set) => {
  const samples = await set.samples("train");
  const events = [];
  for (const sample of samples)
    events.push(Object.values(await set.events(sample)).map((column) => Array.from(column)));
  return asData([samples.map(({ name, label }) => [name, label]), events]);
};
const cached = async () => {
  const { count, labels, names, classes, shape, read, fingerprint: own } = await openFrameCache(cache);
  const frames = Array.from(read(Array.from({ length: count }, (_, i) => i)));
  return { data: fingerprint({ labels, names, classes, shape, frames }), fingerprint: own };
};
const decoded = async () => {
  const source = await imageFolder(images, { height: 8, width: 8 });
  return { data: fingerprint({ pixels: Array.from(await source.read([0, 1])) }), fingerprint: source.fingerprint };
};

const validation = async () => {
  const source = await imageNet(kaggle, "val", { height: 8, width: 8, resize: 12, hashFiles: true });
  const { classes, labels, names } = source;
  const pixels = Array.from(await source.read([0, 1]));
  return { data: fingerprint({ classes, labels, names, pixels }), fingerprint: source.fingerprint };
};

/** What is damaged, and how it is read. */
const formats = {
  "frames.bin": { file: join(cache, "frames.bin"), read: cached, share: 0.2 },
  "manifest.json": { file: join(cache, "manifest.json"), read: cached, share: 0.25 },
  ...Object.fromEntries(
    Object.entries(written).map(([name, [reader, bytes]], i, { length }) => {
      const file = join(recordings, `${i}`);
      writeFileSync(file, bytes);
      const options = i % 2 === 0 ? { truncated: "keep" } : {};
      const read = async () =>
        asData(Object.values(await readers[reader](file, options)).map((column) => Array.from(column)));
      return [name, { file, read, share: 0.25 / length }];
    }),
  ),
  "frames of SpikingJelly": {
    file: join(frameFiles, "0", "0.npz"),
    read: async () => {
      const source = await spikingJellyFrames(dirname(frameFiles), { split: "train" });
      const frames = Array.from(await source.read([0, 1]));
      return { data: fingerprint({ frames }), fingerprint: source.fingerprint };
    },
    share: 0.05,
  },
  "list of N-MNIST": { file: join(digits, "train1K.txt"), read: () => samplesOf(nMnist(digits)), share: 0.1 },
  "labels of DVS Gesture": {
    file: join(gestures, "user01_led_labels.csv"),
    read: async () =>
      asData(
        (await dvsGesture(gestures).samples("train")).map(({ name, label, start, end }) => [name, label, start, end]),
      ),
    share: 0.05,
  },
  "trials of DVS Gesture": {
    file: join(gestures, "trials_to_train.txt"),
    read: async () => asData((await dvsGesture(gestures).samples("train")).map(({ name }) => name)),
    share: 0.05,
  },
  PNG: { file: join(images, "a", "1.png"), read: decoded, share: 0.05 },
  JPEG: { file: join(val, "v1.JPEG"), read: validation, share: 0.05 },
  "classes of ImageNet": { file: join(kaggle, "LOC_synset_mapping.txt"), read: validation, share: 0.02 },
  "labels of ImageNet": { file: join(kaggle, "LOC_val_solution.csv"), read: validation, share: 0.02 },
  "CIFAR-10": {
    file: cifar,
    read: async () => {
      const { labels, pixels } = await readCifar(cifar, { classes: [10] });
      return asData([Array.from(labels[0]), Array.from(pixels)]);
    },
    share: 0.02,
  },
};

const results = [];
let wrong = 0;
for (const [f, [name, { file, read, share }]] of Object.entries(formats).entries()) {
  const good = readFileSync(file);
  const undamaged = await read();
  const count = Math.max(1, Math.round(files * share));
  const row = {
    files: count,
    refused: 0,
    equal: 0,
    "other fingerprint": 0,
    silent: 0,
    "other errors": 0,
    "over 5 s": 0,
  };
  for (let n = 0; n < count; n++) {
    const bad = damaged(good, random(seed, f, n));
    writeFileSync(file, bad);
    const started = performance.now();
    try {
      const found = await read();
      if (found.data === undamaged.data) row.equal++;
      else if (found.fingerprint !== undamaged.fingerprint) row["other fingerprint"]++;
      else row.silent++;
    } catch (error) {
      // A list may name a file that does not exist; the message then names that one.
      if (error.message?.includes(dirname(file))) row.refused++;
      else if (row["other errors"]++ === 0) console.error(`${name}, damage ${n}:`, error);
    }
    if (performance.now() - started > 5000) row["over 5 s"]++;
    if (process.stderr.isTTY && n % 100 === 0) process.stderr.write(`\r${name} ${n}/${count}\x1b[K`);
  }
  writeFileSync(file, good);
  wrong += row.silent + row["other errors"] + row["over 5 s"];
  results.push([name, row]);
}
if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
console.table(Object.fromEntries(results));
console.log(
  `${results.reduce((sum, [, { files }]) => sum + files, 0)} damaged files, ${wrong} of them not as they should be`,
);
process.exitCode = wrong === 0 ? 0 : 1;

import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type CheckedSample,
  cacheImages,
  checkData,
  checkIndices,
  cifar10,
  cifar100,
  dvsGesture,
  type EventDataset,
  eventDatasets,
  fingerprint,
  imageFolder,
  imageNet,
  nMnist,
  type Source,
  writeSyntheticGestures,
} from "@sew/datasets";
import * as fc from "fast-check";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { encodeAtis } from "./fixtures/recordings.mjs";
import { datasetOf, eventsOf, type Row, temporaryFolder } from "./support.js";

/** A source of samples of one value each. */
function valuesSource(name: string, values: readonly number[], labels = values.map(() => 0)): Source {
  return {
    name,
    classes: ["a", "b"],
    count: values.length,
    shape: [1, 1, 1, 1],
    labels,
    names: values.map((_, i) => `${i}`),
    fingerprint: fingerprint({ name, count: values.length }),
    read(indices) {
      checkIndices(name, values.length, indices);
      return Float32Array.from(indices, (i) => values[i]!);
    },
  };
}

const nameOf = ({ split, name }: CheckedSample): string => `${split}/${name}`;

const messages = ({ problems }: Awaited<ReturnType<typeof checkData>>): string[] =>
  problems.map(({ message }) => message);

/** Three images of each of two classes, of 40 rows and 60 columns or more, in `train`; one of each in `test`. */
async function images(): Promise<string> {
  const dir = await temporaryFolder();
  for (const [split, count] of [
    ["train", 3],
    ["test", 1],
  ] as const) {
    for (const [c, name] of ["cat", "dog"].entries()) {
      await mkdir(join(dir, split, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        const [width, height] = [60 + i, 40];
        const pixels = Uint8Array.from({ length: 3 * width * height }, (_, k) => (k * (7 + i + 3 * c + count)) % 251);
        await sharp(pixels, { raw: { width, height, channels: 3 } })
          .jpeg()
          .toFile(join(dir, split, name, `${i}.jpg`));
      }
    }
  }
  return dir;
}

const folders = (dir: string) => ({
  train: imageFolder(join(dir, "train"), { height: 8, width: 8 }),
  test: imageFolder(join(dir, "test"), { height: 8, width: 8 }),
});

/** N-MNIST with a recording of each digit in each split, all different. */
async function digits(): Promise<string> {
  const dir = await temporaryFolder();
  for (const [s, split] of ["Train", "Test"].entries()) {
    for (let digit = 0; digit < 10; digit++) {
      await mkdir(join(dir, split, `${digit}`), { recursive: true });
      const rows = Array.from({ length: 20 + digit }, (_, i): Row => [1000 * i, digit, s, i % 2]);
      await writeFile(join(dir, split, `${digit}`, "00001.bin"), encodeAtis(rows));
    }
  }
  return dir;
}

describe("checkData of equal samples", () => {
  const sample = fc.record({ value: fc.nat(6), label: fc.nat(1) });

  it("lists each group of them, and finds a problem where some are in another split or class than the first", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(sample, { minLength: 1, maxLength: 12 }),
        fc.array(sample, { minLength: 1, maxLength: 6 }),
        async (train, test) => {
          const source = (name: string, of: typeof train) =>
            valuesSource(
              name,
              of.map(({ value }) => value),
              of.map(({ label }) => label),
            );
          const found = await checkData({ train: source("train", train), test: source("test", test) });
          const all = Object.entries({ train, test }).flatMap(([split, of]) =>
            of.map(({ value, label }, i) => ({
              value,
              sample: { split, name: `${i}`, className: "ab"[label]! } satisfies CheckedSample,
            })),
          );
          const groups = [0, 1, 2, 3, 4, 5, 6].map((value) =>
            all.filter((each) => each.value === value).map((each) => each.sample),
          );
          const equal = groups.filter(({ length }) => length > 1);
          const byName = (of: readonly (readonly CheckedSample[])[]) => of.map((group) => JSON.stringify(group)).sort();
          expect(byName(found.duplicates)).toEqual(byName(equal));
          const wrong = (is: (first: CheckedSample, other: CheckedSample) => boolean): string[] =>
            equal.flatMap(([first, ...others]) =>
              others.filter((other) => is(first!, other)).map((other) => `${nameOf(other)} equal to ${nameOf(first!)}`),
            );
          const shared = wrong((first, other) => first.split !== other.split);
          const mixed = wrong((first, other) => first.split === other.split && first.className !== other.className);
          const problems = messages(found).filter((text) => text.includes("equal to"));
          expect(problems).toHaveLength(Math.min(1, shared.length) + Math.min(1, mixed.length));
          const named = (pairs: readonly string[]) => {
            const [all, more] = [problems.join(), pairs.length > 3 ? ` and ${pairs.length - 3} more; remove` : ""];
            return (
              pairs.filter((pair) => all.includes(pair)).length === Math.min(3, pairs.length) && all.includes(more)
            );
          };
          expect([shared, mixed].map(named)).toEqual([true, true]);
        },
      ),
    ));

  it("says which, and what to do", async () => {
    const train = valuesSource("train", [1, 2, 3, 2], [0, 1, 0, 0]);
    const found = await checkData({ train, test: valuesSource("test", [5, 3], [1, 0]) });
    expect(messages(found)).toEqual([
      "checkData: splits must share no sample, got test/1 equal to train/2; remove one of each",
      "checkData: equal samples must be of one class, got train/3 equal to train/1; remove the wrong one of each",
    ]);
    expect(found.duplicates).toEqual([
      [
        { split: "train", name: "1", className: "b" },
        { split: "train", name: "3", className: "a" },
      ],
      [
        { split: "train", name: "2", className: "a" },
        { split: "test", name: "1", className: "a" },
      ],
    ]);
  });

  it("finds one problem in a split that is a copy of another, however many samples it has", async () => {
    const copied = valuesSource("train", [1, 2, 3, 4, 5, 6], [0, 1, 0, 1, 0, 1]);
    const { problems, duplicates } = await checkData({ train: copied, test: copied });
    expect([problems, duplicates.length]).toEqual([
      [
        {
          message:
            "checkData: splits must share no sample, got test/0 equal to train/0, test/1 equal to train/1, test/2 equal to " +
            "train/2 and 3 more; remove one of each",
          samples: [],
        },
      ],
      6,
    ]);
  });

  it("finds no problem in those of one class and split", async () => {
    const found = await checkData({ train: valuesSource("train", [4, 1, 4], [0, 1, 0]) });
    expect([found.problems.length, found.duplicates.length]).toEqual([0, 1]);
  });
});

describe("checkData of recordings", () => {
  it("finds what is there", async () => {
    const dir = await temporaryFolder();
    await writeSyntheticGestures(dir, { trainSubjects: 2, testSubjects: 1, lightsPerSubject: 1, gestureSeconds: 0.1 });
    const gestures = dvsGesture(dir);
    const progress: string[] = [];
    const found = await checkData(gestures, { onProgress: (...args) => void progress.push(args.join(" ")) });
    expect(found).toMatchObject({ problems: [], duplicates: [], warnings: [], classes: gestures.classes });
    expect(progress).toEqual(["train 0 22", "train 22 22", "test 0 11", "test 11 11"]);
    const [train, test] = found.splits;
    expect(train).toMatchObject({
      name: "train",
      count: 22,
      damaged: 0,
      files: { count: 4 },
      shape: [128, 128, 2],
      classCounts: Array(11).fill(2),
    });
    expect(test).toMatchObject({ name: "test", count: 11, files: { count: 2 } });
    const counts = await Promise.all(
      (await gestures.samples("test")).map(async (sample) => (await gestures.events(sample)).t.length),
    );
    expect(test!.distributions.events).toMatchObject({ least: Math.min(...counts), greatest: Math.max(...counts) });
    expect(found.examples.map(({ className }) => className)).toEqual(gestures.classes);
    expect(found.examples[0]!.shape).toEqual([4, 128, 128, 2]);
  });

  it("gives a split another fingerprint when an event changes, and the same again", async () => {
    const dir = await digits();
    const prints = async () => (await checkData(nMnist(dir))).splits.map((split) => split.fingerprint);
    const [train, test] = await prints();
    expect(await prints()).toEqual([train, test]);
    await writeFile(join(dir, "Test", "4", "00001.bin"), encodeAtis([[5, 6, 7, 1]]));
    const [same, other] = await prints();
    expect(same).toBe(train);
    expect(other).not.toBe(test);
  });

  it("goes on after damaged recordings, and names file and byte of each", async () => {
    const dir = await digits();
    await truncate(join(dir, "Train", "3", "00001.bin"), 33);
    await writeFile(join(dir, "Test", "7", "00001.bin"), encodeAtis([[0, 34, 0, 1]]));
    await truncate(join(dir, "Test", "8", "00001.bin"), 0);
    const { splits, problems } = await checkData({ ...nMnist(dir), published: { train: 10, test: 10 } });
    expect(problems).toEqual([
      {
        message:
          `readAtis: ${join(dir, "Train", "3", "00001.bin")} must hold events of 5 bytes, got 3 bytes at byte 30; the file is ` +
          'truncated: copy or download it again, or pass truncated: "keep" for the events before that point',
        samples: [{ split: "train", name: "3/00001", className: "3" }],
      },
      {
        message:
          `readAtis: ${join(dir, "Test", "7", "00001.bin")} must hold events with x < 34 and y < 34, got event 0 at x 34, ` +
          "y 0; it was recorded with another sensor or is damaged",
        samples: [{ split: "test", name: "7/00001", className: "7" }],
      },
      {
        message: "checkData: a recording must hold events, got none; copy or download it again",
        samples: [{ split: "test", name: "8/00001", className: "8" }],
      },
    ]);
    expect(splits.map(({ damaged }) => damaged)).toEqual([1, 2]);
    expect(splits[1]!.distributions.events).toEqual({ least: 20, low: 20, median: 24, high: 29, greatest: 29 });
  });

  it("lists the samples of one damaged file together", async () => {
    const dir = await temporaryFolder();
    await writeSyntheticGestures(dir, { trainSubjects: 1, testSubjects: 1, lightsPerSubject: 1, gestureSeconds: 0.1 });
    const file = (await dvsGesture(dir).samples("train"))[0]!.files[0]!;
    await truncate(file, (await readFile(file)).length - 3);
    const { splits, problems } = await checkData(dvsGesture(dir));
    expect(problems.map(({ samples }) => samples.length)).toEqual([11]);
    expect(problems[0]!.message).toContain(`${file} must`);
    expect(splits.map(({ damaged }) => damaged)).toEqual([11, 0]);
  });

  it("finds events that no sensor has", async () => {
    const back: Row[] = [
      [5, 0, 0, 1],
      [4, 0, 0, 1],
    ];
    const rows: Row[][] = [[[0, 0, 0, 1]], [[0, 1, 1, 2]], [[0, 0, 9, 1]], [[0.5, 0, 0, 1]], back];
    const file = join(await temporaryFolder(), "file");
    await writeFile(file, "");
    expect(messages(await checkData(datasetOf(rows, file)))).toEqual([
      "checkData: test of in-memory must hold samples, got none",
      "checkData: events must have p in 0..1, got event 0 with p 2; map the polarities to 0 (OFF) and 1 (ON)",
      "checkData: events must lie within 4 rows and 3 columns, got event 0 at x 0, y 9",
      "checkData: events must have times in whole microseconds, got event 0 at 0.5; multiply seconds by 1e6, and round",
      "checkData: times must not decrease, got 4 after 5 at event 1",
    ]);
  });

  it("has no example of a recording that one frame cannot count, and is well all the same", async () => {
    const rows = Array.from({ length: 300_000 }, (_, i): Row => [i, 0, 0, 1]);
    const hot: EventDataset = {
      ...datasetOf([], ""),
      classes: ["hot"],
      samples: async (split) => [{ name: split, label: 0, files: [] }],
      events: async ({ name }) => eventsOf(name === "train" ? rows : rows.slice(1)),
    };
    expect(await checkData(hot)).toMatchObject({ problems: [], examples: [] });
  });

  it("says what a split lacks: published samples, classes, all that it is made from", async () => {
    const dir = await digits();
    expect(messages(await checkData(nMnist(dir)))).toEqual([
      "checkData: train must hold 60000 samples as published, got 10; unpack it again",
      "checkData: test must hold 10000 samples as published, got 10; unpack it again",
    ]);
    for (const digit of [0, 2, 4, 6, 8]) await rm(join(dir, "Train", `${digit}`), { recursive: true });
    for (const digit of [1, 2]) await rm(join(dir, "Test", `${digit}`, "00001.bin"));
    const { splits, problems } = await checkData(nMnist(dir));
    const [train, test] = [join(dir, "Train"), join(dir, "Test")];
    expect([splits, problems.map(({ message }) => message)]).toEqual([
      [],
      [
        `nMnist: dir must hold one folder per class, got no ${join(train, "0")}, ${join(train, "2")}, ${join(train, "4")} and 2 more; unpack it again`,
        `nMnist: dir must hold .bin files of each class, got none in ${join(test, "1")}, ${join(test, "2")}; unpack it again`,
      ],
    ]);
  });

  it.each(Object.entries(eventDatasets))(
    "finds one problem in a folder that is another one than that of %s",
    async (_, open) => {
      const { splits, problems } = await checkData(open(await temporaryFolder()));
      expect([splits, problems.length]).toEqual([[], 1]);
    },
  );

  it("lists the warnings of a data set", async () => {
    const dir = await temporaryFolder();
    await writeSyntheticGestures(dir, { trainSubjects: 1, testSubjects: 1, lightsPerSubject: 1, gestureSeconds: 0.1 });
    await writeFile(join(dir, "user99_led.aedat"), "");
    const { warnings } = await checkData(dvsGesture(dir));
    expect(warnings).toEqual([
      `dvsGesture: ${dir} has recordings that no list names, and that are not used: user99_led.aedat`,
    ]);
  });
});

describe("checkData of images", () => {
  it("finds what is there, with the sizes of the files' images", async () => {
    const found = await checkData(folders(await images()));
    expect(found).toMatchObject({ problems: [], duplicates: [], classes: ["cat", "dog"] });
    expect(found.splits).toMatchObject([
      { name: "train", count: 6, damaged: 0, files: { count: 6 }, shape: [1, 8, 8, 3], classCounts: [3, 3] },
      { name: "test", count: 2, damaged: 0, files: { count: 2 }, shape: [1, 8, 8, 3], classCounts: [1, 1] },
    ]);
    expect(found.splits[0]!.distributions).toEqual({
      height: { least: 40, low: 40, median: 40, high: 40, greatest: 40 },
      width: { least: 60, low: 60, median: 61, high: 62, greatest: 62 },
    });
    expect(found.examples.map(({ className, shape }) => [className, shape])).toEqual([
      ["cat", [1, 8, 8, 3]],
      ["dog", [1, 8, 8, 3]],
    ]);
  });

  it.each([
    ["cifar10", (dir: string) => ({ train: cifar10(dir, "train"), test: cifar10(dir, "test") })],
    ["cifar100", (dir: string) => ({ train: cifar100(dir, "train"), test: cifar100(dir, "test") })],
    ["imageNet", (dir: string) => ({ train: imageNet(dir, "train"), val: imageNet(dir, "val") })],
  ] as const)("finds one problem in a folder that is another one than that of %s", async (_, open) => {
    expect((await checkData(open(await temporaryFolder()))).problems).toHaveLength(1);
  });

  it("lists problems of whole splits before those of samples, which may be many", async () => {
    const train = valuesSource("train", [Number.NaN, 1], [0, 1]);
    expect(messages(await checkData({ train, test: valuesSource("test", [2]) }))).toEqual([
      "checkData: test must hold samples of each class, got none of b; unpack it again",
      "checkData: samples must hold finite numbers, got NaN at value 0",
    ]);
  });

  it("goes on after damaged ones, also where the damage is outside of the crop", async () => {
    const dir = await images();
    const cut = join(dir, "train", "dog", "1.jpg");
    const tall = Uint8Array.from({ length: 3 * 40 * 800 }, (_, k) => (k * k) % 251);
    await sharp(tall, { raw: { width: 40, height: 800, channels: 3 } })
      .jpeg()
      .toFile(cut);
    await truncate(cut, (await readFile(cut)).length - 30);
    await writeFile(join(dir, "test", "cat", "0.jpg"), "no image");
    const { splits, problems } = await checkData(folders(dir));
    expect(problems.map(({ samples }) => samples)).toEqual([
      [{ split: "train", name: "dog/1.jpg", className: "dog" }],
      [{ split: "test", name: "cat/0.jpg", className: "cat" }],
    ]);
    expect(problems[0]!.message).toMatch(
      /^imageFolder: .*dog.1\.jpg must be an image that sharp decodes, got .*; copy or download it again, or remove it$/,
    );
    expect(splits.map(({ count, damaged }) => [count, damaged])).toEqual([
      [6, 1],
      [2, 1],
    ]);
  });

  it("tells images apart that differ outside of the crop alone", async () => {
    const dir = await temporaryFolder();
    await mkdir(join(dir, "a"));
    const pixels = new Uint8Array(3 * 10 * 40);
    for (const i of [0, 1]) {
      pixels[0] = 255 * i;
      await sharp(pixels, { raw: { width: 40, height: 10, channels: 3 } })
        .png()
        .toFile(join(dir, "a", `${i}.png`));
    }
    await copyFile(join(dir, "a", "0.png"), join(dir, "a", "2.png"));
    const { duplicates } = await checkData({ train: imageFolder(dir, { height: 8, width: 8 }) });
    expect(duplicates.map((equal) => equal.map(({ name }) => name))).toEqual([["a/0.png", "a/2.png"]]);
  });

  it("finds the same in any number of threads", async () => {
    const dir = await images();
    await writeFile(join(dir, "train", "dog", "1.jpg"), "no image");
    await copyFile(join(dir, "train", "cat", "0.jpg"), join(dir, "test", "cat", "1.jpg"));
    const [none, ...others] = await Promise.all([0, 1, 3].map((workers) => checkData(folders(dir), { workers })));
    expect(none!.problems).toHaveLength(2);
    for (const other of others) expect(other).toEqual(none);
  });

  it("reads a cache of images as it is", async () => {
    const dir = await images();
    const cache = await cacheImages(await folders(dir).train, { dir: await temporaryFolder(), workers: 0 });
    expect(await checkData({ train: cache })).toMatchObject({
      problems: [],
      splits: [{ count: 6, files: { count: 1 } }],
    });
  });
});

describe("checkData of a wrong source", () => {
  it("says what is wrong with a value, and with their number", async () => {
    const train = valuesSource("train", [1, Number.NaN, 2], [0, 0, 1]);
    const test = { ...valuesSource("test", [3, 4], [0, 1]), read: () => new Float32Array(2) };
    expect((await checkData({ train, test })).problems).toEqual([
      {
        message: "checkData: samples must hold finite numbers, got NaN at value 0",
        samples: [{ split: "train", name: "1", className: "a" }],
      },
      {
        message: "checkData: source must read 1 values of a sample, got 2",
        samples: [
          { split: "test", name: "0", className: "a" },
          { split: "test", name: "1", className: "b" },
        ],
      },
    ]);
  });

  it("finds a problem where there is no split", async () => {
    expect(messages(await checkData({ test: undefined }))).toEqual(["checkData: data must have a split, got none"]);
  });

  it("says what is wrong with a split, and checks the others", async () => {
    const found = await checkData({
      train: Promise.reject(new Error("train is not there")),
      validation: undefined,
      val: { ...valuesSource("val", [1]), labels: [7] },
      test: { ...valuesSource("test", [1, 2]), published: 3 },
      other: { ...valuesSource("other", [3], [0]), classes: ["a"] },
    });
    expect(messages(found)).toEqual([
      "train is not there",
      "checkData: labels must be integers in 0..1, got 7 for sample 0",
      "checkData: test must hold samples of each class, got none of b; unpack it again",
      "checkData: test must hold 3 samples as published, got 2; unpack it again",
      "checkData: other must have the classes of the split before, got others; unpack the set again",
    ]);
    expect(found.splits.map(({ name }) => name)).toEqual(["test", "other"]);
  });
});

describe("checkData of archives", () => {
  it("compares those that it knows with their published MD5", async () => {
    const dir = await temporaryFolder();
    await writeFile(join(dir, "Caltech101.zip"), "not the archive");
    await writeFile(join(dir, "other.zip"), "unknown");
    await mkdir(join(dir, "Train.zip"));
    const md5 = createHash("md5").update("not the archive").digest("hex");
    const found = await checkData({ train: valuesSource("train", [1, 2], [0, 1]) }, { archives: dir });
    expect(messages(found)).toEqual([
      `checkData: ${join(dir, "Caltech101.zip")} must have the published MD5 66201824eabb0239c7ab992480b50ba3, got ${md5}; download it again`,
    ]);
  });

  it("refuses a folder that is none", async () => {
    const missing = join(await temporaryFolder(), "missing");
    await expect(checkData({}, { archives: missing })).rejects.toThrow(
      `checkData: dir must be a folder, got '${missing}', which does not exist; name the folder of the data set`,
    );
  });
});

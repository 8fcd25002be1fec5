import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheFrames, createLoader, integrate, spikingJellyEvents, spikingJellyFrames } from "@sew/datasets";
import { describeEventDataset, describeSource } from "@sew/datasets/testing";
import { describe, expect, it } from "vitest";
import { encodeNpz, npyOf, zipOf } from "../fixtures/recordings.mjs";
import { eventsOf, formatError, type Row, rowsOf, temporaryFolder } from "../support.js";

const size = { height: 4, width: 3 };
const classes = ["0", "1", "10", "2"];

/** The events of sample `i` of a class. */
const rowsFor = (name: string, i: number): Row[] => [
  [i, Number(name) % 3, 0, 1],
  [i + 1, 0, 3, 0],
  [i + 2, 2, 1, 1],
];

/** Frames `[T, H, W, 2]` of ours as SpikingJelly saves them: float64 `[T, 2, H, W]`. */
function framesOf(rows: readonly Row[], frames: number, deflated: boolean, change = 0): Uint8Array {
  const counts = integrate(eventsOf(rows), { frames, by: "count", ...size });
  const cells = size.height * size.width;
  const values = Float64Array.from(counts, (_, i) => {
    const [frame, channel, cell] = [Math.floor(i / cells / 2), Math.floor(i / cells) % 2, i % cells];
    return counts[(frame * cells + cell) * 2 + channel]! + change;
  });
  return zipOf({ "frames.npy": npyOf("<f8", [frames, 2, size.height, size.width], values) }, { deflated });
}

/** Folders of SpikingJelly: two samples of each class in each part. */
async function written(
  encode: (rows: readonly Row[]) => Uint8Array,
  parts: readonly string[] = ["train", "test"],
  count = 2,
): Promise<string> {
  const dir = await temporaryFolder();
  for (const part of parts) {
    for (const name of classes) {
      await mkdir(join(dir, part, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        await writeFile(join(dir, part, name, `user_${part}_${i}.npz`), encode(rowsFor(name, i)));
      }
    }
  }
  return dir;
}

describeEventDataset("spikingJellyEvents", async () => spikingJellyEvents(await written(encodeNpz), size));
describeEventDataset("spikingJellyEvents of a set without a split", async () =>
  spikingJellyEvents(await written(encodeNpz, [""], 11), size),
);
describeSource(
  "spikingJellyFrames",
  async () => spikingJellyFrames(await written((rows) => framesOf(rows, 2, true)), { split: "train" }),
  {
    changed: {
      "other counts": async () =>
        spikingJellyFrames(await written((rows) => framesOf(rows, 2, true, 1)), { split: "train" }),
      "the other split": async () =>
        spikingJellyFrames(await written((rows) => framesOf(rows, 2, true)), { split: "test" }),
    },
  },
);

describe("spikingJellyEvents", () => {
  it("has the classes of its folders in the order of their names as text, as SpikingJelly does", async () => {
    const set = await spikingJellyEvents(await written(encodeNpz), { ...size, name: "mine" });
    expect([set.name, set.classes]).toEqual(["mine", classes]);
    const samples = await set.samples("test");
    expect(samples.map(({ name, label }) => [name, label]).slice(4, 6)).toEqual([
      ["10/user_test_0", 2],
      ["10/user_test_1", 2],
    ]);
    expect(rowsOf(await set.events(samples[5]!))).toEqual(rowsFor("10", 1));
  });

  it("splits a set that has no split as the code of the paper does", async () => {
    const set = await spikingJellyEvents(await written(encodeNpz, [""], 11), size);
    expect((await set.samples("test")).map(({ name }) => name)).toEqual(classes.map((name) => `${name}/user__9`));
    expect((await set.samples("train")).length).toBe(40);
  });

  it("refuses a folder without class folders, and an event outside the sensor", async () => {
    const dir = await temporaryFolder();
    await expect(spikingJellyEvents(dir, size)).rejects.toThrow(
      new Error(
        `spikingJellyEvents: dir must hold train/<class>/*.npz or <class>/*.npz, got no folder in ${dir}; name the folder ` +
          "that SpikingJelly made, such as events_np",
      ),
    );
    const set = await spikingJellyEvents(await written(encodeNpz), { height: 4, width: 2 });
    await expect(set.events((await set.samples("train"))[0]!)).rejects.toThrow("must hold events with x < 2 and y < 4");
  });
});

describe("spikingJellyFrames", () => {
  it("gives the frames that a cache of ours holds of the same events", async () => {
    const theirs = await spikingJellyFrames(await written((rows) => framesOf(rows, 2, false)), { split: "train" });
    const events = await spikingJellyEvents(await written(encodeNpz), size);
    const ours = await cacheFrames(events, "train", { dir: await temporaryFolder(), frames: 2 });
    expect([theirs.shape, theirs.classes, theirs.labels]).toEqual([ours.shape, ours.classes, ours.labels]);
    const all = Array.from({ length: ours.count }, (_, i) => i);
    expect(await theirs.read(all)).toEqual(ours.read(all));
    expect(createLoader(theirs, { batchSize: 2, workers: 0 }).shape).toEqual([2, 4, 3, 2]);
  });

  it("names the file whose frames are of another shape, damaged, or none", async () => {
    const dir = await written((rows) => framesOf(rows, 2, false));
    const file = join(dir, "train", "1", "user_train_0.npz");
    const source = await spikingJellyFrames(dir, { split: "train" });
    await writeFile(file, framesOf(rowsFor("1", 0), 3, false));
    await expect(source.read([2])).rejects.toThrow(
      formatError(
        `spikingJellyFrames: ${file} must hold frames of shape [2, 2, 4, 3], got [3, 2, 4, 3]; it is of another data set: ` +
          "move it away, or let SpikingJelly make its folder again",
      ),
    );
    await writeFile(file, encodeNpz(rowsFor("1", 0)));
    await expect(source.read([2])).rejects.toThrow(
      formatError(
        `spikingJellyFrames: ${file} must hold an array frames, got only t.npy, x.npy, y.npy, p.npy; save it under this ` +
          "name, as by numpy.savez(file, frames=...)",
      ),
    );
    await writeFile(file, framesOf(rowsFor("1", 0), 2, false, Number.NaN));
    await expect(source.read([2])).rejects.toThrow(
      `spikingJellyFrames: ${file} must hold frames of finite counts, got NaN`,
    );
    await expect(source.read([0])).resolves.toBeInstanceOf(Float32Array);
    await expect(source.read([8])).rejects.toThrow("spikingjelly-frames: indices must be integers in 0..7, got 8");
  });
});

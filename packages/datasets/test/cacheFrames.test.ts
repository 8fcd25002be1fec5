import { execFile, spawnSync } from "node:child_process";
import { appendFile, chmod, mkdir, readdir, readFile, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { crc32 } from "node:zlib";
import { cacheFrames, integrate, openFrameCache } from "@sew/datasets";
import * as fc from "fast-check";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { datasetOf, eventsOf, formatError, type Row, sortedRows, temporaryFolder } from "./support.js";

const options = { frames: 3, by: "count" } as const;
const samples: Row[][] = [
  [
    [0, 0, 0, 0],
    [1, 1, 1, 1],
    [2, 2, 3, 1],
  ],
  [],
  [
    [5, 2, 2, 0],
    [6, 2, 2, 0],
    [7, 2, 2, 0],
    [8, 2, 2, 0],
  ],
];

/** A source file and a data set "made" from it. */
async function source(of: readonly (readonly Row[])[] = samples) {
  const dir = await temporaryFolder();
  const file = join(dir, "source.bin");
  await writeFile(file, "source");
  return { dir, file, dataset: datasetOf(of, file) };
}

/** The warnings that a test caused. */
function warnings(): string[] {
  const texts: string[] = [];
  const spy = vi.spyOn(process, "emitWarning").mockImplementation((text) => void texts.push(`${text}`));
  onTestFinished(() => spy.mockRestore());
  return texts;
}

describe("cacheFrames", () => {
  it("names a folder for caches that is none", async () => {
    const { dataset, file } = await source();
    for (const dir of [file, join(file, "deeper")]) {
      await expect(cacheFrames(dataset, "train", { dir, ...options })).rejects.toThrow(
        new Error(`cacheFrames: dir must be a folder, got '${dir}', which is none; choose another folder for caches`),
      );
    }
  });

  it("names a file of a sample that does not exist", async () => {
    const { dir } = await source();
    const missing = join(dir, "gone\u001b.bin");
    await expect(cacheFrames(datasetOf(samples, missing), "train", { dir, ...options })).rejects.toThrow(
      new Error(
        `cacheFrames: dataset must name files that exist, got '${dir}/gone\\x1B.bin' (ENOENT); copy or unpack it again`,
      ),
    );
  });

  it("keeps what integrate gives for each sample, and describes it", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(sortedRows({ height: 4, width: 3, maxLength: 20 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom("count" as const, "time" as const),
        async (of, frames, by) => {
          fc.pre(of.some((rows) => rows.length > 0));
          const { dir, dataset } = await source(of);
          const cache = await cacheFrames(dataset, "train", { dir, frames, by });
          const expected = of.flatMap((rows) => [...integrate(eventsOf(rows), { frames, by, height: 4, width: 3 })]);
          expect([...(await readFile(join(cache.path, "frames.bin")))]).toEqual(expected);
          expect(cache).toMatchObject({ name: "in-memory-train", count: of.length, shape: [frames, 4, 3, 2] });
          expect(cache.manifest).toMatchObject({ dataset: "in-memory", split: "train", slicing: { by, frames } });
          expect(cache.manifest).toMatchObject({ type: "uint8", bytes: expected.length, classes: ["even", "odd"] });
          expect(cache.labels).toEqual(of.map((_, i) => i % 2));
          expect(cache.names).toEqual(of.map((_, i) => `s${i}`));
          const { manifest, fingerprint } = await openFrameCache(cache.path, { verify: true });
          expect([manifest, fingerprint]).toEqual([cache.manifest, cache.fingerprint]);
        },
      ),
      { numRuns: 25 },
    ));

  it("widens to 16 bits from the sample that needs it, earlier ones included", async () => {
    const busy = Array.from({ length: 300 }, (): Row => [0, 1, 1, 1]);
    const { dir, dataset } = await source([samples[2]!, busy, samples[0]!]);
    const cache = await cacheFrames(dataset, "train", { dir, frames: 1 });
    const bytes = await readFile(join(cache.path, "frames.bin"));
    const counts = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
    expect([cache.manifest.type, cache.manifest.bytes]).toEqual(["uint16", 3 * 24 * 2]);
    expect([...cache.read([1, 0])].filter((count) => count > 3)).toEqual([300, 4]);
    expect([counts[(2 * 3 + 2) * 2], counts[24 + (1 * 3 + 1) * 2 + 1], counts[48]]).toEqual([4, 300, 1]);
    expect(await readdir(cache.path)).toEqual(["frames.bin", "manifest.json"]);
  });

  it("reports progress, and converts only once", async () => {
    const { dir, dataset } = await source();
    const progress: number[][] = [];
    const onProgress = (done: number, total: number) => progress.push([done, total]);
    const first = await cacheFrames(dataset, "train", { dir, ...options, onProgress });
    expect(progress).toEqual([
      [1, 3],
      [2, 3],
      [3, 3],
    ]);
    expect((await cacheFrames(dataset, "train", { dir, ...options, onProgress })).manifest).toEqual(first.manifest);
    expect(progress.length).toBe(3);
    expect((await readdir(dir)).sort()).toEqual(["in-memory-train-3-count", "source.bin"]);
  });

  it.each([
    {
      change: "a source of another size",
      make: ({ file }: { file: string }) => appendFile(file, "more"),
      why: () => "its source source.bin has changed",
    },
    {
      change: "a source of another time",
      make: ({ file }: { file: string }) => utimes(file, 1, 1),
      why: () => "its source source.bin has changed",
    },
    {
      change: "frames cut short",
      make: ({ path }: { path: string }) => truncate(join(path, "frames.bin"), 100),
      why: (path: string) =>
        `openFrameCache: ${path}/frames.bin must be 216 bytes long, got 100; delete the folder and make it again`,
    },
  ])("makes the cache again after $change, and says why", async ({ make, why }) => {
    const texts = warnings();
    const { dir, file, dataset } = await source();
    const { path, fingerprint } = await cacheFrames(dataset, "train", { dir, ...options });
    await make({ file, path });
    expect((await cacheFrames(dataset, "train", { dir, ...options })).fingerprint).toBe(fingerprint);
    expect(texts).toEqual([`cacheFrames: making ${path} again: ${why(path)}`]);
    await openFrameCache(path, { verify: true });
  });

  it("makes it again for other labels", async () => {
    const texts = warnings();
    const { dir, file, dataset } = await source();
    const { path } = await cacheFrames(dataset, "train", { dir, ...options });
    const two = datasetOf(samples.slice(1), file);
    expect((await cacheFrames(two, "train", { dir, ...options })).labels.length).toBe(2);
    expect(texts).toEqual([`cacheFrames: making ${path} again: its labels differ`]);
  });

  it.each([
    ["no manifest", "a folder without its manifest.json", (path: string) => rm(join(path, "manifest.json"))],
    [
      "a foreign manifest",
      "a folder without its manifest.json",
      (path: string) => writeFile(join(path, "manifest.json"), "{}"),
    ],
    ["a file of another", "a folder with thesis.tex", (path: string) => writeFile(join(path, "thesis.tex"), "")],
  ])("never replaces a folder with %s", async (_, got, make) => {
    const texts = warnings();
    const { dir, file, dataset } = await source();
    const { path } = await cacheFrames(dataset, "train", { dir, ...options });
    await make(path);
    await utimes(file, 1, 1);
    const before = (await readdir(path)).sort();
    await expect(cacheFrames(dataset, "train", { dir, ...options })).rejects.toThrow(
      new Error(
        `cacheFrames: ${path} must be missing or a frame cache, got ${got}; move it away, or choose another dir`,
      ),
    );
    expect((await readdir(path)).sort()).toEqual(before);
    expect(texts).toEqual([]);
  });

  it("never replaces a file, and replaces an empty folder", async () => {
    warnings();
    const { dir, dataset } = await source();
    await writeFile(join(dir, "in-memory-train-3-count"), "");
    await expect(cacheFrames(dataset, "train", { dir, ...options })).rejects.toThrow("or a frame cache, got a file;");
    await rm(join(dir, "in-memory-train-3-count"));
    await mkdir(join(dir, "in-memory-train-3-count"));
    expect((await cacheFrames(dataset, "train", { dir, ...options })).count).toBe(3);
  });

  it.each([2, Number.NaN, "1"])("refuses the label %s before it converts anything", async (label) => {
    const { dir, file, dataset } = await source();
    const events = vi.fn(dataset.events);
    const wrong = {
      ...dataset,
      events,
      samples: async () => [{ name: "s0", label: label as number, files: [file], index: 0 }],
    };
    const got = typeof label === "string" ? '"1"' : `${label}`;
    await expect(cacheFrames(wrong, "train", { dir, ...options })).rejects.toThrow(
      new RangeError(`cacheFrames: labels must be integers in 0..1, got ${got} for sample s0`),
    );
    expect([events.mock.calls.length, await readdir(dir)]).toEqual([0, ["source.bin"]]);
  });

  it("leaves out the remainder on request, in a cache of its own", async () => {
    const { dir, dataset } = await source();
    const counted = await cacheFrames(dataset, "train", { dir, ...options });
    const dropped = await cacheFrames(dataset, "train", { dir, ...options, remainder: "drop" });
    expect(dropped.path).toBe(`${counted.path}-dropped`);
    expect(dropped.fingerprint).not.toBe(counted.fingerprint);
    expect((await openFrameCache(dropped.path)).manifest.slicing).toEqual({
      by: "count",
      frames: 3,
      remainder: "drop",
    });
    const events = await dataset.events((await dataset.samples("train"))[0]!);
    expect([...dropped.read([0])]).toEqual([
      ...integrate(events, { by: "count", frames: 3, remainder: "drop", height: 4, width: 3 }),
    ]);
  });

  it("cuts by duration to the number of frames, and says which recordings lose their end", async () => {
    const texts = warnings();
    const { dir, dataset } = await source();
    const of = { dir, frames: 2, by: "duration", microseconds: 1 } as const;
    const cache = await cacheFrames(dataset, "train", of);
    expect(cache.path).toBe(join(dir, "in-memory-train-2-1us"));
    expect(cache.manifest.slicing).toEqual({ by: "duration", microseconds: 1, frames: 2 });
    const counts = cache.read([0, 1, 2]).reduce((sum, value) => sum + value, 0);
    expect(counts).toBe(3 + 0 + 2); // the last sample lasts 3 us
    const says =
      "cacheFrames: 1 of 3 recordings of in-memory are longer than 2 frames and lose their end; frames: 3 keeps all";
    expect(texts).toEqual([says]);
    await cacheFrames(dataset, "train", of);
    expect(texts).toEqual([says]);
  });

  it("has a channel a polarity, of as many polarities as the data set says, or one for all", async () => {
    const { dir, file, dataset } = await source();
    const merged = await cacheFrames(dataset, "train", { dir, ...options, mergePolarities: true });
    const counted = await cacheFrames(dataset, "train", { dir, ...options });
    expect([merged.shape, counted.shape]).toEqual([
      [3, 4, 3, 1],
      [3, 4, 3, 2],
    ]);
    const [one, two] = [merged.read([0, 2]), counted.read([0, 2])];
    expect([...one]).toEqual(Array.from(one, (_, i) => two[2 * i]! + two[2 * i + 1]!));
    expect(merged.path).toBe(`${counted.path}-merged`);

    const wide = { ...datasetOf([[[0, 2, 3, 4]]], file), name: "wide", polarities: 5 };
    const five = await cacheFrames(wide, "train", { dir, frames: 1 });
    expect(five.shape).toEqual([1, 4, 3, 5]);
    expect(five.read([0]).indexOf(1)).toBe((3 * 3 + 2) * 5 + 4);
    const grey = { ...datasetOf([[[0, 2, 3, 0]]], file), name: "grey", polarities: 1 };
    expect([...(await cacheFrames(grey, "train", { dir, frames: 1 })).read([0])].lastIndexOf(1)).toBe(3 * 3 + 2);
  });

  it("has a fingerprint of the frames and their labels, not of the place and the time", async () => {
    const [one, other] = [await source(), await source()];
    const of = (from: typeof one, frames = 3) => cacheFrames(from.dataset, "train", { dir: from.dir, frames });
    const first = await of(one);
    await utimes(other.file, 1, 1);
    expect((await of(other)).fingerprint).toBe(first.fingerprint);
    expect((await of(one, 4)).fingerprint).not.toBe(first.fingerprint);
  });

  it("leaves nothing behind when the data set fails", async () => {
    const { dir, dataset } = await source();
    const failing = { ...dataset, events: () => Promise.reject(new Error("damaged")) };
    await expect(cacheFrames(failing, "train", { dir, ...options })).rejects.toThrow("damaged");
    expect(await readdir(dir)).toEqual(["source.bin"]);
  });

  it("recovers from a process killed in the middle of a conversion", async () => {
    const { dir, file, dataset } = await source();
    const program = `
      import { cacheFrames } from "@sew/datasets";
      const sample = (i) => ({ name: "s" + i, label: 0, files: [${JSON.stringify(file)}] });
      await cacheFrames({
        name: "in-memory", classes: ["even", "odd"], height: 4, width: 3,
        samples: async () => [sample(0), sample(1)],
        events: async ({ name }) => {
          if (name === "s1") process.kill(process.pid, "SIGKILL");
          return { t: new Float64Array(1), x: new Uint16Array(1), y: new Uint16Array(1), p: new Uint8Array(1) };
        },
      }, "train", { dir: ${JSON.stringify(dir)}, frames: 3 });`;
    const cwd = fileURLToPath(new URL("..", import.meta.url));
    const { signal } = spawnSync(process.execPath, ["--input-type=module", "-e", program], { cwd });
    expect(signal).toBe("SIGKILL");
    expect((await readdir(dir)).filter((name) => name.includes(".tmp-")).length).toBe(1);

    const { path } = await cacheFrames(dataset, "train", { dir, ...options });
    await openFrameCache(path, { verify: true });
    expect((await readdir(dir)).sort()).toEqual(["in-memory-train-3-count", "source.bin"]);
  });

  it("is made once by processes that start together, and read by all", async () => {
    const { dir, file } = await source();
    const log = join(dir, "log");
    const program = `
      import { appendFileSync } from "node:fs";
      import { cacheFrames } from "@sew/datasets";
      const { fingerprint } = await cacheFrames({
        name: "in-memory", classes: ["even", "odd"], height: 4, width: 3,
        samples: async () => [{ name: "s0", label: 0, files: [${JSON.stringify(file)}] }],
        events: async () => {
          appendFileSync(${JSON.stringify(log)}, "converted\\n");
          await new Promise((resolve) => setTimeout(resolve, 300));
          return { t: new Float64Array(1), x: new Uint16Array(1), y: new Uint16Array(1), p: new Uint8Array(1) };
        },
      }, "train", { dir: ${JSON.stringify(join(dir, "cache"))}, frames: 3 });
      process.stdout.write(fingerprint);`;
    const cwd = fileURLToPath(new URL("..", import.meta.url));
    const run = () =>
      promisify(execFile)(process.execPath, ["--no-warnings", "--input-type=module", "-e", program], { cwd });
    const outputs = await Promise.all([run(), run(), run(), run()]);
    expect(new Set(outputs.map(({ stdout }) => stdout)).size).toBe(1);
    expect(await readFile(log, "utf8")).toBe("converted\n");
    expect(await readdir(join(dir, "cache"))).toEqual(["in-memory-train-3-count"]);
  });

  it("fails a reader whose cache was made again with other frames of the same size", async () => {
    warnings();
    const { dir, file, dataset } = await source();
    const open = await cacheFrames(dataset, "train", { dir, ...options });
    expect(open.read([0]).length).toBe(72);
    await utimes(file, 1, 1);
    const others = datasetOf([samples[2]!, samples[0]!, samples[1]!], file);
    await cacheFrames(others, "train", { dir, ...options });
    expect(() => open.read([0])).toThrow("was made again meanwhile");
  });

  it("refuses a split without a single event", async () => {
    const { dir, file } = await source();
    await expect(cacheFrames(datasetOf([[], []], file), "train", { dir, ...options })).rejects.toThrow(
      new RangeError(
        "cacheFrames: dataset must have recordings with events, got none in the train split of in-memory; check its files",
      ),
    );
  });

  it("refuses samples of one name, and frames that no array holds, before it converts anything", async () => {
    const { dir, file } = await source();
    const twice = { ...datasetOf(samples, file), events: () => Promise.reject(new Error("converted")) };
    const sample = { name: "s", label: 0, files: [file], index: 0 };
    const same = { ...twice, samples: async () => [sample, sample] };
    await expect(cacheFrames(same, "train", { dir, ...options })).rejects.toThrow(
      new RangeError('cacheFrames: dataset must have samples of distinct names, got "s" twice'),
    );
    await expect(cacheFrames(twice, "train", { dir, frames: 1e9 })).rejects.toThrow(
      new RangeError(
        "cacheFrames: samples must have at most 2^31 values, got 24000000000 for the shape [1000000000, 4, 3, 2]; use fewer " +
          "frames or smaller ones",
      ),
    );
    expect(await readdir(dir)).toEqual(["source.bin"]);
  });

  it("opens a cache in a folder that cannot be written", async () => {
    const { dir, dataset } = await source();
    const { path, fingerprint } = await cacheFrames(dataset, "train", { dir, ...options });
    for (const each of [path, dir]) await chmod(each, 0o555);
    onTestFinished(async () => {
      for (const each of [path, dir]) await chmod(each, 0o755);
    });
    expect((await cacheFrames(dataset, "train", { dir, ...options })).fingerprint).toBe(fingerprint);
  });

  it("refuses a split without samples", async () => {
    const { dir, dataset } = await source();
    await expect(cacheFrames(dataset, "test", { dir, ...options })).rejects.toThrow(
      new RangeError("cacheFrames: dataset must have samples, got none in the test split of in-memory"),
    );
  });
});

describe("openFrameCache", () => {
  const remedy = "; delete the folder and make it again";
  const made = async () => {
    const { dir, dataset } = await source();
    const { path } = await cacheFrames(dataset, "train", { dir, ...options });
    const manifest = JSON.parse(await readFile(join(path, "manifest.json"), "utf8"));
    return { path, manifest };
  };

  it("says what is missing or does not fit", async () => {
    const { path, manifest } = await made();
    const frames = join(path, "frames.bin");
    const bytes = await readFile(frames);
    bytes[7]! ^= 1;
    await writeFile(frames, bytes);
    const cache = await openFrameCache(path);
    expect(cache.read([1]).length).toBe(72);
    expect(() => cache.read([1, 0])).toThrow(
      formatError(
        `frame cache: ${frames} must hold sample 0 with the CRC-32 ${manifest.checksums[0]}, got ${crc32(bytes.subarray(0, 72))} ` +
          "at byte 0; it is damaged, or was made again meanwhile: delete its folder if it is damaged, and start again",
      ),
    );
    await expect(openFrameCache(path, { verify: true })).rejects.toThrow(
      new RegExp(`^openFrameCache: ${frames} must have SHA-256 ${manifest.sha256}, got [0-9a-f]{64}${remedy}$`),
    );
    await appendFile(frames, "x");
    await expect(openFrameCache(path)).rejects.toThrow(
      formatError(`openFrameCache: ${frames} must be 216 bytes long, got 217${remedy}`),
    );
    await rm(frames);
    await expect(openFrameCache(path)).rejects.toThrow(
      formatError(`openFrameCache: ${frames} must exist, got no such file${remedy}`),
    );
    await mkdir(join(path, "empty"));
    await expect(openFrameCache(join(path, "empty"))).rejects.toThrow(
      formatError(`openFrameCache: ${path}/empty/manifest.json must exist, got no such file${remedy}`),
    );
  });

  it.each([
    ["text that is not JSON", () => "{"],
    ["version: Invalid input: expected 4", (good: object) => JSON.stringify({ ...good, version: 1 })],
    [
      "shape.0: Too small: expected number to be >0",
      (good: object) => JSON.stringify({ ...good, shape: [0, 4, 3, 2] }),
    ],
    ["labels must index classes", (good: object) => JSON.stringify({ ...good, labels: [0, 1, 2] })],
    ["labels and names must be equally many", (good: object) => JSON.stringify({ ...good, names: ["s0"] })],
    ["bytes must be those of all samples", (good: object) => JSON.stringify({ ...good, type: "uint16" })],
    ["Invalid input: expected object, received array", () => "[]"],
  ])("refuses a manifest with %s", async (says, damage) => {
    const { path, manifest } = await made();
    const file = join(path, "manifest.json");
    await writeFile(file, damage(manifest));
    await expect(openFrameCache(path)).rejects.toThrow(
      formatError(`openFrameCache: ${file} must describe a frame cache, got ${says}${remedy}`),
    );
  });

  it("survives any damage to the manifest", async () => {
    const { path } = await made();
    const file = join(path, "manifest.json");
    const good = await readFile(file);
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length), fc.nat(good.length - 1), fc.nat(255), async (length, at, value) => {
        const bad = Buffer.from(good);
        bad[at] = value;
        await writeFile(file, bad.subarray(0, length));
        const { name } = await openFrameCache(path).catch((error: Error) => error);
        expect(name).toBe(bad.subarray(0, length).equals(good) ? "in-memory-train" : "FileFormatError");
      }),
    );
  });
});

import { execFileSync } from "node:child_process";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type Batch,
  cacheFrames,
  createLoader,
  type EpochOptions,
  type FrameCache,
  integrate,
  type LoaderOptions,
  randomCrop,
  randomFlip,
  type Source,
  temporalDelete,
} from "@sew/datasets";
import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { broken, jitter, numbers } from "./fixtures/own.mjs";
import { datasetOf, eventsOf, type Row, temporaryFolder } from "./support.js";

const COUNT = 7;
const FRAMES = 5;
const CELLS = 4 * 3 * 2;

/** Frame t of sample i has i + 1 events, all on pixel t. */
const samples = Array.from({ length: COUNT }, (_, i) =>
  Array.from({ length: FRAMES * (i + 1) }, (_, k): Row => {
    const t = Math.floor(k / (i + 1));
    return [k, t % 3, Math.floor(t / 3), i % 2];
  }),
);

async function makeCache(of = samples): Promise<FrameCache> {
  const dir = await temporaryFolder();
  await writeFile(join(dir, "source"), "");
  return cacheFrames(datasetOf(of, join(dir, "source")), "train", { dir, frames: FRAMES });
}

async function collect(iterable: AsyncIterable<Batch>): Promise<Batch[]> {
  const all: Batch[] = [];
  for await (const batch of iterable) all.push(batch);
  return all;
}

/** The batches of one epoch of a loader of its own. */
async function epochOf(source: Source, of: LoaderOptions, epoch: EpochOptions = {}): Promise<Batch[]> {
  const loader = createLoader(source, of);
  const all = await collect(loader.epoch(epoch));
  expect(all.length).toBe(loader.batchesPerEpoch - (epoch.start ?? 0));
  await loader.close();
  return all;
}

/** A plain source whose sample i holds i. */
const plain = (count: number): Source => ({
  name: "plain",
  classes: ["only"],
  count,
  shape: [1, 1, 1, 1],
  labels: new Uint8Array(count),
  names: Array.from({ length: count }, (_, i) => `p${i}`),
  fingerprint: "plain",
  read: (indices) => Float32Array.from(indices),
});

const options: fc.Arbitrary<LoaderOptions> = fc.record({
  batchSize: fc.integer({ min: 1, max: COUNT }),
  shuffle: fc.boolean(),
  seed: fc.maxSafeInteger(),
  dropLast: fc.boolean(),
  transforms: fc.subarray([
    temporalDelete({ keep: 3 }),
    randomCrop({ height: 4, width: 4, padding: 2 }),
    randomFlip(),
    jitter({ randomness: "sample" }),
    jitter({ randomness: "batch" }),
  ]),
});

describe("createLoader", () => {
  let cache: FrameCache;
  beforeAll(async () => {
    cache = await makeCache();
  });

  it("gives each sample's frames, time first, without any option", async () => {
    const [batch, ...others] = await epochOf(cache, { batchSize: COUNT });
    expect(others).toEqual([]);
    expect(batch!.shape).toEqual([FRAMES, COUNT, 4, 3, 2]);
    expect(batch!.names).toEqual(cache.names);
    expect([...batch!.labels]).toEqual(cache.labels);
    samples.forEach((rows, n) => {
      const frames = integrate(eventsOf(rows), { frames: FRAMES, by: "count", height: 4, width: 3 });
      for (let t = 0; t < FRAMES; t++) {
        const start = (t * COUNT + n) * CELLS;
        expect([...batch!.x.subarray(start, start + CELLS)]).toEqual([...frames.subarray(t * CELLS, (t + 1) * CELLS)]);
      }
    });
  });

  it("reads 16-bit counts too", async () => {
    const busy = Array.from({ length: 300 * FRAMES }, (): Row => [0, 1, 1, 1]);
    const [batch] = await epochOf(await makeCache([busy]), { batchSize: 1 });
    expect(Math.max(...batch!.x)).toBe(300);
  });

  it("gives the same batches whatever the number of workers and the prefetch, and from any start", () =>
    fc.assert(
      fc.asyncProperty(
        options,
        fc.nat(5),
        fc.integer({ min: 1, max: 3 }),
        fc.nat(4),
        fc.nat(7),
        async (of, epoch, workers, prefetch, skip) => {
          const inline = await epochOf(cache, { ...of, workers: 0 }, { epoch });
          const start = Math.min(skip, inline.length);
          expect(await epochOf(cache, { ...of, workers, prefetch }, { epoch, start })).toEqual(inline.slice(start));
        },
      ),
      { numRuns: 20 },
    ));

  it("reads a source of one's own in the workers, and a plain one in the calling thread, with its transforms there", async () => {
    const own = await numbers({ count: COUNT });
    const { module, ...withoutModule } = own;
    expect(module).toMatchObject({ name: "numbers", options: { count: COUNT } });
    const of = { batchSize: 3, shuffle: true, transforms: [jitter({ randomness: "sample" })] };
    const inline = await epochOf(own, { ...of, workers: 0 });
    expect(await epochOf(own, { ...of, workers: 2 })).toEqual(inline);
    expect(await epochOf(withoutModule, { ...of, workers: 2 })).toEqual(inline);
  });

  it("gives each sample once an epoch, in batches of batchSize; only dropLast leaves some out", () =>
    fc.assert(
      fc.asyncProperty(options, fc.nat(20), async (of, epoch) => {
        const batches = await epochOf(cache, { ...of, workers: 0 }, { epoch });
        const rest = of.dropLast === true ? [] : [COUNT % of.batchSize].filter((size) => size > 0);
        expect(batches.map(({ names }) => names.length)).toEqual([
          ...new Array(Math.floor(COUNT / of.batchSize)).fill(of.batchSize),
          ...rest,
        ]);
        const names = batches.flatMap(({ names }) => names);
        expect(new Set(names).size).toBe(names.length);
      }),
    ));

  it("shuffles anew each epoch and for each seed, and not at all without shuffle", async () => {
    const order = async (of: Partial<LoaderOptions>, epoch: number) =>
      (await epochOf(cache, { batchSize: 1, workers: 0, ...of }, { epoch })).flatMap(({ names }) => names).join();
    const orders = new Set<string>();
    for (const seed of [0, 1, -1])
      for (const epoch of [0, 1, 2]) orders.add(await order({ shuffle: true, seed }, epoch));
    expect(orders.size).toBe(9);
    expect(await order({ seed: 1 }, 3)).toBe(cache.names.join());
  });

  describe("with transforms", () => {
    /** By how much jitter moved each sample, by its name. */
    const moved = async (of: Partial<LoaderOptions>, epoch = 0): Promise<ReadonlyMap<string, number>> => {
      const all = new Map<string, number>();
      const batches = await epochOf(await numbers({ count: COUNT }), { batchSize: 2, workers: 0, ...of }, { epoch });
      for (const { x, names } of batches) {
        names.forEach((name, n) => {
          all.set(name, x[n]! - Number(name.slice(1)));
        });
      }
      return all;
    };
    const [each, together] = [jitter({ randomness: "sample" }), jitter({ randomness: "batch" })];

    it("draws for each sample, whatever the batches are, and anew for each epoch, seed and position", async () => {
      const first = await moved({ transforms: [each] });
      expect(new Set(first.values()).size).toBe(COUNT);
      expect([...(await moved({ transforms: [each], batchSize: 3, shuffle: true }))].sort()).toEqual([...first].sort());
      for (const other of [
        await moved({ transforms: [each] }, 1),
        await moved({ transforms: [each], seed: 1 }),
        await moved({ transforms: [(x) => x, each] }),
      ]) {
        for (const [name, by] of other) expect(by).not.toBeCloseTo(first.get(name)!, 5);
      }
    });

    it("draws once a batch where a transform asks for that", async () => {
      const by = [...(await moved({ transforms: [together] })).values()];
      expect(by[1]).toBeCloseTo(by[0]!, 5);
      expect(by[3]).toBeCloseTo(by[2]!, 5);
      expect(Math.abs(by[2]! - by[0]!)).toBeGreaterThan(1e-5);
    });

    it("applies them in order, and gives batches of the shape that they declare", async () => {
      const loader = createLoader(cache, {
        batchSize: 2,
        workers: 0,
        transforms: [temporalDelete({ keep: 2 }), randomCrop({ height: 2, width: 3 }), (x) => x.map((v) => 2 * v + 1)],
      });
      expect(loader.shape).toEqual([2, 2, 3, 2]);
      for (const { x, shape } of await collect(loader.epoch())) {
        expect(shape).toEqual([2, shape[1], 2, 3, 2]);
        expect(x.length).toBe(shape.reduce((a, b) => a * b));
        expect(x.every((value) => value % 2 === 1)).toBe(true);
      }
    });

    it("refuses a plain one for threads, and options that cannot be sent to them", () => {
      const binarise = (x: Float32Array) => x.map(Math.sign);
      expect(() => createLoader(cache, { batchSize: 1, transforms: [randomFlip(), binarise] })).toThrow(
        new TypeError(
          "createLoader: transforms[1] (binarise) must be made by defineTransform to run in worker threads, got a " +
            "plain one; define it with defineTransform, or set workers: 0",
        ),
      );
      const randomness = (() => "sample") as unknown as "sample";
      expect(() => createLoader(cache, { batchSize: 1, transforms: [jitter({ randomness })] })).toThrow(
        /^createLoader: transforms\[0\] \(jitter\) must have options that can be sent to a thread \(numbers, text, arrays, plain objects\), got: .* could not be cloned\.; change them, or set workers: 0$/,
      );
    });

    it.each([0, 1])(
      "refuses other numbers of values than declared, and values not finite, with %d workers",
      async (workers) => {
        const half = { name: "half", apply: (x: Float32Array) => x.subarray(1) };
        await expect(epochOf(cache, { batchSize: 1, workers: 0, transforms: [half] })).rejects.toThrow(
          new RangeError(
            "createLoader: transforms[0] (half) must return 120 values for shape [5, 4, 3, 2], got 119; declare the " +
              "shape with shapeOf",
          ),
        );
        const source: Source = { ...plain(3), read: (of) => Float32Array.from(of, (i) => (i === 2 ? Number.NaN : i)) };
        await expect(epochOf(source, { batchSize: 3, workers })).rejects.toThrow(
          "createLoader: samples must hold finite numbers, got NaN at value 0 of sample 2; check the source and the transforms",
        );
        const short: Source = { ...plain(3), read: () => new Float32Array(2) };
        await expect(epochOf(short, { batchSize: 3, workers })).rejects.toThrow(
          "createLoader: source must read a Float32Array of 3 values for 3 samples of shape [1, 1, 1, 1], got 2",
        );
      },
    );

    it("says what threads could not import", async () => {
      await expect(epochOf(cache, { batchSize: 1, transforms: [broken()] })).rejects.toThrow(
        /^createLoader: file:.*own\.mjs must export a function missing, got undefined; export it under the name that defineSource or defineTransform gets, or set workers: 0$/,
      );
      const source = { ...plain(2), module: { url: "file:///nowhere.js", name: "open" } };
      await expect(epochOf(source, { batchSize: 1 })).rejects.toThrow(
        /^createLoader: worker threads must be able to import file:\/\/\/nowhere\.js, got: .*; compile it to JavaScript, or set workers: 0$/,
      );
    });
  });

  describe("with shards", () => {
    const sharded = fc.record({
      count: fc.integer({ min: 1, max: 40 }),
      batchSize: fc.integer({ min: 1, max: 6 }),
      ranks: fc.integer({ min: 1, max: 5 }),
      seed: fc.nat(),
      shuffle: fc.boolean(),
      dropLast: fc.boolean(),
    });
    /** Whether the last batch leaves a rank without samples, or there is no batch. */
    const refused = ({
      count,
      batchSize,
      ranks,
      dropLast,
    }: { [K in "count" | "batchSize" | "ranks"]: number } & { dropLast: boolean }) => {
      const rest = count % (batchSize * ranks);
      return dropLast ? count < batchSize * ranks : rest > 0 && rest < ranks;
    };

    it("gives the ranks equally many batches, which together are those of one process with all their samples", () =>
      fc.assert(
        fc.asyncProperty(
          sharded.filter((of) => !refused(of)),
          async ({ count, batchSize, ranks, ...of }) => {
            const whole = await epochOf(plain(count), { ...of, batchSize: batchSize * ranks, workers: 0 });
            const parts = await Promise.all(
              Array.from({ length: ranks }, (_, rank) =>
                epochOf(plain(count), { ...of, batchSize, shard: { rank, count: ranks }, workers: 0 }),
              ),
            );
            for (const part of parts) {
              expect(part.length).toBe(whole.length);
              for (const { names } of part) expect(names.length).toBeGreaterThan(0);
            }
            whole.forEach(({ names }, b) => {
              expect(parts.flatMap((part) => part[b]!.names)).toEqual(names);
              const sizes = parts.map((part) => part[b]!.names.length);
              expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
            });
          },
        ),
      ));

    it("refuses a last batch that leaves a rank without samples, and ranks that are none", () => {
      const of = (more: Partial<LoaderOptions>) => () => createLoader(plain(9), { batchSize: 2, workers: 0, ...more });
      expect(of({ shard: { rank: 0, count: 4 } })).toThrow(
        new RangeError(
          "createLoader: batchSize must leave each rank a sample of the last batch, got 2 and 4 ranks, which leave 1 " +
            "of 9 samples; change it, or set dropLast: true",
        ),
      );
      expect(of({ shard: { rank: 0, count: 4 }, dropLast: true })().batchesPerEpoch).toBe(1);
      expect(of({ shard: { rank: 4, count: 4 } })).toThrow(
        "createLoader: shard.rank must be an integer in 0..3, got 4",
      );
      expect(of({ shard: { rank: 0, count: 0 } })).toThrow(
        "createLoader: shard.count must be an integer of at least 1, got 0",
      );
    });
  });

  it("has a fingerprint that changes with the source and with what changes the batches, and with nothing else", () => {
    const of = (more: Partial<LoaderOptions> = {}, source: Source = cache): string =>
      createLoader(source, { batchSize: 2, workers: 0, ...more }).fingerprint;
    const shard = (rank: number) => ({ rank, count: 2 });
    expect(of({ prefetch: 3 })).toBe(of());
    expect(of({ shard: shard(1), dropLast: true })).toBe(of({ shard: shard(0), dropLast: true }));
    const all = [
      of(),
      of({}, plain(COUNT)),
      of({ batchSize: 3 }),
      of({ shuffle: true }),
      of({ seed: 1 }),
      of({ dropLast: true }),
      of({ shard: shard(0), dropLast: true }),
      of({ transforms: [temporalDelete({ keep: 2 })] }),
      of({ transforms: [temporalDelete({ keep: 3 })] }),
      of({ transforms: [(x) => x] }),
      of({ transforms: [(x) => x.fill(0)] }),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  it("has the classes of its source", () =>
    expect(createLoader(cache, { batchSize: 1, workers: 0 }).classes).toEqual(["even", "odd"]));

  it("says what to do where the module of a source makes the loader itself, which each thread would do again", () => {
    const module = new URL("./fixtures/sourceAndLoader.mjs", import.meta.url);
    const run = (workers: number) =>
      execFileSync(process.execPath, [fileURLToPath(module), `${workers}`], { encoding: "utf8", timeout: 300_000 });
    expect(run(0)).toBe("a\nb\n");
    expect(run(1)).toBe(
      `createLoader: ${module.href} must not make a loader when worker threads import it, got a call; define its sources ` +
        "and transforms in a module of their own, or set workers: 0\n",
    );
  });

  it("stops when the consumer leaves, and starts again", async () => {
    const loader = createLoader(cache, { batchSize: 1, workers: 2 });
    for await (const { names } of loader.epoch()) {
      expect(names).toEqual(["s0"]);
      break;
    }
    await expect(
      (async () => {
        for await (const _ of loader.epoch()) throw new Error("consumer");
      })(),
    ).rejects.toThrow("consumer");
    expect((await collect(loader.epoch())).length).toBe(COUNT);
    await loader.close();
  });

  it("prepares the next epoch's first batches while one ends, and the same batches then", async () => {
    const read: number[][] = [];
    const source: Source = {
      ...plain(8),
      read(indices) {
        read.push(Array.from(indices));
        return Float32Array.from(indices);
      },
    };
    const of = { batchSize: 2, shuffle: true, workers: 1, prefetch: 3 };
    const loader = createLoader(source, of);
    const wanted = await Promise.all([0, 1, 2].map((epoch) => epochOf(plain(8), { ...of, workers: 0 }, { epoch })));
    expect(await collect(loader.epoch({ epoch: 0 }))).toEqual(wanted[0]);
    expect(read.slice(4)).toEqual(wanted[1]!.slice(0, 3).map(({ x }) => [...x]));
    expect(await collect(loader.epoch({ epoch: 1 }))).toEqual(wanted[1]);
    expect(read.length).toBe(4 + 4 + 3);
    // Another epoch than the next, and one that is left while the next is being prepared.
    expect(await collect(loader.epoch({ epoch: 0 }))).toEqual(wanted[0]);
    for await (const { x } of loader.epoch({ epoch: 1, start: 2 })) {
      expect(x).toEqual(wanted[1]![2]!.x);
      break;
    }
    expect(await collect(loader.epoch({ epoch: 2 }))).toEqual(wanted[2]);
    await loader.close();
  });

  it("fails epochs that run when it is closed", async () => {
    const loader = createLoader(cache, { batchSize: 1, workers: 1, prefetch: 0 });
    const running = loader.epoch();
    await running.next();
    await loader.close();
    await expect(running.next()).rejects.toThrow("the worker threads are closed");
  });

  it.each([0, 1])("passes on what goes wrong in preparing a batch, with %d workers", async (workers) => {
    const own = await makeCache();
    const loader = createLoader(own, { batchSize: 1, workers });
    const file = join(own.path, "frames.bin");
    await truncate(file, 10);
    await expect(collect(loader.epoch())).rejects.toThrow(
      `frame cache: ${file} must stay ${own.manifest.bytes} bytes long, got 10; it is damaged, or was made again meanwhile: delete its folder if it is damaged, and start again`,
    );
    await loader.close();
  });

  it.each([
    [{ batchSize: 0 }, "batchSize must be an integer of at least 1, got 0"],
    [{ batchSize: 1.5 }, "batchSize must be an integer of at least 1, got 1.5"],
    [{ workers: -1 }, "workers must be an integer in 0..1024, got -1"],
    [{ prefetch: Number.NaN }, "prefetch must be an integer of at least 0, got NaN"],
    [{ seed: 0.5 }, "seed must be an integer, got 0.5"],
    [
      { batchSize: 8, dropLast: true },
      "batchSize must leave a full batch of the 7 samples, got 8; lower it, or set dropLast: false",
    ],
  ])("refuses %j", (wrong, says) =>
    expect(() => createLoader(cache, { batchSize: 1, ...wrong })).toThrow(new RangeError(`createLoader: ${says}`)),
  );

  it("refuses a transform that does not fit the shape", () =>
    expect(() => createLoader(cache, { batchSize: 1, transforms: [temporalDelete({ keep: 6 })] })).toThrow(
      new RangeError("temporalDelete: keep must be at most the 5 time-steps of a sample, got 6"),
    ));

  it.each([
    [{ count: 0 }, "source must have samples, got count 0 in plain"],
    [{ shape: [] }, "source must have a shape of positive integers, got [] in plain"],
    [{ shape: [1, 0] }, "source must have a shape of positive integers, got [1, 0] in plain"],
    [{ labels: [0] }, "source must have 2 labels, one a sample, got 1 in plain"],
    [{ names: ["a"] }, "source must have 2 names, one a sample, got 1 in plain"],
    [{ labels: [0, 1] }, "labels must be integers in 0..0, got 1 for sample p1"],
    [{ fingerprint: "" }, 'source must have a fingerprint, got "" in plain'],
  ])("refuses a source with %j", (wrong, says) =>
    expect(() => createLoader({ ...plain(2), ...wrong }, { batchSize: 1 })).toThrow(
      new RangeError(`createLoader: ${says}`),
    ),
  );

  it("refuses a start beyond the epoch, and epochs that are no number", async () => {
    const loader = createLoader(cache, { batchSize: 2, workers: 0 });
    expect(await collect(loader.epoch({ start: 4 }))).toEqual([]);
    await expect(loader.epoch({ start: 5 }).next()).rejects.toThrow(
      new RangeError("createLoader: start must be an integer in 0..4, got 5"),
    );
    await expect(loader.epoch({ epoch: -1 }).next()).rejects.toThrow(
      new RangeError("createLoader: epoch must be an integer of at least 0, got -1"),
    );
  });
});

import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Batch,
  batches,
  cacheFrames,
  createLoader,
  type EpochOptions,
  type FrameCache,
  integrate,
  type LoaderOptions,
} from "@sew/datasets";
import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
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

/** Which time-step each frame `[T, N]` of a batch is. */
const stepsOf = ({ x, shape: [T, N] }: Batch): number[][] =>
  Array.from({ length: T }, (_, t) =>
    Array.from({ length: N }, (_, n) => {
      const frame = x.subarray((t * N + n) * CELLS, (t * N + n + 1) * CELLS);
      return Math.floor(frame.findIndex((count) => count > 0) / 2);
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

const options: fc.Arbitrary<LoaderOptions> = fc.record({
  batchSize: fc.integer({ min: 1, max: COUNT }),
  shuffle: fc.boolean(),
  seed: fc.maxSafeInteger(),
  dropLast: fc.boolean(),
  keepFrames: fc.integer({ min: 1, max: FRAMES }),
});

describe("createLoader", () => {
  let cache: FrameCache;
  beforeAll(async () => {
    cache = await makeCache();
  });

  /** The batches of one pass of a loader of its own. */
  const pass = async (of: LoaderOptions, epoch: EpochOptions = {}): Promise<Batch[]> => {
    const loader = createLoader(cache, of);
    const all = await collect(loader.epoch(epoch));
    expect(all.length).toBe(loader.batchesPerEpoch - (epoch.start ?? 0));
    await loader.close();
    return all;
  };

  it("gives each sample's frames, time first, without any option", async () => {
    const [batch, ...others] = await pass({ batchSize: COUNT });
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
    const [batch] = await collect(batches(await makeCache([busy]), { batchSize: 1 }));
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
          const inline = await pass({ ...of, workers: 0 }, { epoch });
          const start = Math.min(skip, inline.length);
          expect(await pass({ ...of, workers, prefetch }, { epoch, start })).toEqual(inline.slice(start));
        },
      ),
      { numRuns: 20 },
    ));

  it("gives each sample once a pass, in batches of batchSize; only dropLast leaves some out", () =>
    fc.assert(
      fc.asyncProperty(options, fc.nat(20), async (of, epoch) => {
        const sizes = (await pass({ ...of, workers: 0 }, { epoch })).map(({ names }) => names.length);
        const rest = of.dropLast === true ? [] : [COUNT % of.batchSize].filter((size) => size > 0);
        expect(sizes).toEqual([...new Array(Math.floor(COUNT / of.batchSize)).fill(of.batchSize), ...rest]);
        const names = (await pass({ ...of, workers: 0 }, { epoch })).flatMap(({ names }) => names);
        expect(new Set(names).size).toBe(names.length);
      }),
    ));

  it("shuffles anew each epoch and for each seed, and not at all without shuffle", async () => {
    const order = async (of: Partial<LoaderOptions>, epoch: number) =>
      (await pass({ batchSize: 1, workers: 0, ...of }, { epoch })).flatMap(({ names }) => names).join();
    const orders = new Set<string>();
    for (const seed of [0, 1, -1])
      for (const epoch of [0, 1, 2]) orders.add(await order({ shuffle: true, seed }, epoch));
    expect(orders.size).toBe(9);
    expect(await order({ seed: 1 }, 3)).toBe(cache.names.join());
  });

  it("keeps the same time-steps for a whole batch, in order, and others for other batches and epochs", async () => {
    const kept = new Set<string>();
    for (const epoch of [0, 1, 2, 3]) {
      for (const batch of await pass({ batchSize: 2, keepFrames: 3, shuffle: true, workers: 0 }, { epoch })) {
        expect(batch.shape[0]).toBe(3);
        const steps = stepsOf(batch);
        for (const row of steps) expect(new Set(row).size).toBe(1);
        const first = steps.map(([step]) => step!);
        expect(first).toEqual([...new Set(first)].sort((a, b) => a - b));
        kept.add(first.join());
      }
    }
    expect(kept.size).toBeGreaterThan(4);
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

  it("fails passes that run when it is closed", async () => {
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
      `loader: ${file} must stay ${own.bytes} bytes long, got 10; the cache was changed while it was in use: open it again with cacheFrames`,
    );
    await loader.close();
  });

  it.each([
    [{ batchSize: 0 }, "batchSize must be a whole number of at least 1, got 0"],
    [{ batchSize: 1.5 }, "batchSize must be a whole number of at least 1, got 1.5"],
    [{ keepFrames: 6 }, "keepFrames must be a whole number in 1..5, got 6"],
    [{ workers: -1 }, "workers must be a whole number of at least 0, got -1"],
    [{ prefetch: Number.NaN }, "prefetch must be a whole number of at least 0, got NaN"],
    [{ seed: 0.5 }, "seed must be a whole number, got 0.5"],
    [
      { batchSize: 8, dropLast: true },
      "batchSize must be at most the 7 samples of the cache, got 8; lower it, or set dropLast: false",
    ],
  ])("refuses %j", (wrong, says) =>
    expect(() => createLoader(cache, { batchSize: 1, ...wrong })).toThrow(new RangeError(`createLoader: ${says}`)),
  );

  it("refuses a start beyond the pass, and epochs that are no number", async () => {
    const loader = createLoader(cache, { batchSize: 2, workers: 0 });
    expect(await collect(loader.epoch({ start: 4 }))).toEqual([]);
    await expect(loader.epoch({ start: 5 }).next()).rejects.toThrow(
      new RangeError("createLoader: start must be a whole number in 0..4, got 5"),
    );
    await expect(loader.epoch({ epoch: -1 }).next()).rejects.toThrow(
      new RangeError("createLoader: epoch must be a whole number of at least 0, got -1"),
    );
  });
});

describe("batches", () => {
  it("is one pass of a loader, and ends its threads when it is left early", async () => {
    const cache = await makeCache();
    const of = { batchSize: 3, shuffle: true, seed: 4 };
    const loader = createLoader(cache, of);
    expect(await collect(batches(cache, { ...of, epoch: 2, start: 1 }))).toEqual(
      await collect(loader.epoch({ epoch: 2, start: 1 })),
    );
    await loader.close();
    for await (const _ of batches(cache, of)) break;
  });
});

import { random } from "@sew/random";
import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { type Batch, createLoader, type LoaderOptions } from "../createLoader.js";
import { checkSource, type Source, sizeOf } from "../source.js";
import { subset } from "../subset.js";
import { randomResizedCrop } from "../transforms/resizedCrop.js";

/** What {@link describeSource} needs besides the source. */
export interface DescribeSourceOptions {
  /**
   * The source with one thing changed (a label, a value, an option, the order), by what changed: their fingerprints must
   * differ from the source's. At least one.
   */
  readonly changed: Readonly<Record<string, () => Source | Promise<Source>>>;
}

/** Maximum number of samples in the loader's epochs. */
const LOADED = 7;

/**
 * Defines the tests of what every `Source` promises: its properties agree; samples are read in any order, one or many at
 * a time, with the same values, shape and finite numbers; so are their views, where the source has `readView`; an index out
 * of range is refused; the fingerprint is stable and sensitive; `createLoader` gives the same batches with 0 and with 2 workers.
 *
 * A source's test file calls it once. A source made by `defineSource` in TypeScript must be imported in its compiled form:
 * worker threads import the module by its URL.
 *
 * @param name opens the names of the tests
 * @param make opens the source; called more than once, each time for the same samples
 *
 * @example
 * ```ts no-run
 * import { checkIndices, fingerprint, type Source } from "@sew/datasets";
 * import { describeSource } from "@sew/datasets/testing";
 *
 * const ramp = (step: number): Source => ({
 *   name: "ramp",
 *   classes: ["all"],
 *   count: 3,
 *   shape: [1, 1, 1, 1],
 *   labels: [0, 0, 0],
 *   names: ["a", "b", "c"],
 *   fingerprint: fingerprint({ name: "ramp", step }),
 *   read(indices) {
 *     checkIndices("ramp", 3, indices);
 *     return Float32Array.from(indices, (i) => step * i);
 *   },
 * });
 * describeSource("ramp", () => ramp(1), { changed: { "another step": () => ramp(2) } });
 * ```
 */
export function describeSource(
  name: string,
  make: () => Source | Promise<Source>,
  { changed }: DescribeSourceOptions,
): void {
  describe(`${name} as a source`, () => {
    let source: Source;
    let size: number;
    beforeAll(async () => {
      source = await make();
      size = sizeOf(source.shape);
    });

    /** Views that depend on the sample alone. */
    const readViews = async (
      samples: readonly number[],
      randoms = samples.map((sample) => random(sample)),
    ): Promise<Float32Array> => source.readView!(samples, randomResizedCrop({ height: 3, width: 2 }).view!, randoms);

    it("has a name, distinct classes, and as many labels, names and samples as it says", () => {
      checkSource("describeSource", source);
      expect(source.name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(source.classes.length).toBeGreaterThan(0);
      expect(new Set(source.classes).size).toBe(source.classes.length);
      expect(new Set(source.names).size).toBe(source.count);
    });

    it("reads finite numbers of its shape, alike in any order, one or many at a time, and none of none", async () => {
      expect(await source.read([])).toEqual(new Float32Array(0));
      const indices = fc.array(fc.nat(source.count - 1), { minLength: 1, maxLength: 4 });
      await fc.assert(
        fc.asyncProperty(indices, async (samples) => {
          const together = await source.read(samples);
          expect(together).toBeInstanceOf(Float32Array);
          expect(together.length).toBe(samples.length * size);
          expect(together.every(Number.isFinite)).toBe(true);
          for (const [n, sample] of samples.entries()) {
            const alone = await source.read(Int32Array.of(sample));
            expect(alone.every((value, i) => value === together[n * size + i])).toBe(true);
          }
        }),
        { numRuns: 15 },
      );
    });

    it("reads into a new array that the caller may change", async () => {
      const first = await source.read([0]);
      const before = first.slice();
      first.fill(first[0]! + 1);
      expect(await source.read([0])).toEqual(before);
    });

    it("refuses indices that are no samples", async () => {
      const read = async (indices: number[]) => source.read(indices);
      const readAnyView = (indices: number[]) => readViews(indices, [random(0), random(0)]);
      for (const reader of source.readView === undefined ? [read] : [read, readAnyView]) {
        for (const index of [-1, source.count, 0.5, Number.NaN]) {
          const reading = reader([0, index]);
          await expect(reading).rejects.toThrow(RangeError);
          await expect(reading).rejects.toThrow(`indices must be integers in 0..${source.count - 1}, got ${index}`);
        }
      }
    });

    it("shows a view of each sample by the sample's random numbers, if it shows views", async () => {
      if (source.readView === undefined) return;
      const indices = fc.array(fc.nat(source.count - 1), { maxLength: 4 });
      await fc.assert(
        fc.asyncProperty(indices, async (samples) => {
          const together = await readViews(samples);
          expect(together.every(Number.isFinite)).toBe(true);
          const alone = await Promise.all(samples.map((sample) => readViews([sample])));
          expect([...together]).toEqual(alone.flatMap((values) => [...values]));
        }),
        { numRuns: 15 },
      );
    });

    it("has the same fingerprint when it is opened again", async () => {
      expect(source.fingerprint).toMatch(/^[0-9a-f]{64}$/);
      expect((await make()).fingerprint).toBe(source.fingerprint);
    });

    it("has its fingerprint changed with a thing to compare", () =>
      expect(Object.keys(changed).length).toBeGreaterThan(0));

    it.each(Object.keys(changed))("has another fingerprint with %s", async (what) => {
      expect((await changed[what]!()).fingerprint).not.toBe(source.fingerprint);
    });

    it("gives a loader the same batches in the calling thread and in 2 workers, time first", async () => {
      const few = subset(
        source,
        Array.from({ length: Math.min(LOADED, source.count) }, (_, i) => source.count - 1 - i),
      );
      const options: LoaderOptions = { batchSize: 3, shuffle: true, seed: 1 };
      const inline = await epochOf(few, { ...options, workers: 0 });
      expect(await epochOf(few, { ...options, workers: 2 })).toEqual(inline);

      const [steps = 1, ...frame] = source.shape;
      for (const { x, shape, labels, names } of inline) {
        const count = names.length;
        expect(shape).toEqual([steps, count, ...frame]);
        for (const [n, name] of names.entries()) {
          const index = source.names.indexOf(name);
          expect(labels[n]).toBe(source.labels[index]);
          const values = await source.read([index]);
          const length = values.length / steps;
          for (let t = 0; t < steps; t++) {
            const at = (t * count + n) * length;
            expect(x.subarray(at, at + length)).toEqual(values.subarray(t * length, (t + 1) * length));
          }
        }
      }
    });
  });
}

/** The batches of the first epoch. */
async function epochOf(source: Source, options: LoaderOptions): Promise<Batch[]> {
  const loader = createLoader(source, options);
  try {
    const batches: Batch[] = [];
    for await (const batch of loader.epoch()) batches.push(batch);
    return batches;
  } finally {
    await loader.close();
  }
}

import { existsSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import type { EventDataset, Sample, Split } from "../eventDataset.js";

/** Maximum number of samples that are read of a split. */
const READ = 50;

/**
 * Defines the tests of what every `EventDataset` promises: distinct classes and names, files that exist, samples always in
 * the same order, and events of integer microseconds within the sensor, the same each time.
 *
 * A data set's test file calls it once.
 *
 * @param name opens the names of the tests
 * @param open makes the data set, on files that exist
 * @param splits the splits whose files exist. @defaultValue both
 *
 * @example
 * ```ts no-run
 * import { nMnist } from "@sew/datasets";
 * import { describeEventDataset } from "@sew/datasets/testing";
 *
 * describeEventDataset("N-MNIST", async () => nMnist("data/N-MNIST"));
 * ```
 */
export function describeEventDataset<S extends Sample>(
  name: string,
  open: () => Promise<EventDataset<S>>,
  splits: readonly Split[] = ["train", "test"],
): void {
  describe(`${name} as a data set of events`, () => {
    let dataset: EventDataset<S>;
    beforeAll(async () => {
      dataset = await open();
    });

    it("has a name that can name a folder", () => expect(dataset.name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/));

    it("has distinct classes and a sensor", () => {
      expect(new Set(dataset.classes).size).toBe(dataset.classes.length);
      expect(dataset.classes.length).toBeGreaterThan(1);
      for (const side of [dataset.height, dataset.width, dataset.polarities ?? 2]) {
        expect(Number.isInteger(side) && side > 0).toBe(true);
      }
    });

    describe.each(splits)("%s", (split) => {
      it("has samples, with distinct names, labels among the classes, and files that exist", async () => {
        const samples = await dataset.samples(split);
        expect(samples.length).toBeGreaterThan(0);
        expect(new Set(samples.map(({ name }) => name)).size).toBe(samples.length);
        for (const { label } of samples) expect(dataset.classes[label]).toBeDefined();
        for (const { files } of samples) {
          expect(files.length).toBeGreaterThan(0);
          expect(files.filter((file) => !existsSync(file))).toEqual([]);
        }
      });

      it("lists the samples in the same order again", async () => {
        expect(await dataset.samples(split)).toEqual(await dataset.samples(split));
      });

      it("keeps samples that share a file together", async () => {
        const firsts = (await dataset.samples(split)).map(({ files }) => files[0]);
        const changes = firsts.filter((file, i) => file !== firsts[i - 1]).length;
        expect(changes).toBe(new Set(firsts).size);
      });

      it("reads events of integer microseconds within the sensor, the same each time and in any order", async () => {
        const samples = (await dataset.samples(split)).slice(0, READ);
        const read = await Promise.all(samples.map((sample) => dataset.events(sample)));
        for (const { t, x, y, p } of read) {
          expect([x.length, y.length, p.length]).toEqual([t.length, t.length, t.length]);
          expect(t.every((time) => Number.isSafeInteger(time) && time >= 0)).toBe(true);
          expect(x.every((column) => column < dataset.width)).toBe(true);
          expect(y.every((row) => row < dataset.height)).toBe(true);
          expect(p.every((polarity) => polarity < (dataset.polarities ?? 2))).toBe(true);
        }
        for (const i of [samples.length - 1, 0]) expect(await dataset.events(samples[i]!)).toEqual(read[i]);
      });
    });

    if (splits.length === 2) {
      it("has no sample in both splits", async () => {
        const [train, test] = await Promise.all(splits.map((split) => dataset.samples(split)));
        const key = ({ name, files }: Sample): string => [name, ...files].join("\n");
        const seen = new Set(train!.map(key));
        expect(test!.filter((sample) => seen.has(key(sample)))).toEqual([]);
      });
    }
  });
}

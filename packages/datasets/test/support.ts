/** @file Shared by the tests: folders that go away, events at random, a small data set, what sample data there is. */
import { existsSync } from "node:fs";
import { mkdtemp, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type EventDataset, type EventDatasetOptions, type Events, FileFormatError, type Sample } from "@sew/datasets";
import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";

/** A new folder, removed after the tests of the file. */
export const temporaryFolder = (): Promise<string> => mkdtemp(join(tmpdir(), "sew-datasets-"));

/** One event as `[t, x, y, p]`. */
export type Row = readonly [t: number, x: number, y: number, p: number];

/** Events from rows. */
export function eventsOf(rows: readonly Row[]): Events {
  return {
    t: Float64Array.from(rows, ([t]) => t),
    x: Uint16Array.from(rows, ([, x]) => x),
    y: Uint16Array.from(rows, ([, , y]) => y),
    p: Uint8Array.from(rows, ([, , , p]) => p),
  };
}

/** Rows from events. */
export function rowsOf({ t, x, y, p }: Events): Row[] {
  return Array.from(t, (time, i) => [time, x[i]!, y[i]!, p[i]!]);
}

/** Up to `maxLength` rows in time order, on a sensor of `height` x `width`, within `maxTime` microseconds. */
export function sortedRows({
  height = 6,
  width = 5,
  maxTime = 1000,
  maxLength = 60,
}: {
  height?: number;
  width?: number;
  maxTime?: number;
  maxLength?: number;
} = {}): fc.Arbitrary<Row[]> {
  const row: fc.Arbitrary<Row> = fc.tuple(
    fc.integer({ min: 0, max: maxTime }),
    fc.nat(width - 1),
    fc.nat(height - 1),
    fc.nat(1),
  );
  return fc.array(row, { maxLength, size: "max" }).map((rows) => rows.toSorted(([a], [b]) => a - b));
}

/** A data set in memory whose train split has these samples, labelled 0, 1, 0, 1, …; each made from `file`. */
export function datasetOf(
  samples: readonly (readonly Row[])[],
  file: string,
): EventDataset<Sample & { readonly index: number }> {
  return {
    name: "in-memory",
    classes: ["even", "odd"],
    height: 4,
    width: 3,
    samples: async (split) =>
      split === "test"
        ? []
        : samples.map((_, index) => ({ name: `s${index}`, label: index % 2, files: [file], index })),
    events: async ({ index }) => eventsOf(samples[index]!),
  };
}

/** Tests on local sample data, `../shared/data` from the root; where it is absent they are skipped and the reason is printed. */
export function describeSampleData(name: string, tests: (folder: string) => void): void {
  const beside = fileURLToPath(new URL("../../../../shared/data", import.meta.url));
  const folder = join(process.env.SEW_SAMPLE_DATA ?? beside, name);
  const there = existsSync(folder);
  if (!there)
    console.info(`skipped: sample data ${name}, as there is no ${folder}; $SEW_SAMPLE_DATA may name another root`);
  describe.skipIf(!there)(`sample data ${name}`, () => tests(folder));
}

/**
 * Tests that a data set reads a recording which lacks its last byte up to there on request, and refuses it otherwise.
 *
 * @param make makes the files; the last sample of the train split holds the last event of its recording
 */
export function describeTruncation<S extends Sample>(
  open: (dir: string, options?: EventDatasetOptions) => EventDataset<S>,
  make: () => Promise<string>,
): void {
  describe(`${open.name} of truncated recordings`, () => {
    it("refuses them, or takes the events before that point and warns", async () => {
      const dir = await make();
      const sample = (await open(dir).samples("train")).at(-1)!;
      const whole = rowsOf(await open(dir).events(sample));
      const file = sample.files[0]!;
      await truncate(file, (await stat(file)).size - 1);
      const refused = await open(dir)
        .events(sample)
        .catch((error: FileFormatError) => error);
      expect(refused).toMatchObject({ name: "FileFormatError", file, truncated: true });
      const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
      expect(rowsOf(await open(dir, { truncated: "keep" }).events(sample))).toEqual(whole.slice(0, -1));
      expect(warn.mock.calls).toEqual([[(refused as FileFormatError).message, "TruncatedRecordingWarning"]]);
      warn.mockRestore();
    });

    it("has a name of its own then, so that caches of frames are not taken for one another", () => {
      expect(open("nowhere", { truncated: "keep" }).name).toBe(`${open("nowhere").name}-truncated`);
      expect(open("nowhere", { truncated: "refuse" }).name).toBe(open("nowhere").name);
    });

    it("has no other way to treat them", () =>
      expect(() => open("nowhere", { truncated: "drop" as "keep" })).toThrow(
        new TypeError(`${open.name}: truncated must be "refuse" or "keep", got "drop"`),
      ));
  });
}

/** A `FileFormatError` with exactly this message. */
export const formatError = (message: string): unknown =>
  expect.toSatisfy((error) => error instanceof FileFormatError && error.message === message, message);

/** @file What a run has seen of data without a fingerprint, so that it does not resume on other data. */
import { createHash } from "node:crypto";
import { z } from "zod";
import type { Batch, BatchSource, Data, EpochOptions } from "../data.js";

const integer = z.int().min(0);

const seenSource = z.strictObject({
  /** Of the first batch of a pass, and which pass and batch that was. */
  sha256: z.string(),
  epoch: integer,
  start: integer,
  /** Of a pass from its first batch to its end, once there was one. */
  whole: z.strictObject({ batches: integer, samples: integer }).optional(),
});

/** Schema of {@link SeenData}. */
export const seenData = z.strictObject({
  train: seenSource.optional(),
  validation: seenSource.optional(),
  test: seenSource.optional(),
});

type Part = keyof z.infer<typeof seenData>;

/** What a run has seen of those of its data that have no fingerprint. */
export type SeenData = z.infer<typeof seenData>;

/** Data that remember what was read of them. */
export interface WatchedData {
  readonly data: Data;
  readonly seen: () => SeenData;
  /**
   * Reads again what an earlier run has seen.
   *
   * @throws RangeError when it is something else
   */
  compare(before: SeenData, file: string): Promise<void>;
}

/** Watches the parts of data that have no fingerprint. */
export function watchData(data: Data): WatchedData {
  const seen: SeenData = {};
  let expected: SeenData = {};
  let source = "";
  const parts: readonly Part[] = ["train", "validation", "test"];
  const watched = parts.flatMap((part): [Part, BatchSource][] => {
    const own = data[part];
    if (own === undefined || own.fingerprint !== undefined) return [];
    return [[part, { ...own, epoch: (options) => watch(part, own, options) }]];
  });

  async function* watch(part: Part, own: BatchSource, options: EpochOptions = {}): AsyncGenerator<Batch> {
    const { epoch = 0, start = 0 } = options;
    const pass = { batches: 0, samples: 0 };
    for await (const batch of own.epoch(options)) {
      if (pass.batches === 0) seen[part] = { ...seen[part], sha256: digestOf(batch), epoch, start };
      pass.batches++;
      pass.samples += batch.labels.length;
      yield batch;
    }
    if (start > 0 || pass.batches === 0) return;
    const before = expected[part]?.whole ?? pass;
    if (before.batches !== pass.batches || before.samples !== pass.samples) {
      throw other(
        part,
        source,
        `${before.samples} samples in ${before.batches} batches`,
        `${pass.samples} in ${pass.batches}`,
      );
    }
    seen[part] = { ...seen[part]!, whole: pass };
  }

  return {
    data: { ...data, ...Object.fromEntries(watched) },
    seen: () => seen,
    async compare(before, file) {
      for (const [part] of watched) {
        const { sha256, epoch, start } = before[part] ?? {};
        if (sha256 === undefined) continue;
        let found = "none";
        for await (const batch of data[part]!.epoch({ epoch: epoch!, start: start! })) {
          found = digestOf(batch);
          break;
        }
        if (found === sha256) continue;
        throw other(
          part,
          file,
          `batch ${start} of epoch ${epoch} with SHA-256 ${sha256.slice(0, 8)}…`,
          found.slice(0, 8),
        );
      }
      Object.assign(seen, before);
      [expected, source] = [before, file];
    },
  };
}

function digestOf({ x, shape, labels }: Batch): string {
  const hash = createHash("sha256").update(`${shape}`);
  for (const { buffer, byteOffset, byteLength } of [x, labels])
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  return hash.digest("hex");
}

function other(part: Part, file: string, before: string, now: string): RangeError {
  return new RangeError(
    `train: ${part} data must be those of the run in ${file} to resume it, were ${before}, got ${now}; use the run's, or ` +
      "give data that do not repeat a fingerprint of their own",
  );
}

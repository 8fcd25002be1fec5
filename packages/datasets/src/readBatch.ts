import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { FileFormatError } from "./fileFormatError.js";
import type { FrameCache } from "./frameCache.js";

/** The file of a cache, and where the frames are in it. */
export interface FrameLayout extends Pick<FrameCache, "type" | "bytes" | "frames" | "height" | "width"> {
  readonly file: string;
}

/** One batch: which samples of which cache, and which of their time-steps. */
export interface BatchJob {
  readonly layout: FrameLayout;
  /** Indices of N samples. */
  readonly samples: Int32Array;
  /** Indices of T time-steps. */
  readonly steps: Int32Array;
}

/**
 * Reads a batch, time first: `x[t, n, …] = frames[samples[n], steps[t], …]`.
 *
 * @returns counts `[T, N, H, W, 2]`
 * @throws FileFormatError when the file is not the one that was opened
 */
export function readBatch({ layout, samples, steps }: BatchJob): Float32Array {
  const { file } = layout;
  const cells = layout.height * layout.width * 2;
  const sample =
    layout.type === "uint8" ? new Uint8Array(layout.frames * cells) : new Uint16Array(layout.frames * cells);
  const x = new Float32Array(steps.length * samples.length * cells);

  const fd = openSync(file, "r");
  try {
    const { size } = fstatSync(fd);
    if (size !== layout.bytes) {
      throw new FileFormatError({
        reader: "loader",
        file,
        must: `stay ${layout.bytes} bytes long`,
        got: `${size}`,
        remedy: "the cache was changed while it was in use: open it again with cacheFrames",
      });
    }
    samples.forEach((index, n) => {
      readAll(fd, sample, index * sample.byteLength);
      steps.forEach((step, t) => {
        x.set(sample.subarray(step * cells, (step + 1) * cells), (t * samples.length + n) * cells);
      });
    });
  } finally {
    closeSync(fd);
  }
  return x;
}

/** Fills `target` from byte `position` on; a single `read` may give less. */
function readAll(fd: number, target: Uint8Array | Uint16Array, position: number): void {
  for (let at = 0; at < target.byteLength; ) {
    const read = readSync(fd, target, at, target.byteLength - at, position + at);
    if (read === 0) throw new Error("loader: the cache must stay as it is while it is read, got the end of its file");
    at += read;
  }
}

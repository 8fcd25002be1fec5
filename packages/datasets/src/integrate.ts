import { checkColumns, type Events } from "./events.js";

/** How {@link integrate} cuts the events. */
export type SplitBy = "count" | "time";

/** Into how many frames {@link integrate} cuts the events, how, and the size of a frame. */
export interface IntegrateOptions {
  /** Number of frames T. */
  readonly frames: number;
  /** `"count"`: slices of equal event count (the paper's choice). `"time"`: slices of equal duration. */
  readonly by: SplitBy;
  /** Rows H of a frame. */
  readonly height: number;
  /** Columns W of a frame. */
  readonly width: number;
}

/**
 * Cuts N events into T slices and counts the events of each per pixel and polarity.
 *
 *     F[j, y, x, c] = #{ i in slice j : y_i = y, x_i = x, c_i = c }    c = 0 where p = 0, c = 1 elsewhere
 *
 * - by count: with d = floor(N / T), slice j holds the events [j d, (j+1) d). The last one holds the remainder too, so
 *   with N < T it holds everything.
 * - by time: with D = floor((t[N-1] - t[0]) / T) microseconds, slice j holds the events with t0 + D j <= t < t0 + D (j+1).
 *   The last one reaches to the end, so with D = 0 it holds everything. A slice without events is an empty frame
 *   (SpikingJelly stops with an index error there).
 *
 * Every event lands in exactly one frame. Counts are raw: neither normalised nor clipped.
 *
 * @param events in time order
 * @returns counts `[T, H, W, 2]`
 * @throws RangeError when an option is not a positive whole number, a coordinate lies outside H x W, times decrease
 *   (by time only), or a count does not fit in 16 bits
 * @throws TypeError when `by` is neither `"count"` nor `"time"`
 * @see `integrate_events_segment_to_frame` and `cal_fixed_frames_number_segment_index` of SpikingJelly; Fang et al.,
 *   arXiv:2102.04159
 *
 * @example
 * const [t, x] = [Float64Array.of(0, 10, 20, 30), Uint16Array.of(0, 1, 0, 0)];
 * const events = { t, x, y: Uint16Array.of(0, 0, 0, 0), p: Uint8Array.of(1, 0, 1, 1) };
 * integrate(events, { frames: 2, by: "count", height: 1, width: 2 }); // Uint16Array [0, 1, 1, 0, 0, 2, 0, 0]
 */
export function integrate(events: Events, { frames, by, height, width }: IntegrateOptions): Uint16Array {
  for (const [name, value] of Object.entries({ frames, height, width })) {
    if (!(Number.isInteger(value) && value > 0)) {
      throw new RangeError(`integrate: ${name} must be a whole number above 0, got ${value}`);
    }
  }
  checkColumns("integrate", events);
  const { x, y, p } = events;
  const ends = sliceEnds(events.t, frames, by);
  const counts = new Uint16Array(frames * height * width * 2);
  for (let i = 0, frame = 0; i < x.length; i++) {
    while (i >= ends[frame]!) frame++;
    const [column, row] = [x[i]!, y[i]!];
    if (column >= width || row >= height) {
      throw new RangeError(
        `integrate: events must lie within ${height} rows and ${width} columns, got event ${i} at x ${column}, y ${row}`,
      );
    }
    const channel = p[i] === 0 ? 0 : 1;
    const cell = ((frame * height + row) * width + column) * 2 + channel;
    if (counts[cell] === 0xffff) {
      throw new RangeError(
        `integrate: events must meet at most 65535 times on one pixel of one frame, got more in frame ${frame} at ` +
          `x ${column}, y ${row}, polarity ${channel}; use more frames, or remove the hot pixel`,
      );
    }
    counts[cell]!++;
  }
  return counts;
}

/** Where each of the slices ends: slice j holds the events [ends[j-1], ends[j]). */
function sliceEnds(t: Float64Array, frames: number, by: SplitBy): number[] {
  switch (by) {
    case "count": {
      const size = Math.floor(t.length / frames);
      return Array.from({ length: frames }, (_, j) => (j === frames - 1 ? t.length : (j + 1) * size));
    }
    case "time": {
      for (let i = 1; i < t.length; i++) {
        if (t[i]! < t[i - 1]!) {
          throw new RangeError(
            `integrate: events must be in time order to be cut by time, got ${t[i]} after ${t[i - 1]} at event ${i}; ` +
              'sort them, or cut by "count"',
          );
        }
      }
      const duration = Math.floor(((t.at(-1) ?? 0) - (t[0] ?? 0)) / frames);
      let end = 0;
      return Array.from({ length: frames }, (_, j) => {
        if (j === frames - 1) return t.length;
        while (end < t.length && t[end]! < t[0]! + duration * (j + 1)) end++;
        return end;
      });
    }
    default:
      throw new TypeError(`integrate: by must be "count" or "time", got ${JSON.stringify(by)}`);
  }
}

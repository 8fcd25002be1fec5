import { checkColumns, type Events } from "./events.js";
import { checkSize } from "./source.js";

/** How a fixed number of frames is cut: into slices of equal event count (the paper's choice), or of equal duration. */
export type SplitBy = "count" | "time";

/** How the events of a recording are cut into frames. */
export type Slicing = {
  /**
   * How to treat the events after the last slice of full length: `"last"` counts them in the last frame, as
   * SpikingJelly does; `"drop"` discards them, as Tonic's `ToFrame` does.
   *
   * @defaultValue `"last"`
   */
  readonly remainder?: "last" | "drop";
} & (
  | {
      /** Slices of equal event count, or the recording's duration in equal parts. */
      readonly by: SplitBy;
      /** Number of frames T, at least 1. */
      readonly frames: number;
    }
  | {
      /** Slices of a fixed duration. */
      readonly by: "duration";
      /** Duration of a frame in microseconds, an integer above 0. */
      readonly microseconds: number;
      /**
       * Number of frames T: longer recordings lose their end, shorter ones are padded with empty frames.
       *
       * @defaultValue as many as the recording lasts
       */
      readonly frames?: number;
    }
);

/** How {@link integrate} cuts the events, and the size of a frame. */
export type IntegrateOptions = Slicing & {
  /** Rows H of a frame. */
  readonly height: number;
  /** Columns W of a frame. */
  readonly width: number;
  /** Number of polarities: `p` of an event is in 0..polarities-1. @defaultValue 2 */
  readonly polarities?: number;
  /** Count events of all polarities in one channel. @defaultValue `false` */
  readonly mergePolarities?: boolean;
};

/**
 * Cuts N events into T slices and counts the events of each per pixel and polarity.
 *
 *     F[j, y, x, c] = #{ i in slice j : y_i = y, x_i = x, c_i = c }    c_i = p_i, or 0 with mergePolarities
 *
 * - by count: with d = floor(N / T), slice j holds the events [j d, (j+1) d). The last one holds the remainder too, so
 *   with N < T it holds everything.
 * - by time: with D = floor((t[N-1] - t[0]) / T) microseconds, slice j holds the events with t0 + D j <= t < t0 + D
 *   (j+1). The last one reaches to the end, so with D = 0 it holds everything. A slice without events is an empty frame
 *   (SpikingJelly stops with an index error there).
 * - by duration D: the recording lasts T' = max(1, ceil((t[N-1] - t[0]) / D)) slices, cut as by time; an event at
 *   exactly t0 + D T' belongs to the last. Of these, `frames` keeps the first T, followed by T - T' empty frames where
 *   T' < T.
 *
 * Every event lands in exactly one frame, but those that `frames` cuts off by duration. The counts equal those of
 * SpikingJelly. With `remainder: "drop"` they equal those of Tonic's `ToFrame`: the last slice is as long as the
 * others, by duration T' = max(1, floor((t[N-1] - t[0]) / D)), and events after it are left out. Counts are raw:
 * neither normalised nor clipped.
 *
 * @param events in time order
 * @returns counts `[T, H, W, C]`; C is `polarities`, or 1 with `mergePolarities`
 * @throws RangeError when an option is not a positive integer, the result would have more than 2^31 counts, a
 *   coordinate lies outside H x W, a polarity is not in 0..polarities-1, a time is not a whole number, times decrease
 *   (by time and duration), or a count does not fit in 16 bits
 * @throws TypeError when `by` is neither `"count"`, `"time"` nor `"duration"`, or `remainder` neither `"last"` nor
 *   `"drop"`
 * @see `integrate_events_segment_to_frame`, `cal_fixed_frames_number_segment_index` and
 *   `integrate_events_by_fixed_duration` of SpikingJelly; `n_event_bins`, `n_time_bins` and `time_window` of Tonic;
 *   Fang et al., arXiv:2102.04159
 *
 * @example
 * const [t, x] = [Float64Array.of(0, 10, 20, 30), Uint16Array.of(0, 1, 0, 0)];
 * const events = { t, x, y: Uint16Array.of(0, 0, 0, 0), p: Uint8Array.of(1, 0, 1, 1) };
 * integrate(events, { frames: 2, by: "count", height: 1, width: 2 }); // Uint16Array [0, 1, 1, 0, 0, 2, 0, 0]
 * const merged = { height: 1, width: 2, mergePolarities: true };
 * integrate(events, { by: "duration", microseconds: 10, ...merged }); // Uint16Array [1, 0, 0, 1, 2, 0]
 */
export function integrate(events: Events, options: IntegrateOptions): Uint16Array {
  const { height, width, polarities = 2, mergePolarities = false } = options;
  checkSlicing("integrate", options);
  checkPositive("integrate", { height, width, polarities });
  checkColumns("integrate", events);
  checkEvents("integrate", events, { height, width, polarities });
  const { t, x, y, p } = events;
  const channels = mergePolarities ? 1 : polarities;
  const frames = options.by === "duration" ? (options.frames ?? durationFrames(t, options)) : options.frames;
  checkSize("integrate", [frames, height, width, channels]);
  const ends = sliceEnds(t, options);
  const counts = new Uint16Array(ends.length * height * width * channels);
  const end = ends.at(-1)!;
  for (let i = 0, frame = 0; i < end; i++) {
    while (i >= ends[frame]!) frame++;
    const [column, row, polarity] = [x[i]!, y[i]!, p[i]!];
    const channel = mergePolarities ? 0 : polarity;
    const cell = ((frame * height + row) * width + column) * channels + channel;
    if (counts[cell] === 0xffff) {
      throw new RangeError(
        `integrate: events must meet at most 65535 times on one pixel of one frame, got more in frame ${frame} at ` +
          `x ${column}, y ${row}, channel ${channel}; use more frames, or remove the hot pixel`,
      );
    }
    counts[cell]!++;
  }
  return counts;
}

/** Throws unless every event has a time in whole microseconds and a polarity, and lies on the sensor; `caller` opens the message. */
export function checkEvents(
  caller: string,
  { t, x, y, p }: Events,
  { height, width, polarities }: { readonly height: number; readonly width: number; readonly polarities: number },
): void {
  for (let i = 0; i < t.length; i++) {
    const [time, column, row, polarity] = [t[i]!, x[i]!, y[i]!, p[i]!];
    if (!Number.isSafeInteger(time)) {
      throw new RangeError(
        `${caller}: events must have times in whole microseconds, got event ${i} at ${time}; multiply seconds by 1e6, and round`,
      );
    }
    // `>>> 0` changes every number but the whole ones from 0 on: callers from JavaScript may have other arrays.
    if (column >>> 0 !== column || row >>> 0 !== row || column >= width || row >= height) {
      throw new RangeError(
        `${caller}: events must lie within ${height} rows and ${width} columns, got event ${i} at x ${column}, y ${row}`,
      );
    }
    if (polarity >>> 0 !== polarity || polarity >= polarities) {
      throw new RangeError(
        `${caller}: events must have p in 0..${polarities - 1}, got event ${i} with p ${polarity}; ` +
          "map the polarities to 0 (OFF) and 1 (ON)",
      );
    }
  }
}

/** Throws unless `slicing` is one of the three; `caller` opens the message. */
export function checkSlicing(caller: string, slicing: Slicing): void {
  const { remainder } = slicing;
  if (remainder !== undefined && remainder !== "last" && remainder !== "drop") {
    throw new TypeError(
      `${caller}: remainder must be "last" or "drop", got ${JSON.stringify(remainder satisfies never)}`,
    );
  }
  switch (slicing.by) {
    case "count":
    case "time":
      checkPositive(caller, { frames: slicing.frames });
      break;
    case "duration":
      checkPositive(caller, { microseconds: slicing.microseconds });
      if (slicing.frames !== undefined) checkPositive(caller, { frames: slicing.frames });
      break;
    default:
      throw new TypeError(
        `${caller}: by must be "count", "time" or "duration", got ${JSON.stringify((slicing as Slicing).by)}`,
      );
  }
}

function checkPositive(caller: string, values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (!(Number.isInteger(value) && value > 0)) {
      throw new RangeError(`${caller}: ${name} must be an integer above 0, got ${value}`);
    }
  }
}

/** How many slices of a fixed duration a recording lasts. */
export function durationFrames(
  t: Float64Array,
  { microseconds, remainder }: Slicing & { readonly by: "duration" },
): number {
  const slices = ((t.at(-1) ?? 0) - (t[0] ?? 0)) / microseconds;
  return Math.max(1, remainder === "drop" ? Math.floor(slices) : Math.ceil(slices));
}

/** Where each of the slices ends: slice j holds the events [ends[j-1], ends[j]). */
function sliceEnds(t: Float64Array, slicing: Slicing): number[] {
  const { remainder } = slicing;
  switch (slicing.by) {
    case "count": {
      const { frames } = slicing;
      const size = Math.floor(t.length / frames);
      const ends = Array.from({ length: frames }, (_, j) => (j + 1) * size);
      return remainder === "drop" ? ends : ends.with(-1, t.length);
    }
    case "time": {
      const duration = Math.floor(((t.at(-1) ?? 0) - (t[0] ?? 0)) / slicing.frames);
      return equalSlices(t, slicing, slicing.frames, duration);
    }
    case "duration": {
      const ends = equalSlices(t, slicing, durationFrames(t, slicing), slicing.microseconds);
      const last = ends.at(-1)!;
      return Array.from({ length: slicing.frames ?? ends.length }, (_, j) => ends[j] ?? last);
    }
  }
}

/** Slices of `duration` microseconds; the last one reaches to the end of the recording unless the remainder is dropped. */
function equalSlices(t: Float64Array, { by, remainder }: Slicing, frames: number, duration: number): number[] {
  for (let i = 1; i < t.length; i++) {
    if (t[i]! < t[i - 1]!) {
      throw new RangeError(
        `integrate: events must be in time order to be cut by ${by}, got ${t[i]} after ${t[i - 1]} at event ${i}; ` +
          'sort them, or cut by "count"',
      );
    }
  }
  let end = 0;
  const ends = Array.from({ length: frames }, (_, j) => {
    while (end < t.length && t[end]! < t[0]! + duration * (j + 1)) end++;
    return end;
  });
  return remainder === "drop" ? ends : ends.with(-1, t.length);
}

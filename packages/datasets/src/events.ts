/** @file The column form in which every reader of this package returns events. */

/**
 * Events of a dynamic vision sensor, one per index of four columns of equal length.
 *
 * An event `i` says that the pixel at column `x[i]`, row `y[i]` got brighter (`p[i] = 1`) or darker (`p[i] = 0`) at
 * `t[i]` microseconds. Rows count from the top of the picture. Events stand in the order of the file.
 */
export interface Events {
  /** Time in microseconds, an integer of at most 2⁵³. */
  readonly t: Float64Array;
  /** Column, from the left. */
  readonly x: Uint16Array;
  /** Row, from the top. */
  readonly y: Uint16Array;
  /** Polarity: 1 for brighter (ON), 0 for darker (OFF); from 0 on where a sensor has another number of polarities. */
  readonly p: Uint8Array;
}

/** `count` events of zeros, to be filled in. */
export function allocateEvents(count: number): Events {
  return {
    t: new Float64Array(count),
    x: new Uint16Array(count),
    y: new Uint16Array(count),
    p: new Uint8Array(count),
  };
}

/**
 * The events with `start <= t < end`, in their order; times are kept as they are.
 *
 * Every event is looked at, so the times need not be sorted.
 *
 * @example
 * const [t, x] = [Float64Array.of(100, 200, 300), Uint16Array.of(1, 2, 3)];
 * const events = { t, x, y: Uint16Array.of(0, 0, 0), p: Uint8Array.of(1, 0, 1) };
 * eventsBetween(events, 200, 300).x; // Uint16Array [2]
 */
export function eventsBetween(events: Events, start: number, end: number): Events {
  let count = 0;
  for (const t of events.t) if (t >= start && t < end) count++;
  const part = allocateEvents(count);
  for (let i = 0, k = 0; k < count; i++) {
    const t = events.t[i]!;
    if (t < start || t >= end) continue;
    part.t[k] = t;
    part.x[k] = events.x[i]!;
    part.y[k] = events.y[i]!;
    part.p[k] = events.p[i]!;
    k++;
  }
  return part;
}

/** Throws `RangeError` when the four columns differ in length; `caller` opens the message. */
export function checkColumns(caller: string, { t, x, y, p }: Events): void {
  if (x.length !== t.length || y.length !== t.length || p.length !== t.length) {
    throw new RangeError(
      `${caller}: events must have columns of equal length, got t ${t.length}, x ${x.length}, y ${y.length}, p ${p.length}`,
    );
  }
}

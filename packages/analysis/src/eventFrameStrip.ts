import { encode } from "fast-png";
import { eventColours } from "./eventColours.js";

/** Options of {@link eventFrameStrip}. */
export interface EventFrameStripOptions {
  /** Frames side by side before a new row starts; all of them unless given. */
  readonly columns?: number;
}

/** A picture of frames. */
export interface EventFrameStrip {
  /** The PNG file, 8-bit RGBA. */
  readonly png: Uint8Array;
  /** Its size in pixels. */
  readonly width: number;
  readonly height: number;
}

/** Pixels between frames; they are fully transparent. */
const GAP = 2;
/** Where nothing happens: a veil of grey that suits a light page, a dark one and paper. */
const BACKGROUND = [128, 128, 128, 26] as const;
/** Opacity of a single event. */
const FAINTEST = 0.35;

/**
 * Draws event frames `[T, H, W, 2]`, time from left to right, as one PNG.
 *
 * A pixel's colour is the mean of its events' colours, blue for ON and orange for OFF, which the colour-blind can tell
 * apart. Its opacity is `0.35 + 0.65 · min(1, events / q)`, where q is what 98 % of the pixels with events stay below.
 *
 * @param frames counts of events, row by row, 2 polarities last: OFF, then ON
 * @param shape `[T, H, W, 2]`
 * @throws RangeError when the shape is another, or counts are negative or not finite
 *
 * @example
 * const { width, height } = eventFrameStrip(new Uint16Array(4 * 8 * 8 * 2), [4, 8, 8, 2]);
 * [width, height]; // [38, 8]
 */
export function eventFrameStrip(
  frames: ArrayLike<number>,
  shape: readonly number[],
  { columns }: EventFrameStripOptions = {},
): EventFrameStrip {
  const [steps, rows, cols] = checked(frames, shape);
  const across = columns ?? steps;
  if (!Number.isInteger(across) || across < 1) {
    throw new RangeError(`eventFrameStrip: columns must be an integer of at least 1, got ${columns}`);
  }
  const perRow = Math.min(across, steps);
  const width = perRow * (cols + GAP) - GAP;
  const height = Math.ceil(steps / perRow) * (rows + GAP) - GAP;
  const data = new Uint8Array(width * height * 4);
  const most = upperCount(frames);
  for (let i = 0; i < steps * rows * cols; i++) {
    const [t, y, x] = [Math.floor(i / (rows * cols)), Math.floor(i / cols) % rows, i % cols];
    const [top, left] = [Math.floor(t / perRow) * (rows + GAP), (t % perRow) * (cols + GAP)];
    data.set(colourOf(frames[2 * i]!, frames[2 * i + 1]!, most), 4 * ((top + y) * width + left + x));
  }
  return { png: encode({ width, height, data, channels: 4, depth: 8 }), width, height };
}

function checked(frames: ArrayLike<number>, shape: readonly number[]): readonly [number, number, number] {
  const [steps, rows, cols, polarities] = shape;
  const sizes = shape.every((size) => Number.isInteger(size) && size > 0);
  if (shape.length !== 4 || !sizes || polarities !== 2) {
    throw new RangeError(`eventFrameStrip: shape must be [T, H, W, 2] without zeros, got [${shape.join(", ")}]`);
  }
  const size = shape.reduce((product, n) => product * n, 1);
  if (frames.length !== size) {
    throw new RangeError(
      `eventFrameStrip: frames must hold ${size} counts for [${shape.join(", ")}], got ${frames.length}`,
    );
  }
  for (let i = 0; i < size; i++) {
    if (!(frames[i]! >= 0 && frames[i]! < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`eventFrameStrip: frames must hold counts from 0, got ${frames[i]} at index ${i}`);
    }
  }
  return [steps!, rows!, cols!];
}

/** What 98 % of the pixels with events stay below or reach, so that one hot pixel does not pale all others. */
function upperCount(frames: ArrayLike<number>): number {
  const counts: number[] = [];
  for (let i = 0; i < frames.length; i += 2) {
    const count = frames[i]! + frames[i + 1]!;
    if (count > 0) counts.push(count);
  }
  const sorted = Float64Array.from(counts).sort();
  return sorted[Math.ceil(0.98 * sorted.length) - 1] ?? 1;
}

function colourOf(off: number, on: number, most: number): readonly number[] {
  const count = off + on;
  if (count === 0) return BACKGROUND;
  const opacity = FAINTEST + (1 - FAINTEST) * Math.min(1, count / most);
  const colour = eventColours.on.map((c, i) => Math.round((on * c + off * eventColours.off[i]!) / count));
  return [...colour, Math.round(255 * opacity)];
}

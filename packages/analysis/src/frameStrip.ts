import { encode } from "fast-png";
import { eventColours } from "./eventColours.js";
import { reduceFrames } from "./reduceFrames.js";

/** Options of {@link frameStrip}. */
export interface FrameStripOptions {
  /** Frames side by side before a new row starts, at least 1. @defaultValue all of them */
  readonly columns?: number;
  /**
   * The values drawn black and white, for other channel counts than 2; values outside are clamped.
   * @defaultValue `[0, 1]` where all values are inside, else the least and the greatest value drawn
   */
  readonly range?: readonly [number, number];
  /**
   * Longest side of a drawn frame, in pixels, at least 1. Longer ones are reduced by a whole factor: a pixel shows the mean
   * of those it stands for, or the sum of their events.
   *
   * @defaultValue every pixel is drawn
   */
  readonly longestSide?: number;
}

/** A PNG file and its size. */
export interface Picture {
  /** The PNG file, 8-bit RGBA. */
  readonly png: Uint8Array;
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
}

/** Frames as one picture. */
export interface FrameStrip extends Picture {
  /** The values drawn black and white. Absent for events. */
  readonly range?: readonly [number, number];
}

/** Red, green, blue and opacity, up to 255. */
type Rgba = readonly [number, number, number, number];

/** Pixels between frames; they are fully transparent. */
const GAP = 2;
/** Pixels without events: a translucent grey that suits a light page, a dark one and paper. */
const BACKGROUND: Rgba = [128, 128, 128, 26];
/** Opacity of a single event. */
const FAINTEST = 0.35;

/**
 * Draws frames `[T, H, W, C]`, time from left to right, as one PNG. T = 1 gives a single picture.
 *
 * - C = 2: counts of events, OFF before ON. A pixel's colour is the mean of its events' colours, blue for ON and orange
 *   for OFF, which the colour-blind can tell apart. Its opacity is `0.35 + 0.65 · min(1, events / q)`, where q is the
 *   98th percentile over the pixels with events.
 * - C = 1: grey. C = 3: red, green and blue. Any other C: the mean over the channels, as grey.
 *
 * @param frames values in row-major order, channels last
 * @param shape `[T, H, W, C]`
 * @throws RangeError when the shape is another, a value is not finite, a count of events is negative, or an option is out
 *   of range
 *
 * @example
 * const { width, height } = frameStrip(new Uint16Array(4 * 8 * 8 * 2), [4, 8, 8, 2]);
 * [width, height]; // [38, 8]
 * frameStrip([0, 51, 255], [1, 1, 1, 3]).range; // [0, 255]
 */
export function frameStrip(
  frames: ArrayLike<number>,
  shape: readonly number[],
  { columns, range, longestSide }: FrameStripOptions = {},
): FrameStrip {
  const whole = checkFrames(frames, shape);
  for (const [name, value] of Object.entries({ columns, longestSide })) {
    if (value === undefined || (Number.isInteger(value) && value >= 1)) continue;
    throw new RangeError(`frameStrip: ${name} must be an integer of at least 1, got ${value}`);
  }
  const drawn = longestSide === undefined ? { frames, shape: whole } : reduceFrames(frames, whole, longestSide);
  const [steps, rows, cols, channels] = drawn.shape;
  const across = Math.min(steps, columns ?? steps);
  const shown = channels === 2 ? undefined : (checkRange(range) ?? rangeOf(drawn.frames, channels));
  const colour = shown === undefined ? eventColour(drawn.frames) : valueColour(drawn.frames, channels, shown);

  const width = across * (cols + GAP) - GAP;
  const height = Math.ceil(steps / across) * (rows + GAP) - GAP;
  const data = new Uint8Array(width * height * 4);
  for (let i = 0; i < steps * rows * cols; i++) {
    const [t, y, x] = [Math.floor(i / (rows * cols)), Math.floor(i / cols) % rows, i % cols];
    const [top, left] = [Math.floor(t / across) * (rows + GAP), (t % across) * (cols + GAP)];
    data.set(colour(i), 4 * ((top + y) * width + left + x));
  }
  const png = encode({ width, height, data, channels: 4, depth: 8 });
  return { png, width, height, ...(shown && { range: shown }) };
}

function checkFrames(frames: ArrayLike<number>, shape: readonly number[]): readonly [number, number, number, number] {
  if (shape.length !== 4 || !shape.every((size) => Number.isInteger(size) && size > 0)) {
    throw new RangeError(`frameStrip: shape must be [T, H, W, C] without zeros, got [${shape.join(", ")}]`);
  }
  const size = shape.reduce((product, n) => product * n, 1);
  if (frames.length !== size) {
    throw new RangeError(`frameStrip: frames must hold ${size} values for [${shape.join(", ")}], got ${frames.length}`);
  }
  const events = shape[3] === 2;
  for (let i = 0; i < size; i++) {
    const value = frames[i]!;
    if (!Number.isFinite(value)) {
      throw new RangeError(`frameStrip: frames must hold finite values, got ${value} at index ${i}`);
    }
    if (events && value < 0) {
      throw new RangeError(
        `frameStrip: frames of 2 channels must hold counts from 0, got ${value} at index ${i}; draw the frames ` +
          "before they are normalised",
      );
    }
  }
  return shape as unknown as readonly [number, number, number, number];
}

function checkRange(range: FrameStripOptions["range"]): FrameStripOptions["range"] {
  if (range === undefined || (range.every(Number.isFinite) && range[0] < range[1])) return range;
  throw new RangeError(`frameStrip: range must be two finite numbers in ascending order, got [${range.join(", ")}]`);
}

/** The colour of a pixel by its number of OFF and ON events. */
function eventColour(frames: ArrayLike<number>): (pixel: number) => Rgba {
  const most = upperCount(frames);
  return (pixel) => {
    const [off, on] = [frames[2 * pixel]!, frames[2 * pixel + 1]!];
    const count = off + on;
    if (count === 0) return BACKGROUND;
    const opacity = FAINTEST + (1 - FAINTEST) * Math.min(1, count / most);
    const mean = (i: 0 | 1 | 2) => Math.round((on * eventColours.on[i] + off * eventColours.off[i]) / count);
    return [mean(0), mean(1), mean(2), Math.round(255 * opacity)];
  };
}

/** The 98th percentile of the counts of pixels with events, so that one hot pixel does not pale all others. */
function upperCount(frames: ArrayLike<number>): number {
  const counts: number[] = [];
  for (let i = 0; i < frames.length; i += 2) {
    const count = frames[i]! + frames[i + 1]!;
    if (count > 0) counts.push(count);
  }
  const sorted = Float64Array.from(counts).sort();
  return sorted[Math.ceil(0.98 * sorted.length) - 1] ?? 1;
}

/** The colour of a pixel by its values between those drawn black and white. */
function valueColour(
  frames: ArrayLike<number>,
  channels: number,
  [black, white]: readonly [number, number],
): (pixel: number) => Rgba {
  const level = (value: number) => Math.round(255 * Math.min(1, Math.max(0, (value - black) / (white - black))));
  if (channels === 3) {
    return (pixel) => {
      const [red, green, blue] = [frames[3 * pixel]!, frames[3 * pixel + 1]!, frames[3 * pixel + 2]!];
      return [level(red), level(green), level(blue), 255];
    };
  }
  return (pixel) => {
    const grey = level(meanOf(frames, channels, pixel));
    return [grey, grey, grey, 255];
  };
}

function meanOf(frames: ArrayLike<number>, channels: number, pixel: number): number {
  let sum = 0;
  for (let c = 0; c < channels; c++) sum += frames[channels * pixel + c]!;
  return sum / channels;
}

/** `[0, 1]` where all values drawn are inside, else the least and the greatest of them. */
function rangeOf(frames: ArrayLike<number>, channels: number): readonly [number, number] {
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const drawn = channels === 3 ? frames.length : frames.length / channels;
  for (let i = 0; i < drawn; i++) {
    const value = channels === 3 ? frames[i]! : meanOf(frames, channels, i);
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
  }
  if (least >= 0 && greatest <= 1) return [0, 1];
  if (least < greatest) return [least, greatest];
  // Of a single value, black is 1 below it, or half of a value so large that it is the same number less 1.
  return [least - 1 < least ? least - 1 : least - Math.abs(least) / 2, greatest];
}

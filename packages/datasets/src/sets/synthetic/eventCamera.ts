import type { Random } from "@sew/random";
import type { Events } from "../../events.js";
import { GESTURE_SENSOR as SIDE } from "../dvsGesture.js";
import type { Window } from "./renderFigure.js";

/** How good a camera is. */
export interface CameraOptions {
  /** Change of log intensity that makes an event. */
  readonly threshold: number;
  /** Relative deviation of the threshold from pixel to pixel. */
  readonly mismatch: number;
  /** Time for which a pixel is blind after an event, in microseconds. */
  readonly refractory: number;
  /** Events per second and pixel without any change. */
  readonly noise: number;
  /** Number of pixels that fire on their own. */
  readonly hotPixels: number;
  /** Events per second of each of those. */
  readonly hotRate: number;
}

/** A camera that is shown one picture after another. */
export interface EventCamera {
  /**
   * Shows the picture at time `t`, `[128, 128]` log intensities; the level moved evenly since the picture before.
   *
   * @param t microseconds, after the time before and by less than 2048
   * @param changed where the picture may differ from the one before
   */
  see(image: Float32Array, t: number, changed: Window): void;
  /** All events so far, in time order. */
  events(): Events;
}

/**
 * A dynamic vision sensor of 128 x 128 pixels.
 *
 * Each pixel remembers a level. Where the log intensity L moves away from it by the pixel's threshold, it emits an event
 * (ON for brighter, OFF for darker) at the microsecond of the crossing, and the level moves by that threshold. Events
 * within the refractory time of the pixel's last one are lost, their levels are not. Noise is a Poisson process of either
 * polarity, over all pixels and, more, over a few hot ones.
 *
 * @see Lichtsteiner et al., "A 128x128 120 dB 15 us latency asynchronous temporal contrast vision sensor", 2008
 */
export function createEventCamera(options: CameraOptions, rng: Random): EventCamera {
  const pixels = SIDE * SIDE;
  const perPixel = (): Float32Array =>
    new Float32Array(pixels).map(() => options.threshold * Math.max(0.3, 1 + options.mismatch * rng.normal()));
  const [on, off] = [perPixel(), perPixel()];
  /** Where the next events happen: the remembered level plus and minus the pixel's thresholds. */
  const [high, low] = [new Float32Array(pixels), new Float32Array(pixels)];
  const last = new Float64Array(pixels).fill(Number.NEGATIVE_INFINITY);
  const before = new Float32Array(pixels);
  const hot = Array.from({ length: options.hotPixels }, () => rng.int(pixels));
  const [noiseRate, hotRate] = [(options.noise * pixels) / 1e6, (options.hotRate * options.hotPixels) / 1e6];
  const pause = (): number => -Math.log(1 - rng.uniform(0, 1)) / (noiseRate + hotRate);

  let now: number | undefined;
  let nextNoise = 0;
  /** Events since the picture before, as (us since then) << 15 | pixel << 1 | polarity: sorted by sorting numbers. */
  let fresh = new Uint32Array(1024);
  let freshCount = 0;
  const times: Float64Array[] = [];
  const codes: Uint32Array[] = [];

  const emit = (pixel: number, polarity: number, t: number): void => {
    const start = now!;
    if (t - last[pixel]! < options.refractory) return;
    last[pixel] = t;
    if (freshCount === fresh.length) {
      const larger = new Uint32Array(2 * fresh.length);
      larger.set(fresh);
      fresh = larger;
    }
    fresh[freshCount++] = ((t - start) << 15) | (pixel << 1) | polarity;
  };

  /** The level of a pixel moves. */
  const move = (pixel: number, by: number): void => {
    high[pixel]! += by;
    low[pixel]! += by;
  };

  /** The event of a pixel that went from its value before, through `level`, to `value` at time t. */
  const cross = (pixel: number, polarity: number, level: number, value: number, t: number): void => {
    const from = before[pixel]!;
    const part = value === from ? 0 : Math.min(1, Math.max(0, (level - from) / (value - from)));
    emit(pixel, polarity, now! + Math.min(t - now! - 1, Math.floor(part * (t - now!))));
  };

  return {
    see(image, t, { top, bottom, left, right }) {
      if (now === undefined) {
        // A camera that has been running: its levels lie anywhere between the two thresholds.
        for (let i = 0; i < pixels; i++) {
          const level = image[i]! + rng.uniform(-on[i]!, off[i]!);
          high[i] = level + on[i]!;
          low[i] = level - off[i]!;
        }
        nextNoise = t + pause();
      } else {
        for (let row = top; row < bottom; row++) {
          for (let i = row * SIDE + left; i < row * SIDE + right; i++) {
            const value = image[i]!;
            if (value < high[i]! && value > low[i]!) continue;
            for (; value >= high[i]!; move(i, on[i]!)) cross(i, 1, high[i]!, value, t);
            for (; value <= low[i]!; move(i, -off[i]!)) cross(i, 0, low[i]!, value, t);
          }
        }
        for (; nextNoise < t; nextNoise += pause()) {
          const isHot = rng.uniform(0, noiseRate + hotRate) >= noiseRate;
          emit(isHot ? hot[rng.int(hot.length)]! : rng.int(pixels), rng.int(2), Math.floor(nextNoise));
        }
        const sorted = fresh.slice(0, freshCount).sort();
        const start = now;
        times.push(Float64Array.from(sorted, (code) => start + (code >>> 15)));
        codes.push(sorted);
        freshCount = 0;
      }
      before.set(image);
      now = t;
    },

    events() {
      const count = codes.reduce((sum, { length }) => sum + length, 0);
      const all = {
        t: new Float64Array(count),
        x: new Uint16Array(count),
        y: new Uint16Array(count),
        p: new Uint8Array(count),
      };
      let i = 0;
      for (const [k, part] of codes.entries()) {
        all.t.set(times[k]!, i);
        for (const code of part) {
          all.x[i] = (code >>> 1) % SIDE;
          all.y[i] = ((code >>> 1) % pixels) / SIDE;
          all.p[i++] = code & 1;
        }
      }
      return all;
    },
  };
}

/** @file What the networks see: made, not read, and the same every time. */
import { random } from "@sew/random";

/** `[T, N, H, W, C]`. */
export type InputShape = readonly [steps: number, batch: number, height: number, width: number, channels: number];

/** Frames of event counts, 2 polarities: a tenth of the pixels see 1 or 2 events, in runs as moving edges leave them. */
export function eventLike(shape: InputShape): Float32Array {
  const values = new Float32Array(shape.reduce((a, b) => a * b));
  const run = 8;
  let state = 1;
  for (let i = 0; i < values.length; i += run) {
    // A linear congruential generator is random enough to place events.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const [fires, polarity, count] = [state < 0.1 * 2 ** 32, (state >> 3) & 1, 1 + ((state >> 4) & 1)];
    if (fires) for (let j = polarity; j < run; j += 2) values[i + j] = count;
  }
  return values;
}

/** Waves that an image is made of. */
const WAVES = 4;

/**
 * Images that stand still for T steps, smooth as photographs are: in each channel of each image a few long waves of random
 * phase, mean 0 and variance 1.
 */
export function imageLike([steps, batch, height, width, channels]: InputShape): Float32Array {
  const rng = random(1);
  const size = height * width * channels;
  const images = new Float32Array(batch * size);
  const amplitude = Math.sqrt(2 / WAVES);
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      for (let wave = 1; wave <= WAVES; wave++) {
        const phase = rng.uniform();
        for (let i = 0; i < height * width; i++) {
          const turns = (wave * Math.floor(i / width)) / height + ((WAVES + 1 - wave) * (i % width)) / width + phase;
          images[n * size + i * channels + c]! += amplitude * Math.sin(2 * Math.PI * turns);
        }
      }
    }
  }
  const values = new Float32Array(steps * images.length);
  for (let t = 0; t < steps; t++) values.set(images, t * images.length);
  return values;
}

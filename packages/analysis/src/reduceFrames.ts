/** Frames, and their shape `[T, H, W, C]`. */
export interface ReducedFrames {
  readonly frames: ArrayLike<number>;
  readonly shape: readonly [number, number, number, number];
}

/**
 * Frames `[T, H, W, C]` whose longer side is at most `longestSide` pixels: `k x k` pixels become one, with the smallest
 * whole k that suffices; fewer may be left for one at the lower and right edge. It is their sum for C = 2, counts of
 * events, and else their mean.
 */
export function reduceFrames(
  frames: ArrayLike<number>,
  shape: readonly [number, number, number, number],
  longestSide: number,
): ReducedFrames {
  const [steps, rows, cols, channels] = shape;
  const k = Math.ceil(Math.max(rows, cols) / longestSide);
  if (k <= 1) return { frames, shape };
  const [height, width] = [Math.ceil(rows / k), Math.ceil(cols / k)];
  const reduced = new Float64Array(steps * height * width * channels);
  for (let row = 0; row < steps * rows; row++) {
    const [t, y] = [Math.floor(row / rows), row % rows];
    const top = Math.floor(y / k);
    for (let x = 0; x < cols; x++) {
      const left = Math.floor(x / k);
      const pixels = channels === 2 ? 1 : Math.min(k, rows - top * k) * Math.min(k, cols - left * k);
      const [from, to] = [(row * cols + x) * channels, ((t * height + top) * width + left) * channels];
      for (let c = 0; c < channels; c++) reduced[to + c]! += frames[from + c]! / pixels;
    }
  }
  return { frames: reduced, shape: [steps, height, width, channels] };
}

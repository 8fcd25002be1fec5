import { reshape } from "@tensorflow/tfjs-core";
import { checkSequence } from "./foldTimeIntoBatch.js";
import type { Module } from "./module.js";

/**
 * Rows, columns and channels as one axis: `[T, N, H, W, C] → [T, N, H·W·C]`.
 *
 * @example
 * flatten().forward(zeros([4, 2, 2, 2, 32]), evaluation).shape; // [4, 2, 128]
 */
export function flatten(): Module {
  return {
    forward(x) {
      checkSequence("flatten", x);
      const [steps, batch, ...image] = x.shape as [number, number, number, number, number];
      return reshape(x, [steps, batch, image.reduce((a, b) => a * b)]);
    },
  };
}

import { deepStrictEqual } from "node:assert";
import { fromTorch, type TensorValues } from "@sew/checkpoints";

const torch: TensorValues = { shape: [2, 1, 2, 2], values: Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7) };
const { shape, values } = fromTorch(torch);
deepStrictEqual(
  [shape, [...values]],
  [
    [2, 2, 1, 2],
    [0, 4, 1, 5, 2, 6, 3, 7],
  ],
);

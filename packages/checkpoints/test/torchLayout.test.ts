import { fromTorch, toTorch } from "@sew/checkpoints";
import { tensor, transpose } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const sizes = (rank: number) => fc.array(fc.integer({ min: 0, max: 4 }), { minLength: rank, maxLength: rank });
const counted = (shape: readonly number[]) => ({
  shape,
  values: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i),
});

describe("fromTorch", () => {
  it("transposes convolutions and linear layers as tfjs does", () =>
    fc.assert(
      fc.property(fc.oneof(sizes(4), sizes(2)), (shape) => {
        const torch = counted(shape);
        const t = transpose(tensor(torch.values, [...shape]), shape.length === 4 ? [2, 3, 1, 0] : [1, 0]);
        const ours = fromTorch(torch);
        expect([ours.shape, [...ours.values]]).toEqual([t.shape, [...t.dataSync()]]);
        t.dispose();
      }),
    ));

  it("turns the inputs of a linear layer behind an image from [C, H, W] to [H, W, C]", () => {
    // 1 output, 2 channels of 3 pixels: channel c of pixel p is 10 c + p.
    const values = Float32Array.of(0, 1, 2, 10, 11, 12);
    expect(fromTorch({ shape: [1, 6], values }, { channels: 2 })).toEqual({
      shape: [6, 1],
      values: Float32Array.of(0, 10, 1, 11, 2, 12),
    });
  });

  it("leaves vectors, scalars and sequences as they are", () => {
    for (const shape of [[], [3], [1, 2, 3], [1, 2, 1, 1, 2]])
      expect(fromTorch(counted(shape))).toEqual(counted(shape));
  });

  it("refuses channels that do not divide the inputs", () => {
    expect(() => fromTorch(counted([1, 6]), { channels: 4 })).toThrow(
      new RangeError("fromTorch: channels must divide the 6 inputs of the layer, got 4"),
    );
    expect(() => toTorch(counted([6, 1]), { channels: 4 })).toThrow(
      new RangeError("toTorch: channels must divide the 6 inputs of the layer, got 4"),
    );
  });
});

describe("toTorch", () => {
  it("is the inverse of fromTorch, whatever the shape and channels", () =>
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5 }).chain(sizes), fc.integer({ min: 1, max: 3 }), (shape, channels) => {
        const fitting = shape.length === 2 ? [shape[0]!, shape[1]! * channels] : shape;
        const torch = counted(fitting);
        expect(toTorch(fromTorch(torch, { channels }), { channels })).toEqual(torch);
        if (shape.length === 2) {
          const ours = counted(fitting.toReversed());
          expect(fromTorch(toTorch(ours, { channels }), { channels })).toEqual(ours);
        }
      }),
    ));
});

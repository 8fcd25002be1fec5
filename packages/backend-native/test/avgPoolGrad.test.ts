import { backend_util } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { describeNative } from "./describeNative.js";
import { fault, runKernelOn } from "./kernelCase.js";
import { isCopy } from "./kernels/pooling.js";
import { floats, seeds, sizeOf } from "./values.js";

const upTo = (max: number, min = 1) => fc.integer({ min, max });

const pools = fc.record({
  shape: fc.tuple(upTo(2), upTo(5), upTo(5), upTo(2)),
  attrs: fc.record({
    filterSize: fc.tuple(upTo(3), upTo(3)),
    strides: fc.tuple(upTo(3), upTo(3)),
    pad: fc.constantFrom<(number | "same" | "valid")[]>("same", "valid", 0, 1, 2),
  }),
  seed: seeds,
});

describeNative("AvgPoolGrad", () => {
  // Averaging is linear: the derivative by a pixel is the average of an image where that pixel alone is 1.
  it("is the derivative of AvgPool, its own and the cpu backend's, at borders too", () =>
    fc.assert(
      fc.property(pools, ({ shape, attrs, seed }) => {
        const info = backend_util.computePool2DInfo(shape, attrs.filterSize, attrs.strides, 1, attrs.pad);
        const { outShape } = info;
        fc.pre(outShape.every((size) => size > 0) && !isCopy(info));
        const dy = floats(outShape, seed, "integers");
        for (const backend of ["native", "cpu"] as const) {
          const derivative = Array.from({ length: sizeOf(shape) }, (_, pixel) => {
            const x = { shape, dtype: "float32", data: new Float32Array(sizeOf(shape)) } as const;
            x.data[pixel] = 1;
            const [y] = runKernelOn(backend, "AvgPool", { inputs: { x }, attrs });
            // A window that lies in the padding alone averages nothing, 0/0, and depends on no pixel.
            return [...y!.data].reduce((sum, v, o) => sum + (Number.isNaN(v) ? 0 : v * dy.data[o]!), 0);
          });
          const input = floats(shape, seed + 1, "reals");
          const found = runKernelOn("native", "AvgPoolGrad", { inputs: { dy, input }, attrs });
          // Up to 9 windows of one pixel, each at most 3 in absolute value.
          expect(fault(found, [{ shape, data: derivative, within: 9 * 3 * 12 * 2 ** -24 }])).toBeUndefined();
        }
      }),
    ));
});

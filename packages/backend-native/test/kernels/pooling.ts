/** @file Max and average pooling and their gradients, against their definition. */
import { backend_util } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { type AddonCall, float32s, type KernelCase, kernelCase, sumError } from "../kernelCase.js";
import { edgeSizes, floats, type Kind, seeds, sizeOf, type Values } from "../values.js";

type Shape4 = [number, number, number, number];

interface PoolAttrs {
  readonly filterSize: [number, number];
  readonly strides: [number, number];
  readonly pad: "valid" | "same" | number | backend_util.ExplicitPadding;
}

const upTo = (max: number, min = 1) => fc.integer({ min, max });

const infoOf = (x: readonly number[], { filterSize, strides, pad }: PoolAttrs) =>
  backend_util.computePool2DInfo([...x] as Shape4, filterSize, strides, 1, pad);

/** Images and windows; whole windows may lie in the padding, and strides may step over pixels, or be just the windows. */
const pools = (kinds: fc.Arbitrary<Kind>) =>
  fc
    .record({
      x: fc.tuple(upTo(3, 0), upTo(9), upTo(9), edgeSizes),
      attrs: fc.record<PoolAttrs>({
        filterSize: fc.tuple(upTo(4), upTo(4)),
        strides: fc.tuple(upTo(5), upTo(5)),
        pad: fc.oneof(
          fc.constantFrom<("valid" | "same")[]>("valid", "same"),
          upTo(5, 0),
          fc.tuple(upTo(5, 0), upTo(5, 0), upTo(5, 0), upTo(5, 0)).map<backend_util.ExplicitPadding>(([t, b, l, r]) => [
            [0, 0],
            [t, b],
            [l, r],
            [0, 0],
          ]),
        ),
      }),
      tiles: fc.boolean(),
      seed: seeds,
      kind: kinds,
    })
    .map(({ tiles, ...drawn }) => {
      const attrs = tiles ? { ...drawn.attrs, strides: drawn.attrs.filterSize } : drawn.attrs;
      return { ...drawn, attrs, info: infoOf(drawn.x, attrs) };
    })
    .filter(({ info: { outHeight, outWidth } }) => outHeight >= 0 && outWidth >= 0);

/** Visits every window, one channel at a time: its position in y, and those in x of its pixels, row by row. */
function forWindows(g: backend_util.Conv2DInfo, visit: (y: number, pixels: readonly number[]) => void): void {
  for (let n = 0; n < g.batchSize; n++)
    for (let oh = 0; oh < g.outHeight; oh++)
      for (let ow = 0; ow < g.outWidth; ow++)
        for (let c = 0; c < g.inChannels; c++) {
          const pixels: number[] = [];
          for (let kh = 0; kh < g.filterHeight; kh++)
            for (let kw = 0; kw < g.filterWidth; kw++) {
              const [h, w] = [oh * g.strideHeight - g.padInfo.top + kh, ow * g.strideWidth - g.padInfo.left + kw];
              if (h >= 0 && h < g.inHeight && w >= 0 && w < g.inWidth)
                pixels.push(((n * g.inHeight + h) * g.inWidth + w) * g.inChannels + c);
            }
          visit(((n * g.outHeight + oh) * g.outWidth + ow) * g.inChannels + c, pixels);
        }
}

/** The first of the greatest; NaN is greater than nothing. */
const greatest = (pixels: readonly number[], { data }: Values) =>
  pixels.reduce<number | undefined>((best, i) => {
    const most = best === undefined ? Number.NEGATIVE_INFINITY : data[best]!;
    return data[i]! > most ? i : best;
  }, undefined);

/** Whether no window reaches over a border. */
function inside(g: backend_util.Conv2DInfo): boolean {
  let full = true;
  forWindows(g, (_, pixels) => {
    full &&= pixels.length === g.filterHeight * g.filterWidth;
  });
  return full;
}

/** Whether TensorFlow.js copies the image: it does where window and sizes allow, even if padding moves the pixels. */
export const isCopy = (g: backend_util.Conv2DInfo): boolean =>
  g.filterHeight === 1 && g.filterWidth === 1 && String(g.inShape) === String(g.outShape);

export const cases: readonly KernelCase[] = [
  kernelCase({
    kernel: "MaxPool",
    calls: pools(fc.constantFrom("reals", "integers", "hard")).map(({ x, attrs, seed, kind }) => ({
      inputs: { x: floats(x, seed, kind) },
      attrs,
    })),
    expected: ({ x }, attrs) => {
      const g = infoOf(x.shape, attrs);
      if (isCopy(g)) return [x];
      const data = new Float64Array(sizeOf(g.outShape));
      forWindows(g, (o, pixels) => {
        const best = greatest(pixels, x);
        data[o] = best === undefined ? Number.NEGATIVE_INFINITY : x.data[best]!;
      });
      return [{ shape: g.outShape, data }];
    },
  }),
  kernelCase({
    kernel: "MaxPoolGrad",
    // Integers have many equal maxima, of which the first counts.
    calls: pools(fc.constantFrom("reals", "integers")).map(({ x, attrs, seed, kind, info }) => ({
      inputs: { dy: floats(info.outShape, seed + 1, kind), input: floats(x, seed, kind) },
      attrs,
    })),
    expected: ({ dy, input }, attrs) => {
      const [data, magnitude, terms] = [0, 1, 2].map(() => new Float64Array(input.data.length)) as Float64Array[];
      forWindows(infoOf(input.shape, attrs), (o, pixels) => {
        const best = greatest(pixels, input);
        if (best === undefined) return;
        data![best]! += dy.data[o]!;
        magnitude![best]! += Math.abs(dy.data[o]!);
        terms![best]!++;
      });
      return [{ shape: input.shape, data: data!, within: magnitude!.map((m, i) => m * sumError(terms![i]!)) }];
    },
  }),
  kernelCase({
    kernel: "AvgPool",
    calls: pools(fc.constantFrom("reals", "integers")).map(({ x, attrs, seed, kind }) => ({
      inputs: { x: floats(x, seed, kind) },
      attrs,
    })),
    expected: ({ x }, attrs) => {
      const g = infoOf(x.shape, attrs);
      if (isCopy(g)) return [x];
      const [data, within] = [0, 1].map(() => new Float64Array(sizeOf(g.outShape))) as Float64Array[];
      forWindows(g, (o, pixels) => {
        const sum = pixels.reduce((s, i) => s + x.data[i]!, 0);
        const magnitude = pixels.reduce((s, i) => s + Math.abs(x.data[i]!), 0);
        data![o] = sum / pixels.length;
        within![o] = (magnitude / pixels.length) * sumError(pixels.length);
      });
      return [{ shape: g.outShape, data: data!, within: within! }];
    },
  }),
  kernelCase({
    kernel: "AvgPoolGrad",
    calls: pools(fc.constantFrom("reals", "integers")).map(({ x, attrs, seed, kind, info }) => ({
      inputs: { dy: floats(info.outShape, seed + 1, kind), input: floats(x, seed, kind) },
      attrs,
    })),
    expected: ({ dy, input }, attrs) => {
      const [data, magnitude, terms] = [0, 1, 2].map(() => new Float64Array(input.data.length)) as Float64Array[];
      forWindows(infoOf(input.shape, attrs), (o, pixels) => {
        for (const i of pixels) {
          data![i]! += dy.data[o]! / pixels.length;
          magnitude![i]! += Math.abs(dy.data[o]!) / pixels.length;
          terms![i]!++;
        }
      });
      return [{ shape: input.shape, data: data!, within: magnitude!.map((m, i) => m * sumError(terms![i]! + 1)) }];
    },
    // At a border the cpu backend's gradient divides by the whole window, but its AvgPool by the pixels inside: its
    // gradient is not that of its own forward pass. avgPoolGrad.test.ts shows that this one is.
    onCpu: ({ input }, attrs) => inside(infoOf(input.shape, attrs)),
  }),
];

export const addonCalls: Readonly<Record<string, AddonCall>> = {
  maxPool: {
    numbers: [1, 2, 2, 2, 1, 1, 2, 2, 1, 1, 0, 0, 1, 1],
    arrays: [float32s(8), float32s(2)],
    sizes: [0, 13],
  },
  maxPoolGrad: {
    numbers: [1, 2, 2, 2, 1, 1, 2, 2, 1, 1, 0, 0, 1, 1],
    arrays: [float32s(2), float32s(8), float32s(8)],
    sizes: [0, 13],
  },
  avgPool: {
    numbers: [1, 2, 2, 2, 1, 1, 2, 2, 1, 1, 0, 0, 1, 1],
    arrays: [float32s(8), float32s(2)],
    sizes: [0, 13],
  },
  avgPoolGrad: {
    numbers: [1, 2, 2, 2, 1, 1, 2, 2, 1, 1, 0, 0, 1, 1],
    arrays: [float32s(2), float32s(8)],
    sizes: [0, 13],
  },
};

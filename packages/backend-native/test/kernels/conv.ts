/** @file Conv2D and its two gradients, against their definition. */
import { backend_util } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import {
  type AddonCall,
  type Expected,
  float32s,
  type KernelCase,
  kernelCase,
  sumError,
  words,
} from "../kernelCase.js";
import { about, edgeSizes, floats, type Kind, seeds, sizeOf, sumKinds, type Values } from "../values.js";

type Shape4 = readonly [number, number, number, number];

interface ConvAttrs {
  readonly strides: [number, number];
  readonly pad: "valid" | "same" | number | backend_util.ExplicitPadding;
  readonly dataFormat: "NHWC";
  readonly dilations: [number, number];
}

interface Geometry {
  readonly x: Shape4;
  readonly filter: Shape4;
  readonly attrs: ConvAttrs;
  readonly info: backend_util.Conv2DInfo;
}

const upTo = (max: number, min = 1) => fc.integer({ min, max });
const pairs = (max: number) => fc.tuple(upTo(max), upTo(max));

/**
 * Few channels and many pixels, so that rows are about the height of tiles, or the other way round; so many pixels that
 * the filter's gradient adds them up in 2 to 32 chunks; so many images that several share a task; and so many channels,
 * with strides up to 4, that pixels are kept apart.
 */
const sizes = fc.oneof(
  fc.record({ n: upTo(3), h: upTo(9), w: about(6, 14, 28), c: upTo(5), k: upTo(5) }),
  fc.record({ n: upTo(2), h: upTo(4), w: upTo(4), c: edgeSizes, k: edgeSizes }),
  fc.record({ n: upTo(2), h: fc.constant(1), w: fc.constant(1), c: edgeSizes, k: edgeSizes }),
  fc.record({ n: fc.constantFrom(1, 3, 16), h: about(32), w: about(32, 40), c: upTo(2), k: upTo(2) }),
  fc.record({ n: fc.constantFrom(100, 601), h: upTo(3), w: upTo(3), c: upTo(3), k: upTo(3) }),
  fc.record({ n: upTo(2), h: upTo(3), w: upTo(5), c: fc.constantFrom(128, 256, 512), k: upTo(2) }),
  fc.record({ n: upTo(2), h: upTo(3), w: upTo(5), c: upTo(2), k: fc.constantFrom(512, 1024) }),
  // Words of channels, as a matrix unit takes them.
  fc.record({ n: upTo(3), h: upTo(6), w: upTo(6), c: fc.constantFrom(32, 64), k: fc.constantFrom(32, 64) }),
);

/** Paddings of all forms; explicit ones may cut pixels off, and both may be wider than the filter. */
const pads: fc.Arbitrary<ConvAttrs["pad"]> = fc.oneof(
  fc.constantFrom<("valid" | "same")[]>("valid", "same"),
  upTo(6, 0),
  fc.tuple(upTo(6, -1), upTo(6, -1), upTo(6, -1), upTo(6, -1)).map<backend_util.ExplicitPadding>(([t, b, l, r]) => [
    [0, 0],
    [t, b],
    [l, r],
    [0, 0],
  ]),
);

const anyKernel = fc.record({ size: sizes, kernel: pairs(5), strides: pairs(4), dilations: pairs(3) });

/** What is computed by tiles of 2x2 outputs: whole tiles and halves at the edges, more tiles than one task has, and panels. */
const tiled = fc.record({
  size: fc.oneof(
    fc.record({ n: upTo(3), h: upTo(7), w: upTo(7), c: fc.constant(16), k: fc.constantFrom(16, 32, 48) }),
    fc.record({ n: upTo(2), h: upTo(5), w: upTo(5), c: fc.constantFrom(32, 64), k: fc.constant(16) }),
    fc.record({ n: fc.constantFrom(1, 20), h: about(12), w: about(12), c: fc.constant(8), k: fc.constant(8) }),
  ),
  kernel: fc.constant<[number, number]>([3, 3]),
  strides: fc.constant<[number, number]>([1, 1]),
  dilations: fc.constant<[number, number]>([1, 1]),
});

/** Convolutions of at most some 400,000 products; `dilated` says which may have gaps in the filter. */
const geometries = (dilated: "also with strides" | "without strides"): fc.Arbitrary<Geometry> =>
  fc
    .record({ shape: fc.oneof(anyKernel, anyKernel, tiled), pad: pads, batch: upTo(9, 0) })
    .map(({ shape, ...rest }) => ({ ...shape, ...rest }))
    .map(({ size: { n, h, w, c, k }, kernel, strides, dilations, pad, batch }) => {
      const x: Shape4 = [batch === 0 ? 0 : n, h, w, c];
      const filter: Shape4 = [...kernel, c, k];
      const taken = (i: 0 | 1) => (dilated === "without strides" && strides[i] > 1 ? 1 : dilations[i]);
      const attrs: ConvAttrs = { strides, pad, dataFormat: "NHWC", dilations: [taken(0), taken(1)] };
      const info = backend_util.computeConv2DInfo([...x], [...filter], strides, attrs.dilations, pad);
      return { x, filter, attrs, info };
    })
    .filter(({ filter, info }) => {
      const products = sizeOf(info.outShape.slice(0, 3)) * sizeOf(filter);
      return info.outHeight >= 0 && info.outWidth >= 0 && products <= 400_000;
    });

/** Visits every product of a convolution: positions in x, filter and y. */
function forProducts({ info: g }: Geometry, visit: (x: number, w: number, y: number) => void): void {
  for (let n = 0; n < g.batchSize; n++)
    for (let oh = 0; oh < g.outHeight; oh++)
      for (let ow = 0; ow < g.outWidth; ow++)
        for (let kh = 0; kh < g.filterHeight; kh++)
          for (let kw = 0; kw < g.filterWidth; kw++) {
            const h = oh * g.strideHeight - g.padInfo.top + kh * g.dilationHeight;
            const w = ow * g.strideWidth - g.padInfo.left + kw * g.dilationWidth;
            if (h < 0 || h >= g.inHeight || w < 0 || w >= g.inWidth) continue;
            for (let c = 0; c < g.inChannels; c++)
              for (let k = 0; k < g.outChannels; k++)
                visit(
                  ((n * g.inHeight + h) * g.inWidth + w) * g.inChannels + c,
                  ((kh * g.filterWidth + kw) * g.inChannels + c) * g.outChannels + k,
                  ((n * g.outHeight + oh) * g.outWidth + ow) * g.outChannels + k,
                );
          }
}

/**
 * Adds up the products in float64. Exact data must give exact results; other data may be off by the rounding of a
 * float32 sum, in proportion to the sum of the absolute values.
 */
function sumsOf(shape: readonly number[], exact: boolean, visitAll: (add: (at: number, term: number) => void) => void) {
  const [data, magnitude, terms] = [0, 1, 2].map(() => new Float64Array(sizeOf(shape))) as Float64Array[];
  visitAll((at, term) => {
    data![at]! += term;
    magnitude![at]! += Math.abs(term);
    terms![at]!++;
  });
  // Gradients add the sums of up to 32 chunks at the end.
  const within = exact ? 0 : magnitude!.map((m, i) => m * sumError(terms![i]! + 32));
  return [{ shape, data: data!, within }] satisfies Expected[];
}

/**
 * Where tiles of 2x2 outputs are computed together, what an output may be off by depends on the 4x4 inputs of its tile:
 * the sums of their absolute values times those of the filter, channel by channel.
 */
function tileMagnitude(input: Values, filter: Values, g: Geometry, gradient: boolean): Float64Array {
  const { info } = g;
  const [, inHeight, inWidth, from] = input.shape as Shape4;
  const [outHeight, outWidth, to, top, left] = gradient
    ? [info.inHeight, info.inWidth, info.inChannels, 2 - info.padInfo.top, 2 - info.padInfo.left]
    : [info.outHeight, info.outWidth, info.outChannels, info.padInfo.top, info.padInfo.left];
  const sums = new Float64Array(from * to);
  for (let tap = 0; tap < 9; tap++)
    for (let c = 0; c < info.inChannels; c++)
      for (let k = 0; k < info.outChannels; k++)
        sums[gradient ? k * to + c : c * to + k]! += Math.abs(
          filter.data[(tap * info.inChannels + c) * info.outChannels + k]!,
        );
  const magnitude = new Float64Array(info.batchSize * outHeight * outWidth * to);
  for (let i = 0; i < magnitude.length; i++) {
    const [k, q, m, n] = [
      i % to,
      Math.floor(i / to) % outWidth,
      Math.floor(i / to / outWidth) % outHeight,
      Math.floor(i / to / outWidth / outHeight),
    ];
    for (let row = (m & ~1) - top; row < (m & ~1) - top + 4; row++)
      for (let column = (q & ~1) - left; column < (q & ~1) - left + 4; column++) {
        if (row < 0 || row >= inHeight || column < 0 || column >= inWidth) continue;
        const at = ((n * inHeight + row) * inWidth + column) * from;
        for (let c = 0; c < from; c++) magnitude[i]! += Math.abs(input.data[at + c]!) * sums[c * to + k]!;
      }
  }
  return magnitude;
}

const plain3x3 = ({ info }: Geometry) =>
  [info.strideHeight, info.strideWidth, info.dilationHeight, info.dilationWidth].every((n) => n === 1) &&
  [info.filterHeight, info.filterWidth].every((n) => n === 3) &&
  [info.inChannels, info.outChannels].every((n) => n % 4 === 0);

/** The sums, of a convolution or its gradient by the input, with what the tiles may be off by. */
function sumsOfTiles(
  shape: readonly number[],
  input: Values,
  filter: Values,
  g: Geometry,
  gradient: boolean,
): readonly Expected[] {
  const exact = isExact(input, filter);
  const [sums] = sumsOf(shape, exact, (add) =>
    forProducts(g, (i, j, o) => add(gradient ? i : o, input.data[gradient ? o : i]! * filter.data[j]!)),
  );
  if (exact || !plain3x3(g)) return [sums!];
  // Up to 16 additions on the way in and 9 products on the way out, besides the sum over channels.
  const off = sumError((gradient ? g.info.outChannels : g.info.inChannels) + 32);
  return [{ ...sums!, within: tileMagnitude(input, filter, g, gradient).map((m) => m * off) }];
}

/** The sums of the filter's gradient. By tiles, each may be off by what a tile's 4x4 inputs and 2x2 gradients make. */
function sumsOfFilter(x: Values, dy: Values, g: Geometry): readonly Expected[] {
  const { info } = g;
  const exact = isExact(x, dy);
  const [sums] = sumsOf(g.filter, exact, (add) => forProducts(g, (i, j, o) => add(j, x.data[i]! * dy.data[o]!)));
  if (exact || !plain3x3(g)) return [sums!];
  const magnitude = new Float64Array(info.inChannels * info.outChannels);
  /** Sums of absolute values of `size` x `size` pixels by channel. */
  const around = (image: Values, n: number, top: number, left: number, size: number): Float64Array => {
    const [, height, width, channels] = image.shape as Shape4;
    const sum = new Float64Array(channels);
    for (let row = Math.max(0, top); row < Math.min(height, top + size); row++)
      for (let column = Math.max(0, left); column < Math.min(width, left + size); column++)
        for (let c = 0; c < channels; c++)
          sum[c]! += Math.abs(image.data[((n * height + row) * width + column) * channels + c]!);
    return sum;
  };
  for (let n = 0; n < info.batchSize; n++)
    for (let row = 0; row < info.outHeight; row += 2)
      for (let column = 0; column < info.outWidth; column += 2) {
        const inputs = around(x, n, row - info.padInfo.top, column - info.padInfo.left, 4);
        const gradients = around(dy, n, row, column, 2);
        inputs.forEach((input, c) => {
          gradients.forEach((gradient, k) => {
            magnitude[c * info.outChannels + k]! += input * gradient;
          });
        });
      }
  const off = sumError(info.batchSize * info.outHeight * info.outWidth + 64);
  return [{ ...sums!, within: Float64Array.from(sums!.data, (_, i) => magnitude[i % magnitude.length]! * off) }];
}

const isExact = (...all: Values[]) => all.every(({ data }) => data.every(Number.isInteger));

const drawn = <G extends Geometry>(geometry: fc.Arbitrary<G>) =>
  fc.record({ g: geometry, seed: seeds, kind: sumKinds as fc.Arbitrary<Kind> });

const geometryOf = (x: Shape4, filter: Shape4, attrs: ConvAttrs): Geometry => ({
  x,
  filter,
  attrs,
  info: backend_util.computeConv2DInfo([...x], [...filter], attrs.strides, attrs.dilations, attrs.pad),
});

/** The cpu backend's gradients take every filter for one without gaps; TensorFlow.js never asks them for another. */
const undilated = (_: unknown, { dilations }: ConvAttrs) => dilations[0] === 1 && dilations[1] === 1;

export const cases: readonly KernelCase[] = [
  kernelCase({
    kernel: "Conv2D",
    calls: drawn(geometries("also with strides")).map(({ g, seed, kind }) => ({
      inputs: { x: floats(g.x, seed, kind), filter: floats(g.filter, seed + 1, kind) },
      attrs: g.attrs,
    })),
    expected: ({ x, filter }, attrs) => {
      const g = geometryOf(x.shape as Shape4, filter.shape as Shape4, attrs);
      return sumsOfTiles(g.info.outShape, x, filter, g, false);
    },
  }),
  kernelCase({
    kernel: "Conv2DBackpropInput",
    calls: drawn(geometries("without strides")).map(({ g, seed, kind }) => ({
      inputs: { dy: floats(g.info.outShape, seed, kind), filter: floats(g.filter, seed + 1, kind) },
      attrs: { ...g.attrs, inputShape: g.x },
    })),
    expected: ({ dy, filter }, attrs) => {
      const g = geometryOf(attrs.inputShape, filter.shape as Shape4, attrs);
      return sumsOfTiles(g.x, dy, filter, g, true);
    },
    onCpu: undilated,
  }),
  kernelCase({
    kernel: "Conv2DBackpropFilter",
    calls: drawn(geometries("also with strides")).map(({ g, seed, kind }) => ({
      inputs: { x: floats(g.x, seed, kind), dy: floats(g.info.outShape, seed + 1, kind) },
      attrs: { ...g.attrs, filterShape: g.filter },
    })),
    expected: ({ x, dy }, attrs) => {
      const g = geometryOf(x.shape as Shape4, attrs.filterShape, attrs);
      return sumsOfFilter(x, dy, g);
    },
    onCpu: undilated,
  }),
];

export const addonCalls: Readonly<Record<string, AddonCall>> = {
  conv2d: {
    numbers: [1, 2, 2, 1, 1, 1, 2, 2, 2, 1, 1, 0, 0, 1, 1, 0],
    arrays: [float32s(4), float32s(8), float32s(2)],
    sizes: [0, 14],
  },
  conv2dInputGrad: {
    numbers: [1, 2, 2, 1, 1, 1, 2, 2, 2, 1, 1, 0, 0, 1, 1, 0],
    arrays: [float32s(2), float32s(8), float32s(4)],
    sizes: [0, 14],
  },
  conv2dFilterGrad: {
    numbers: [1, 2, 2, 1, 1, 1, 2, 2, 2, 1, 1, 0, 0, 1, 1, 0],
    arrays: [float32s(4), float32s(2), float32s(8)],
    sizes: [0, 14],
  },
  plainConv2d: {
    numbers: [1, 2, 2, 1, 1, 1, 2, 2, 2, 1, 1, 0, 0, 1, 1],
    arrays: [float32s(4), float32s(8), float32s(2)],
    sizes: [0, 14],
  },
  plainConv2dInputGrad: {
    numbers: [1, 2, 2, 1, 1, 1, 2, 2, 2, 1, 1, 0, 0, 1, 1],
    arrays: [float32s(2), float32s(8), float32s(4)],
    sizes: [0, 14],
  },
  plainConv2dFilterGrad: {
    numbers: [1, 2, 2, 1, 1, 1, 2, 2, 2, 1, 1, 0, 0, 1, 1],
    arrays: [float32s(4), float32s(2), float32s(8)],
    sizes: [0, 14],
  },
  spikeConv2d: {
    numbers: [1, 2, 2, 32, 1, 1, 2, 2, 2, 1, 1, 0, 0, 1, 1],
    arrays: [words(4), float32s(256), float32s(2)],
    sizes: [0, 14],
  },
  matrixConv2d: {
    numbers: [1, 2, 2, 1, 1, 1, 2, 2, 2, 1, 1, 0, 0, 1, 1, 0],
    arrays: [float32s(4), float32s(8), float32s(2)],
    sizes: [0, 14],
  },
  matrixSpikeConv2d: {
    numbers: [1, 2, 2, 32, 1, 1, 2, 2, 2, 1, 1, 0, 0, 1, 1, 0],
    arrays: [words(4), float32s(256), float32s(2)],
    sizes: [0, 14],
  },
  matrixConv2dInputGrad: {
    numbers: [1, 2, 2, 1, 1, 1, 2, 2, 2, 1, 1, 0, 0, 1, 1, 0],
    arrays: [float32s(2), float32s(8), float32s(4)],
    sizes: [0, 14],
  },
  matrixConv2dFilterGrad: {
    numbers: [1, 2, 2, 1, 1, 1, 2, 2, 2, 1, 1, 0, 0, 1, 1, 0],
    arrays: [float32s(4), float32s(2), float32s(8)],
    sizes: [0, 14],
  },
  matrixSpikeConv2dFilterGrad: {
    numbers: [1, 2, 2, 32, 1, 1, 2, 2, 2, 1, 1, 0, 0, 1, 1, 0],
    arrays: [words(4), float32s(2), float32s(256)],
    sizes: [0, 14],
  },
  spikeConv2dFilterGrad: {
    numbers: [1, 2, 2, 32, 1, 1, 2, 2, 2, 1, 1, 0, 0, 1, 1],
    arrays: [words(4), float32s(2), float32s(256)],
    sizes: [0, 14],
  },
};

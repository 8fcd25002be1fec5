import { instructionSet, instructionSets, runNative, setInstructionSet } from "@sew/backend-native";
import { backend_util } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { runFinite } from "../src/addon.js";
import { describeNative, withThreads } from "./describeNative.js";
import { type Expected, fault, sameBits, sumError } from "./kernelCase.js";
import { floats, integers, seeds, sizeOf, sumKinds, type Values } from "./values.js";

/** Small sums of spikes, NHWC. */
interface Counts {
  readonly shape: readonly [number, number, number, number];
  readonly data: Uint8Array;
}

interface Convolution {
  readonly x: Counts;
  readonly bits: boolean;
  readonly filter: Values;
  readonly dy: Values;
  readonly info: backend_util.Conv2DInfo;
}

const upTo = (max: number, min = 1) => fc.integer({ min, max });
const pairs = (max: number) => fc.tuple(upTo(max), upTo(max));
const channels = fc.constantFrom(32, 64, 96);
const outputs = fc.constantFrom(1, 5, 31, 32, 33, 64, 64, 70, 128);

/** Few pixels and all channels; or bands of several rows, chunks of the filter's gradient, and rows longer than a band. */
const sizes = fc.oneof(
  fc.record({ n: upTo(3), h: upTo(4), w: upTo(4), c: channels, k: outputs }),
  fc.record({ n: upTo(3), h: fc.constant(1), w: fc.constant(1), c: channels, k: outputs }),
  fc.record({ n: upTo(2), h: upTo(36, 26), w: upTo(36, 26), c: fc.constant(32), k: upTo(2) }),
  fc.record({ n: fc.constant(60), h: upTo(6), w: upTo(6), c: fc.constant(32), k: upTo(2) }),
  fc.record({ n: fc.constant(1), h: upTo(3), w: fc.constantFrom(500, 1030), c: fc.constant(32), k: upTo(2) }),
);

const pads = fc.oneof(
  fc.constantFrom<("valid" | "same")[]>("valid", "same"),
  upTo(6, 0),
  fc.tuple(upTo(6, -1), upTo(6, -1), upTo(6, -1), upTo(6, -1)).map<backend_util.ExplicitPadding>(([t, b, l, r]) => [
    [0, 0],
    [t, b],
    [l, r],
    [0, 0],
  ]),
);

/** What share of 32 neighbouring channels spikes: none, so few that they are listed, so many that tables are made, all. */
const densities = [0, 0.02, 0.1, 0.4, 1];

/** A density for every 32 channels, or one for all of them. Counts are often 1 and seldom 255. */
function spikes(shape: Counts["shape"], seed: number, most: number, density: number | undefined): Counts {
  const next = integers(seed);
  const data = new Uint8Array(sizeOf(shape));
  for (let word = 0; word < data.length; word += 32) {
    const share = density ?? densities[next() % densities.length]!;
    for (let c = word; c < word + 32; c++) {
      if (next() / 2 ** 32 < share) data[c] = next() % 2 === 0 ? 1 : 1 + (next() % most);
    }
  }
  return { shape, data };
}

const convolutions: fc.Arbitrary<Convolution> = fc
  .record({ size: sizes, kernel: pairs(5), strides: pairs(3), pad: pads, batch: upTo(9, 0) })
  .map(({ size: { n, h, w, c, k }, kernel, strides, pad, batch }) => {
    const x: Counts["shape"] = [batch === 0 ? 0 : n, h, w, c];
    const filter: [number, number, number, number] = [...kernel, c, k];
    return { x, filter, info: backend_util.computeConv2DInfo([...x], filter, strides, 1, pad) };
  })
  .filter(({ filter, info }) => {
    const products = sizeOf(info.outShape.slice(0, 3)) * sizeOf(filter);
    return info.outHeight >= 0 && info.outWidth >= 0 && products <= 600_000;
  })
  .chain(({ x, filter, info }) =>
    fc
      .record({
        seed: seeds,
        kind: sumKinds,
        most: fc.constantFrom(1, 1, 3, 255),
        density: fc.option(fc.constantFrom(...densities), { nil: undefined }),
      })
      .map(({ seed, kind, most, density }) => ({
        x: spikes(x, seed, most, density),
        bits: most === 1,
        filter: floats(filter, seed + 1, kind),
        dy: floats(info.outShape, seed + 2, kind),
        info,
      })),
  );

const numbers = (g: backend_util.Conv2DInfo): number[] => [
  ...[g.batchSize, g.inHeight, g.inWidth, g.inChannels, g.outHeight, g.outWidth, g.outChannels],
  ...[g.filterHeight, g.filterWidth, g.strideHeight, g.strideWidth, g.padInfo.top, g.padInfo.left, 1, 1],
];

/** Element i is bit i mod 32 of word i / 32. */
function packed({ data }: Counts): Int32Array {
  const words = new Int32Array(data.length / 32);
  data.forEach((spike, i) => {
    words[i >> 5]! |= spike << (i & 31);
  });
  return words;
}

/** Kernels of both products: event-driven, and of a matrix unit, which take the precision, here float32, as well. */
const kernels = {
  spikeConv2d: forward("spikeConv2d", []),
  matrixSpikeConv2d: forward("matrixSpikeConv2d", [0]),
  spikeConv2dFilterGrad: filterGradient("spikeConv2dFilterGrad", []),
  matrixSpikeConv2dFilterGrad: filterGradient("matrixSpikeConv2dFilterGrad", [0]),
};

function forward(kernel: string, precision: readonly number[]) {
  return {
    precision,
    run: ({ x, bits, filter, info }: Convolution): Values => {
      const data = new Float32Array(sizeOf(info.outShape)).fill(Number.NaN);
      runNative(kernel, [...numbers(info), ...precision], bits ? packed(x) : x.data, filter.data, data);
      return { shape: info.outShape, dtype: "float32", data };
    },
    expected: (c: Convolution): Expected =>
      sums(c.info.outShape, c.filter, (add) => forSpikes(c, (count, w, y) => add(y, count, count * c.filter.data[w]!))),
  };
}

function filterGradient(kernel: string, precision: readonly number[]) {
  return {
    precision,
    run: ({ x, bits, filter: { shape }, dy, info }: Convolution): Values => {
      const data = new Float32Array(sizeOf(shape)).fill(Number.NaN);
      runNative(kernel, [...numbers(info), ...precision], bits ? packed(x) : x.data, dy.data, data);
      return { shape, dtype: "float32", data };
    },
    expected: (c: Convolution): Expected =>
      sums(c.filter.shape, c.dy, (add) => forSpikes(c, (count, w, y) => add(w, count, count * c.dy.data[y]!))),
  };
}

/** Visits every product of a convolution that is not 0: a count, and positions in filter and output. */
function forSpikes({ x, info: g }: Convolution, visit: (count: number, w: number, y: number) => void): void {
  const [c, k] = [g.inChannels, g.outChannels];
  for (let y = 0; y < g.batchSize * g.outHeight * g.outWidth; y++) {
    const [n, oh, ow] = [
      Math.floor(y / (g.outHeight * g.outWidth)),
      Math.floor(y / g.outWidth) % g.outHeight,
      y % g.outWidth,
    ];
    for (let tap = 0; tap < g.filterHeight * g.filterWidth; tap++) {
      const h = oh * g.strideHeight - g.padInfo.top + Math.floor(tap / g.filterWidth);
      const w = ow * g.strideWidth - g.padInfo.left + (tap % g.filterWidth);
      if (h < 0 || h >= g.inHeight || w < 0 || w >= g.inWidth) continue;
      for (let i = 0; i < c; i++) {
        const count = x.data[((n * g.inHeight + h) * g.inWidth + w) * c + i]!;
        if (count === 0) continue;
        for (let o = 0; o < k; o++) visit(count, (tap * c + i) * k + o, y * k + o);
      }
    }
  }
}

/**
 * Adds up the products in float64. Exact factors must give exact results. Others may be off by float32's rounding: a
 * term is added once for every binary digit of its count, and passes through additions of other terms; through at most
 * 8 more in a sum of 32 that is made by fours and halves, and through 32 of the chunks' sums.
 */
function sums(
  shape: readonly number[],
  { data: factors }: Values,
  addAll: (add: (at: number, count: number, term: number) => void) => void,
): Expected {
  const [data, magnitude, terms] = [0, 1, 2].map(() => new Float64Array(sizeOf(shape))) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  addAll((at, count, term) => {
    data[at]! += term;
    magnitude[at]! += Math.abs(term);
    for (let digits = count; digits > 0; digits >>= 1) terms[at]! += digits & 1;
  });
  const exact = factors.every(Number.isInteger);
  return { shape, data, within: exact ? 0 : magnitude.map((m, i) => m * sumError(terms[i]! + 40)) };
}

describeNative("convolutions of spikes", () => {
  const best = instructionSet();
  afterAll(() => setInstructionSet(best));

  describe.each(Object.entries(kernels))("%s", (kernel, { run, expected, precision }) => {
    it.each([...instructionSets()])("gives the definition's result with %s, on 1 thread and on 2", (set) => {
      setInstructionSet(set);
      fc.assert(
        fc.property(convolutions, fc.constantFrom(1, 2), (convolution, threads) => {
          const result = withThreads(threads, () => run(convolution));
          expect(fault([result], [expected(convolution)])).toBeUndefined();
        }),
        { numRuns: 80 },
      );
    });

    it("gives the same bits with every instruction set, on 1, 2 and 5 threads, and every time", () =>
      fc.assert(
        fc.property(convolutions, (convolution) => {
          const results = instructionSets().flatMap((set) => {
            setInstructionSet(set);
            return [1, 2, 5, 1].map((threads) => withThreads(threads, () => [run(convolution)]));
          });
          for (const result of results) expect(sameBits(result, results[0]!)).toBe(true);
        }),
        { numRuns: 60 },
      ));

    it("takes no dilation, and whole words of channels alone", () => {
      const [x, y] = [new Int32Array(9 * 33), new Float32Array(9 * 33)];
      const right = [1, 3, 3, 32, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, ...precision];
      expect(() => runNative(kernel, right, x, y, y)).not.toThrow();
      expect(() => runNative(kernel, right, new Uint8Array(9 * 32), y, y)).not.toThrow();
      expect(() => runNative(kernel, right, new Uint8Array(9 * 32 - 1), y, y)).toThrow("smaller than the shapes say");
      for (const wrong of [
        right.with(3, 33),
        right.with(3, 31),
        right.with(3, 1),
        right.with(13, 2),
        right.with(14, 2),
      ]) {
        expect(() => runNative(kernel, wrong, x, y, y)).toThrow("a size is out of range");
      }
    });
  });

  // They multiply nothing with 0, whose product with these is NaN.
  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("refuse %s, wherever it is", (value) => {
    const numbers = [1, 1, 2, 32, 1, 2, 40, 1, 1, 1, 1, 0, 0, 1, 1];
    for (const x of [
      new Int32Array(2),
      Int32Array.of(1 << 5, 3 << 5),
      new Uint8Array(64),
      new Uint8Array(64).fill(3),
    ]) {
      for (const at of [0, 5 * 40, 32 * 40 - 1]) {
        const [weights, y] = [new Float32Array(32 * 40).with(at, value), new Float32Array(80)];
        expect(runFinite("spikeConv2d", numbers, x, weights, y)).toBe(false);
        for (const bf16 of [0, 1])
          expect(runFinite("matrixSpikeConv2d", [...numbers, bf16], x, weights, y)).toBe(false);
      }
      for (const at of [0, 40, 79]) {
        const [dy, dw] = [new Float32Array(80).with(at, value), new Float32Array(32 * 40)];
        expect(runFinite("spikeConv2dFilterGrad", numbers, x, dy, dw)).toBe(false);
        for (const bf16 of [0, 1]) {
          expect(runFinite("matrixSpikeConv2dFilterGrad", [...numbers, bf16], x, dy, dw)).toBe(false);
        }
      }
    }
  });
});

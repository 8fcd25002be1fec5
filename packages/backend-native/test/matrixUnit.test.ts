/** @file The matrix unit: its emulation, the accuracy of what runs on it, and which operations do. */
import {
  hasMatrixUnit,
  instructionSet,
  instructionSets,
  type NativeBackend,
  precisions,
  runNative,
  setInstructionSet,
  setPrecision,
  setSpikeConvolution,
} from "@sew/backend-native";
import { evaluation, conv2d as groupedConv2d } from "@sew/layers";
import { integrateAndFire, neuron, unroll } from "@sew/neurons";
import {
  backend,
  conv2d,
  matMul,
  reshape,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  tensor,
  tidy,
  valueAndGrads,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { afterAll, afterEach, beforeEach, expect, it } from "vitest";
import type { KernelArray } from "../src/addon.js";
import { describeNative } from "./describeNative.js";
import { integers, seeds, sizeOf } from "./values.js";

const EMULATED = "amx-emulated";
const best = instructionSet();

/** Below the normal numbers. */
const isSubnormal = (v: number) => Math.abs(v) < 2 ** -126;

/** To float32; results that are below the normal numbers when rounded to 24 bits are 0. */
const rounded = (v: number): number => Math.fround(Math.abs(v) < 2 ** -126 - 2 ** -151 ? v * 0 : v);
const flushed = (v: number): number => (isSubnormal(v) ? v * 0 : v);

/** Intel's definition of TDPBF16PS, for tiles of `rows` x `pairs` pairs and `pairs` x `columns` pairs of bfloat16. */
function product(a: Float32Array, b: Float32Array, sums: Float32Array, rows: number, pairs: number, columns: number) {
  const result = new Float32Array(256);
  for (let m = 0; m < rows; m++)
    for (let n = 0; n < columns; n++) {
      const partial = [0, 0];
      for (let k = 0; k < pairs; k++)
        for (const i of [0, 1]) {
          // Exact in float64, and so is the rounding of the fused multiply-add.
          partial[i] = rounded(flushed(a[m * 32 + 2 * k + i]!) * flushed(b[k * 32 + 2 * n + i]!) + partial[i]!);
        }
      result[m * 16 + n] = rounded(flushed(sums[m * 16 + n]!) + rounded(partial[0]! + partial[1]!));
    }
  return result;
}

/** Upper halves of float32 numbers, as bytes. */
function bfloat16s(values: Float32Array): Uint8Array {
  const words = new Uint32Array(values.buffer);
  return new Uint8Array(Uint16Array.from(words, (word) => word >>> 16).buffer);
}

const edges = [0, -0, 1, -1, 2 ** -126, -(2 ** -127), 2 ** -133, 2 ** -64, 2 ** -63, 2 ** 100, 3, 255, 1 + 2 ** -7];

/** Numbers that are bfloat16: edges, and any of a few or of all exponents. */
const drawBfloat16s = (seed: number, exponents: number): Float32Array => {
  const next = integers(seed);
  return Float32Array.from({ length: 512 }, () => {
    if (next() % 4 === 0) return edges[next() % edges.length]!;
    const mantissa = 1 + (next() % 128) / 128;
    return (next() % 2 === 0 ? 1 : -1) * mantissa * 2 ** ((next() % exponents) - (exponents >> 1));
  });
};

describeNative("the matrix unit", () => {
  afterAll(() => setInstructionSet(best));

  it.each([...instructionSets()])("multiplies tiles as its definition says, to the bit, with %s", (set) => {
    setInstructionSet(set);
    const size = fc.integer({ min: 1, max: 16 });
    fc.assert(
      fc.property(size, size, size, seeds, fc.constantFrom(4, 40, 250), (rows, pairs, columns, seed, exponents) => {
        const [a, b] = [drawBfloat16s(seed, exponents), drawBfloat16s(seed + 1, exponents)];
        const sums = drawBfloat16s(seed + 2, exponents)
          .subarray(0, 256)
          .map((v) => v * (1 + 2 ** -20));
        const expected = product(a, b, sums, rows, pairs, columns);
        const found = sums.slice();
        runNative("matrixProduct", [rows, pairs, columns], bfloat16s(a), bfloat16s(b), found);
        for (let m = 0; m < rows; m++)
          for (let n = 0; n < columns; n++) expect(found[m * 16 + n]).toBe(expected[m * 16 + n]);
      }),
    );
  });

  it("is that of one instruction set of the machine at most, and of the emulated one", () => {
    const withUnit = instructionSets().filter((set) => {
      setInstructionSet(set);
      return hasMatrixUnit();
    });
    expect(withUnit.filter((set) => set !== "amx")).toEqual([EMULATED]);
    expect(instructionSets().at(-1)).toBe(EMULATED);
  });

  it("is missed with an error that says what there is", ({ skip }) => {
    if (instructionSets().includes("amx")) skip("this machine has AMX");
    expect(() => setInstructionSet("amx")).toThrow(
      new RangeError(`setInstructionSet: name must be one of ${instructionSets().join(", ")} on this machine, got amx`),
    );
  });
});

/** The numbers of a convolution, [n, h, w, c] by [kernel, kernel, c, k]; padded as "same" at stride 1. */
const numbersOf = (n: number, h: number, w: number, c: number, k: number, kernel: number): number[] => [
  ...[n, h, w, c, h, w, k, kernel, kernel, 1, 1, kernel >> 1, kernel >> 1, 1, 1],
];

/** A product of one convolution: each output's terms, as positions in the two factors. */
type Terms = (visit: (a: number, b: number, output: number) => void) => void;

const termsOf =
  (n: number, h: number, w: number, c: number, k: number, kernel: number): Terms =>
  (visit) => {
    const pad = kernel >> 1;
    for (let p = 0; p < n * h * w; p++)
      for (let tap = 0; tap < kernel * kernel; tap++) {
        const [row, column] = [
          (Math.floor(p / w) % h) + Math.floor(tap / kernel) - pad,
          (p % w) + (tap % kernel) - pad,
        ];
        if (row < 0 || row >= h || column < 0 || column >= w) continue;
        const pixel = (Math.floor(p / (h * w)) * h + row) * w + column;
        for (let i = 0; i < c; i++) for (let o = 0; o < k; o++) visit(pixel * c + i, (tap * c + i) * k + o, p * k + o);
      }
  };

/** Sums in float64, in float32 by fused multiply-adds one after the other, and of absolute values. */
function sumsOf(size: number, add: (visit: (x: number, y: number, output: number) => void) => void) {
  const [exact, absolute] = [new Float64Array(size), new Float64Array(size)];
  const fused = new Float32Array(size);
  add((x, y, output) => {
    exact[output]! += x * y;
    absolute[output]! += Math.abs(x * y);
    // The product is exact in float64; rounding twice matters once in 2^29 times.
    fused[output] = x * y + fused[output]!;
  });
  return { exact, fused, absolute };
}

/** Root mean square of the errors, each in parts of the sum of its terms' absolute values. */
const errorOf = (found: ArrayLike<number>, { exact, absolute }: { exact: Float64Array; absolute: Float64Array }) =>
  Math.sqrt(
    exact.reduce((sum, v, i) => sum + (absolute[i] === 0 ? 0 : (found[i]! - v) / absolute[i]!) ** 2, 0) / exact.length,
  );

/** Values of a kind of weights or gradients. */
const kinds = {
  normal: (next: () => number) =>
    Math.sqrt(-2 * Math.log((next() + 1) / 2 ** 32)) * Math.cos((next() / 2 ** 32) * 2 * Math.PI),
  wide: (next: () => number) => 10 ** ((next() / 2 ** 32 - 0.5) * 12) * (next() % 2 === 0 ? 1 : -1),
  tiny: (next: () => number) => 2 ** -70 * (next() / 2 ** 32 - 0.5),
  huge: (next: () => number) => 2 ** 100 * (next() / 2 ** 32 - 0.5),
  sparse: (next: () => number) =>
    next() % 10 < 7 ? 0 : Math.exp((next() / 2 ** 32 - 0.5) * 12) * (next() % 2 === 0 ? 1 : -1),
};
type Kind = keyof typeof kinds;

const draw = (size: number, seed: number, kind: Kind): Float32Array => {
  const next = integers(seed);
  return Float32Array.from({ length: size }, () => kinds[kind](next));
};

const drawCounts = (size: number, seed: number, density: number, most: number): Uint8Array => {
  const next = integers(seed);
  return Uint8Array.from({ length: size }, () => (next() / 2 ** 32 < density ? 1 + (next() % most) : 0));
};

describeNative("convolutions on the matrix unit", () => {
  afterAll(() => setInstructionSet(best));

  const layers = fc.record({
    c: fc.constantFrom(32, 64, 128),
    kernel: fc.constantFrom(1, 3),
    density: fc.constantFrom(0.02, 0.1, 0.3, 1),
    most: fc.constantFrom(1, 3, 255),
    kind: fc.constantFrom<Kind[]>("normal", "wide", "tiny", "huge", "sparse"),
    seed: seeds,
  });
  const [n, h, w, k] = [2, 6, 7, 32];

  it("are as accurate as float32's fused multiply-adds, spikes by weights", () =>
    fc.assert(
      fc.property(layers, ({ c, kernel, density, most, kind, seed }) => {
        const [x, filter] = [drawCounts(n * h * w * c, seed, density, most), draw(kernel ** 2 * c * k, seed + 1, kind)];
        const y = new Float32Array(n * h * w * k);
        runNative("matrixSpikeConv2d", [...numbersOf(n, h, w, c, k, kernel), 0], x, filter, y);
        const sums = sumsOf(y.length, (visit) =>
          termsOf(n, h, w, c, k, kernel)((a, b, o) => x[a] !== 0 && visit(x[a]!, filter[b]!, o)),
        );
        expect(errorOf(y, sums)).toBeLessThanOrEqual(1.05 * errorOf(sums.fused, sums));
      }),
      { numRuns: 60 },
    ));

  it("are as accurate as float32's fused multiply-adds, spikes by gradients", () =>
    fc.assert(
      fc.property(layers, ({ c, kernel, density, most, kind, seed }) => {
        const [x, dy] = [drawCounts(n * h * w * c, seed, density, most), draw(n * h * w * k, seed + 1, kind)];
        const dw = new Float32Array(kernel ** 2 * c * k);
        runNative("matrixSpikeConv2dFilterGrad", [...numbersOf(n, h, w, c, k, kernel), 0], x, dy, dw);
        const sums = sumsOf(dw.length, (visit) =>
          termsOf(n, h, w, c, k, kernel)((a, b, o) => x[a] !== 0 && visit(x[a]!, dy[o]!, b)),
        );
        expect(errorOf(dw, sums)).toBeLessThanOrEqual(1.05 * errorOf(sums.fused, sums));
      }),
      { numRuns: 60 },
    ));

  it("are as accurate as float32's fused multiply-adds, gradients by weights", () =>
    fc.assert(
      fc.property(layers, fc.constantFrom<Kind[]>("normal", "wide", "sparse"), ({ c, kernel, kind, seed }, other) => {
        const [dy, filter] = [draw(n * h * w * k, seed, kind), draw(kernel ** 2 * c * k, seed + 1, other)];
        const dx = new Float32Array(n * h * w * c);
        runNative("matrixConv2dInputGrad", [...numbersOf(n, h, w, c, k, kernel), 0], dy, filter, dx);
        const sums = sumsOf(dx.length, (visit) =>
          termsOf(n, h, w, c, k, kernel)((a, b, o) => dy[o] !== 0 && visit(dy[o]!, filter[b]!, a)),
        );
        expect(errorOf(dx, sums)).toBeLessThanOrEqual(1.05 * errorOf(sums.fused, sums));
      }),
      { numRuns: 40 },
    ));

  it("are as accurate as float32's fused multiply-adds, dense images by weights and by gradients", () =>
    fc.assert(
      fc.property(
        fc.constantFrom<[c: number, kernel: number][]>([3, 7], [20, 3], [32, 3], [96, 1]),
        fc.constantFrom<Kind[]>("normal", "wide", "sparse"),
        fc.constantFrom<Kind[]>("normal", "wide", "sparse"),
        seeds,
        ([c, kernel], kind, other, seed) => {
          const [images, filter] = [draw(n * h * w * c, seed, kind), draw(kernel ** 2 * c * k, seed + 1, other)];
          const [y, dy, dw] = [new Float32Array(n * h * w * k), draw(n * h * w * k, seed + 2, other), filter.slice()];
          const numbers = [...numbersOf(n, h, w, c, k, kernel), 0];
          runNative("matrixConv2d", numbers, images, filter, y);
          runNative("matrixConv2dFilterGrad", numbers, images, dy, dw);
          const terms = termsOf(n, h, w, c, k, kernel);
          const forward = sumsOf(y.length, (visit) => terms((a, b, o) => visit(images[a]!, filter[b]!, o)));
          const gradient = sumsOf(dw.length, (visit) => terms((a, b, o) => visit(images[a]!, dy[o]!, b)));
          expect(errorOf(y, forward)).toBeLessThanOrEqual(1.05 * errorOf(forward.fused, forward));
          expect(errorOf(dw, gradient)).toBeLessThanOrEqual(1.05 * errorOf(gradient.fused, gradient));
        },
      ),
      { numRuns: 40 },
    ));

  // Small images lie side by side, 16 of them, where their number allows it.
  it.each([0, 1])("give an image the same bits alone and among 16, in bf16: %i", (bf16) => {
    const [images, size, c] = [16, 7, 32];
    const of = (count: number) => [...numbersOf(count, size, size, c, k, 3), bf16];
    const filter = draw(9 * c * k, 1, "normal");
    const [counts, floats] = [
      drawCounts(images * size * size * c, 2, 0.3, 3),
      draw(images * size * size * c, 3, "normal"),
    ];
    for (const [kernel, x] of [
      ["matrixSpikeConv2d", counts],
      ["matrixConv2d", floats],
    ] as const) {
      const [all, alone] = [new Float32Array(images * size * size * k), new Float32Array(size * size * k)];
      runNative(kernel, of(images), x, filter, all);
      for (let image = 0; image < images; image++) {
        runNative(kernel, of(1), x.subarray(image * size * size * c, (image + 1) * size * size * c), filter, alone);
        expect(all.subarray(image * alone.length, (image + 1) * alone.length)).toEqual(alone);
      }
    }
  });

  it.each([
    { weight: 2 ** -102, why: "exact from there on" },
    { weight: 2 ** -127, why: "below the normal numbers, taken as 0" },
    { weight: 2 ** 127 * 1.9, why: "near the largest" },
    { weight: -0, why: "a zero" },
    { weight: 1 + 2 ** -23, why: "with all bits in use" },
    { weight: 255 + 2 ** -16, why: "whose first part rounds up" },
  ])("take a weight of $weight: $why", ({ weight }) => {
    const [x, y] = [new Uint8Array(32).fill(1, 3, 4), new Float32Array(1)];
    const filter = new Float32Array(32).fill(0.5).fill(weight, 3, 4);
    runNative("matrixSpikeConv2d", [...numbersOf(1, 1, 1, 32, 1, 1), 0], x, filter, y);
    expect(y[0]).toBe(isSubnormal(weight) ? 0 : Math.fround(weight) + 0);
  });

  /** The nearest bfloat16, ties to even. */
  const nearest = (v: number): number => {
    const scale = 2 ** (Math.floor(Math.log2(Math.abs(v))) - 7);
    const [units, half] = [Math.floor(v / scale), v / scale - Math.floor(v / scale)];
    return v === 0 ? 0 : scale * (half > 0.5 || (half === 0.5 && units % 2 !== 0) ? units + 1 : units);
  };

  it("round weights to bfloat16 once in that precision, and nothing else", () =>
    fc.assert(
      fc.property(layers, ({ c, kernel, density, most, seed }) => {
        const x = drawCounts(n * h * w * c, seed, density, most);
        const filter = draw(kernel ** 2 * c * k, seed + 1, "normal");
        const [found, expected] = [new Float32Array(n * h * w * k), new Float32Array(n * h * w * k)];
        const numbers = numbersOf(n, h, w, c, k, kernel);
        runNative("matrixSpikeConv2d", [...numbers, 1], x, filter, found);
        runNative("matrixSpikeConv2d", [...numbers, 0], x, filter.map(nearest), expected);
        expect(found).toEqual(expected);
      }),
      { numRuns: 30 },
    ));
});

/** Images that are stored as bits, and the bits. */
function storedSpikes(shape: readonly number[], seed: number): readonly [stored: Tensor, packed: KernelArray] {
  const values = Float32Array.from(drawCounts(sizeOf(shape), seed, 0.2, 1));
  const stored = reshape(unroll(neuron(integrateAndFire), tensor(values, [1, ...shape])).spikes, [...shape]);
  return [stored, (backend() as NativeBackend).spikes(stored)!.packed];
}

/** A 3x3 convolution of images and its gradients. */
const withGradients = (x: Tensor, filter: Tensor, dy: Tensor) =>
  valueAndGrads((images: Tensor, w: Tensor): Tensor => conv2d(images as Tensor4D, w as Tensor4D, 1, "same"))(
    [x, filter],
    dy,
  );

const zeros = (t: Tensor) => new Float32Array(t.size);

describeNative("operations with a matrix unit", () => {
  beforeEach(() => setInstructionSet(EMULATED));
  afterEach(() => {
    setPrecision("float32");
    setSpikeConvolution("auto");
    setInstructionSet(best);
  });

  const shape = [2, 5, 6, 32] as const;
  const numbers = numbersOf(...shape, 64, 3);

  it.each(precisions)("convolve stored spikes there, and both gradients, in %s", (precision) =>
    tidy(() => {
      setPrecision(precision);
      const bf16 = Number(precision === "bf16");
      const [x, packed] = storedSpikes(shape, 1);
      const filter = tensor(draw(9 * 32 * 64, 2, "normal"), [3, 3, 32, 64]) as Tensor4D;
      const dy = tensor(draw(2 * 5 * 6 * 64, 3, "normal"), [2, 5, 6, 64]);
      const { value, grads } = withGradients(x, filter, dy);
      const [y, dx, dw] = [value, ...grads].map(zeros) as [Float32Array, Float32Array, Float32Array];
      const [weights, gradient] = [filter.dataSync<"float32">(), dy.dataSync<"float32">()];
      runNative("matrixSpikeConv2d", [...numbers, bf16], packed, weights, y);
      runNative("matrixConv2dInputGrad", [...numbers, bf16], gradient, weights, dx);
      runNative("matrixSpikeConv2dFilterGrad", [...numbers, bf16], packed, gradient, dw);
      expect(value.dataSync()).toEqual(y);
      expect(grads.map((g) => g.dataSync())).toEqual([dx, dw]);
    }),
  );

  it.each([
    { images: "of words of channels, by tiles of 2x2", channels: 32, kernel: 3, stride: 1, bf16: 0, unit: false },
    { images: "of words of channels, by tiles of 2x2", channels: 32, kernel: 3, stride: 1, bf16: 1, unit: true },
    { images: "of words of channels", channels: 32, kernel: 3, stride: 2, bf16: 0, unit: true },
    { images: "of 3 channels, as a stem sees them", channels: 3, kernel: 7, stride: 2, bf16: 0, unit: false },
    { images: "of 3 channels, as a stem sees them", channels: 3, kernel: 7, stride: 2, bf16: 1, unit: true },
  ])("convolve dense images there, the filter's gradient: $unit; $images, in bf16: $bf16", (of) => {
    const { channels, kernel, stride, bf16, unit } = of;
    setPrecision(bf16 === 1 ? "bf16" : "float32");
    tidy(() => {
      const [n, size, k, pad] = [2, 8, 64, kernel >> 1];
      const out = size / stride;
      const numbers = [n, size, size, channels, out, out, k, kernel, kernel, stride, stride, pad, pad, 1, 1, bf16];
      const x = tensor(draw(n * size * size * channels, 1, "normal"), [n, size, size, channels]);
      const filter = tensor(draw(kernel ** 2 * channels * k, 2, "normal"), [kernel, kernel, channels, k]);
      const dy = tensor(draw(n * out * out * k, 3, "normal"), [n, out, out, k]);
      const convolve = (images: Tensor, w: Tensor): Tensor => conv2d(images as Tensor4D, w as Tensor4D, stride, pad);
      const { value, grads } = valueAndGrads(convolve)([x, filter], dy);
      const [y, dw] = [zeros(value), zeros(filter)];
      const [images, weights, gradient] = [x, filter, dy].map((t) => t.dataSync<"float32">()) as Float32Array[];
      runNative("matrixConv2d", numbers, images!, weights!, y);
      runNative(unit ? "matrixConv2dFilterGrad" : "conv2dFilterGrad", numbers, images!, gradient!, dw);
      expect(value.dataSync()).toEqual(y);
      expect(grads[1]!.dataSync()).toEqual(dw);
    });
  });

  it("convolve groups of channels there, one after the other", () =>
    tidy(() => {
      const [stored] = storedSpikes([2, 5, 6, 64], 1);
      const [x, y] = [stored.dataSync<"float32">(), new Float32Array(60 * 32)];
      const layer = groupedConv2d(64, 64, { groups: 2 });
      const found = layer.forward(reshape(stored, [1, 2, 5, 6, 64]), evaluation).dataSync<"float32">();
      const weights = layer.parameters.weight.dataSync<"float32">();
      for (const group of [0, 1]) {
        const half = (values: Float32Array) => values.filter((_, i) => Math.floor(i / 32) % 2 === group);
        runNative("matrixConv2d", [...numbersOf(2, 5, 6, 32, 32, 3), 0], half(x), half(weights), y);
        expect(half(found)).toEqual(y);
      }
      layer.parameters.weight.dispose();
    }));

  it("convolve event-driven where that is set to on", () =>
    tidy(() => {
      setSpikeConvolution("on");
      const [x, packed] = storedSpikes(shape, 1);
      const filter = tensor(draw(9 * 32 * 64, 2, "normal"), [3, 3, 32, 64]) as Tensor4D;
      const y = new Float32Array(2 * 5 * 6 * 64);
      runNative("spikeConv2d", numbers, packed, filter.dataSync<"float32">(), y);
      expect(conv2d(x as Tensor4D, filter, 1, "same").dataSync()).toEqual(y);
    }));

  it("convolve spikes like other numbers where that is set to off", () =>
    tidy(() => {
      setSpikeConvolution("off");
      const [x] = storedSpikes(shape, 1);
      const filter = tensor(draw(9 * 32 * 64, 2, "normal"), [3, 3, 32, 64]) as Tensor4D;
      const y = conv2d(x as Tensor4D, filter, 1, "same").dataSync();
      const unpacked = tensor(x.dataSync().slice(), [...shape]) as Tensor4D;
      expect(y).toEqual(conv2d(unpacked, filter, 1, "same").dataSync());
    }));

  it("convolve as without one where few channels would fill its steps, or the filter is dilated", () => {
    const run = (channels: number, dilation: number) =>
      tidy(() => {
        const x = tensor(draw(2 * 25 * channels, 1, "normal"), [2, 5, 5, channels]) as Tensor4D;
        const filter = tensor(draw(9 * channels * 8, 2, "normal"), [3, 3, channels, 8]) as Tensor4D;
        return conv2d(x, filter, 1, "same", "NHWC", dilation).dataSync();
      });
    for (const [channels, dilation] of [
      [5, 1],
      [32, 2],
    ] as const) {
      setInstructionSet(EMULATED);
      const found = run(channels, dilation);
      setInstructionSet(instructionSets().find((set) => set !== "amx")!);
      expect(found).toEqual(run(channels, dilation));
    }
  });

  it("multiply stored spikes by a matrix there, and their transpose", () =>
    tidy(() => {
      const [x, packed] = storedSpikes([7, 64], 1);
      const [b, c] = [draw(64 * 10, 2, "normal"), draw(7 * 10, 3, "normal")];
      const [y, dw] = [new Float32Array(7 * 10), new Float32Array(64 * 10)];
      runNative("matrixSpikeConv2d", [...numbersOf(7, 1, 1, 64, 10, 1), 0], packed, b, y);
      runNative("matrixSpikeConv2dFilterGrad", [...numbersOf(7, 1, 1, 64, 10, 1), 0], packed, c, dw);
      expect(matMul(x as Tensor2D, tensor(b, [64, 10])).dataSync()).toEqual(y);
      expect(matMul(x as Tensor2D, tensor(c, [7, 10]), true).dataSync()).toEqual(dw);
    }));

  it("multiply dense matrices there, either of them transposed, that fill its tiles", () =>
    tidy(() => {
      const [rows, inner, columns] = [130, 100, 33];
      const a = draw(rows * inner, 1, "normal");
      const [b, bTurned, c] = [
        draw(inner * columns, 2, "normal"),
        draw(columns * inner, 3, "normal"),
        draw(rows * columns, 4, "normal"),
      ];
      const [y, yTurned, dw] = [rows * columns, rows * columns, inner * columns].map((size) => new Float32Array(size));
      runNative("matrixConv2d", [...numbersOf(rows, 1, 1, inner, columns, 1), 0], a, b, y!);
      runNative("matrixConv2dInputGrad", [...numbersOf(rows, 1, 1, columns, inner, 1), 0], a, bTurned, yTurned!);
      runNative("matrixConv2dFilterGrad", [...numbersOf(rows, 1, 1, inner, columns, 1), 0], a, c, dw!);
      const left = tensor(a, [rows, inner]) as Tensor2D;
      expect(matMul(left, tensor(b, [inner, columns])).dataSync()).toEqual(y);
      expect(matMul(left, tensor(bTurned, [columns, inner]), false, true).dataSync()).toEqual(yTurned);
      expect(matMul(left, tensor(c, [rows, columns]), true).dataSync()).toEqual(dw);
    }));

  it("multiply matrices of few rows, and with both transposed, as without one", () => {
    const run = (set: string) => {
      setInstructionSet(set);
      return tidy(() => {
        const [a, b] = [draw(31 * 64, 1, "normal"), draw(64 * 31, 2, "normal")];
        const few = matMul(tensor(a, [31, 64]), tensor(b, [64, 31]));
        const fewTurned = matMul(tensor(a, [64, 31]), tensor(b, [64, 31]), true);
        const turned = matMul(tensor(a, [64, 31]), tensor(b, [31, 64]), true, true);
        return [few, fewTurned, turned].map((t) => t.dataSync());
      });
    };
    expect(run(EMULATED)).toEqual(run(instructionSets().find((set) => set !== "amx")!));
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])("follow the definition where a weight is %s", (value) =>
    tidy(() => {
      const [x] = storedSpikes(shape, 1);
      const filter = tensor(draw(9 * 32 * 64, 2, "normal").fill(value, 5, 6), [3, 3, 32, 64]) as Tensor4D;
      const found = conv2d(x as Tensor4D, filter, 1, "same").dataSync<"float32">();
      const y = new Float32Array(found.length);
      runNative("plainConv2d", numbers, x.dataSync<"float32">(), filter.dataSync<"float32">(), y);
      expect(found).toEqual(y);
      const [a] = storedSpikes([7, 64], 1);
      const b = tensor(draw(64 * 10, 2, "normal").fill(value, 5, 6), [64, 10]);
      expect(
        matMul(a as Tensor2D, b as Tensor2D)
          .dataSync()
          .filter(Number.isNaN).length,
      ).toBeGreaterThan(0);
    }),
  );
});

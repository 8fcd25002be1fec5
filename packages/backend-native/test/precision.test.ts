import {
  hasBfloat16,
  instructionSet,
  instructionSets,
  precision,
  setInstructionSet,
  setPrecision,
} from "@sew/backend-native";
import { backend_util, engine, type Tensor, tensor } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { afterEach, expect, it } from "vitest";
import { describeNative, withThreads } from "./describeNative.js";
import { floats, type Kind, seeds } from "./values.js";

/** A convolution and its gradients, by tiles of 2x2 outputs and directly, with channels or pixels in pairs and one left over. */
const layers = fc.record({
  n: fc.constantFrom(1, 3),
  size: fc.integer({ min: 1, max: 9 }),
  c: fc.constantFrom(1, 2, 3, 6, 16, 32, 48),
  k: fc.constantFrom(2, 16, 34, 64),
  kernel: fc.constantFrom(1, 2, 3, 7),
  stride: fc.constantFrom(1, 2, 4),
  dilation: fc.constant(1),
  seed: seeds,
});

/** Those that are computed by their definition, with gaps in filters, too. */
const direct: fc.Arbitrary<Layer> = layers
  .chain((layer) =>
    fc.constantFrom(1, 2).map((dilation) => ({ ...layer, dilation, ...(dilation > 1 && { stride: 1 }) })),
  )
  .filter(
    ({ c, k, kernel, stride, dilation }) => kernel !== 3 || stride > 1 || dilation > 1 || c % 16 > 0 || k % 16 > 0,
  );
type Layer = Record<"n" | "size" | "c" | "k" | "kernel" | "stride" | "dilation" | "seed", number>;

type Values = (shape: readonly number[], seed: number) => Float32Array;

/** The three results, with the numbers that `values` draws. */
function products({ n, size, c, k, kernel, stride, dilation, seed }: Layer, values: Values): Float32Array[] {
  const shape: [number, number, number, number] = [n, size, size, c];
  const filterShape: [number, number, number, number] = [kernel, kernel, c, k];
  const { outShape } = backend_util.computeConv2DInfo(shape, filterShape, stride, dilation, "same");
  const [x, filter, dy] = [shape, filterShape, outShape].map((s, i) => tensor(values(s, seed + i), s)) as Tensor[];
  const dilations = [dilation, dilation];
  const attrs = { strides: [stride, stride], pad: "same", dataFormat: "NHWC", dilations, inputShape: shape };
  const results = [
    engine().runKernel("Conv2D", { x: x!, filter: filter! }, attrs as never) as Tensor,
    engine().runKernel("Conv2DBackpropInput", { dy: dy!, filter: filter! }, attrs as never) as Tensor,
    engine().runKernel("Conv2DBackpropFilter", { x: x!, dy: dy! }, { ...attrs, filterShape } as never) as Tensor,
  ];
  const data = results.map((y) => y.dataSync<"float32">());
  for (const t of [...results, x!, filter!, dy!]) t.dispose();
  return data;
}

const inPrecision = (wanted: "float32" | "bf16", f: () => Float32Array[]) => {
  setPrecision(wanted);
  return f();
};

const drawn =
  (kind: Kind): Values =>
  (shape, seed) =>
    floats(shape, seed, kind).data as Float32Array;

/** The nearest bfloat16, ties to even. */
function toBfloat16(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0] = (bits[0]! + 0x7fff + ((bits[0]! >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(bits.buffer)[0]!;
}

/** Whether a convolution of that many channels multiplies pairs: of channels, or of pixels. */
const pairsUp = ({ c, stride, size }: Layer) => c % 2 === 0 || (stride % 2 === 0 && size % 2 === 0);

const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

describeNative("bfloat16 products", () => {
  const best = instructionSet();
  afterEach(() => {
    setPrecision("float32");
    setInstructionSet(best);
  });

  it("are float32's where the numbers fit into 8 bits, transformed or not", () =>
    fc.assert(
      fc.property(layers, (layer) => {
        const [plain, half] = (["float32", "bf16"] as const).map((p) =>
          inPrecision(p, () => products(layer, drawn("integers"))),
        );
        expect(half).toEqual(plain);
      }),
    ));

  it("are off by the rounding of 8 bits otherwise, and not at all without the instructions", () =>
    fc.assert(
      fc.property(layers, fc.constantFrom(...instructionSets()), (layer, set) => {
        setInstructionSet(set);
        const [plain, half] = (["float32", "bf16"] as const).map((p) =>
          inPrecision(p, () => products(layer, drawn("reals"))),
        );
        plain!.forEach((exact, i) => {
          const off = norm(exact.map((v, j) => v - half![i]![j]!));
          // Both operands are rounded, to half a unit of the eighth bit; tiles add up to four of the rounded.
          const within = hasBfloat16() ? 2 ** -5 * norm(exact) + 2 ** -6 : 0;
          expect(off).toBeLessThanOrEqual(within);
        });
      }),
    ));

  it("are those of factors that were rounded once, where no tile transforms them", ({ skip }) => {
    if (!hasBfloat16()) skip("this machine has no AVX512-BF16");
    const rounded: Values = (shape, seed) => drawn("wide")(shape, seed).map(toBfloat16);
    fc.assert(
      fc.property(direct, (layer) => {
        const exact = inPrecision("float32", () => products(layer, rounded));
        const magnitudes = inPrecision("float32", () => products(layer, (...of) => rounded(...of).map(Math.abs)));
        const half = inPrecision("bf16", () => products(layer, drawn("wide")));
        half.forEach((values, i) => {
          // What forms no pairs is multiplied as it is, as are filters of which no row fills a vector.
          const rounds = [pairsUp(layer), layer.k % 2 === 0, layer.kernel * layer.c >= 16];
          if (!rounds[i]) return;
          values.forEach((value, j) => {
            expect(Math.abs(value - exact[i]![j]!)).toBeLessThanOrEqual(2 ** -17 * magnitudes[i]![j]!);
          });
        });
      }),
    );
  });

  it("compute what is not finite by the definition, at the edge of pairs of pixels, too", () => {
    const layer: Layer = { n: 1, size: 8, c: 3, k: 16, kernel: 7, stride: 2, dilation: 1, seed: 1 };
    const infinite: Values = (shape, seed) => {
      const values = drawn("integers")(shape, seed);
      if (shape[1] === 8) values[3 * 3] = Number.POSITIVE_INFINITY;
      return values;
    };
    const [plain, half] = (["float32", "bf16"] as const).map((p) => inPrecision(p, () => products(layer, infinite)));
    expect(half).toEqual(plain);
    expect(plain![0]!.some(Number.isFinite)).toBe(true);
  });

  it("do round: they are not float32's in another order", ({ skip }) => {
    if (!hasBfloat16()) skip("this machine has no AVX512-BF16");
    const layer: Layer = { n: 1, size: 8, c: 32, k: 64, kernel: 3, stride: 1, dilation: 1, seed: 1 };
    const [plain] = inPrecision("float32", () => products(layer, drawn("reals")));
    const [half] = inPrecision("bf16", () => products(layer, drawn("reals")));
    expect(norm(plain!.map((v, i) => v - half![i]!))).toBeGreaterThan(2 ** -12 * norm(plain!));
  });

  it("are the same bits on any number of threads", () =>
    fc.assert(
      fc.property(layers, (layer) => {
        setPrecision("bf16");
        const [one, two, five] = [1, 2, 5].map((n) => withThreads(n, () => products(layer, drawn("reals"))));
        expect(two).toEqual(one);
        expect(five).toEqual(one);
      }),
      { numRuns: 30 },
    ));

  it("are asked for by name", () => {
    setPrecision("bf16");
    expect(precision()).toBe("bf16");
    expect(() => setPrecision("half" as "bf16")).toThrow(
      new RangeError("setPrecision: precision must be float32 or bf16, got half"),
    );
    expect(precision()).toBe("bf16");
  });
});

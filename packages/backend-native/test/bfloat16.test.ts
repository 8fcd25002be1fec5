/** @file Outputs of event-driven convolutions as bfloat16: what is stored, and that every reader sees the same values. */
import {
  hasBfloat16,
  instructionSet,
  instructionSets,
  type NativeBackend,
  precision,
  runNative,
  setInstructionSet,
  setPrecision,
  setSpikeConvolution,
  setSpikeStorage,
  spikeConvolution,
  spikeStorage,
} from "@sew/backend-native";
import {
  type Activation,
  batchNorm,
  namedParameters,
  neurons,
  normNeuron,
  parallelNeurons,
  run,
  seeded,
} from "@sew/layers";
import { lif, neuron, plif, psn, unroll } from "@sew/neurons";
import {
  add,
  backend,
  clone,
  concat,
  conv2d,
  engine,
  fill,
  memory,
  mul,
  ones,
  reshape,
  slice,
  sum,
  type Tensor,
  type Tensor4D,
  tensor,
  tidy,
  type Variable,
  variable,
  variableGrads,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { describeNative, withThreads } from "./describeNative.js";
import { floats, integers, seeds } from "./values.js";

const native = () => backend() as NativeBackend;

const bits = new DataView(new ArrayBuffer(4));

/** The nearest bfloat16, ties to even. */
function rounded(value: number): number {
  bits.setFloat32(0, value);
  const whole = bits.getUint32(0);
  const upper = whole >>> 16;
  const rest = whole & 0xffff;
  const up = rest > 0x8000 || (rest === 0x8000 && upper % 2 === 1);
  bits.setUint32(0, (upper + Number(up)) * 0x10000);
  return bits.getFloat32(0);
}

/** A tensor that is stored as bfloat16, of values that fit into it. */
function stored(values: Float32Array, shape: readonly number[]): Tensor {
  const [info, halves] = native().outputBfloat16([...shape]);
  for (const [i, value] of values.entries()) {
    bits.setFloat32(0, value);
    halves[i] = bits.getUint16(0);
  }
  return engine().makeTensorFromTensorInfo(info);
}

const drawn = (shape: readonly number[], seed: number) =>
  Float32Array.from(floats([...shape], seed, "reals").data, rounded);

const layers = fc.record({
  n: fc.constantFrom<number[]>(1, 3, 40),
  size: fc.constantFrom<number[]>(1, 2, 7, 12),
  k: fc.constantFrom<number[]>(1, 31, 32, 33, 64, 70, 128),
  kernel: fc.constantFrom<number[]>(1, 3),
  density: fc.constantFrom<number[]>(1, 8),
  seed: seeds,
});
type Layer = typeof layers extends fc.Arbitrary<infer L> ? L : never;

/** What the C++ kernel writes, into an array of the given kind. */
function convolved<Y extends Float32Array | Uint16Array>({ n, size, k, kernel, density, seed }: Layer, y: Y): Y {
  const next = integers(seed);
  const x = new Int32Array(n * size * size).map(() => (density === 1 ? next() : next() & next() & next()));
  const w = floats([kernel, kernel, 32, k], seed, "reals").data as Float32Array;
  const pad = (kernel - 1) / 2;
  runNative("spikeConv2d", [n, size, size, 32, size, size, k, kernel, kernel, 1, 1, pad, pad, 1, 1], x, w, y);
  return y;
}

describeNative("bfloat16 storage", () => {
  const [best, storage, convolution] = [instructionSet(), spikeStorage(), spikeConvolution()];
  const precisionBefore = precision();
  afterEach(() => {
    setInstructionSet(best);
    setSpikeStorage(storage);
    setSpikeConvolution(convolution);
    setPrecision(precisionBefore);
  });

  it.each(instructionSets())("keeps NaN and infinity, and makes what is too large infinite, with %s", (set) => {
    setInstructionSet(set);
    const words = [
      0x7f800001, 0x7fffffff, 0xff800001, 0xffffffff, 0x7fc00000, 0x7f800000, 0xff800000, 0x7f7fffff, 0x7f7f8000,
    ];
    const expected = [...Array(5).fill(Number.NaN), ...[1, -1, 1, 1].map((sign) => sign * Number.POSITIVE_INFINITY)];
    // In the middle of vectors and in their parts at the end.
    for (const at of [0, 5, 16]) {
      const x = new Float32Array(at + words.length).fill(1);
      new Uint32Array(x.buffer).set(words, at);
      const [halves, found] = [new Uint16Array(x.length), new Float32Array(x.length)];
      runNative("packBfloat16", [x.length], x, halves);
      runNative("unpackBfloat16", [x.length], halves, found);
      expect([...found]).toEqual([...Array(at).fill(1), ...expected]);
    }
  });

  it.each(instructionSets())("has the nearest values, ties to even, with %s", (set) => {
    setInstructionSet(set);
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, max: 2 ** 127, min: -(2 ** 127) })),
        (values) => {
          const x = Float32Array.from(values);
          const [halves, found] = [new Uint16Array(x.length), new Float32Array(x.length)];
          runNative("packBfloat16", [x.length], x, halves);
          runNative("unpackBfloat16", [x.length], halves, found);
          expect(found).toEqual(x.map(rounded));
        },
      ),
    );
  });

  it("has the outputs of an event-driven convolution, rounded to the nearest, on any number of threads", () =>
    fc.assert(
      fc.property(layers, fc.constantFrom(...instructionSets()), (layer, set) => {
        setInstructionSet(set);
        const values = layer.n * layer.size ** 2 * layer.k;
        const exact = convolved(layer, new Float32Array(values));
        for (const threads of [1, 2, 5]) {
          const halves = withThreads(threads, () => convolved(layer, new Uint16Array(values)));
          const found = new Float32Array(values);
          runNative("unpackBfloat16", [values], halves, found);
          expect(found).toEqual(exact.map(rounded));
        }
      }),
      { numRuns: 60 },
    ));

  it("has them under bf16 where the machine has it, but for weights that are not finite, and none in float32", () => {
    const shape: [number, number, number, number] = [1, 2, 2, 32];
    const spikes = tidy(() => reshape(unroll(neuron(lif), ones([1, ...shape])).spikes, shape)) as Tensor4D;
    const weights = [1, Number.POSITIVE_INFINITY].map((weight) => fill([1, 1, 32, 4], weight)) as Tensor4D[];
    const kindOf = (w: Tensor4D) => tidy(() => native().floatsOrBfloat16(conv2d(spikes, w, 1, 0)).constructor.name);
    setSpikeStorage("auto");
    setSpikeConvolution("on");
    const before = memory().numDataBuffers;
    expect(weights.map(kindOf)).toEqual(["Float32Array", "Float32Array"]);
    setPrecision("bf16");
    expect(weights.map(kindOf)).toEqual([hasBfloat16() ? "Uint16Array" : "Float32Array", "Float32Array"]);
    expect(memory().numDataBuffers).toBe(before);
    for (const t of [spikes, ...weights]) t.dispose();
  });

  it("is float32 to all who read it, with memory that all comes back", () =>
    tidy(() => {
      const shape = [2, 3, 5, 7];
      const values = drawn(shape, 1);
      const x = stored(values, shape);
      const same = tensor(values, shape);
      const readers: ((t: Tensor) => Tensor)[] = [
        (t) => clone(t),
        (t) => reshape(t, [6, 35]),
        (t) => add(t, t),
        (t) => slice(t, [0, 1, 0, 0], [1, 2, 5, 7]),
        (t) => concat([t, t], 0),
        (t) => sum(t, -1),
      ];
      const read = (reader: (t: Tensor) => Tensor, t: Tensor) => tidy(() => reader(t).dataSync());
      for (const reader of readers) expect(read(reader, x)).toEqual(read(reader, same));
      expect(x.dataSync()).toEqual(values);
      const live = (memory() as unknown as { liveBytes: number }).liveBytes;
      x.dispose();
      // bfloat16, and float32 for the kernels that have read it.
      expect(live - (memory() as unknown as { liveBytes: number }).liveBytes).toBe(448 + 896);
    }));

  it("is never written over", () =>
    tidy(() => {
      const x = stored(drawn([32], 1), [32]);
      expect(native().outputOver(x)[0].dataId).not.toBe(x.dataId);
    }));

  describe.each([
    { name: "batch norm", activation: undefined },
    { name: "batch norm and PLIF", activation: () => neurons(plif) },
    { name: "batch norm and LIF", activation: () => neurons(lif) },
    { name: "batch norm and PSN", activation: () => parallelNeurons(psn, { steps: 3 }) },
  ])("is the same to $name", ({ activation }) => {
    it.each([true, false])("as float32 of these values, with all gradients; in training: %s", (training) =>
      fc.assert(
        fc.property(
          fc.constantFrom<number[]>(1, 3, 16, 33, 64),
          fc.constantFrom<number[]>(1, 5, 40),
          fc.constantFrom(...instructionSets()),
          seeds,
          (channels, pixels, set, seed) => {
            setInstructionSet(set);
            const shape = [3, 2, pixels, 1, channels];
            const values = drawn(shape, seed);
            const outcome = (x: Variable) => {
              const norm = batchNorm(channels);
              // Weights at random, the same for both.
              const layer = seeded(1, () => activation?.()(channels) as Activation | undefined);
              const weights = tensor(drawn(shape, seed + 1), shape);
              const all = [x, ...namedParameters(norm).values(), ...(layer ? namedParameters(layer).values() : [])];
              let fired: number[] = [];
              const f = () => {
                const context = { training, seed: 1 };
                const y = layer === undefined ? run(norm, x, context) : normNeuron(norm, layer, x, context);
                fired = [...y.dataSync()];
                return sum(mul(y, weights)) as ReturnType<typeof sum> as never;
              };
              const { grads } = variableGrads(f, all);
              const tensors = [...all.map(({ name }) => grads[name]!), ...Object.values(norm.buffers)];
              return [fired, ...tensors.map((t) => [...t.dataSync()])];
            };
            tidy(() => {
              const [half, whole] = [variable(stored(values, shape)), variable(tensor(values, shape))];
              expect(outcome(half)).toEqual(outcome(whole));
              half.dispose();
              whole.dispose();
            });
          },
        ),
        { numRuns: 25 },
      ),
    );
  });
});

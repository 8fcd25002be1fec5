/** @file Spikes as bits and counts: the values are those of float32, whoever asks, and all memory comes back. */
import {
  instructionSet,
  instructionSets,
  type NativeBackend,
  type NativeMemory,
  runNative,
  setInstructionSet,
  setSpikeConvolution,
  setSpikeStorage,
  spikeConvolution,
  spikeStorage,
} from "@sew/backend-native";
import { activity } from "@sew/kernels";
import { difference, read, scoped } from "@sew/kernels/testing";
import { disposeModule, namedParameters, run } from "@sew/layers";
import { network } from "@sew/models";
import { integrateAndFire, neuron, unroll } from "@sew/neurons";
import {
  add,
  addN,
  backend,
  cast,
  clone,
  concat,
  conv2d,
  dispose,
  grad,
  grads,
  greater,
  matMul,
  max,
  maxPool,
  mean,
  memory,
  mul,
  relu,
  reshape,
  type Scalar,
  setBackend,
  slice,
  sub,
  sum,
  type Tensor,
  type Tensor4D,
  tensor,
  tidy,
  transpose,
  unstack,
  variableGrads,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { Spikes } from "../src/spikes.js";
import { describeNative, withThreads } from "./describeNative.js";
import { about, edgeSizes, floats, integers, seeds, sizeOf } from "./values.js";

const native = () => backend() as NativeBackend;
const used = () => memory() as unknown as NativeMemory & { numTensors: number; numDataBuffers: number };
const kindOf = (t: Tensor) => native().spikes(t)?.kind ?? "dense";

/** Where numbers drawn from the seed say so, about one in three. */
function drawn(shape: readonly number[], seed: number): Float32Array {
  const next = integers(seed);
  return Float32Array.from({ length: sizeOf(shape) }, () => (next() % 3 === 0 ? 1 : 0));
}

/** The ones among a count's binary digits. */
const ones = (count: number) => count.toString(2).replaceAll("0", "").length;

/** Spikes of one step, as the neurons make them: with a single step, any number of neurons gives bits. */
const fired = (values: Float32Array, shape: readonly number[]): Tensor =>
  tidy(() => reshape(unroll(neuron(integrateAndFire), tensor(values, [1, ...shape])).spikes, [...shape]));

type Kind = "bits" | "counts" | "dense";

const bits = (shape: readonly number[], seed: number) => fired(drawn(shape, seed), shape);

/** A tensor of each kind of storage. */
const made: Readonly<Record<Kind, (shape: readonly number[], seed: number) => Tensor>> = {
  bits,
  counts: (shape, seed) => tidy(() => add(add(bits(shape, seed), bits(shape, seed + 1)), bits(shape, seed + 2))),
  dense: (shape, seed) => tensor(floats(shape, seed, "hard").data as Float32Array, [...shape]),
};

const channels = fc.oneof(fc.constantFrom(32, 64, 96), edgeSizes);

/** Images `[N, H, W, C]`: channels that are whole words and that are not, sizes about the words and blocks of the kernels. */
const images: fc.Arbitrary<number[]> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 6 }), channels)
      .map((shape) => [...shape]),
  },
  { weight: 3, arbitrary: fc.tuple(about(32, 1024), fc.constantFrom(1, 3, 32)).map(([w, c]) => [1, 1, w, c]) },
  // More than one task of each kernel, whole or not.
  {
    weight: 1,
    arbitrary: fc.constantFrom<number[][]>([1, 3, 1, 16_385], [2, 33, 64, 32], [1, 1, 1500, 96], [1, 2100, 1, 1]),
  },
);

interface Consumer {
  /** What its arguments are stored as. */
  readonly of: readonly Kind[];
  readonly run: (arguments_: Tensor[], seed: number) => Tensor;
  /** What its result is stored as. */
  readonly gives: (shape: readonly number[]) => Kind;
}

const always = (kind: Kind) => () => kind;
const pooled = ([x]: Tensor[], seed: number) =>
  maxPool(x as Tensor4D, [1 + (seed % 3), 2], [1 + (seed % 2), 2], "same");
/** The gradient of max pooling, with numbers of both signs for the windows. */
const pooledGrad = ([x]: Tensor[], seed: number) => {
  const f = (t: Tensor) => {
    const y = pooled([t], seed);
    const { data } = floats(y.shape, seed, "reals");
    return sum(mul(y, tensor(data as Float32Array, y.shape)));
  };
  return grads((t: Tensor) => f(t))([x!])[0]!;
};
const wholeWords = (shape: readonly number[]) => shape.at(-1)! % 32 === 0;

const consumers: Readonly<Record<string, Consumer>> = {
  "bits + bits": { of: ["bits", "bits"], run: ([a, b]) => add(a!, b!), gives: always("counts") },
  "bits + counts": { of: ["bits", "counts"], run: ([a, b]) => add(a!, b!), gives: always("counts") },
  "counts + bits": { of: ["counts", "bits"], run: ([a, b]) => add(a!, b!), gives: always("counts") },
  "counts + counts": { of: ["counts", "counts"], run: ([a, b]) => add(a!, b!), gives: always("counts") },
  "bits + floats": { of: ["bits", "dense"], run: ([a, b]) => add(a!, b!), gives: always("dense") },
  "bits + 1": { of: ["bits"], run: ([a]) => add(a!, 1), gives: always("dense") },
  "bits · bits": { of: ["bits", "bits"], run: ([a, b]) => mul(a!, b!), gives: always("bits") },
  "bits · floats": { of: ["bits", "dense"], run: ([a, b]) => mul(a!, b!), gives: always("dense") },
  "floats · bits": { of: ["dense", "bits"], run: ([a, b]) => mul(a!, b!), gives: always("dense") },
  "counts · bits": { of: ["counts", "bits"], run: ([a, b]) => mul(a!, b!), gives: always("dense") },
  "bits · (one number)": { of: ["bits", "dense"], run: ([a]) => mul(a!, 0.5), gives: always("dense") },
  "1 - bits": { of: ["bits"], run: ([a]) => sub(1, a!), gives: always("bits") },
  "2 - bits": { of: ["bits"], run: ([a]) => sub(2, a!), gives: always("dense") },
  "1 - counts": { of: ["counts"], run: ([a]) => sub(1, a!), gives: always("dense") },
  "bits - 1": { of: ["bits"], run: ([a]) => sub(a!, 1), gives: always("dense") },
  "(1 - bits) · bits": { of: ["bits", "bits"], run: ([a, b]) => mul(sub(1, a!), b!), gives: always("bits") },
  "maxPool of bits": { of: ["bits"], run: pooled, gives: (shape) => (wholeWords(shape) ? "bits" : "dense") },
  "maxPool of counts": { of: ["counts"], run: pooled, gives: always("counts") },
  "maxPool's gradient, of bits": { of: ["bits"], run: pooledGrad, gives: always("dense") },
  "maxPool's gradient, of counts": { of: ["counts"], run: pooledGrad, gives: always("dense") },
  "maxPool with windows beyond the image": {
    of: ["bits"],
    run: ([x]) => maxPool(x as Tensor4D, 2, 2, 2),
    gives: always("dense"),
  },
  ...Object.fromEntries(
    (["bits", "counts"] as const).flatMap((kind) =>
      (
        [
          ["rows and columns", [1, 2]],
          ["images, rows and columns", [0, 1, 2]],
          ["everything", undefined],
          ["channels", [3]],
          ["other axes", [0, 2]],
        ] as [string, number[] | undefined][]
      ).flatMap(([over, axes]) => [
        [
          `mean of ${kind} over ${over}`,
          { of: [kind], run: ([x]: Tensor[]) => mean(x!, axes), gives: always("dense") },
        ],
        [`sum of ${kind} over ${over}`, { of: [kind], run: ([x]: Tensor[]) => sum(x!, axes), gives: always("dense") }],
      ]),
    ),
  ),
  "largest of bits": { of: ["bits"], run: ([x]) => max(x!, 3), gives: always("dense") },
  ...Object.fromEntries(
    (["bits", "counts"] as const).map((kind) => [
      `activity of ${kind}`,
      {
        of: [kind],
        run: ([x]: Tensor[]) => concat(activity({ x: x! }, {}).map((t) => reshape(t, [-1]))),
        gives: always("dense"),
      },
    ]),
  ),
  "cast of bits": { of: ["bits"], run: ([x]) => cast(x!, "float32"), gives: always("bits") },
  "cast of counts to integers": {
    of: ["counts"],
    run: ([x]) => cast(cast(x!, "int32"), "float32"),
    gives: always("dense"),
  },
  "comparison of counts": { of: ["counts"], run: ([x]) => cast(greater(x!, 1), "float32"), gives: always("dense") },
  "clone and reshape of bits": { of: ["bits"], run: ([x]) => reshape(clone(x!), [-1]), gives: always("bits") },
  "flattened counts": { of: ["counts"], run: ([x]) => reshape(x!, [x!.shape[0]!, -1]), gives: always("counts") },
  "slice of bits": { of: ["bits"], run: ([x]) => slice(x!, [0, 0, 0, 0], [1, 1, -1, -1]), gives: always("dense") },
  "unstacked bits": { of: ["bits"], run: ([x]) => unstack(x!)[0]!, gives: always("dense") },
  "transpose of counts": { of: ["counts"], run: ([x]) => transpose(x!), gives: always("dense") },
  "relu of bits": { of: ["bits"], run: ([x]) => relu(x!), gives: always("dense") },
  "addN of all kinds": { of: ["bits", "counts", "dense"], run: (all) => addN(all), gives: always("dense") },
  "matMul of bits": {
    of: ["bits"],
    run: ([x]) => {
      const rows = reshape(x!, [-1, x!.shape.at(-1)!]);
      return matMul(slice(rows, [0, 0], [1, -1]), rows, false, true);
    },
    gives: always("dense"),
  },
  "conv2d of counts": {
    of: ["counts"],
    run: ([x], seed) => {
      const shape: [number, number, number, number] = [1, 1, x!.shape.at(-1)!, 2];
      return conv2d(x as Tensor4D, tensor(floats(shape, seed, "integers").data as Float32Array, shape), 1, "same");
    },
    gives: always("dense"),
  },
};

const names = Object.keys(consumers).map((name) => ({ name }));

/** Also of one sign where they are 0; NaN is NaN. `toEqual` would take seconds. */
const same = (a: Float32Array, b: Float32Array) => a.length === b.length && a.every((v, i) => Object.is(v, b[i]));

/** The same values, in float32. */
const unpacked = (t: Tensor) => tensor(t.dataSync<"float32">(), t.shape);

describeNative("storage of spikes", () => {
  const best = instructionSet();
  // Whatever the environment says.
  beforeEach(() => {
    setSpikeStorage("auto");
    setSpikeConvolution("auto");
  });
  afterAll(() => {
    setSpikeStorage("auto");
    setSpikeConvolution("auto");
    setInstructionSet(best);
  });

  describe.each([...instructionSets()])("with %s", (set) => {
    it.each(["bits", "counts"] as const)("has in %s the values that it was given, and counts them", (kind) => {
      setInstructionSet(set);
      fc.assert(
        fc.property(images, seeds, fc.constantFrom(1, 2), (shape, seed, threads) =>
          scoped(() =>
            withThreads(threads, () => {
              const parts = [0, 1, 2].slice(0, kind === "bits" ? 1 : 3).map((i) => drawn(shape, seed + i));
              const expected = parts[0]!.map((_, i) => parts.reduce((total, part) => total + part[i]!, 0));
              const x = made[kind](shape, seed);
              expect(kindOf(x)).toBe(kind);
              const spikes = native().spikes(x)!;
              expect(spikes.size).toBe(expected.length);
              expect(spikes.events).toBe(expected.reduce((total, value) => total + ones(value), 0));
              // Told by the kernel that made them, if it was, or counted.
              expect(new Spikes(spikes.packed, spikes.size, spikes.most).events).toBe(spikes.events);
              // Copied out, and as other kernels see them.
              expect(same(x.dataSync<"float32">(), expected)).toBe(true);
              expect(same(native().floats(x), expected)).toBe(true);
              if (kind === "counts") return;
              const bit = (i: number) => (spikes.packed[i >> 5]! >>> (i & 31)) & 1;
              expect(spikes.packed.length).toBe(Math.ceil(expected.length / 32));
              for (let i = 0; i < 32 * spikes.packed.length; i++)
                if (bit(i) !== (expected[i] ?? 0)) expect.fail(`bit ${i}`);
            }),
          ),
        ),
        { numRuns: 40 },
      );
    });

    it.each(names)("gives for $name what it gives for float32, on 1 thread and on 2", ({ name }) => {
      setInstructionSet(set);
      const { of, run: consume, gives } = consumers[name]!;
      fc.assert(
        fc.property(images, seeds, fc.constantFrom(1, 2), (shape, seed, threads) =>
          scoped(() =>
            withThreads(threads, () => {
              const packed = of.map((kind, i) => made[kind](shape, seed + 7 * i));
              const expected = consume(packed.map(unpacked), seed);
              const found = consume(packed, seed);
              expect(kindOf(expected)).toBe("dense");
              expect(kindOf(found)).toBe(gives(shape));
              expect(found.shape).toEqual(expected.shape);
              expect(same(found.dataSync<"float32">(), expected.dataSync<"float32">())).toBe(true);
              // And what is left of its arguments is theirs.
              expect(packed.map(kindOf)).toEqual(of);
            }),
          ),
        ),
        { numRuns: 20 },
      );
    });

    it("counts the spikes that neurons make and those that others do alike", () => {
      setInstructionSet(set);
      fc.assert(
        fc.property(images, seeds, (shape, seed) =>
          scoped(() => {
            const [a, b] = [made.bits(shape, seed), made.bits(shape, seed + 1)];
            const [rest, both] = [sub(1, a), mul(a, b)].map((t) => native().spikes(t)!.events);
            expect(rest).toBe(a.size - native().spikes(a)!.events);
            expect(both).toBe(read(sum(mul(a, b)))[0]);
          }),
        ),
        { numRuns: 20 },
      );
    });

    it("has the spikes of whole sequences as float32 would, whether or not steps share words", () => {
      setInstructionSet(set);
      const steps = fc.integer({ min: 1, max: 5 });
      fc.assert(
        fc.property(
          steps,
          fc.oneof(edgeSizes, about(1024, 2048)),
          seeds,
          fc.constantFrom(1, 2),
          (t, n, seed, threads) =>
            scoped(() =>
              withThreads(threads, () => {
                const x = tensor(floats([t, n], seed, "hard").data as Float32Array, [t, n]);
                const fire = () => {
                  const { spikes, state } = unroll(neuron(integrateAndFire), x);
                  return [spikes, state.v];
                };
                const found = fire();
                setSpikeStorage("off");
                const expected = fire();
                setSpikeStorage("auto");
                expect(expected.map(kindOf)).toEqual(["dense", "dense"]);
                expect(kindOf(found[0]!)).toBe(t === 1 || n % 32 === 0 ? "bits" : "dense");
                for (const [i, y] of found.entries()) {
                  expect(same(y.dataSync<"float32">(), expected[i]!.dataSync<"float32">())).toBe(true);
                }
              }),
            ),
        ),
        { numRuns: 60 },
      );
    });
  });

  it("does not fire at NaN", () =>
    scoped(() => {
      const y = fired(
        Float32Array.of(Number.NaN, 1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
        [5],
      );
      expect(kindOf(y)).toBe("bits");
      expect(read(y)).toEqual([0, 1, 0, 1, 0]);
    }));

  it("adds up to 255 in counts, and above in float32", () =>
    scoped(() => {
      const one = made.bits([40], 1);
      const expected = (times: number) => read(one).map((v) => v * times);
      let [total, times] = [one, 1];
      for (; times < 255; times++) total = add(total, one);
      expect(native().spikes(total)).toMatchObject({ kind: "counts", most: 255 });
      expect(read(total)).toEqual(expected(255));
      const more = add(total, one);
      expect(kindOf(more)).toBe("dense");
      expect(read(more)).toEqual(expected(256));
      // The bound counts, not the values: 128 + 128 might be 256.
      const half = Array.from({ length: 7 }).reduce<Tensor>((t) => add(t, t), one);
      expect(native().spikes(half)?.most).toBe(128);
      expect(kindOf(add(half, half))).toBe("dense");
      expect(read(add(half, half))).toEqual(expected(256));
    }));

  it.each([256, 257, 258, 600])("sums counts of 255 over %i samples, beyond 16 bits", (samples) => {
    const sums = [samples, 2, 4].map((size) => new Float32Array(size));
    runNative("activityOfSpikes", [samples, 2, 33], new Uint8Array(samples * 66).fill(255), ...sums);
    expect(sums.map((each) => [...new Set(each)])).toEqual([[66 * 255], [samples * 33 * 255], [255, 1]]);
  });

  it("takes a 32nd of the memory for bits and a quarter for counts, and float32 only once it is asked for", () => {
    const before = used();
    const live = () => used().liveBytes - before.liveBytes;
    const x = made.bits([4, 1024], 1);
    expect(live()).toBe(512);
    const y = add(x, x);
    expect(live()).toBe(512 + 4096);
    x.dataSync();
    expect(live()).toBe(512 + 4096);
    const values = native().floats(x);
    expect(live()).toBe(512 + 4096 + 16_384);
    scoped(() => expect(native().floats(reshape(x, [-1]))).toBe(values));
    expect(live()).toBe(512 + 4096 + 16_384);
    y.dispose();
    expect(live()).toBe(512 + 16_384);
    x.dispose();
    expect(used()).toMatchObject({ liveBytes: before.liveBytes, numTensors: before.numTensors });
  });

  it.each(["bits", "counts"] as const)("adds floats to %s without a float32 form of them", (kind) =>
    scoped(() => {
      const [x, y] = [made[kind]([4, 40], 3), tensor(drawn([4, 40], 1), [4, 40])];
      const expected = read(x).map((v, i) => v + read(y)[i]!);
      const { liveBytes } = used();
      for (const sum of [add(x, y), add(y, x)]) expect(read(sum)).toEqual(expected);
      expect(used().liveBytes).toBe(liveBytes + 2 * 4 * 160);
    }),
  );

  it.each(["bits", "counts"] as const)("shares %s among clones and shapes until the last is disposed", (kind) => {
    const before = used();
    const x = made[kind]([4, 40], 3);
    const expected = read(x);
    const alive = used().liveBytes;
    const others = [clone(x), reshape(x, [160]), cast(x, "float32")];
    expect(used()).toMatchObject({ liveBytes: alive, numDataBuffers: before.numDataBuffers + 1 });
    x.dispose();
    for (const [i, t] of others.entries()) {
      // Halfway, one of them is unpacked: it is so for all.
      if (i === 1) native().floats(t);
      // Memory that was given back too early would now be someone else's.
      scoped(() => void others.map((_, j) => made[kind]([4, 40], 10 + j)));
      expect(read(t)).toEqual(expected);
      expect(kindOf(t)).toBe(kind);
      t.dispose();
    }
    expect(used()).toMatchObject({
      liveBytes: before.liveBytes,
      numTensors: before.numTensors,
      numDataBuffers: before.numDataBuffers,
    });
  });

  it("leaves nothing behind, whoever takes spikes, and asks for no more memory when it is repeated", () => {
    for (const { of, run: consume } of Object.values(consumers)) {
      const round = () => {
        scoped(() => {
          const packed = of.map((kind, i) => made[kind]([2, 5, 6, 32], i));
          consume(packed, 1);
        });
        const { liveBytes, numTensors, numDataBuffers, allocations } = used();
        return { liveBytes, numTensors, numDataBuffers, allocations };
      };
      const { liveBytes, numTensors, numDataBuffers } = used();
      round();
      const second = round();
      expect(second).toMatchObject({ liveBytes, numTensors, numDataBuffers });
      expect(round()).toEqual(second);
    }
  });

  it("is none of the cpu backend's business: spikes move there and back as numbers", async () => {
    const before = used();
    const x = made.counts([3, 50], 4);
    const expected = read(x);
    await setBackend("cpu");
    const y = mul(x, 2);
    expect(read(y)).toEqual(expected.map((v) => 2 * v));
    await setBackend("native");
    const z = add(x, x);
    expect([kindOf(x), kindOf(z)]).toEqual(["dense", "dense"]);
    expect(read(z)).toEqual(expected.map((v) => 2 * v));
    dispose([x, y, z]);
    expect(used()).toMatchObject({ liveBytes: before.liveBytes, numTensors: before.numTensors });
  });

  it("can be turned off; spikes that there are stay as they are", () =>
    scoped(() => {
      expect(spikeStorage()).toBe("auto");
      const x = made.bits([4, 32], 1);
      setSpikeStorage("off");
      expect(spikeStorage()).toBe("off");
      const y = made.bits([4, 32], 1);
      expect([kindOf(x), kindOf(y), kindOf(add(y, y)), kindOf(add(x, y))]).toEqual(["bits", "dense", "dense", "dense"]);
      expect(read(y)).toEqual(read(x));
    }));

  it("is auto or off, and nothing else", () =>
    expect(() => setSpikeStorage("on" as "off")).toThrow(
      new RangeError("setSpikeStorage: storage must be auto or off, got on"),
    ));

  it("convolves them by density unless told, and refuses another way", () => {
    expect(spikeConvolution()).toBe("auto");
    for (const way of ["on", "off"] as const) {
      setSpikeConvolution(way);
      expect(spikeConvolution()).toBe(way);
    }
    expect(() => setSpikeConvolution("never" as "off")).toThrow(
      new RangeError("setSpikeConvolution: convolution must be auto, on or off, got never"),
    );
  });

  it.each([
    { kernel: 3, stride: 1, channels: 32, fits: true },
    { kernel: 1, stride: 2, channels: 64, fits: true },
    { kernel: 3, stride: 1, channels: 24, fits: false },
  ])("convolves $channels channels of bits as it does floats, within rounding", ({ kernel, stride, channels, fits }) =>
    scoped(() => {
      const bits = unroll(
        neuron(integrateAndFire),
        tensor(drawn([2, 4, 6, 5, channels], 3), [2, 4, 6, 5, channels]),
      ).spikes;
      const x = reshape(bits, [8, 6, 5, channels]) as Tensor4D;
      expect(kindOf(x)).toBe("bits");
      const w = tensor(floats([kernel, kernel, channels, 40], 2, "reals").data as Float32Array, [
        kernel,
        kernel,
        channels,
        40,
      ]);
      const outcome = (way: "on" | "off") => {
        setSpikeConvolution(way);
        const f = (filter: Tensor) => conv2d(x, filter as Tensor4D, stride, kernel >> 1);
        const y = f(w);
        return [read(y), read(grad((filter: Tensor) => f(filter))(w, mul(y, 0.1)))];
      };
      const [events, dense] = [outcome("on"), outcome("off")];
      // Same bits only where the same kernel ran.
      expect(String(events) === String(dense)).toBe(!fits);
      for (const i of [0, 1]) {
        const scale = Math.max(...dense[i]!.map(Math.abs));
        expect(difference(events[i]!, dense[i]!, { relative: 0, absolute: 1e-5 * scale })).toBeUndefined();
      }
    }),
  );

  it.each([
    { connect: "ADD", channels: 32, kinds: ["bits", "counts"] },
    { connect: "AND", channels: 32, kinds: ["bits"] },
    { connect: "IAND", channels: 32, kinds: ["bits"] },
    // Pixels that share words, at which bits are unpacked.
    { connect: "ADD", channels: 6, kinds: ["bits", "counts"] },
    { connect: "IAND", channels: 6, kinds: ["bits"] },
  ])("trains a net of $channels channels that joins by $connect as float32 does, bit for bit", (of) => {
    const { connect, channels, kinds } = of;
    const outcome = (storage: "auto" | "off") => {
      setSpikeStorage(storage);
      const block = `SEW ${connect}(c${channels})`;
      const net = network(`c${channels}-BN-PLIF-{${block}}*2-MPk2s2-${block}-FC5`, { height: 8, width: 8, seed: 3 });
      const found = new Set<string>();
      const values = tidy(() => {
        const x = tensor(drawn([3, 2, 8, 8, 2], 5), [3, 2, 8, 8, 2]);
        const observe = (_: object, y: Tensor) => void found.add(kindOf(y));
        const forward = () => {
          const y = run(net, x, { training: true, seed: 0, observe });
          return sum(mul(y, tensor(floats(y.shape, 1, "reals").data as Float32Array, y.shape))) as Scalar;
        };
        const { value, grads } = variableGrads(forward, [...namedParameters(net).values()]);
        return [value, ...Object.values(grads)].map(read);
      });
      disposeModule(net);
      return { values, found };
    };
    // Event-driven convolution adds in another order.
    setSpikeConvolution("off");
    const [packed, dense] = [outcome("auto"), outcome("off")];
    expect(difference(packed.values.flat(), dense.values.flat(), { relative: 0, absolute: 0 })).toBeUndefined();
    expect(packed.values.flat().some((v) => v !== 0)).toBe(true);
    for (const kind of kinds) expect(packed.found).toContain(kind);
    expect([...dense.found]).toEqual(["dense"]);
  });
});

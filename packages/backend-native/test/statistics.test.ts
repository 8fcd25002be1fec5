/** @file Statistics that event-driven convolutions take of their output, for the batch norm behind them. */
import {
  instructionSet,
  instructionSets,
  type NativeBackend,
  setInstructionSet,
  setSpikeConvolution,
  setSpikeStorage,
  spikeConvolution,
  spikeStorage,
} from "@sew/backend-native";
import { batchNormTraining } from "@sew/kernels";
import { integrateAndFire, neuron, unroll } from "@sew/neurons";
import {
  backend,
  conv2d,
  engine,
  grad,
  grads,
  ones,
  reshape,
  sum,
  type Tensor,
  type Tensor4D,
  tensor,
  tidy,
  zeros,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { afterEach, beforeEach, expect, it } from "vitest";
import { describeNative, withThreads } from "./describeNative.js";
import { floats, integers, seeds, sizeOf } from "./values.js";

const native = () => backend() as NativeBackend;

/** Spikes of one step, which are stored as bits: one in eight is set. */
function bits(shape: [number, number, number, number], seed: number): Tensor4D {
  const next = integers(seed);
  const values = Float32Array.from({ length: sizeOf(shape) }, () => (next() % 8 === 0 ? 1 : 0));
  return tidy(() => reshape(unroll(neuron(integrateAndFire), tensor(values, [1, ...shape])).spikes, shape));
}

/** Bands of one row and of many, images that share a band, panels of channels that are whole and that are not. */
const layers = fc.record({
  n: fc.constantFrom<number[]>(1, 3, 40),
  size: fc.constantFrom<number[]>(1, 2, 7, 12),
  k: fc.constantFrom<number[]>(1, 31, 32, 33, 64, 70, 128),
  kernel: fc.constantFrom<number[]>(1, 3),
  stride: fc.constantFrom<number[]>(1, 2),
  /** Mean of the weights: far from 0, sums of squares cancel. */
  mean: fc.constantFrom<number[]>(0, 1000),
  seed: seeds,
});
type Layer = typeof layers extends fc.Arbitrary<infer L> ? L : never;

const inputs = ({ n, size, k, kernel, mean, seed }: Layer) => {
  const { data } = floats([kernel, kernel, 32, k], seed, "reals");
  const filter = tensor(
    Float32Array.from(data, (value) => value + mean),
    [kernel, kernel, 32, k],
  ) as Tensor4D;
  return [bits([n, size, size, 32], seed), filter] as const;
};

/** The output of a convolution in training, and its statistics. */
function measured(layer: Layer) {
  return tidy(() => {
    const [x, filter] = inputs(layer);
    let found: { y: Float32Array; mean: number[]; variance: number[] } | undefined;
    grad((w) => {
      const y = conv2d(x, w as Tensor4D, layer.stride, "same");
      const { mean, variance } = native().statistics(y)!;
      found = { y: y.dataSync<"float32">(), mean: [...mean], variance: [...variance] };
      return sum(y);
    })(filter);
    return found!;
  });
}

describeNative("the statistics of an event-driven convolution", () => {
  const [best, storage, convolution] = [instructionSet(), spikeStorage(), spikeConvolution()];
  beforeEach(() => {
    setSpikeStorage("auto");
    setSpikeConvolution("on");
  });
  afterEach(() => {
    setInstructionSet(best);
    setSpikeStorage(storage);
    setSpikeConvolution(convolution);
  });

  it("are the mean and the biased variance of its output, rounded once", () =>
    fc.assert(
      fc.property(layers, fc.constantFrom(...instructionSets()), (layer, set) => {
        setInstructionSet(set);
        const { y, mean, variance } = measured(layer);
        const rows = y.length / layer.k;
        for (let c = 0; c < layer.k; c++) {
          const values = Array.from({ length: rows }, (_, row) => y[row * layer.k + c]!);
          const exact = values.reduce((a, b) => a + b, 0) / rows;
          const spread = values.reduce((a, b) => a + (b - exact) ** 2, 0) / rows;
          expect(Math.abs(mean[c]! - exact)).toBeLessThanOrEqual(2 ** -24 * Math.abs(exact) * 1.001);
          expect(Math.abs(variance[c]! - spread)).toBeLessThanOrEqual(2 ** -24 * spread * 1.001 + 1e-12 * exact ** 2);
        }
      }),
    ));

  it("are the same bits on any number of threads", () =>
    fc.assert(
      fc.property(layers, (layer) => {
        const [one, two, five] = [1, 2, 5].map((n) => withThreads(n, () => measured(layer)));
        expect(two).toEqual(one);
        expect(five).toEqual(one);
      }),
      { numRuns: 30 },
    ));

  const layer: Layer = { n: 2, size: 4, k: 32, kernel: 3, stride: 1, mean: 0, seed: 1 };

  it("are taken in training only", () =>
    tidy(() => {
      const [x, filter] = inputs(layer);
      expect(native().statistics(conv2d(x, filter, 1, "same"))).toBeUndefined();
    }));

  it("are not taken of weights that are not finite, which are convolved by their definition", () =>
    tidy(() => {
      const [x, filter] = inputs(layer);
      const infinite = tensor(
        filter.dataSync<"float32">().fill(Number.POSITIVE_INFINITY, 0, 1),
        filter.shape,
      ) as Tensor4D;
      grad((w) => {
        const y = conv2d(x, w as Tensor4D, 1, "same");
        expect(native().statistics(y)).toBeUndefined();
        return sum(y);
      })(infinite);
    }));

  it("are forgotten where a kernel writes over the output", () =>
    tidy(() => {
      const [x, filter] = inputs(layer);
      grad((w) => {
        const y = conv2d(x, w as Tensor4D, 1, "same");
        expect(native().statistics(y)).toBeDefined();
        const [info] = native().outputOver(y);
        expect(info.dataId).toBe(y.dataId);
        expect(native().statistics(y)).toBeUndefined();
        native().disposeData(info.dataId);
        return sum(y);
      })(filter);
    }));

  it("are those of the batch norm behind it, whose axes may be others, and which reads the output where there are none", () =>
    tidy(() => {
      const [x, filter] = inputs(layer);
      const found: number[][][] = [];
      const normalise = (y: Tensor) => {
        const outputs = batchNormTraining({ x: y, scale: ones([32]), offset: zeros([32]) }, { epsilon: 1e-5 });
        found.push(outputs.map((t) => [...t.dataSync()]));
        return sum(outputs[0]!);
      };
      grads((w: Tensor) => {
        const y = conv2d(x, w as Tensor4D, 1, "same");
        return normalise(reshape(y, [2, 1, 4, 4, 32]));
      })([filter]);
      normalise(conv2d(x, filter, 1, "same"));
      // Sums in another order, rounded to float32.
      expect(found[0]).toEqual(found[1]);
      expect(engine().state.gradientDepth).toBe(0);
    }));
});

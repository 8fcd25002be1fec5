/** @file What native computes is what TensorFlow.js's cpu backend does: numbers that are not finite, odd inputs, empty tensors. */
import {
  instructionSet,
  instructionSets,
  setInstructionSet,
  setSpikeConvolution,
  setSpikeStorage,
} from "@sew/backend-native";
import { batchNormTraining } from "@sew/kernels";
import { read } from "@sew/kernels/testing";
import { integrateAndFire, neuron, unroll } from "@sew/neurons";
import * as tf from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { afterEach, expect, it } from "vitest";
import { describeNative } from "./describeNative.js";
import { type Call, type Expected, runKernelOn } from "./kernelCase.js";
import { kernelCases } from "./kernelCases.js";
import { floats, integers, type Values } from "./values.js";

const notFinite = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

/** The same call, with NaN or infinity in a few places of one of its inputs. */
function poisoned({ inputs, attrs }: Call, seed: number): Call {
  const next = integers(seed);
  const names = Object.keys(inputs);
  const chosen = names[next() % names.length]!;
  const poison = (name: string, values: Values): Values => {
    if (name !== chosen || values.dtype !== "float32" || values.data.length === 0) return values;
    const data = (values.data as Float32Array).slice();
    for (let i = 0; i <= next() % 3; i++) data[next() % data.length] = notFinite[next() % 3]!;
    return { ...values, data };
  };
  if (Array.isArray(inputs)) return { inputs: inputs.map((values, i) => poison(String(i), values)), attrs };
  return {
    inputs: Object.fromEntries(Object.entries(inputs).map(([n, values]) => [n, poison(n, values as Values)])),
    attrs,
  };
}

/** Where results differ: what is not finite must be the same, and finite numbers be near. */
function difference(found: readonly Values[], expected: readonly Values[], within: number): string | undefined {
  for (const [o, { shape, dtype, data }] of expected.entries()) {
    const other = found[o]!;
    if (String(other.shape) !== String(shape) || other.dtype !== dtype) {
      return `${other.dtype} [${other.shape}] instead of ${dtype} [${shape}]`;
    }
    for (let i = 0; i < data.length; i++) {
      const [a, e] = [other.data[i]!, data[i]!];
      if (!(Object.is(a, e) || Math.abs(a - e) <= within * Math.max(1, Math.abs(e)))) {
        return `result ${o} [${i}] is ${a} instead of ${e}`;
      }
    }
  }
  return undefined;
}

/** How far float32 arithmetic may be off anywhere in these results. */
const errorOf = (expected: readonly Expected[]) =>
  expected
    .flatMap(({ within = 0 }) => (typeof within === "number" ? [within] : Array.from(within)))
    .filter(Number.isFinite)
    // Math.max would take each number as an argument, of which there may be too many.
    .reduce((most, error) => Math.max(most, error), 0);

describeNative("with numbers that are not finite", () => {
  const best = instructionSet();
  afterEach(() => setInstructionSet(best));

  const onCpu = kernelCases.filter(({ kernel }) => tf.getKernel(kernel, "cpu") !== undefined);

  it.each(onCpu)(
    "$kernel gives what the cpu backend does, with every instruction set",
    ({ kernel, calls, expected, onCpu }) => {
      fc.assert(
        fc.property(calls, fc.nat(0xffff), (call, seed) => {
          // Its Erf is an approximation, but near enough for this.
          fc.pre(kernel === "Erf" || (onCpu?.(call) ?? true));
          const poison = poisoned(call, seed);
          const reference = runKernelOn("cpu", kernel, poison);
          const within = 4 * errorOf(expected(call)) + 2 ** -20;
          for (const set of instructionSets()) {
            setInstructionSet(set);
            expect(difference(runKernelOn("native", kernel, poison), reference, within), set).toBeUndefined();
          }
        }),
        { numRuns: 100 },
      );
    },
  );
});

type Shape4 = [number, number, number, number];

/** A tensor of a shape with drawn integers: sums of them are exact. */
const drawn = (shape: number[], seed = 1) => tf.tensor(floats(shape, seed, "integers").data as Float32Array, shape);

/** Spikes of 32 channels, of two steps: bits on native. */
const bits = (shape: number[]) => unroll(neuron(integrateAndFire), drawn([2, ...shape], 3)).spikes;

type Result = readonly Values[] | "an error";

/** What a computation gives on a backend: the values, or that it throws. */
async function outcome(backend: "cpu" | "native", compute: () => tf.Tensor | readonly tf.Tensor[]): Promise<Result> {
  await tf.setBackend(backend);
  tf.engine().startScope();
  try {
    return [compute()]
      .flat()
      .map((t) => ({ shape: t.shape, dtype: t.dtype as "float32", data: Float32Array.from(read(t)) }));
  } catch {
    return "an error";
  } finally {
    tf.engine().endScope();
  }
}

/** Computations with inputs that may be missing, of odd types, and of no elements. */
const computations: Readonly<Record<string, () => tf.Tensor | readonly tf.Tensor[]>> = {};
const add = (name: string, compute: () => tf.Tensor | readonly tf.Tensor[]) =>
  Object.assign(computations, { [name]: compute });

const channels = (value: number) => tf.fill([3], value) as tf.Tensor1D;
const image = (shape: number[] = [2, 5, 5, 3]) => drawn(shape) as tf.Tensor4D;
const filterOf = (shape: readonly number[]) => drawn([...shape], 2) as tf.Tensor4D;

for (const [scale, offset] of [
  [undefined, undefined],
  [2, undefined],
  [undefined, 1],
]) {
  const channel = (value: number | undefined) => (value === undefined ? undefined : channels(value));
  add(`batch norm with scale ${scale} and offset ${offset}`, () =>
    tf.batchNorm4d(image(), channels(1), channels(4), channel(offset), channel(scale)),
  );
}
add("batch norm with statistics for each value", () =>
  tf.batchNorm4d(image(), image(), tf.square(image()) as tf.Tensor4D),
);
add("batch norm of ε 0", () => tf.batchNorm4d(image(), channels(1), channels(4), undefined, undefined, 0));
add("batch norm of no images", () => tf.batchNorm4d(image([0, 5, 5, 3]), channels(1), channels(4)));
add("batch norm of no channels", () => tf.batchNorm4d(image([2, 5, 5, 0]), tf.tensor1d([]), tf.tensor1d([])));
add("training batch norm of no rows", () => [
  ...batchNormTraining({ x: tf.zeros([0, 3]), scale: tf.ones([3]), offset: tf.ones([3]) }, { epsilon: 1 }),
]);
add("training batch norm of no channels", () => [
  ...batchNormTraining({ x: tf.zeros([4, 0]), scale: tf.ones([0]), offset: tf.ones([0]) }, { epsilon: 1 }),
]);
add("gradients of training batch norm of no rows", () =>
  tf.grads((x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor) =>
    tf.sum(batchNormTraining({ x, scale, offset }, { epsilon: 1 })[0]!),
  )([tf.zeros([0, 3]), tf.ones([3]), tf.ones([3])]),
);
add("max pool of one pixel of NaN", () => tf.maxPool(tf.fill([1, 2, 2, 1], Number.NaN) as tf.Tensor4D, 1, 1, "valid"));
add("max pool of one pixel of NaN, with a stride", () =>
  tf.maxPool(tf.fill([1, 3, 3, 1], Number.NaN) as tf.Tensor4D, 1, 2, "valid"),
);
add("average pool of one pixel", () => tf.avgPool(image(), 1, 1, "valid"));
for (const size of [0, 1, 3, 4, 6]) {
  for (const padding of ["same", "valid"] as const) {
    add(`transposed convolution to ${size} x ${size}, ${padding}`, () =>
      tf.conv2dTranspose(image([1, 4, 4, 3]), filterOf([1, 1, 2, 3]), [1, size, size, 2], 1, padding),
    );
    add(`transposed convolution by 3 x 3 to ${size} x ${size}, ${padding}`, () =>
      tf.conv2dTranspose(image([1, 4, 4, 16]), filterOf([3, 3, 16, 16]), [1, size, size, 16], 1, padding),
    );
  }
}
for (const mode of ["floor", "round", "ceil"] as const) {
  add(`convolution rounded by ${mode}`, () =>
    tf.conv2d(image([1, 6, 6, 3]), filterOf([3, 3, 3, 2]), 2, 1, "NHWC", 1, mode),
  );
  add(`its gradients`, () =>
    tf.grads((x: tf.Tensor, w: tf.Tensor) =>
      tf.sum(tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2, 1, "NHWC", 1, mode)),
    )([image([1, 6, 6, 3]), filterOf([3, 3, 3, 2])]),
  );
  add(`max pool rounded by ${mode}`, () => tf.maxPool(image([1, 6, 6, 3]), 3, 2, 1, mode));
  add(`average pool rounded by ${mode}`, () => tf.avgPool(image([1, 6, 6, 3]), 3, 2, 1, mode));
}
add("convolution of NCHW", () => tf.conv2d(image([2, 3, 5, 5]), filterOf([3, 3, 3, 4]), 1, "same", "NCHW"));
add("gradients of NCHW", () =>
  tf.grads((x: tf.Tensor, w: tf.Tensor) => tf.sum(tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same", "NCHW")))([
    image([2, 3, 5, 5]),
    filterOf([3, 3, 3, 4]),
  ]),
);
add("dilated convolution", () => tf.conv2d(image(), filterOf([2, 2, 3, 4]), 1, "same", "NHWC", 2));
for (const shape of [
  [0, 5, 5, 3],
  [2, 0, 5, 3],
  [2, 5, 0, 3],
  [2, 5, 5, 0],
]) {
  add(`convolution of [${shape}]`, () => tf.conv2d(image(shape), filterOf([3, 3, shape[3]!, 4]), 1, "same"));
  add(`gradients of a convolution of [${shape}]`, () =>
    tf.grads((x: tf.Tensor, w: tf.Tensor) => tf.sum(tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same")))([
      image(shape),
      filterOf([3, 3, shape[3]!, 4]),
    ]),
  );
  add(`max pool of [${shape}]`, () => tf.maxPool(image(shape), 2, 2, "same"));
  add(`average pool of [${shape}]`, () => tf.avgPool(image(shape), 2, 2, "same"));
  for (const axis of [undefined, 0, [1, 2], -1]) {
    add(`sum of [${shape}] over ${axis}`, () => tf.sum(image(shape), axis));
    add(`mean of [${shape}] over ${axis}`, () => tf.mean(image(shape), axis));
    add(`max of [${shape}] over ${axis}`, () => tf.max(image(shape), axis));
  }
  add(`softmax of [${shape}]`, () => [tf.softmax(image(shape)), tf.logSoftmax(image(shape))]);
  add(`element-wise operations of [${shape}]`, () => [
    ...[tf.relu(image(shape)), tf.exp(image(shape)), tf.greater(image(shape), 0), tf.add(image(shape), 1)],
    ...[tf.addN([image(shape), image(shape)]), tf.mul(image(shape), image(shape)), tf.zerosLike(image(shape))],
  ]);
}
add("convolution to no channels", () => tf.conv2d(image(), filterOf([3, 3, 3, 0]), 1, "same"));
for (const [m, k, n] of [
  [0, 3, 4],
  [2, 0, 4],
  [2, 3, 0],
  [0, 0, 0],
]) {
  add(`product of [${m}, ${k}] and [${k}, ${n}]`, () => tf.matMul(drawn([m!, k!]), drawn([k!, n!])));
}
for (const dtype of ["int32", "bool"] as const) {
  const cast = (t: tf.Tensor) => tf.cast(t, dtype);
  add(`operations of ${dtype}`, () => [
    ...[tf.relu(cast(image())), tf.abs(cast(image())), tf.sum(cast(image()), 1), tf.max(cast(image()), 1)],
    ...[tf.add(cast(image()), cast(image())), tf.equal(cast(image()), cast(image())), tf.mean(cast(image()), 1)],
    ...[tf.cast(cast(image()), "float32"), tf.onesLike(cast(image())), tf.mul(cast(image()), 2)],
  ]);
  add(`max pool of ${dtype}`, () => tf.maxPool(cast(image()) as tf.Tensor4D, 2, 1, "valid"));
  add(`convolution of ${dtype}`, () => tf.conv2d(cast(image()) as tf.Tensor4D, filterOf([3, 3, 3, 4]), 1, "same"));
}
add("operations of seven axes that broadcast", () =>
  tf.add(drawn([2, 1, 2, 1, 2, 1, 2]), drawn([1, 2, 1, 2, 1, 2, 1], 2)),
);
add("sum over axes with others between", () => tf.sum(image(), [0, 2]));
for (const value of notFinite) {
  const weights = (shape: number[], at: number): tf.Tensor4D =>
    tf.tensor((floats(shape, 2, "integers").data as Float32Array).with(at, value), shape as Shape4);
  for (const [kernel, to] of [
    [3, 32],
    [1, 5],
    [2, 40],
  ] as const) {
    const at = 17 * to + 3;
    add(`convolution of spikes by ${kernel} x ${kernel} weights with ${value}`, () =>
      tf.conv2d(bits([4, 4, 32]) as tf.Tensor4D, weights([kernel, kernel, 32, to], at), 1, "same"),
    );
    add(`gradients of a convolution of spikes by ${kernel} x ${kernel}, one of them ${value}`, () => {
      const w = filterOf([kernel, kernel, 32, to]);
      const x = bits([4, 4, 32]) as tf.Tensor4D;
      return tf.grad((filter: tf.Tensor) => tf.conv2d(x, filter as tf.Tensor4D, 1, "same"))(
        w,
        weights([2, 4, 4, to], at),
      );
    });
  }
}

describeNative("native and cpu", () => {
  afterEach(() => {
    setSpikeStorage("auto");
    setSpikeConvolution("auto");
  });

  it.each(Object.keys(computations))("agree on %s", async (name) => {
    const expected = await outcome("cpu", computations[name]!);
    for (const convolution of ["auto", "on", "off"] as const) {
      setSpikeConvolution(convolution);
      const found = await outcome("native", computations[name]!);
      if (typeof found === "string" || typeof expected === "string") expect(found).toEqual(expected);
      else expect(difference(found, expected, 2 ** -20)).toBeUndefined();
    }
  });
});

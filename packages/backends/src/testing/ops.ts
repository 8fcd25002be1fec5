/** @file The TensorFlow.js operations that the packages need, on small tensors. */
import {
  abs,
  add,
  addN,
  atan,
  avgPool,
  batchNorm,
  cast,
  clipByValue,
  clone,
  concat,
  conv2d,
  depthwiseConv2d,
  div,
  erf,
  exp,
  expm1,
  fill,
  gather,
  greaterEqual,
  less,
  logSoftmax,
  losses,
  matMul,
  max,
  maximum,
  maxPool,
  mean,
  minimum,
  mul,
  neg,
  oneHot,
  onesLike,
  relu,
  reshape,
  sigmoid,
  sign,
  slice,
  sqrt,
  square,
  stack,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor4D,
  tensor1d,
  tile,
  transpose,
  unstack,
  zerosLike,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { type Numbers, numbers, type OpCase } from "./opCase.js";

const shape = [2, 3, 4];
const image = [2, 5, 6, 3];

const one = (of: readonly number[], min?: number, max?: number) => fc.tuple(numbers(of, min, max));
const two = (a: readonly number[], b: readonly number[]) => fc.tuple(numbers(a), numbers(b));

/** No two are alike, so that maxima are unique: which of two equal ones counts is the backend's choice. */
const distinct = (of: readonly number[]): fc.Arbitrary<readonly Numbers[]> => {
  const size = of.reduce((a, b) => a * b, 1);
  const all = Array.from({ length: size }, (_, i) => (i - size / 2) / 8);
  return fc
    .shuffledSubarray(all, { minLength: size, maxLength: size })
    .map((values) => [{ shape: of, values }] as const);
};

const unary = (name: string, f: (x: Tensor) => Tensor, min?: number, max?: number): OpCase => ({
  name,
  inputs: one(shape, min, max),
  f: (x) => f(x!),
});

/** With equal shapes, a spread axis, and a scalar. */
const binary = (name: string, f: (a: Tensor, b: Tensor) => Tensor): OpCase => ({
  name,
  inputs: fc.oneof(two(shape, shape), two(shape, [3, 1]), two([4], shape), two(shape, [])),
  f: (a, b) => f(a!, b!),
});

const comparison = (name: string, f: (a: Tensor, b: Tensor) => Tensor): OpCase => ({
  ...binary(name, (a, b) => cast(f(a, b), "float32")),
  differentiable: false,
});

const convolution = (name: string, stride: number, pad: "same" | "valid" | number, kernel: number): OpCase => ({
  name,
  inputs: two(image, [kernel, kernel, 3, 4]),
  f: (x, filter) => conv2d(x as Tensor4D, filter as Tensor4D, stride, pad),
});

/** One case or more for each operation. */
export const ops: readonly OpCase[] = [
  unary("neg", neg),
  unary("abs", abs, 0.125),
  unary("square", square),
  unary("sqrt", sqrt, 0.125),
  unary("exp", exp),
  unary("expm1", expm1),
  unary("sigmoid", sigmoid),
  unary("atan", atan),
  unary("erf", erf),
  unary("relu", relu, 0.125),
  unary("relu below 0", relu, -3, -0.125),
  unary("sign", sign),
  unary("clipByValue", (x) => clipByValue(x, -1.03, 1.03)),
  unary("clone", clone),
  unary("zerosLike, onesLike", (x) => add(zerosLike(x), mul(onesLike(x), x))),
  unary("fill", (x) => add(x, fill([3, 4], 0.5))),

  binary("add", add),
  binary("sub", sub),
  binary("mul", mul),
  binary("div", (a, b) => div(a, add(square(b), 1))),
  // What batch norm does with sequences of images and a number for each channel.
  { name: "add and mul of rank 5 by channel", inputs: two([2, 2, 3, 2, 4], [4]), f: (x, c) => mul(add(x!, c!), c!) },
  { name: "addN", inputs: two(shape, shape), f: (a, b) => addN([a!, b!, a!]) },
  { name: "maximum", inputs: distinct(shape), f: (x) => maximum(x!, 0.06) },
  { name: "minimum", inputs: distinct(shape), f: (x) => minimum(x!, 0.06) },
  comparison("less", less),
  comparison("greaterEqual", greaterEqual),

  unary("sum of all", (x) => sum(x)),
  unary("sum over an axis", (x) => sum(x, 1)),
  unary("sum over two axes, kept", (x) => sum(x, [0, 2], true)),
  unary("mean of all", (x) => mean(x)),
  unary("mean over leading axes", (x) => mean(x, [0, 1])),
  { name: "max", inputs: distinct(shape), f: (x) => max(x!, 2) },
  unary("logSoftmax", (x) => logSoftmax(x)),
  {
    name: "softmaxCrossEntropy, oneHot",
    inputs: one([3, 4]),
    f: (x) => losses.softmaxCrossEntropy(oneHot(tensor1d([2, 0, 3], "int32"), 4), x!),
  },

  unary("reshape", (x) => reshape(x, [6, 4])),
  unary("transpose", (x) => transpose(x, [2, 0, 1])),
  unary("slice", (x) => slice(x, [0, 1, 1], [2, 2, 3])),
  unary("tile", (x) => tile(x, [1, 2, 1])),
  unary("gather", (x) => gather(x, tensor1d([1, 1, 0], "int32"))),
  { name: "concat", inputs: two(shape, shape), f: (a, b) => concat([a!, b!], 1) },
  unary("unstack, stack", (x) => stack(unstack(x).reverse())),

  { name: "matMul", inputs: two([3, 5], [5, 2]), f: (a, b) => matMul(a!, b!) },
  { name: "matMul, transposed", inputs: two([5, 3], [2, 5]), f: (a, b) => matMul(a!, b!, true, true) },
  convolution("conv2d 3x3, same", 1, "same", 3),
  convolution("conv2d 3x3, stride 2", 2, "same", 3),
  convolution("conv2d 2x2, valid", 1, "valid", 2),
  convolution("conv2d 1x1, stride 2", 2, "valid", 1),
  convolution("conv2d 3x3, padding 1", 1, 1, 3),
  convolution("conv2d 3x3, stride 2, padding 1", 2, 1, 3),
  convolution("conv2d 2x2, padding 2", 1, 2, 2),
  {
    name: "conv2d 3x3 of many channels",
    inputs: two([1, 4, 4, 32], [3, 3, 32, 16]),
    f: (x, filter) => conv2d(x as Tensor4D, filter as Tensor4D, 1, "same"),
  },
  {
    // TensorFlow.js has no gradient of a dilated convolution.
    name: "conv2d 3x3, dilated",
    inputs: two(image, [3, 3, 3, 4]),
    f: (x, filter) => conv2d(x as Tensor4D, filter as Tensor4D, 1, "same", "NHWC", 2),
    differentiable: false,
  },
  {
    name: "depthwiseConv2d",
    inputs: two(image, [3, 3, 3, 2]),
    f: (x, filter) => depthwiseConv2d(x as Tensor4D, filter as Tensor4D, 1, "same"),
  },
  {
    name: "depthwiseConv2d, stride 2, padding 1",
    inputs: two(image, [3, 3, 3, 2]),
    f: (x, filter) => depthwiseConv2d(x as Tensor4D, filter as Tensor4D, 2, 1),
  },
  { name: "maxPool", inputs: distinct([1, 4, 6, 2]), f: (x) => maxPool(x as Tensor4D, 2, 2, "valid") },
  {
    // Below 0, where padding of zeros would be chosen.
    name: "maxPool 3x3, stride 2, padding 1",
    inputs: distinct([1, 5, 6, 2]),
    f: (x) => maxPool(sub(x!, 8) as Tensor4D, 3, 2, 1),
  },
  {
    // At padded borders the gradient of the cpu backend divides by the whole window.
    name: "avgPool",
    inputs: one(image),
    f: (x) => avgPool(x as Tensor4D, 2, 2, "valid"),
  },
  {
    name: "batchNorm",
    inputs: fc.tuple(numbers(image), numbers([3]), numbers([3], 0.5), numbers([3]), numbers([3])),
    f: (x, ...channels) => {
      const [average, variance, offset, scale] = channels as [Tensor1D, Tensor1D, Tensor1D, Tensor1D];
      return batchNorm(x as Tensor4D, average, variance, offset, scale, 1e-3);
    },
  },
];

/** @file Element-wise operations of one and two tensors, comparisons, and casts to float32. */
import { broadcast_util, getKernel, type KernelConfig, type TensorInfo, util } from "@tensorflow/tfjs-core";
import { type KernelArray, runNative } from "../addon.js";
import { NATIVE, type NativeBackend } from "../backend.js";
import { floatKernel, sizeOf } from "../kernel.js";
import { countOf, MOST_COUNT, newCount } from "../spikes.js";
import { because } from "../trace.js";

// TensorFlow.js's names, in the order of the enumerations in cc/kernels/elementwise.h.
const unaryNames = [
  ...["Neg", "Abs", "Square", "Sqrt", "Rsqrt", "Reciprocal", "Exp", "Log", "Sigmoid", "Tanh", "Relu", "Step"],
  ...["Atan", "Erf", "Sin", "Cos", "Floor", "Round"],
];
const binaryNames = ["Add", "Sub", "Multiply", "RealDiv", "Maximum", "Minimum", "SquaredDifference", "Pow"];
const compareNames = ["Greater", "GreaterEqual", "Less", "LessEqual", "Equal", "NotEqual"];

const unaryConfigs: KernelConfig[] = unaryNames.map((name, op) =>
  floatKernel<{ x: TensorInfo }, { alpha?: number }>(name, ({ x }, { alpha = 0 }, backend) => {
    const [y, values] = backend.output(x.shape);
    runNative("unary", [op, values.length, alpha], backend.floats(x), values);
    return y;
  }),
);

/** Most axes of the kernel, after merging those that both arguments step through alike. */
const MOST_AXES = 6;

/** Per axis of the result: its size and the stride of each argument, 0 where that is broadcast. */
function broadcastAxes(shape: readonly number[], a: readonly number[], b: readonly number[]): number[][] {
  const axes: number[][] = [];
  let [strideA, strideB] = [1, 1];
  for (let i = 1; i <= shape.length; i++) {
    const [size, sizeA, sizeB] = [shape.at(-i)!, a.at(-i) ?? 1, b.at(-i) ?? 1];
    const axis = [size, sizeA === 1 && size > 1 ? 0 : strideA, sizeB === 1 && size > 1 ? 0 : strideB];
    strideA *= sizeA;
    strideB *= sizeB;
    const inner = axes[0];
    const joins = (k: 1 | 2) => axis[k] === inner![0]! * inner![k]! || (axis[k] === 0 && inner![k] === 0);
    if (size === 1) continue;
    if (inner !== undefined && joins(1) && joins(2)) inner[0]! *= size;
    else axes.unshift(axis);
  }
  return axes.length === 0 ? [[1, 0, 0]] : axes;
}

type Pair = { a: TensorInfo; b: TensorInfo };

function broadcast({ a, b }: Pair): { shape: number[]; axes: number[][] } {
  const shape = broadcast_util.assertAndGetBroadcastShape(a.shape, b.shape);
  return { shape, axes: broadcastAxes(shape, a.shape, b.shape) };
}

const fewAxes = (pair: Pair) => broadcast(pair).axes.length <= MOST_AXES;

/** Operations on stored spikes that return spikes or read the bits directly; `undefined` where the operands are others. */
const ofSpikes: Readonly<Record<string, (pair: Pair, backend: NativeBackend) => TensorInfo | undefined>> = {
  Add({ a, b }, backend) {
    if (!util.arraysEqual(a.shape, b.shape)) return undefined;
    const [x, y] = [backend.spikes(a), backend.spikes(b)];
    if (x !== undefined && y !== undefined && x.most + y.most <= MOST_COUNT) {
      const [sum, counts] = backend.outputSpikes(a.shape, x.most + y.most);
      const events = newCount();
      runNative("addSpikes", [counts.size], x.packed, y.packed, counts.packed, events);
      counts.events = countOf(events);
      return sum;
    }
    const [spikes, other] = x === undefined ? [y, a] : [x, b];
    if (spikes === undefined) return undefined;
    because(() =>
      x !== undefined && y !== undefined
        ? `the sum is float32: it may reach ${x.most + y.most}, and a count ends at ${MOST_COUNT}; use fewer blocks in a row, AND or IAND`
        : "the sum is float32: one of its terms is stored as float32, not as spikes",
    );
    // Unpacked into the sum, so that the spikes need no float32 copy.
    const [sum, values] = backend.output(a.shape);
    spikes.unpack(values);
    runNative("binary", [binaryNames.indexOf("Add"), 1, values.length, 1, 1], backend.floats(other), values, values);
    return sum;
  },

  // 1 - x, as in IAND.
  Sub({ a, b }, backend) {
    const x = backend.spikes(b);
    if (x?.kind !== "bits" || sizeOf(a.shape) !== 1 || a.shape.length > b.shape.length) return undefined;
    if (backend.floats(a)[0] !== 1) return undefined;
    const [rest, { packed, size }] = backend.outputSpikes(b.shape, 1);
    runNative("notBits", [size], x.packed, packed);
    return rest;
  },

  // Bits times floats, as in the gradients of AND and IAND.
  Multiply({ a, b }, backend) {
    const [x, y] = [backend.spikes(a), backend.spikes(b)];
    if (!util.arraysEqual(a.shape, b.shape)) {
      if (x === undefined && y === undefined) return undefined;
      return because(() => `the product of spikes [${a.shape}] and [${b.shape}] is float32, as that of a dropout is`);
    }
    if (x?.kind === "bits" && y?.kind === "bits") {
      const [both, { packed, size }] = backend.outputSpikes(a.shape, 1);
      runNative("andBits", [size], x.packed, y.packed, packed);
      return both;
    }
    const [bits, other] = x?.kind === "bits" ? [x, b] : [y, a];
    if (bits?.kind !== "bits") return undefined;
    const [masked, values] = backend.output(a.shape);
    runNative("maskFloats", [values.length], backend.floats(other), bits.packed, values);
    return masked;
  },
};

const binaryConfigs: KernelConfig[] = binaryNames.map((name, op) =>
  floatKernel<Pair, unknown>(
    name,
    ({ a, b }, _, backend) => {
      const packed = ofSpikes[name]?.({ a, b }, backend);
      if (packed !== undefined) return packed;
      const { shape, axes } = broadcast({ a, b });
      const [y, values] = backend.output(shape);
      runNative("binary", [op, axes.length, ...axes.flat()], backend.floats(a), backend.floats(b), values);
      return y;
    },
    fewAxes,
  ),
);

const compareConfigs: KernelConfig[] = compareNames.map((name, op) =>
  floatKernel<Pair, unknown>(
    name,
    ({ a, b }, _, backend) => {
      const { shape, axes } = broadcast({ a, b });
      const values = new Uint8Array(sizeOf(shape));
      runNative("compare", [op, axes.length, ...axes.flat()], backend.floats(a), backend.floats(b), values);
      return backend.makeTensorInfo(shape, "bool", values);
    },
    fewAxes,
  ),
);

const castConfig: KernelConfig = {
  kernelName: "Cast",
  backendName: NATIVE,
  kernelFunc: (args) => {
    const { x } = args.inputs as { x: TensorInfo };
    const { dtype } = args.attrs as { dtype: string };
    const backend = args.backend as NativeBackend;
    // The cpu kernel casts float32 to itself without a copy, in any storage.
    if (dtype !== "float32" || x.dtype === "float32") return getKernel("Cast", "cpu").kernelFunc(args);
    const from = backend.data.get(x.dataId).values as KernelArray;
    // The type of the array, not of the tensor: the cpu backend's oneHot stores integers as floats.
    if (!(from instanceof Uint8Array || from instanceof Int32Array)) {
      return getKernel("Cast", "cpu").kernelFunc(args);
    }
    const [y, values] = backend.output(x.shape);
    runNative("cast", [values.length], from, values);
    return y;
  },
};

/** AddN: a sum of several tensors of one shape, such as of gradients that accumulate. */
const addNConfig: KernelConfig = floatKernel<TensorInfo[], unknown>("AddN", (tensors, _, backend) => {
  const [first, ...rest] = Object.values(tensors);
  const [y, values] = backend.output(first!.shape);
  const axes = [0, 1, values.length, 1, 1];
  if (rest.length === 0) values.set(backend.floats(first!));
  rest.forEach((t, i) => {
    runNative("binary", axes, i === 0 ? backend.floats(first!) : values, backend.floats(t), values);
  });
  return y;
});

export const kernels: readonly KernelConfig[] = [
  ...unaryConfigs,
  ...binaryConfigs,
  ...compareConfigs,
  castConfig,
  addNConfig,
];

/** @file The kernels of tfjs that can be traced, in the operations of programs: exactly their arithmetic, or not at all. */
import { broadcast_util, type DataType, util } from "@tensorflow/tfjs-core";
import {
  constantExpression as constant,
  type Expression,
  opExpression as op,
  slopeExpression,
  type WithoutDerivative,
} from "./expression.js";

/** A tensor of a trace: its expression, and the shape and type that tfjs sees. */
export interface Traced {
  readonly expression: Expression;
  readonly shape: readonly number[];
  readonly dtype: DataType;
}

type Inputs = Readonly<Record<string, Traced>>;
type Attrs = Readonly<Record<string, unknown>>;
/** The result; `undefined` for inputs that the kernel cannot be traced with. */
type Compute = (inputs: Inputs) => Traced | undefined;

const zero = (): Expression => constant(0);

/** Kernels of one float32 tensor. */
const unary: Readonly<Record<string, (x: Expression, attrs: Attrs) => Expression | undefined>> = {
  Neg: (x) => op("neg", [x]),
  Abs: (x) => op("abs", [x]),
  Sqrt: (x) => op("sqrt", [x]),
  Exp: (x) => op("exp", [x]),
  Log: (x) => op("log", [x]),
  Sigmoid: (x) => op("sigmoid", [x]),
  Tanh: (x) => op("tanh", [x]),
  Sin: (x) => op("sin", [x]),
  Cos: (x) => op("cos", [x]),
  Atan: (x) => op("atan", [x]),
  Erf: (x) => op("erf", [x]),
  Square: (x) => op("mul", [x, x]),
  Reciprocal: (x) => op("div", [constant(1), x]),
  // Their derivative is 0.
  Floor: (x) => op("floor", [x], "zero"),
  Round: (x) => op("round", [x], "zero"),
  Ceil: (x) => op("neg", [op("floor", [op("neg", [x])], "zero")]),
  Sign: (x) => op("sub", [op("less", [zero(), x], "zero"), op("less", [x, zero()], "zero")]),
  Step(x, { alpha }) {
    const step = op("select", [op("less", [zero(), x], "zero"), constant(1), constant(alpha as number)]);
    // NaN stays NaN.
    return slopeExpression(op("select", [op("equal", [x, x]), step, x]), x, zero());
  },
  Relu: (x) => slopeExpression(op("max", [x, zero()]), x, op("less", [zero(), x])),
  Relu6: (x) =>
    slopeExpression(
      op("min", [op("max", [x, zero()]), constant(6)]),
      x,
      op("and", [op("lessEqual", [x, constant(6)]), op("less", [zero(), x])]),
    ),
  ClipByValue(x, { clipValueMin, clipValueMax }) {
    const [min, max] = [constant(clipValueMin as number), constant(clipValueMax as number)];
    const atLeast = op("select", [op("less", [x, min]), min, x]);
    const clipped = op("select", [op("less", [max, x]), max, atLeast]);
    return slopeExpression(clipped, x, op("and", [op("lessEqual", [min, x]), op("lessEqual", [x, max])]));
  },
  LeakyRelu(x, attrs) {
    const alpha = attrs.alpha as number;
    // tfjs multiplies in float64: with another factor the product is rounded otherwise.
    if (Math.fround(alpha) !== alpha) return undefined;
    const value = op("select", [op("less", [x, zero()]), op("mul", [constant(alpha), x]), x]);
    return slopeExpression(value, x, op("select", [op("less", [zero(), x]), constant(1), constant(alpha)]));
  },
};

/** Kernels of two float32 tensors. */
const binary: Readonly<Record<string, "add" | "sub" | "mul" | "div" | "min" | "max" | "pow">> = {
  Add: "add",
  Sub: "sub",
  Multiply: "mul",
  RealDiv: "div",
  Minimum: "min",
  Maximum: "max",
  Pow: "pow",
};

/** Kernels that compare two tensors. Of these, tfjs has a derivative of `greaterEqual` alone. */
const comparing: Readonly<Record<string, (a: Expression, b: Expression, derivative: WithoutDerivative) => Expression>> =
  {
    Less: (a, b, derivative) => op("less", [a, b], derivative),
    LessEqual: (a, b, derivative) => op("lessEqual", [a, b], derivative),
    Greater: (a, b, derivative) => op("less", [b, a], derivative),
    GreaterEqual: (a, b) => op("lessEqual", [b, a], "zero"),
    Equal: (a, b, derivative) => op("equal", [a, b], derivative),
    NotEqual: (a, b, derivative) => op("not", [op("equal", [a, b], derivative)], "zero"),
  };

/** Kernels of truth values. */
const logical: Readonly<Record<string, "and" | "or">> = { LogicalAnd: "and", LogicalOr: "or" };

/** Kernels that change no value, by the shape that they give. */
const renaming: Readonly<Record<string, (shape: readonly number[], attrs: Attrs) => number[]>> = {
  Identity: (shape) => [...shape],
  Reshape: (shape, attrs) => util.inferFromImplicitShape(attrs.shape as number[], util.sizeFromShape([...shape])),
  ExpandDims(shape, attrs) {
    const dim = attrs.dim as number;
    return [...shape].toSpliced(dim < 0 ? shape.length + 1 + dim : dim, 0, 1);
  },
};

/**
 * What a kernel computes, as a function of its inputs.
 *
 * @param withoutDerivative makes what gradients do at a kernel that has none in tfjs
 * @returns undefined when the kernel cannot be traced
 */
export function traceKernel(
  kernel: string,
  attrs: object,
  withoutDerivative: () => WithoutDerivative,
): Compute | undefined {
  return (
    unaryKernel(kernel, attrs as Attrs) ??
    binaryKernel(kernel) ??
    truthKernel(kernel, withoutDerivative) ??
    shapeKernel(kernel, attrs as Attrs) ??
    others[kernel]?.(attrs as Attrs)
  );
}

function unaryKernel(kernel: string, attrs: Attrs): Compute | undefined {
  const compute = unary[kernel];
  if (compute === undefined) return undefined;
  return ({ x }) => {
    const expression = x!.dtype === "float32" ? compute(x!.expression, attrs) : undefined;
    return expression && { ...x!, expression };
  };
}

function binaryKernel(kernel: string): Compute | undefined {
  const name = binary[kernel];
  if (name === undefined) return undefined;
  return ({ a, b }) => {
    if (a!.dtype !== "float32" || b!.dtype !== "float32") return undefined;
    return { expression: op(name, [a!.expression, b!.expression]), shape: broadcast(a!, b!), dtype: "float32" };
  };
}

function truthKernel(kernel: string, withoutDerivative: () => WithoutDerivative): Compute | undefined {
  const compare = comparing[kernel];
  const name = logical[kernel];
  if (compare === undefined && name === undefined && kernel !== "LogicalNot") return undefined;
  const derivative = withoutDerivative();
  return ({ a, b, x }) => {
    if (x !== undefined) return { ...x, expression: op("not", [x.expression], derivative) };
    const [left, right] = [a!.expression, b!.expression];
    // Numbers that int32 has and float32 has not would compare otherwise.
    if ([a!, b!].some(({ dtype }) => dtype !== "float32" && dtype !== "bool")) return undefined;
    return {
      expression: compare?.(left, right, derivative) ?? op(name!, [left, right], derivative),
      shape: broadcast(a!, b!),
      dtype: "bool",
    };
  };
}

function shapeKernel(kernel: string, attrs: Attrs): Compute | undefined {
  const shapeOf = renaming[kernel];
  if (shapeOf === undefined) return undefined;
  return ({ x, input }) => {
    const from = (x ?? input)!;
    return { ...from, shape: shapeOf(from.shape, attrs) };
  };
}

const others: Readonly<Record<string, (attrs: Attrs) => Compute>> = {
  Select:
    () =>
    ({ condition, t, e }) => {
      if (t!.dtype !== "float32" || e!.dtype !== "float32") return undefined;
      return { ...t!, expression: op("select", [condition!.expression, t!.expression, e!.expression]) };
    },
  Cast:
    ({ dtype }) =>
    ({ x }) => {
      const to = dtype as DataType;
      if (x!.dtype === to) return x;
      const { expression } = x!;
      if (to === "float32") {
        // Of int32 there are parameters, which kernels receive as float32, and constants.
        return x!.dtype === "bool" || x!.dtype === "int32" ? { ...x!, dtype: to } : undefined;
      }
      if (to !== "bool" || x!.dtype !== "float32") return undefined;
      // tfjs passes the gradient on.
      const truth = op("not", [op("equal", [expression, zero()])]);
      return { ...x!, dtype: to, expression: slopeExpression(truth, expression, constant(1)) };
    },
  Tile:
    ({ reps }) =>
    ({ x }) => {
      const { expression, shape } = x!;
      const times = reps as number[];
      // What differs along an axis may not be repeated along it.
      const repeats = (axis: number) => times[axis] !== 1;
      const last = shape.length - 1;
      if (expression.rate === "channel" && repeats(last)) return undefined;
      if (expression.rate === "element" && times.some((_, axis) => repeats(axis))) return undefined;
      return { ...x!, shape: shape.map((size, axis) => size * times[axis]!) };
    },
  Fill:
    ({ shape, value, dtype }) =>
    () => ({ expression: constant(value as number), shape: shape as number[], dtype: dtype as DataType }),
  ZerosLike:
    () =>
    ({ x }) => ({ ...x!, expression: constant(0) }),
  OnesLike:
    () =>
    ({ x }) => ({ ...x!, expression: constant(1) }),
};

function broadcast(a: Traced, b: Traced): number[] {
  return broadcast_util.assertAndGetBroadcastShape([...a.shape], [...b.shape]);
}

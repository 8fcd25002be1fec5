/**
 * @file Tracing: tfjs functions run once with tensors that stand for all others, and what they compute is recorded.
 *
 * While a trace is on, the engine's own methods that run kernels and make tensors are replaced by recording ones. Ops, scopes
 * and `tidy` run as ever; no backend, no tape and no memory is touched, and no backend needs to be there.
 */
import { type DataType, engine, type KernelBackend, Tensor, tidy } from "@tensorflow/tfjs-core";
import { shown } from "../shown.js";
import { constantExpression, detachExpression, type Expression, isSame, slopeExpression } from "./expression.js";
import { lineOfUser } from "./lineOfUser.js";
import type { Rate } from "./program.js";
import { type Traced, traceKernel } from "./tracedKernels.js";

/** Tells why a function cannot be a program. The neuron then runs as composed operations. */
export class Untraceable extends Error {
  override readonly name = "Untraceable";
}

/** The shapes of x in the two traces of a model, `[..., C]`. They have no number in common, counted from either end. */
const shapes: readonly (readonly number[])[] = [
  [2, 3],
  [5, 2, 1, 4],
];

interface Trace {
  /** The name of the traced model, in errors. */
  readonly model: string;
  /** The shape of x. */
  readonly shape: readonly number[];
  /** The function of the model that runs. */
  place: string;
  /** The expressions of tensors, by the identity of their data. */
  readonly expressions: WeakMap<object, Traced>;
  /** What was computed, in order, and by the first trace. */
  readonly computed: Expression[];
  readonly before?: readonly Expression[];
  /** The expressions of the first trace that are those of this one. */
  readonly same: Map<Expression, Expression>;
  /** The parameters of the model, of whose tensors its functions receive traced ones. */
  readonly params: object;
  /** What ended the trace, in case a traced function caught it. */
  failure?: Error;
}

let current: Trace | undefined;

/** Whether the caller runs in a trace. */
export function isTracing(): boolean {
  return current !== undefined;
}

/** Runs a part of a traced function under a name for errors; without a trace, just runs it. @internal */
export function tracedAs<R>(place: string, f: () => R): R {
  const trace = current;
  if (trace === undefined) return f();
  const before = trace.place;
  trace.place = place;
  try {
    return f();
  } finally {
    trace.place = before;
  }
}

/**
 * Runs `f` under a trace, twice: what comes out otherwise for x of another shape, or at another call, is no program.
 *
 * @param model the name of the model, for errors
 * @param params its parameters, whose tensors the functions must take from their arguments
 * @param f receives the shape of x
 * @returns what the first call returns
 * @throws Untraceable when f computes what a program cannot
 * @throws TypeError when f does what would be wrong in composed operations, too
 */
export function trace<R>(model: string, params: object, f: (shape: readonly number[]) => R): R {
  const results: R[] = [];
  let before: readonly Expression[] | undefined;
  for (const shape of shapes) {
    const own: Trace = {
      model,
      shape,
      place: "step",
      expressions: new WeakMap(),
      computed: [],
      ...(before !== undefined && { before }),
      same: new Map(),
      params,
    };
    results.push(traceOnce(own, () => f(shape)));
    before = own.computed;
  }
  return results[0]!;
}

function traceOnce<R>(own: Trace, f: () => R): R {
  const outer = current;
  const restore = record();
  current = own;
  try {
    let result: { readonly of: R } | undefined;
    tidy(() => {
      result = { of: f() };
    });
    if (own.failure !== undefined) throw own.failure;
    return result!.of;
  } catch (error) {
    if (own.failure !== undefined) throw own.failure;
    if (own.before === undefined) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Untraceable(
      `${subject()} fails for x [${own.shape}] (${reason}), though not for x [${shapes[0]}]; ${fixed}`,
    );
  } finally {
    current = outer;
    restore();
  }
}

const fixed =
  "take numbers from the parameters and the state, not from shapes, random numbers or variables that change";

/**
 * An expression of the trace, which the first trace must have computed at this place, too.
 *
 * @param what names it in the notice
 */
export function computed(expression: Expression, what: string): Expression {
  const { computed, before, same } = current!;
  const expected = before?.[computed.length];
  computed.push(expression);
  if (before === undefined || (expected !== undefined && isSame(expected, expression, same))) return expression;
  return untraceable(`computes something else for x of another shape or when called again, from ${what} on`, fixed);
}

/** A tensor that stands for all tensors with this expression. */
export function tracedTensor({ expression, shape, dtype }: Traced): Tensor {
  const dataId = {};
  current!.expressions.set(dataId, { expression, shape, dtype });
  const tensor = engine().makeTensorFromTensorInfo({ dataId, shape: [...shape], dtype }, backend);
  // `v > 0` and `+v` would compare or compute with a text, silently.
  Object.defineProperty(tensor, Symbol.toPrimitive, {
    value: (hint: string) => (hint === "string" ? tensor.toString() : failAsNumber()),
  });
  return tensor;
}

/** The expression of a tensor of the trace. */
export function expressionOf(tensor: Tensor): Expression {
  return tracedOf(tensor).expression;
}

/**
 * A record of which a trace's functions may read what it has alone; without a trace, the record itself.
 *
 * @param what what its names are, and what declares them, in errors
 * @internal
 */
export function declaredOnly<R extends object>(record: R, what: string, remedy: string): R {
  if (current === undefined) return record;
  return new Proxy(record, {
    get(target, name) {
      if (current !== undefined && typeof name === "string" && !(name in target)) {
        fail(modelError(`read ${what}, ${Object.keys(target).join(", ")}`, shown(name), remedy)());
      }
      return Reflect.get(target, name);
    },
  });
}

/** The tensor, cut from the gradient, in a trace. */
export function tracedDetach(x: Tensor): Tensor {
  const traced = tracedOf(x);
  return tracedTensor({ ...traced, expression: computed(detachExpression(traced.expression), "detach") });
}

/** `forward(u)` with a derivative of one's own, in a trace. */
export function tracedSlope(u: Tensor, forward: (u: Tensor) => Tensor, slope: (u: Tensor) => Tensor): Tensor {
  const value = tracedOf(forward(u));
  const derivative = tracedAs(`${slopeIn} ${current!.place}`, () => expressionOf(slope(u)));
  const expression = slopeExpression(value.expression, expressionOf(u), derivative);
  return tracedTensor({ ...value, expression: computed(expression, "withSlope") });
}

const slopeIn = "the slope in";

/** Ends the trace: the model runs as composed operations, and a warning says why. */
export function untraceable(what: string, remedy: string): never {
  return fail(new Untraceable(`${subject()} ${what}${lineOfUser()()}; ${remedy}`));
}

/** Makes an error of a model that would be wrong in composed operations, too. Its place is that of this call. */
export function modelError(requirement: string, got: string, remedy: string): () => TypeError {
  const [start, line] = [subject(), lineOfUser()];
  return () => new TypeError(`${start} must ${requirement}, got ${got}${line()}; ${remedy}`);
}

function subject(): string {
  return `${current!.model}: ${current!.place}`;
}

function fail(error: Error): never {
  current!.failure ??= error;
  throw error;
}

function failAsNumber(): never {
  return fail(
    modelError(
      "compute with tfjs operations",
      "a tensor used as a number",
      "write add(a, b) for a + b, and where(condition, a, b) for a choice",
    )(),
  );
}

/** What the trace knows of a tensor that an operation reads. */
function tracedOf(tensor: Tensor): Traced {
  const trace = current!;
  if (!(tensor instanceof Tensor)) {
    return fail(modelError("return tensors", shown(tensor), "write fill(x.shape, value) for a number")());
  }
  const known = trace.expressions.get(tensor.dataId);
  if (known !== undefined) return known;
  const values = written.get(tensor.dataId);
  if (values !== undefined) return constantOf(tensor, values);
  const name = nameIn(trace.params, tensor);
  if (name === undefined) {
    const inSlope = trace.place.startsWith(slopeIn);
    return fail(
      modelError(
        "read nothing but the state, x and the parameters",
        `another tensor [${tensor.shape}]`,
        inSlope
          ? "use a number, since a slope receives no parameters"
          : "make it a parameter of the model, or a number",
      )(),
    );
  }
  return fail(
    name.includes(".")
      ? modelError(
          "read tensors that are parameters by themselves",
          name,
          "give it a name of its own among the parameters",
        )()
      : modelError("take its parameters from its argument", `${name} from elsewhere`, "read params")(),
  );
}

/** The name of a tensor among parameters, or, in an object or a list there, with a dot: `weights.0`. */
function nameIn(params: object, tensor: Tensor): string | undefined {
  for (const [name, value] of Object.entries(params)) {
    if (value === tensor) return name;
    const inner = Object.entries(value instanceof Tensor ? {} : Object(value)).find(([, each]) => each === tensor);
    if (inner !== undefined) return `${name}.${inner[0]}`;
  }
  return undefined;
}

/** A tensor that a traced function made, whose values must be equal. */
function constantOf({ shape, dtype }: Tensor, values: ArrayLike<unknown>): Traced {
  const first = Number(values[0]);
  if (values.length === 0 || !Array.from(values).every((value) => Object.is(Number(value), first))) {
    return untraceable(
      `makes a tensor [${shape}] of different values`,
      "use numbers, or make it a parameter of the model",
    );
  }
  return { expression: constantExpression(first), shape, dtype };
}

/** Whether a tensor of this rate and shape has its values where one of the shape of x has them. */
function isAligned(rate: Rate, shape: readonly number[]): boolean {
  const own = current!.shape;
  const outer = shape.length - own.length;
  const fits = shape.every((size, axis) => size === 1 || size === own[axis - outer]);
  if (rate === "scalar") return fits;
  if (rate === "channel") return fits && shape.at(-1) === own.at(-1);
  return fits && outer >= 0 && own.every((size, axis) => size === shape[axis + outer]);
}

/** The op that the traced function called, which may run several kernels. */
function calledOp(kernel: string): string {
  const suffix = "__op";
  const scope = engine().state.scopeStack.find(({ name }) => name.endsWith(suffix));
  return scope?.name.slice(0, -suffix.length) ?? kernel;
}

function madeOtherwise(shape: readonly number[]): never {
  return untraceable(
    `makes a tensor [${shape}], which does not fit every x`,
    "use numbers, x.shape, or a parameter of the model",
  );
}

const computeWithTensors = "compute with tensors: where(condition, a, b) chooses between values";
const withoutValues = "A tensor that a traced function received or computed has no values";
const listed = "the README of @sew/neurons lists the operations that can be";

/** The engine's methods that a trace replaces. */
interface Recorded {
  runKernel(name: string, inputs: Readonly<Record<string, Tensor>>, attrs?: object): Tensor;
  runKernelFunc(call: object): never;
  makeTensor(values: ArrayLike<unknown>, shape: number[], dtype: DataType): Tensor;
  gradients(): never;
}

const recorded: Recorded = {
  runKernel(name, inputs, attrs = {}) {
    if (current!.failure !== undefined) throw current!.failure;
    const op = calledOp(name);
    const compute = traceKernel(name, attrs, () =>
      modelError(
        "have a derivative where gradients pass",
        op,
        "detach(…) what it receives, or give it a derivative with withSlope(…)",
      ),
    );
    if (compute === undefined) return untraceable(`calls ${op}, which cannot be traced`, listed);
    const given = Object.values(inputs).map(tracedOf);
    const result = compute(Object.fromEntries(Object.keys(inputs).map((key, i) => [key, given[i]!])));
    if (result === undefined) {
      const types = [...new Set(Object.values(inputs).map(({ dtype }) => dtype))].join(" and ");
      return untraceable(`calls ${op} of ${types}, which cannot be traced`, listed);
    }
    if (!isAligned(result.expression.rate, result.shape)) {
      if (Object.keys(inputs).length === 0) return madeOtherwise(result.shape);
      return untraceable(`calls ${op}, which moves values to other places`, listed);
    }
    if (!given.some(({ expression }) => expression === result.expression)) computed(result.expression, op);
    return tracedTensor(result);
  },
  runKernelFunc() {
    const op = calledOp("customGrad");
    if (op !== "customGrad") return untraceable(`calls ${op}, which cannot be traced`, listed);
    return untraceable(
      "calls customGrad, whose derivative a trace cannot see",
      "use withSlope of @sew/kernels instead",
    );
  },
  makeTensor(values, shape, dtype = "float32") {
    if (!isAligned("scalar", shape)) return madeOtherwise(shape);
    const dataId = backend.write(values as Float32Array);
    return engine().makeTensorFromTensorInfo({ dataId, shape, dtype }, backend);
  },
  gradients: () => untraceable("takes a gradient, which cannot be traced", "write the derivative, or use withSlope"),
};

/** Replaces the engine's methods. @returns a function that restores them */
function record(): () => void {
  const target = engine();
  const names = Object.keys(recorded);
  const before = names.map((name) => Object.getOwnPropertyDescriptor(target, name));
  Object.assign(target, recorded);
  return () => {
    for (const [i, name] of names.entries()) {
      const own = before[i];
      if (own === undefined) delete (target as unknown as Record<string, unknown>)[name];
      else Object.defineProperty(target, name, own);
    }
  };
}

/** The values of tensors that traced functions made. */
const written = new WeakMap<object, Float32Array>();

/** What the engine asks of the backend of a trace's tensors. It is registered nowhere. */
const backend = {
  write(values: Float32Array): object {
    const dataId = {};
    written.set(dataId, values);
    return dataId;
  },
  readSync(dataId: object): Float32Array {
    const values = written.get(dataId);
    if (values !== undefined) return values;
    if (current === undefined) throw new Error(withoutValues);
    return untraceable("reads the values of a tensor", computeWithTensors);
  },
  read(dataId: object): Promise<Float32Array> {
    const values = written.get(dataId);
    if (values !== undefined) return Promise.resolve(values);
    if (current === undefined) return Promise.reject(new Error(withoutValues));
    current.failure ??= modelError("return at once", "a wait for the values of a tensor", computeWithTensors)();
    return new Promise(() => {});
  },
  refCount: () => 1,
  incRef() {},
  disposeData: () => true,
} as unknown as KernelBackend & { write(values: Float32Array): object };

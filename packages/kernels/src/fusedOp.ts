/** @file The one place that looks a fused kernel up, registers its gradient, and composes what the backend lacks. */
import {
  cast,
  engine,
  type GradConfig,
  getBackend,
  getGradient,
  getKernel,
  type KernelConfig,
  registerGradient,
  Tensor,
  type TensorInfo,
} from "@tensorflow/tfjs-core";
import { noticeComposed } from "./program/notice.js";

/** Tensors by name. */
export type Inputs<I extends string> = Readonly<Record<I, Tensor>>;

/** The inputs of a kernel as a backend receives them, for its bindings. */
export type KernelInputs<K> = K extends FusedKernel<infer I, infer _A> ? { readonly [name in I]: TensorInfo } : never;

/** The operation of a kernel: from inputs and attributes to the outputs. */
export type FusedOp<K> =
  K extends FusedKernel<infer I, infer A>
    ? (inputs: Inputs<I>, attrs: A) => readonly Tensor[]
    : K extends FusedListKernel<infer A>
      ? (inputs: readonly Tensor[], attrs: A) => readonly Tensor[]
      : never;

/** The attributes of a kernel, for a backend's bindings. */
export type KernelAttrs<K> =
  K extends FusedKernel<infer _I, infer A> ? A : K extends FusedListKernel<infer A> ? A : never;

/**
 * The contract of a fused kernel: what a backend may compute in one pass, and what it means.
 *
 * A backend offers it by registering a tfjs kernel of that name (and one for its gradient). Its results are those of
 * `composed`: a backend may be faster, never different.
 */
export interface FusedKernel<I extends string, A extends object> {
  /** The name under which backends register it. */
  readonly name: string;
  /** The inputs, by name. */
  readonly inputs: readonly I[];
  /** The meaning: the outputs as composed tfjs operations, which autodiff can differentiate. */
  readonly composed: (inputs: Inputs<I>, attrs: A) => readonly Tensor[];
  /** Whether fused kernels know these attributes. @defaultValue they know all */
  readonly accepts?: (attrs: A) => boolean;
  /** The gradient's kernel. @defaultValue none: gradients do not pass through the fused kernel */
  readonly gradient?: FusedGradient<I, A>;
}

/** The contract of the kernel that computes the gradients of a {@link FusedKernel}. */
export interface FusedGradient<I extends string, A extends object> {
  readonly name: string;
  /** The inputs that the forward kernel saves for it. */
  readonly savedInputs: readonly I[];
  /** The outputs that the forward kernel saves for it, by their names in the gradient's inputs, in order; `null` for one not saved. @defaultValue none */
  readonly savedOutputs?: readonly (string | null)[];
  /** What the gradients of the outputs are called among its inputs, in order; `null` for one that it does not read. */
  readonly outputGradients: readonly (string | null)[];
  /** The inputs whose gradients it returns, in the order of its outputs. */
  readonly of: readonly I[];
  /** Attributes that depend on the gradients of the outputs. @defaultValue those of the forward kernel */
  readonly attrs?: (attrs: A, dys: readonly Tensor[]) => object;
}

/**
 * The contract of a fused kernel whose inputs are a list, as long as its attributes say: {@link FusedKernel} for inputs without
 * names.
 */
export interface FusedListKernel<A extends object> {
  /** The name under which backends register it. */
  readonly name: string;
  /** The meaning: the outputs as composed tfjs operations, which autodiff can differentiate. */
  readonly composed: (inputs: readonly Tensor[], attrs: A) => readonly Tensor[];
  /** Whether fused kernels know these attributes. @defaultValue they know all */
  readonly accepts?: (attrs: A) => boolean;
  /** The gradient's kernel. @defaultValue none: gradients do not pass through the fused kernel */
  readonly gradient?: FusedListGradient<A>;
}

/** The contract of the kernel that computes the gradients of a {@link FusedListKernel}. */
export interface FusedListGradient<A extends object> {
  readonly name: string;
  /** Which outputs the forward kernel saves for it, besides all inputs. @defaultValue none */
  readonly savedOutputs?: readonly boolean[];
  /** Its inputs, from those of the forward kernel with the saved outputs behind them, and the gradients of all outputs. */
  readonly inputs: (saved: readonly Tensor[], dys: readonly Tensor[]) => readonly Tensor[];
  /** The places of inputs that get no gradient; its outputs are the gradients of the others, in order. @defaultValue none */
  readonly withoutGradient?: readonly number[];
  /** Attributes that depend on the gradients of the outputs. @defaultValue those of the forward kernel */
  readonly attrs?: (attrs: A, dys: readonly Tensor[]) => object;
}

/** Runs a kernel of several outputs on the current backend. @internal */
export function runKernel(name: string, inputs: KernelTensors, attrs: object): Tensor[] {
  const { gradientDepth, kernelDepth } = engine().state;
  const isRecorded = gradientDepth > 0 && kernelDepth === 0;
  return isRecorded ? throughEngine(name, inputs, attrs) : callKernel(name, inputs, attrs);
}

/**
 * Calls a kernel of the current backend without the engine between, which records nothing. The results are tensors of the
 * current scope. A profile, which the engine takes, has it nevertheless.
 *
 * @internal
 */
export function callKernel(name: string, inputs: KernelTensors, attrs: object): Tensor[] {
  const kernel = getKernel(name, getBackend());
  if (kernel === undefined || engine().state.profiling) return throughEngine(name, inputs, attrs);
  const { backend } = engine();
  const results = kernel.kernelFunc({ inputs: inputs as never, attrs: attrs as never, backend });
  return [results]
    .flat()
    .map((result) => (result instanceof Tensor ? result : engine().makeTensorFromTensorInfo(result)));
}

function throughEngine(name: string, inputs: KernelTensors, attrs: object): Tensor[] {
  const results: Tensor | Tensor[] = engine().runKernel(name, inputs as never, attrs as never);
  return [results].flat();
}

/** The inputs of a kernel, by name or as a list. */
type KernelTensors = Readonly<Record<string, Tensor>> | readonly Tensor[];

/** A fused kernel as a backend registers it. */
export interface FusedKernelConfig<A extends object> extends KernelConfig {
  /**
   * Why the backend cannot run the kernel with these attributes, and the remedy; a warning says so once, and composed
   * operations run. @defaultValue it can run it with all
   */
  readonly refuses?: (attrs: A) => string | undefined;
}

/** What tells of a kernel whether a backend runs it. */
type Kernel<A extends object> = Pick<FusedListKernel<A>, "name" | "accepts"> & {
  readonly gradient?: { readonly name: string };
};

/** Whether the current backend has the kernel, and its gradient where there is one, for these attributes. */
export function hasKernel<A extends object>(kernel: Kernel<A>, attrs: A): boolean {
  return find(kernel, attrs) === true;
}

/** Whether the current backend has the kernel; where it refuses these attributes, why. */
function find<A extends object>(kernel: Kernel<A>, attrs: A): boolean | string {
  if (kernel.accepts?.(attrs) === false) return false;
  const backend = getBackend();
  const registered: FusedKernelConfig<A> | undefined = getKernel(kernel.name, backend);
  if (registered === undefined) return false;
  if (kernel.gradient !== undefined && getKernel(kernel.gradient.name, backend) === undefined) return false;
  return registered.refuses?.(attrs) ?? true;
}

/**
 * The operation of a fused kernel: one pass where the current backend has it, composed operations everywhere else.
 *
 * @returns a function from inputs and attributes to the outputs, differentiable in either form
 *
 * @example
 * const halve = fusedOp({ name: "Halve", inputs: ["x"], composed: ({ x }) => [mul(x, 0.5)] });
 * halve({ x: tensor1d([4]) }, {})[0].arraySync(); // [2]
 */
export function fusedOp<I extends string, A extends object>(
  kernel: FusedKernel<I, A>,
): (inputs: Inputs<I>, attrs: A) => readonly Tensor[];
export function fusedOp<A extends object>(
  kernel: FusedListKernel<A>,
): (inputs: readonly Tensor[], attrs: A) => readonly Tensor[];
export function fusedOp<A extends object>(
  kernel: FusedKernel<string, A> | FusedListKernel<A>,
): (inputs: never, attrs: A) => readonly Tensor[] {
  return (inputs: KernelTensors, attrs) => {
    const found = find(kernel, attrs);
    if (typeof found === "string") noticeComposed(found);
    if (found !== true) return kernel.composed(inputs as never, attrs);
    if (kernel.gradient !== undefined && getGradient(kernel.name) === undefined) {
      registerGradient("inputs" in kernel ? namedGradient(kernel, kernel.gradient as never) : listGradient(kernel));
    }
    return runKernel(kernel.name, floatInputs(kernel, inputs), attrs);
  };
}

function floatInputs(kernel: object, inputs: KernelTensors): KernelTensors {
  if (Array.isArray(inputs)) return inputs.map(floats);
  const named = inputs as Readonly<Record<string, Tensor>>;
  const floating: Record<string, Tensor> = {};
  for (const name of (kernel as FusedKernel<string, object>).inputs) {
    if (named[name] !== undefined) floating[name] = floats(named[name]);
  }
  return floating;
}

/** The tensor in float32, which composed operations make of it where a number is added. @internal */
export function floats(x: Tensor): Tensor {
  return x.dtype === "float32" ? x : cast(x, "float32");
}

function namedGradient<I extends string, A extends object>(
  kernel: FusedKernel<I, A>,
  gradient: FusedGradient<I, A>,
): GradConfig {
  const { name, savedInputs, savedOutputs = [], outputGradients, of } = gradient;
  const savedNames = [...savedInputs, ...savedOutputs.filter((saved) => saved !== null)];
  return {
    kernelName: kernel.name,
    inputsToSave: [...savedInputs],
    outputsToSave: savedOutputs.map((saved) => saved !== null),
    gradFunc(dy, saved, attrs) {
      const dys = Array.isArray(dy) ? dy : [dy];
      const inputs: Record<string, Tensor> = {};
      for (const [i, saving] of savedNames.entries()) inputs[saving] = saved[i]!;
      for (const [i, named] of outputGradients.entries()) if (named !== null) inputs[named] = dys[i]!;
      const forwardAttrs = attrs as unknown as A;
      const gradients = runKernel(name, inputs, gradient.attrs?.(forwardAttrs, dys) ?? forwardAttrs);
      return Object.fromEntries(of.map((input, i) => [input, () => gradients[i]!]));
    },
  };
}

function listGradient<A extends object>({ name: kernelName, gradient }: FusedListKernel<A>): GradConfig {
  const { name, savedOutputs = [], inputs, withoutGradient = [], attrs: attrsOf } = gradient!;
  const outputs = savedOutputs.filter((saved) => saved).length;
  return {
    kernelName,
    saveAllInputs: true,
    outputsToSave: [...savedOutputs],
    gradFunc(dy, saved, attrs) {
      const dys = Array.isArray(dy) ? dy : [dy];
      const forwardAttrs = attrs as unknown as A;
      const gradients = runKernel(name, inputs(saved, dys), attrsOf?.(forwardAttrs, dys) ?? forwardAttrs);
      const places = saved.slice(0, saved.length - outputs).map((_, place) => place);
      const differentiated = places.filter((place) => !withoutGradient.includes(place));
      return Object.fromEntries(differentiated.map((place, i) => [place, () => gradients[i]!]));
    },
  };
}

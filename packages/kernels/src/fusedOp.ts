/** @file The one place that looks a fused kernel up, registers its gradient, and composes what the backend lacks. */
import {
  cast,
  engine,
  getBackend,
  getGradient,
  getKernel,
  registerGradient,
  type Tensor,
  type TensorInfo,
} from "@tensorflow/tfjs-core";

/** Tensors by name. */
export type Inputs<I extends string> = Readonly<Record<I, Tensor>>;

/** The inputs of a kernel as a backend receives them, for its bindings. */
export type KernelInputs<K> = K extends FusedKernel<infer I, infer _A> ? { readonly [name in I]: TensorInfo } : never;

/** The operation of a kernel: from inputs and attributes to the outputs. */
export type FusedOp<K> =
  K extends FusedKernel<infer I, infer A> ? (inputs: Inputs<I>, attrs: A) => readonly Tensor[] : never;

/** The attributes of a kernel, for a backend's bindings. */
export type KernelAttrs<K> = K extends FusedKernel<infer _I, infer A> ? A : never;

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
  /** Whether hand-written kernels know these attributes. @defaultValue they know all */
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

/** Runs a kernel of several outputs on the current backend. @internal */
export function runKernel(name: string, inputs: Readonly<Record<string, Tensor>>, attrs: object): Tensor[] {
  return engine().runKernel(name, { ...inputs }, attrs as Record<string, never>) as Tensor[];
}

/** Whether the current backend has the kernel, and its gradient where there is one, for these attributes. */
export function hasKernel<I extends string, A extends object>(kernel: FusedKernel<I, A>, attrs: A): boolean {
  const backend = getBackend();
  return (
    kernel.accepts?.(attrs) !== false &&
    getKernel(kernel.name, backend) !== undefined &&
    (kernel.gradient === undefined || getKernel(kernel.gradient.name, backend) !== undefined)
  );
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
): (inputs: Inputs<I>, attrs: A) => readonly Tensor[] {
  return (inputs, attrs) => {
    if (!hasKernel(kernel, attrs)) return kernel.composed(inputs, attrs);
    if (kernel.gradient !== undefined && getGradient(kernel.name) === undefined) {
      registerFusedGradient(kernel, kernel.gradient);
    }
    const floating: Record<string, Tensor> = {};
    for (const name of kernel.inputs) if (inputs[name] !== undefined) floating[name] = floats(inputs[name]);
    return runKernel(kernel.name, floating, attrs);
  };
}

/** The tensor in float32, which composed operations make of it where a number is added. @internal */
export function floats(x: Tensor): Tensor {
  return x.dtype === "float32" ? x : cast(x, "float32");
}

function registerFusedGradient<I extends string, A extends object>(
  kernel: FusedKernel<I, A>,
  gradient: FusedGradient<I, A>,
): void {
  const { name, savedInputs, savedOutputs = [], outputGradients, of } = gradient;
  const savedNames = [...savedInputs, ...savedOutputs.filter((saved) => saved !== null)];
  registerGradient({
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
  });
}

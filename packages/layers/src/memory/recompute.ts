/**
 * @file Gradient checkpointing: the backward pass computes the intermediate tensors of a part of a network again.
 *
 * T. Chen, B. Xu, C. Zhang, C. Guestrin, "Training Deep Nets with Sublinear Memory Cost", arXiv:1604.06174, 2016.
 */
import {
  clone,
  engine,
  getBackend,
  getGradient,
  getKernel,
  registerGradient,
  registerKernel,
  type Tensor,
  tidy,
  type Variable,
  zerosLike,
} from "@tensorflow/tfjs-core";
import { type Context, type Module, namedBuffers, namedParameters } from "../module.js";
import { freeAfterUse, isLastReader } from "./freeAfterUse.js";

/** A part of a forward pass with one input or more. */
export type Stretch<Inputs extends readonly Tensor[]> = (inputs: Inputs, context: Context) => Tensor;

/**
 * The same function, `y = f(inputs)`, that saves its inputs alone for the backward pass, where f runs again.
 *
 * Output and gradients are those of f bit for bit, on every backend. Running statistics move once, and the observer
 * sees the first run alone; a dropout drops the same, since its masks are the context's. (An input that f itself uses
 * twice has its two gradients added before they meet those from outside f, so that this sum may round otherwise.)
 *
 * @param parts the modules that f runs: it must read no other variables, which would have no gradient
 * @param f a function of its inputs, the parts and the context alone
 *
 * @example
 * const [a, b] = [linear(2, 3), linear(2, 3)];
 * const both = recomputing([a, b], ([x, y], context) => add(run(a, x, context), run(b, y, context)));
 * both([ones([4, 1, 2]), ones([4, 1, 2])], { training: true }).shape; // [4, 1, 3]
 */
export function recomputing<Inputs extends readonly Tensor[]>(
  parts: readonly Module[],
  f: Stretch<Inputs>,
): Stretch<Inputs> {
  const all = (named: (module: Module) => Map<string, Variable>): Variable[] => [
    ...new Set(parts.flatMap((part) => [...named(part).values()])),
  ];
  const [parameters, buffers] = [all(namedParameters), all(namedBuffers)];
  return (inputs, context) => {
    // With an observer modules may take other kernels, so that the second run needs one, too.
    const again: Context = { ...context, ...(context.observe && { observe: () => {} }) };
    // A pass with a memory is one of few steps, and its state leaves it: there is nothing to save.
    if (context.memory !== undefined) return tidy(() => f(inputs, context));
    const external = inputs.map(isFromOutside);
    return runRecomputed([...inputs, ...parameters], {
      run: () => tidy(() => f(inputs, context)),
      gradients(dy, saved) {
        const kept = saved.slice(0, inputs.length) as unknown as Inputs;
        // `freeAfterUse` disposes the gradient that it receives, which another reader may still need.
        const last = isLastReader(dy) && !external.includes(true);
        const by = (xs: readonly Tensor[]) =>
          restoring(buffers, () => gradientsOf(() => f(kept, again), xs, last ? dy : clone(dy)));
        const computed: Tensor[] = [...kept.filter((_, i) => !external[i]), ...parameters];
        const gradients = new Map(by(computed).map((gradient, i) => [computed[i], gradient]));
        return [...kept, ...parameters].map((x) => () => gradients.get(x) ?? by([x])[0]!);
      },
    });
  };
}

/**
 * The same module, that saves its input alone for the backward pass, and runs again there; see {@link recomputing}.
 *
 * Its parameters, buffers and children are those of `module`.
 *
 * @example
 * const unit = recomputed(convNormNeuron(2, 4, neurons(plif)));
 * unit.forward(zeros([3, 1, 8, 8, 2]), { training: true }).shape; // [3, 1, 8, 8, 4]
 */
export function recomputed<M extends Module>(module: M): M {
  const forward = recomputing<readonly [Tensor]>([module], ([x], context) => module.forward(x, context));
  return { ...module, forward: (x: Tensor, context: Context) => forward([x], context) };
}

/**
 * Whether `x` comes from outside the differentiated function, as a network's frames do.
 *
 * The input gradient of the first convolution is expensive and rarely needed: it is computed lazily.
 */
export function isFromOutside({ id }: Tensor): boolean {
  const { activeTape } = engine().state;
  return !activeTape?.findLast(({ outputs }) => outputs.some((output) => output.id === id));
}

/** Attributes of {@link RECOMPUTED}. */
interface Recomputed {
  readonly run: () => Tensor;
  /** A function for the gradient of each input. */
  readonly gradients: (dy: Tensor, saved: readonly Tensor[]) => (() => Tensor)[];
}

/** A kernel that calls the closure in its attributes. Unlike `customGrad`, it computes input gradients lazily. */
const RECOMPUTED = "Recomputed";

function runRecomputed(inputs: readonly Tensor[], attributes: Recomputed): Tensor {
  const backendName = getBackend();
  if (getKernel(RECOMPUTED, backendName) === undefined) {
    const kernelFunc = ({ attrs }: { attrs?: object }) => (attrs as Recomputed).run();
    registerKernel({ kernelName: RECOMPUTED, backendName, kernelFunc });
  }
  if (getGradient(RECOMPUTED) === undefined) {
    registerGradient({
      kernelName: RECOMPUTED,
      saveAllInputs: true,
      gradFunc: (dy, saved, attrs) => ({ ...(attrs as unknown as Recomputed).gradients(dy as Tensor, saved) }) as never,
    });
  }
  return engine().runKernel(RECOMPUTED, inputs as never, attributes as never) as Tensor;
}

/** Runs `f`, and restores the values that the variables had before. */
function restoring<R>(variables: readonly Variable[], f: () => R): R {
  const before = variables.map((variable) => clone(variable as Tensor));
  try {
    return f();
  } finally {
    for (const [i, variable] of variables.entries()) {
      variable.assign(before[i]!);
      before[i]!.dispose();
    }
  }
}

/** The gradients of `Σ f() · dy` by `xs`, inside a gradient function; dy is used up. */
function gradientsOf(f: () => Tensor, xs: readonly Tensor[], dy: Tensor): Tensor[] {
  if (xs.length === 0) return [];
  const { state } = engine();
  // A pass that begins when no other records starts a tape of its own, and drops the one that is walked back just now.
  const { activeTape } = state;
  try {
    return tidy(() => {
      const { grads } = engine().gradients(freeAfterUse(f), [...xs], dy, true);
      return grads.map((gradient, i) => gradient ?? zerosLike(xs[i]!));
    });
  } finally {
    state.activeTape = activeTape;
  }
}

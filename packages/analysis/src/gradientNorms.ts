/** @file Gradient norms: how much of a loss's gradient reaches each block of a network. */

import { unrecorded } from "@sew/kernels";
import { type Module, namedModules, tapGradient } from "@sew/layers";
import {
  abs,
  clipByValue,
  div,
  engine,
  keep,
  max,
  mul,
  reshape,
  type Scalar,
  sqrt,
  square,
  sum,
  type Tensor,
  tidy,
} from "@tensorflow/tfjs-core";
import { blocksOf } from "./blocksOf.js";
import { measureAs, type Probe } from "./probe.js";

/** L2 norms of the gradient by a tensor `[T, N, ...]`. */
export interface GradientNorm {
  /** Of the whole tensor. */
  readonly norm: number;
  /** Of each sample, `[:, n]`. */
  readonly perSample: readonly number[];
}

/** The gradient norms of a block. */
export interface BlockGradients {
  /** `‖∂L/∂S^l‖`, by the block's input, as in Figs. 6 to 8. Absent where that is the network's own input. */
  readonly input?: GradientNorm;
  /** `‖∂L/∂O^l‖`, by the block's output. Where the next block takes it as it is, O^l is S^{l+1}, and the norms are the same. */
  readonly output: GradientNorm;
}

/** Gradient norms by the paths of the blocks, from the input on. */
export type GradientNorms = Readonly<Record<string, BlockGradients>>;

/** Options of {@link gradientNormProbe}. */
export interface GradientNormProbeOptions {
  /** Paths of the modules to measure. @defaultValue those of all blocks */
  readonly paths?: readonly string[];
}

/** Options of {@link gradientNorms}. */
export interface GradientNormsOptions extends GradientNormProbeOptions {
  /** Seed of dropout. @defaultValue 0 */
  readonly seed?: number;
}

/**
 * The L2 norms of a loss's gradient by the input and the output of each block, `‖∂L/∂S^l‖` and `‖∂L/∂O^l‖`, in one forward
 * and one backward pass in training mode. The gradients of weights are not computed, and running statistics stay as they are.
 *
 * Where blocks are identities, the norms of SEW networks are equal (Eq. 11 of the paper), and those of Spiking ResNets vanish
 * or explode with the number of blocks behind them (Eq. 8); {@link predictedNorms} has what appendix A.4 expects.
 *
 * @param model a module with blocks, as `firingRates` defines them
 * @param x a sequence `[T, N, ...]`
 * @param loss a scalar of the model's output `[T, N, ...]`
 * @throws RangeError when the model has no block or no module of a path, or a block lies inside a `recomputed` part
 * @see W. Fang et al., "Deep Residual Learning in Spiking Neural Networks", NeurIPS 2021, section 4 and Figs. 6 to 8
 *
 * @example
 * const net = network("c2-BN-IF-{SEW}*2-FC3", { height: 4, width: 4, zeroInit: true });
 * const { block0, block1 } = await gradientNorms(net, ones([2, 1, 4, 4, 2]), (scores) => sum(square(scores)));
 * block0.output.norm === block1.output.norm; // true
 * block0.output.norm === block1.input.norm; // true
 */
export async function gradientNorms(
  model: Module,
  x: Tensor,
  loss: (output: Tensor) => Scalar,
  { seed = 0, ...options }: GradientNormsOptions = {},
): Promise<GradientNorms> {
  const probe = gradientNormsOf("gradientNorms", options);
  return (await measureAs("gradientNorms", model, x, { norms: probe }, { training: true, seed, loss })).norms;
}

/**
 * Measures {@link gradientNorms} in training steps, or beside other measurements. Each backward pass replaces the norms of the
 * one before.
 *
 * @throws RangeError when it starts and the model has no block, or no module of a path; when it is read and there was no
 *   backward pass, or a block lies inside a `recomputed` part
 *
 * @example
 * const net = network("c2-BN-IF-{SEW}*2-FC3", { height: 4, width: 4, zeroInit: true });
 * const probes = { norms: gradientNormProbe() };
 * const { norms } = await measure(net, ones([2, 1, 4, 4, 2]), probes, { loss: (scores) => sum(square(scores)) });
 * Object.keys(norms); // ["block0", "block1"]
 */
export function gradientNormProbe(options: GradientNormProbeOptions = {}): Probe<GradientNorms> {
  return gradientNormsOf("gradientNormProbe", options);
}

/** The norm by one tensor. Blocks that share it share this. */
interface Slot {
  readonly samples: number;
  /** Norms of the samples, `[N]`; absent before the gradient reaches the tensor. */
  norms?: Tensor;
}

function gradientNormsOf(caller: string, { paths }: GradientNormProbeOptions): Probe<GradientNorms> {
  return (model) => {
    const modules = new Map(namedModules(model));
    const missing = paths?.find((path) => !modules.has(path));
    if (missing !== undefined) {
      throw new RangeError(`${caller}: paths must name modules, got ${JSON.stringify(missing)}`);
    }
    const watched = new Set(paths?.map((path) => modules.get(path)!) ?? blocksOf(model).map(({ block }) => block));
    if (watched.size === 0) throw new RangeError(`${caller}: model must have a block, got none`);
    const slots = new Map<number, Slot | undefined>();
    const measured = new Map<Module, { readonly input: Slot | undefined; readonly output: Slot | undefined }>();
    /** A module whose output the tape does not hold, though it records. */
    let hidden: Module | undefined;
    let pass: object | undefined;
    const clear = () => {
      for (const slot of slots.values()) slot?.norms?.dispose();
      slots.clear();
      measured.clear();
      hidden = undefined;
    };
    const slotOf = (x: Tensor): Slot | undefined => {
      if (slots.has(x.id)) return slots.get(x.id);
      const slot: Slot = { samples: x.shape[1]! };
      const found = tapGradient(x, (gradient) => {
        slot.norms?.dispose();
        slot.norms = unrecorded(() => keep(tidy(() => normPerSample(gradient))));
      });
      slots.set(x.id, found ? slot : undefined);
      return found ? slot : undefined;
    };
    return {
      needsGradient: true,
      observe({ module, output, input, readings }) {
        if (!watched.has(module)) return;
        if (readings !== pass) clear();
        pass = readings;
        // Of a module that runs twice, the first run counts.
        if (measured.has(module)) return;
        const slot = { input: slotOf(input()), output: slotOf(output) };
        measured.set(module, slot);
        if (slot.output === undefined && engine().state.gradientDepth > 0) hidden ??= module;
      },
      async read() {
        const pathOf = (module: Module) => [...modules].find(([, named]) => named === module)![0];
        try {
          if (hidden !== undefined) {
            throw new RangeError(
              `${caller}: blocks must put out tensors that the backward pass meets, got ${JSON.stringify(pathOf(hidden))}; ` +
                "where it lies inside a recomputed part, recompute each block by itself",
            );
          }
          if (![...slots.values()].some((slot) => slot?.norms !== undefined)) {
            throw new RangeError(
              `${caller}: there must be a backward pass before the norms are read, got none; pass observe to a training step`,
            );
          }
          const norms: [string, BlockGradients][] = [];
          for (const [module, { input, output }] of measured) {
            norms.push([pathOf(module), { ...(input && { input: await read(input) }), output: await read(output) }]);
          }
          return Object.fromEntries(norms);
        } finally {
          clear();
        }
      },
      dispose: clear,
    };
  };
}

/** Where no gradient comes, it is 0. */
async function read(slot: Slot | undefined): Promise<GradientNorm> {
  const perSample =
    slot?.norms === undefined ? new Array<number>(slot?.samples ?? 0).fill(0) : [...(await slot.norms.data())];
  return { norm: Math.hypot(...perSample), perSample };
}

/**
 * L2 norms of `[T, N, ...]` over all axes but N. The largest value is taken out first: squares of a gradient below 1e-19 would vanish in
 * float32, and those of one above 1e19 overflow. The least scale is the least normal number: some backends take those below it for 0.
 */
function normPerSample(gradient: Tensor): Tensor {
  const [steps, samples] = gradient.shape as [number, number];
  const scale = clipByValue(max(abs(gradient)), 2 ** -126, 3e38);
  // The inner axes first: a sum over all of them at once would transpose the whole gradient.
  const squares = reshape(square(div(gradient, scale)), [steps, samples, -1]);
  return mul(scale, sqrt(sum(sum(squares, 2), 0)));
}

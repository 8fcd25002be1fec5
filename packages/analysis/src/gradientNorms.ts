/** @file Gradient norms: how much of a loss's gradient reaches each block of a network. */
import { type Module, namedBuffers, namedModules, run } from "@sew/layers";
import {
  engine,
  keep,
  reshape,
  type Scalar,
  scalar,
  sqrt,
  square,
  stack,
  sum,
  type Tensor,
  tidy,
} from "@tensorflow/tfjs-core";
import { blocksOf } from "./blocksOf.js";

/** Options of {@link gradientNorms}. */
export interface GradientNormsOptions {
  /** Seed of dropout. @defaultValue 0 */
  readonly seed?: number;
  /** Paths of the modules whose outputs count. @defaultValue those of all blocks */
  readonly paths?: readonly string[];
}

/**
 * The L2 norm of a loss's gradient by the output of each block, `‖∂L/∂O^l‖`, in one forward and one backward pass in training
 * mode. Running statistics stay as they are.
 *
 * Where blocks are identities, the norms of SEW networks are equal (Eq. 11 of the paper), and those of Spiking ResNets vanish
 * or explode with the number of blocks behind them (Eq. 8).
 *
 * @param model a module with blocks, as `firingRates` defines them
 * @param x a sequence `[T, N, ...]`
 * @param loss a scalar of the model's output `[T, N, ...]`
 * @returns the norms by the paths of the blocks, from the input on
 * @throws RangeError when the model has no block, or no module of a path
 * @see W. Fang et al., "Deep Residual Learning in Spiking Neural Networks", NeurIPS 2021, section 4 and Figs. 6 to 8
 *
 * @example
 * const net = network("c2-BN-IF-{SEW}*2-FC3", { height: 4, width: 4, zeroInit: true });
 * const norms = await gradientNorms(net, ones([2, 1, 4, 4, 2]), (scores) => sum(square(scores)));
 * norms.block0 === norms.block1; // true
 */
export async function gradientNorms(
  model: Module,
  x: Tensor,
  loss: (output: Tensor) => Scalar,
  options: GradientNormsOptions = {},
): Promise<Readonly<Record<string, number>>> {
  const perSample = await perSampleNorms("gradientNorms", model, x, loss, options);
  return Object.fromEntries(Object.entries(perSample).map(([path, norms]) => [path, Math.hypot(...norms)]));
}

/**
 * {@link gradientNorms} of each sample by itself: `‖∂L/∂O^l[:, n]‖`, in one pass too.
 *
 * @param model a module with blocks whose outputs are sequences `[T, N, ...]`
 * @param x a sequence `[T, N, ...]`
 * @param loss a scalar of the model's output `[T, N, ...]`
 * @returns N norms by the paths of the blocks, from the input on
 * @throws RangeError when the model has no block
 *
 * @example
 * const net = network("c2-BN-IF-{SEW}*2-FC3", { height: 4, width: 4, zeroInit: true });
 * const norms = await gradientNormsPerSample(net, ones([2, 5, 4, 4, 2]), (scores) => sum(square(scores)));
 * norms.block0.length; // 5
 */
export async function gradientNormsPerSample(
  model: Module,
  x: Tensor,
  loss: (output: Tensor) => Scalar,
  options: GradientNormsOptions = {},
): Promise<Readonly<Record<string, readonly number[]>>> {
  return perSampleNorms("gradientNormsPerSample", model, x, loss, options);
}

async function perSampleNorms(
  caller: string,
  model: Module,
  x: Tensor,
  loss: (output: Tensor) => Scalar,
  { seed = 0, paths }: GradientNormsOptions,
): Promise<Record<string, readonly number[]>> {
  const modules = new Map(namedModules(model));
  const missing = paths?.find((path) => !modules.has(path));
  if (missing !== undefined) {
    throw new RangeError(`${caller}: paths must name modules, got ${JSON.stringify(missing)}`);
  }
  const watched = new Set(paths?.map((path) => modules.get(path)!) ?? blocksOf(model).map(({ block }) => block));
  if (watched.size === 0) throw new RangeError(`${caller}: model must have a block, got none`);
  const named = [...modules].filter(([, module]) => watched.has(module));
  const buffers = [...namedBuffers(model).values()].map((buffer) => [buffer, buffer.clone()] as const);
  /** The outputs of the blocks, which the pass makes; the gradient is taken by them as by inputs. */
  const outputs = new Map<Module, Tensor>();
  /** The first only stands there until a block has run: by x the gradient would cost as much as the whole rest. */
  const inputs: Tensor[] = [scalar(0)];
  const observe = (module: Module, output: Tensor): void => {
    if (!watched.has(module) || outputs.has(module)) return;
    outputs.set(module, keep(output));
    inputs.push(output);
  };
  try {
    const norms = tidy(() => {
      const { grads } = engine().gradients(() => loss(run(model, x, { training: true, seed, observe })), inputs);
      return stack(grads.slice(1).map(normPerSample));
    });
    const values = (await norms.array()) as number[][];
    norms.dispose();
    const names = [...outputs.keys()].map((block) => named.find(([, module]) => module === block)![0]);
    return Object.fromEntries(names.map((name, i) => [name, values[i]!]));
  } finally {
    for (const tensor of [inputs[0]!, ...outputs.values()]) tensor.dispose();
    for (const [buffer, before] of buffers) {
      buffer.assign(before);
      before.dispose();
    }
  }
}

/** L2 norms of `[T, N, ...]` over all axes but N. */
function normPerSample(gradient: Tensor): Tensor {
  const [steps, samples] = gradient.shape as [number, number];
  // The inner axes first: a sum over all of them at once would transpose the whole gradient.
  return sqrt(sum(sum(reshape(square(gradient), [steps, samples, -1]), 2), 0));
}

/** @file Watches that what a run computes stays finite, since a spiking neuron hides NaN: it does not fire on it. */
import { sumOfFirst } from "@sew/kernels";
import { type Module, namedBuffers, namedParameters } from "@sew/layers";
import { type Tensor, zeros } from "@tensorflow/tfjs-core";

/** A loss, gradient, running statistic, weight or state of the optimiser is NaN or infinite: training has diverged. */
export class Diverged extends Error {
  override readonly name = "Diverged";
}

/** Values up to which a parameter is watched at each step. */
const SMALL = 4096;

/** Values of a tensor that are watched at each step. */
const WATCHED = 65_536;

/**
 * `[1]`, the sum of all values of the tensors. It is NaN or infinite where one of them is; where it is although none is, the
 * sum went beyond float32.
 */
export function sumOfAll(tensors: Iterable<Tensor>): Tensor {
  return sumOf(tensors, Infinity);
}

/**
 * {@link sumOfAll} of gradients and running statistics: of all values of small tensors and the first 65,536 of large ones,
 * which no step takes noticeably longer for. NaN in one channel of a layer's output is in the gradient of every weight that
 * leads to it, the first ones too.
 */
export function watchedSum(tensors: Iterable<Tensor>): Tensor {
  return sumOf(tensors, WATCHED);
}

function sumOf(tensors: Iterable<Tensor>, most: number): Tensor {
  const read = [...tensors].filter(({ dtype, size }) => dtype === "float32" && size > 0);
  return read.length === 0 ? zeros([1]) : sumOfFirst(read, { most })[0]!;
}

/** Whether a tensor costs nothing noticeable to watch. */
export function isSmall({ size }: Tensor): boolean {
  return size <= SMALL;
}

/** A tensor by its name and its first value that is not finite. */
export interface NotFinite {
  readonly name: string;
  readonly value: number;
}

/** The tensors that hold a value that is not finite, in their order. */
export async function notFiniteAmong(tensors: Iterable<readonly [string, Tensor]>): Promise<NotFinite[]> {
  const wrong: NotFinite[] = [];
  for (const [name, tensor] of tensors) {
    const value = (await tensor.data()).find((each: number) => !Number.isFinite(each));
    if (value !== undefined) wrong.push({ name, value });
  }
  return wrong;
}

/**
 * Throws where a weight or buffer of a model is not finite. Reads from the backend once.
 *
 * @throws {@link Diverged}, which names the tensor
 */
export async function checkWeights(caller: string, model: Module): Promise<void> {
  const weights = [...namedParameters(model), ...namedBuffers(model)];
  const watched = sumOfAll(weights.map(([, weight]) => weight));
  const [total] = await watched.data();
  watched.dispose();
  if (Number.isFinite(total)) return;
  const [first] = await notFiniteAmong(weights);
  if (first === undefined) return;
  throw new Diverged(
    `${caller}: weights must be finite, got ${first.value} in ${first.name}; load an earlier checkpoint, or start again ` +
      "with a lower learning rate",
  );
}

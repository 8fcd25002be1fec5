/** @file Sums over the tensors of one pass, each computed once for all measurements that read it. */
import { activity } from "@sew/kernels";
import { keep, reshape, type Tensor } from "@tensorflow/tfjs-core";

/** What {@link Activity} reads. */
export interface ActivityNumbers {
  /** `Σ x` of each time-step and sample, `[T, N]`, row by row. */
  readonly perSample: Float32Array;
  /** `Σ_{t, n, c} x` of each position, `[H, W]` of images row by row, and one number of features. */
  readonly perPosition: Float32Array;
  /** The least and the greatest value. */
  readonly least: number;
  readonly most: number;
  /** Whether all values are whole numbers. */
  readonly whole: boolean;
  /** The part of the values that is not 0. */
  readonly density: number;
}

/** Sums of one tensor `[T, N, ..., C]`, on the backend until they are read. Who retains them releases them. */
export class Activity {
  /** The shape of the tensor. */
  readonly shape: readonly number[];
  readonly #tensors: readonly Tensor[];
  #users = 1;
  #numbers: Promise<ActivityNumbers> | undefined;

  constructor(x: Tensor) {
    this.shape = x.shape;
    this.#tensors = activity({ x: x.rank === 2 ? reshape(x, [...x.shape, 1]) : x }, {}).map(keep);
  }

  retain(): this {
    this.#users++;
    return this;
  }

  release(): void {
    this.#users--;
    if (this.#users === 0) for (const tensor of this.#tensors) tensor.dispose();
  }

  read(): Promise<ActivityNumbers> {
    this.#numbers ??= this.#read();
    return this.#numbers;
  }

  async #read(): Promise<ActivityNumbers> {
    const [perSample, perPosition, values] = await Promise.all(this.#tensors.map((t) => t.data<"float32">()));
    const [least, most, whole, density] = values as unknown as [number, number, number, number];
    return { perSample: perSample!, perPosition: perPosition!, least, most, whole: whole === 1, density };
  }
}

/** The sums of a pass's tensors, each computed once. */
export class Readings {
  readonly #known = new Map<number, Activity>();

  /** The sums of a tensor `[T, N, ...]`. They end with the pass, except for those who retain them. */
  activity(x: Tensor): Activity {
    let found = this.#known.get(x.id);
    if (found === undefined) {
      found = new Activity(x);
      this.#known.set(x.id, found);
    }
    return found;
  }

  /** @internal */
  dispose(): void {
    for (const each of this.#known.values()) each.release();
    this.#known.clear();
  }
}

/** @file Small sums over the tensors of one pass, each computed once for all measurements that read it. */
import { activity } from "@sew/kernels";
import { keep, reshape, sum, type Tensor } from "@tensorflow/tfjs-core";

/** What measurements read of the tensors `[T, N, ..., C]` of a pass. The results are small, and freed with the pass. */
export class Readings {
  readonly #kept = new Map<string, Tensor>();

  /** `Σ_{…, c} x` of each time-step and sample, `[T, N]`. */
  perSample(x: Tensor): Tensor {
    return this.#once(x, "per sample", () => {
      const sums = this.#sums(x);
      return sum(sums, sums.shape.map((_, axis) => axis).slice(2));
    });
  }

  /** `Σ_{t, n, c} x` of each position, `[...]`: `[H, W]` of images, a scalar of features. */
  perPosition(x: Tensor): Tensor {
    return this.#once(x, "per position", () => sum(this.#sums(x), [0, 1]));
  }

  /** Of all values the least, the greatest, whether all are whole (1 or 0), and the part that is not 0: `[4]`. */
  values(x: Tensor): Tensor {
    this.#sums(x);
    return this.#kept.get(`${x.id} values`)!;
  }

  /** `Σ_c x`, `[T, N, ...]`. */
  #sums(x: Tensor): Tensor {
    return this.#once(x, "sums", () => {
      const [sums, values] = activity({ x: x.rank === 2 ? reshape(x, [...x.shape, 1]) : x }, {});
      this.#kept.set(`${x.id} values`, keep(values!));
      return sums!;
    });
  }

  #once(x: Tensor, what: string, compute: () => Tensor): Tensor {
    const name = `${x.id} ${what}`;
    const known = this.#kept.get(name);
    if (known !== undefined) return known;
    const computed = keep(compute());
    this.#kept.set(name, computed);
    return computed;
  }

  dispose(): void {
    for (const tensor of this.#kept.values()) tensor.dispose();
    this.#kept.clear();
  }
}

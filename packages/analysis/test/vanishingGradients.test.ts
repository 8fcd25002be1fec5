import { gradientNorms } from "@sew/analysis";
import { disposeModule } from "@sew/layers";
import { network } from "@sew/models";
import { mul, ones, type Scalar, sum, type Tensor } from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";

it.each([1e-30, 1e-20, 1e20, 1e30])(
  "gradientNorms has norms of %d times the loss, though float32 has no squares of them",
  async (factor) => {
    const net = network("c4-BN-IF-SEW-FC3", { height: 4, width: 4, zeroInit: true, seed: 1 });
    const x = ones([2, 1, 4, 4, 2]);
    const normOf = async (scale: number): Promise<number> =>
      (await gradientNorms(net, x, (scores: Tensor) => mul(sum(scores), scale) as Scalar)).block0!.output.norm;
    const norm = await normOf(1);
    expect(norm).toBeGreaterThan(0);
    expect((await normOf(factor)) / factor / norm).toBeCloseTo(1, 5);
    disposeModule(net);
    x.dispose();
  },
);

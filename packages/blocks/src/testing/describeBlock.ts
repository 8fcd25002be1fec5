/** @file What must hold of every residual block. A block's test calls `describeBlock` once. */
import { describeBackends, read, scoped } from "@sew/kernels/testing";
import { neurons, run } from "@sew/layers";
import { describeModule, expectRecomputes, neuronLayers, spikesOfShape, staysFinite } from "@sew/layers/testing";
import { lif, plif } from "@sew/neurons";
import { grad, type Tensor, tensor } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BlockFactory } from "../index.js";

/** What {@link describeBlock} needs to know. */
export interface BlockUnderTest {
  /**
   * What `zeroInit` makes of the block where it keeps the shape: `"identity"`, for every neuron model; `"refused"`, a
   * RangeError; `"other"`, which its own tests describe.
   */
  readonly zeroInit: "identity" | "refused" | "other";
}

const paths = ["basic", "bottleneck"] as const;

/** Tests a block, on every backend: shapes, memory, recomputation, and the identity of its zero-init. */
export function describeBlock(name: string, block: BlockFactory, { zeroInit }: BlockUnderTest): void {
  describe.each(paths)(`${name}, path %s`, (path) => {
    describeModule("a block that keeps the shape", {
      make: () => block({ channels: 4, path, neurons: neurons(lif) }),
      input: [3, 2, 5, 4, 4],
      output: [3, 2, 5, 4, 4],
      timeless: false,
    });
    describeModule("a block that changes the shape", {
      make: () => block({ channels: 4, outChannels: 8, stride: 2, path, neurons: neurons(plif) }),
      input: [3, 2, 5, 4, 4],
      output: [3, 2, 3, 2, 8],
      timeless: false,
    });

    describeBackends("recomputed", () => {
      it.each([
        { outChannels: 4, stride: 1 },
        { outChannels: 8, stride: 2 },
      ])("trains alike, to $outChannels channels at stride $stride", (shape) =>
        scoped(() =>
          expectRecomputes(
            (recompute) => block({ channels: 4, ...shape, path, neurons: neurons(plif), recompute }),
            spikesOfShape([3, 2, 5, 4, 4]),
          ),
        ),
      );
    });

    describeBackends("zero-initialised", () => {
      if (zeroInit === "refused") {
        it("is refused", () =>
          expect(() => block({ channels: 4, path, neurons: neurons(lif), zeroInit: true })).toThrow(RangeError));
      }
      if (zeroInit !== "identity") return;

      it("is an identity for every neuron model, and passes gradients unchanged (Eq. 11)", () =>
        fc.assert(
          fc.property(neuronLayers, fc.boolean(), ({ neurons }, training) =>
            scoped(() => {
              const module = block({ channels: 4, path, neurons, zeroInit: true });
              const s = spikesOfShape([3, 1, 3, 2, 4]);
              const dy = tensor(
                Array.from({ length: s.size }, (_, i) => Math.sin(i + 1)),
                s.shape,
              );
              fc.pre(staysFinite(module, s, { training }));
              expect(read(run(module, s, { training }))).toEqual(read(s));
              expect(read(grad((x: Tensor) => run(module, x, { training }))(s, dy))).toEqual(read(dy));
            }),
          ),
          { numRuns: 20 },
        ));
    });
  });
}

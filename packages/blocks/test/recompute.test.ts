/** @file Blocks that keep spikes alone for the way back: the same numbers, for less memory. */
import { type BlockFactory, type BlockOptions, blocks, spikingBlock } from "@sew/blocks";
import { describeBackends, scoped, unavailable, useDefaults } from "@sew/kernels/testing";
import {
  convNormNeuron,
  disposeModule,
  type Module,
  namedParameters,
  neurons,
  run,
  sequential,
  tdNorms,
} from "@sew/layers";
import { expectRecomputes, neuronLayers, spikesOfShape } from "@sew/layers/testing";
import { integrateAndFire, plif } from "@sew/neurons";
import { random } from "@sew/random";
import { dispose, memory, type Scalar, sum, tensor, variableGrads } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inputs, paths, sizeOf } from "./chain.js";

/** Every block, and Spiking with td-BN. */
const families: Readonly<Record<string, BlockFactory>> = {
  ...blocks,
  "td-BN": (options) => spikingBlock({ ...options, norm: tdNorms() }),
};
/** Those that spike. */
const spiking = Object.entries(families).filter(([name]) => name !== "ANN" && name !== "RBA");

/** A block that keeps its input's shape, and one behind it that halves the image and doubles the channels. */
function two(make: BlockFactory, options: BlockOptions): Module {
  const rng = random(1);
  const { channels } = options;
  return sequential({
    same: make({ ...options, random: rng }),
    half: make({ ...options, random: rng, outChannels: 2 * channels, stride: 2 }),
  });
}

describeBackends("recompute", () => {
  it.each(Object.entries(families))("changes nothing in %s blocks", (name, make) =>
    fc.assert(
      fc.property(neuronLayers, inputs(1), paths, fc.boolean(), ({ neurons }, { shape, values }, path, zeroInit) =>
        scoped(() => {
          const channels = shape[4]!;
          const options = { channels, neurons, path, zeroInit: zeroInit && name !== "Plain" };
          const made = (recompute: boolean) => two(make, { ...options, recompute });
          expectRecomputes(made, tensor(values, shape));
        }),
      ),
      { numRuns: 6 },
    ),
  );
});

describe("what a block holds for the way back", () => {
  it.for(spiking)(
    "is spikes alone when a %s block recomputes: no float32 tensor as large as a convolution's output",
    async ([, make], { skip }) => {
      if (unavailable("native") !== undefined) return skip(unavailable("native"));
      await useDefaults("native");
      const shape = [4, 1, 16, 16, 32];
      const float32 = 4 * sizeOf(shape);
      const liveBytes = () => (memory() as unknown as { liveBytes: number }).liveBytes;
      const held = (recompute: boolean): number => {
        const stem = convNormNeuron(2, 32, neurons(plif));
        const block = make({ channels: 32, neurons: neurons(integrateAndFire), recompute });
        const x = spikesOfShape([4, 1, 16, 16, 2]);
        let bytes = 0;
        const f = () => {
          const s = run(stem, x, { training: true });
          const before = liveBytes();
          const o = run(block, s, { training: true });
          bytes = liveBytes() - before;
          return sum<Scalar>(o);
        };
        const { value, grads } = variableGrads(f, [...namedParameters(block).values()]);
        dispose([value, grads, x]);
        for (const module of [stem, block]) disposeModule(module);
        return bytes;
      };
      expect(held(false)).toBeGreaterThan(2 * float32);
      expect(held(true)).toBeLessThan(float32 / 2);
    },
  );
});

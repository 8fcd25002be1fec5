/** @file Blocks that keep spikes alone for the backward pass: the same numbers, for less memory. */
import { type BlockFactory, type BlockOptions, blocks, spikingBlock } from "@sew/blocks";
import { describeBackends, scoped, unavailable, useDefaults } from "@sew/kernels/testing";
import {
  convNormNeuron,
  disposeModule,
  freeAfterUse,
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
import {
  dispose,
  getKernelsForBackend,
  memory,
  type Scalar,
  sum,
  type Tensor,
  tensor,
  variableGrads,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hasNeurons, hasZeroInit, inputs, paths, sizeOf } from "./chain.js";

const tdBn: BlockFactory = (options) => spikingBlock({ ...options, norm: tdNorms() });
/** Every block, and Spiking with td-BN. */
const families = Object.entries<BlockFactory>({ ...blocks, "td-BN": tdBn });

const { "SEW ADD": sewAdd, "SEW AND": sewAnd, "SEW IAND": sewIand, Spiking, Plain } = blocks;
/** The spiking blocks of the paper, whose sums and products the native backend stores as spikes. */
const packed = Object.entries<BlockFactory>({ sewAdd, sewAnd, sewIand, Spiking, Plain, tdBn });

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
  it.each(families)("changes nothing in %s blocks", (_, make) =>
    fc.assert(
      fc.property(neuronLayers, inputs(1), paths, fc.boolean(), ({ neurons }, { shape, values }, path, zeroInit) =>
        scoped(() => {
          const channels = shape[4]!;
          const options = { channels, neurons, path, zeroInit: zeroInit && hasZeroInit(make) };
          const made = (recompute: boolean) => two(make, { ...options, recompute });
          expectRecomputes(made, tensor(values, shape));
        }),
      ),
      { numRuns: 6 },
    ),
  );
});

const shape = [4, 1, 16, 16, 32];
const float32 = 4 * sizeOf(shape);

const liveBytes = () => (memory() as unknown as { liveBytes: number }).liveBytes;

/** Bytes that a block on native holds for the backward pass, its output included. */
function held(make: BlockFactory, recompute: boolean): number {
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
}

describe("what a block holds for the backward pass", () => {
  it.for(families.filter(([, make]) => hasNeurons(make)))(
    "is no current when a %s block recomputes: two float32 tensors less",
    async ([, make], { skip }) => {
      if (unavailable("native") !== undefined) return skip(unavailable("native"));
      await useDefaults("native");
      expect(held(make, false) - held(make, true)).toBeGreaterThan(2 * float32);
    },
  );

  it.for(packed)(
    "is spikes alone when a %s block recomputes: no float32 tensor as large as a convolution's output",
    async ([, make], { skip }) => {
      if (unavailable("native") !== undefined) return skip(unavailable("native"));
      await useDefaults("native");
      expect(held(make, true)).toBeLessThan(float32 / 2);
    },
  );
});

/** The most bytes of tensors on native while f runs, behind each kernel, besides those before. */
function peakOf(f: () => void): number {
  const [before, kernels] = [liveBytes(), getKernelsForBackend("native")];
  const own = kernels.map(({ kernelFunc }) => kernelFunc);
  let peak = before;
  for (const [i, kernel] of kernels.entries()) {
    kernel.kernelFunc = (call) => {
      const result = own[i]!(call);
      peak = Math.max(peak, liveBytes());
      return result;
    };
  }
  try {
    f();
  } finally {
    for (const [i, kernel] of kernels.entries()) kernel.kernelFunc = own[i]!;
  }
  return peak - before;
}

describe("what the backward pass of a network that recomputes needs", () => {
  it("is three float32 tensors at most: gradients that nobody reads any more are freed before others are added", async ({
    skip,
  }) => {
    if (unavailable("native") !== undefined) return skip(unavailable("native"));
    await useDefaults("native");
    const [size, neuronsOf] = [64, neurons(plif)];
    const stem = convNormNeuron(2, 32, neuronsOf, { recompute: true });
    const block = sewAdd({ channels: 32, neurons: neuronsOf, recompute: true });
    const x = spikesOfShape([4, 1, size, size, 2]);
    const net = sequential({ stem, block });
    const peak = peakOf(() => {
      const f = freeAfterUse(() => sum<Scalar>(run(net, x, { training: true })));
      const { value, grads } = variableGrads(f, [...namedParameters(net).values()]);
      dispose([value, ...Object.values<Tensor>(grads)]);
    });
    expect(peak).toBeLessThan(3.5 * 4 * 4 * size * size * 32);
    disposeModule(net);
    x.dispose();
  });
});

/** @file Chains of blocks on inputs that properties draw. */
import { add, and, type BlockFactory, type BlockOptions, iand } from "@sew/blocks";
import { disposeModule, type Module, relus, sequential } from "@sew/layers";
import { random } from "@sew/random";
import * as fc from "fast-check";

/** The paper's g. */
export const connects = [
  { name: "ADD", connect: add },
  { name: "AND", connect: and },
  { name: "IAND", connect: iand },
] as const;

/** Whether a block has the neurons that it receives, which those of ANNs leave unused. */
export function hasNeurons(make: BlockFactory): boolean {
  let used = false;
  const neurons = (channels: number) => {
    used = true;
    return relus()(channels);
  };
  disposeModule(make({ channels: 4, neurons }));
  return used;
}

/** Whether a block has an identity to start from. */
export function hasZeroInit(make: BlockFactory): boolean {
  try {
    disposeModule(make({ channels: 4, neurons: relus(), zeroInit: true }));
    return true;
  } catch {
    return false;
  }
}

/** k blocks in a row, each with weights of its own. */
export function chain(k: number, make: (options: Pick<BlockOptions, "random">) => Module, seed = 0): Module {
  const rng = random(seed);
  return sequential(Object.fromEntries(Array.from({ length: k }, (_, i) => [`${i}`, make({ random: rng })])));
}

/** Sizes `[T, N, H, W, C]`: H for a batch norm's 2 values after a stride of 2, C a multiple of 4 for bottlenecks. */
export const shapes: fc.Arbitrary<readonly [number, number, number, number, number]> = fc.tuple(
  fc.integer({ min: 1, max: 4 }),
  fc.integer({ min: 1, max: 2 }),
  fc.integer({ min: 3, max: 4 }),
  fc.integer({ min: 1, max: 4 }),
  fc.constantFrom(4, 8),
);

export const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** A shape, and integers from 0 to `most` for it: spikes, or sums of spikes. */
export function inputs(most: number): fc.Arbitrary<{ shape: number[]; values: number[] }> {
  return shapes.chain((shape) =>
    fc
      .array(fc.integer({ min: 0, max: most }), { minLength: sizeOf(shape), maxLength: sizeOf(shape) })
      .map((values) => ({ shape: [...shape], values })),
  );
}

export const paths = fc.constantFrom("basic" as const, "bottleneck" as const);

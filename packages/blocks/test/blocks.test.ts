import { type BlockFactory, type BlockOptions, blocks } from "@sew/blocks";
import { describeBackends, scoped } from "@sew/kernels/testing";
import { disposeModule, evaluation, neurons, run } from "@sew/layers";
import { describeModule, spikesOfShape } from "@sew/layers/testing";
import { integrateAndFire } from "@sew/neurons";
import { expect, it } from "vitest";
import { hasNeurons } from "./chain.js";

const all = Object.entries<BlockFactory>(blocks);
const input = [3, 2, 6, 4, 4];
const options: BlockOptions = { channels: 4, neurons: neurons(integrateAndFire) };

for (const [name, make] of all) {
  describeModule(`the block ${name}`, {
    make: () => make(options),
    input,
    output: input,
    // The activations of an ANN have no state.
    timeless: !hasNeurons(make),
  });
}

describeBackends("the blocks of the record", () => {
  it.each(all)("keep the shape of their input, with a basic path and with a bottleneck: %s", (_, make) =>
    scoped(() => {
      for (const path of ["basic", "bottleneck"] as const) {
        for (const training of [false, true]) {
          const block = make({ ...options, path });
          expect(run(block, spikesOfShape(input), { ...evaluation, training }).shape).toEqual(input);
          disposeModule(block);
        }
      }
    }),
  );

  it.each(all)("halve the image and change the channels where they are asked to: %s", (_, make) =>
    scoped(() => {
      for (const path of ["basic", "bottleneck"] as const) {
        const block = make({ ...options, path, outChannels: 8, stride: 2 });
        expect(run(block, spikesOfShape(input), evaluation).shape).toEqual([3, 2, 3, 2, 8]);
        disposeModule(block);
      }
    }),
  );
});

import { type BlockFactory, blocks } from "@sew/blocks";
import { disposeModule, learnable, namedParameters, neurons } from "@sew/layers";
import { integrateAndFire, lif } from "@sew/neurons";
import { expect, it } from "vitest";

it.each(Object.entries<BlockFactory>(blocks).filter(([name]) => name !== "ANN" && name !== "RBA"))(
  "lastNeurons close the block, and no other neurons change: %s",
  (name, make) => {
    const lastNeurons = neurons(lif, { vThreshold: learnable(0.5) });
    for (const [path, last] of [["basic", "b"] as const, ["bottleneck", "c"] as const]) {
      const options = { channels: 4, outChannels: 8, stride: 2, path, neurons: neurons(integrateAndFire) };
      const block = make({ ...options, lastNeurons });
      const learned = [...namedParameters(block).keys()].filter((each) => each.endsWith("vThreshold"));
      expect(learned).toEqual([name === "Spiking" ? "neuron.vThreshold" : `${last}.neuron.vThreshold`]);
      disposeModule(block);
    }
  },
);

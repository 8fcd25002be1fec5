/** @file The network of a run. */

import { add, and, type BlockFactory, iand, plainBlock, sew, spikingBlock } from "@sew/blocks";
import { type Module, neurons } from "@sew/layers";
import { network as build } from "@sew/models";
import { lif, plif } from "@sew/neurons";
import type { Settings } from "./options.js";
import type { BlockName } from "./recipes.js";

const factories: Readonly<Record<BlockName, BlockFactory>> = {
  "sew-add": sew(add),
  "sew-and": sew(and),
  "sew-iand": sew(iand),
  spiking: spikingBlock,
  plain: plainBlock,
};

/** 7B-Net of any number of blocks, of any kind. */
export function network(
  { blocks, block, seed, learnTau, recompute }: Pick<Settings, "blocks" | "block" | "seed" | "learnTau" | "recompute">,
  sensor: { readonly height: number; readonly width: number; readonly classes: readonly string[] },
): Module {
  return build(`c32k3s1-BN-PLIF-{SEW Block(c32)-MPk2s2}*${blocks}-FC${sensor.classes.length}`, {
    ...{ height: sensor.height, width: sensor.width, seed, recompute },
    blocks: { SEW: factories[block] },
    neurons: { PLIF: learnTau ? neurons(plif) : neurons(lif) },
  });
}

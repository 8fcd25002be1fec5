import { emissionOf, type Module } from "@sew/layers";

/** A block, and its child whose output is A^l. */
export interface Block {
  readonly block: Module;
  readonly residual?: Module;
}

/** The blocks inside a module, except itself, in order; `firingRates` defines them. */
export function blocksOf(module: Module): Block[] {
  return childrenOf(module).flatMap(([, child]) => {
    const inside = blocksOf(child);
    return inside.length > 0 ? inside : asBlock(child);
  });
}

function asBlock(block: Module): Block[] {
  const children = childrenOf(block);
  const units = children.filter(([, child]) => isUnit(child));
  if (units.length === 0) return [];
  const path = units.filter(([name]) => name !== "shortcut" && name !== "downsample");
  const residual = children.some(([, child]) => emissionOf(child)) ? undefined : path.at(-1)?.[1];
  return [residual === undefined ? { block } : { block, residual }];
}

function isUnit(module: Module): boolean {
  const children = childrenOf(module);
  return (
    children.some(([, child]) => emissionOf(child)) && children.every(([, child]) => childrenOf(child).length === 0)
  );
}

function childrenOf(module: Module): [string, Module][] {
  return Object.entries(module.children ?? {});
}

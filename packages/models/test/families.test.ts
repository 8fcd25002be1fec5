import { type BlockFactory, blocks } from "@sew/blocks";
import { type NeuronLayer, relus } from "@sew/layers";
import { type FamilyName, families } from "@sew/models";
import { integrateAndFire, membrane } from "@sew/neurons";
import { describe, expect, it } from "vitest";

const all = Object.entries<BlockFactory>(blocks);
const familyOf = (block: string) => families[block.toLowerCase().replaceAll(" ", "-") as FamilyName];

describe("families", () => {
  it.each(all)("has a family of the block %s, under its name in lower case with hyphens", (name, block) =>
    expect(familyOf(name).block).toBe(block),
  );

  it("has those and td-bn, and no other", () =>
    expect(Object.keys(families).toSorted()).toEqual(
      [...all.map(([name]) => name.toLowerCase().replaceAll(" ", "-")), "td-bn"].toSorted(),
    ));

  it("has the names that command lines know", () =>
    expect(Object.keys(families)).toEqual(
      expect.arrayContaining(["sew-add", "sew-and", "sew-iand", "spiking", "plain", "ann", "rba", "td-bn"]),
    ));

  it.each(Object.entries(families).filter(([name]) => name !== "ann" && name !== "rba"))(
    "has the paper's IF neurons in %s",
    (_, { neurons }) => {
      const { neuron } = neurons(4) as NeuronLayer;
      expect([neuron.model, neuron.params]).toEqual([integrateAndFire.name, membrane]);
    },
  );

  it.each(["ann", "rba"] as const)("has ReLU in the place of neurons in %s", (name) =>
    expect(Object.keys(families[name].neurons(4))).toEqual(Object.keys(relus()(4))),
  );

  it("has norms of its own in td-bn, whose block is spiking's", () => {
    expect(families["td-bn"].block).toBe(families.spiking.block);
    expect(Object.entries(families).flatMap(([name, { norm }]) => (norm === undefined ? [] : [name]))).toEqual([
      "td-bn",
    ]);
  });
});

import type { FamilyName } from "@sew/models";
import { describe, expect, it } from "vitest";
import { paper } from "../src/recipes.js";

describe("the paper's recipe", () => {
  it.each([
    ["sew-add", 0.001, 1],
    ["sew-and", 0.03, 0.005 / 0.03],
    ["sew-iand", 0.063, 0.005 / 0.063],
    ["spiking", 0.1, 0.005 / 0.1],
    ["plain", 0.005, 1],
  ] satisfies [FamilyName, number, number][])("for %s is that of Tables 7 and 8", (block, learningRate, neuronRate) =>
    expect(paper(block)).toEqual({
      blocks: 7,
      frames: 16,
      trainFrames: 12,
      batch: 16,
      epochs: 192,
      optimizer: "sgd",
      learningRate,
      schedule: "step",
      neuron: "plif",
      neuronRate,
    }),
  );

  it("bounds the rate of PLIF's w by 0.005 at any other learning rate", () =>
    expect(paper("sew-add", 0.05)).toMatchObject({ learningRate: 0.05, neuronRate: expect.closeTo(0.1, 12) }));
});

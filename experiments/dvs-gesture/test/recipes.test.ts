import type { FamilyName } from "@sew/models";
import { describe, expect, it } from "vitest";
import { paper } from "../src/recipes.js";

describe("the paper's recipe", () => {
  it.each([
    ["sew-add", 0.001, "plif"],
    ["sew-and", 0.03, "lif"],
    ["sew-iand", 0.063, "lif"],
    ["spiking", 0.1, "lif"],
    ["plain", 0.005, "plif"],
  ] satisfies [FamilyName, number, string][])("for %s is that of Tables 7 and 8", (block, learningRate, neuron) =>
    expect(paper(block)).toEqual({
      blocks: 7,
      frames: 16,
      trainFrames: 12,
      batch: 16,
      epochs: 192,
      optimizer: "sgd",
      learningRate,
      schedule: "step",
      neuron,
    }),
  );
});

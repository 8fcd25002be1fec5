import { mkdtempSync, readdirSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkData, type EventDataset, eventDatasets } from "@sew/datasets";
import type { Settings } from "@sew/experiment";
import { describe, expect, it } from "vitest";
import { type GestureOptions, gesture, recordingsOf } from "../src/gesture.js";

describe("the comparison of blocks", () => {
  it("trains three of them on all frames, too, which --train-frames says", () =>
    expect(gesture.comparisons!.table4!.runs.slice(5)).toEqual([
      { name: "SEW ADD, all frames", options: ["--block", "sew-add", "--train-frames", "all"] },
      { name: "Plain, all frames", options: ["--block", "plain", "--train-frames", "all"] },
      { name: "Spiking, all frames", options: ["--block", "spiking", "--train-frames", "all"] },
    ]));
});

describe("the data sets of the experiment", () => {
  it("are all of @sew/datasets, caches of SpikingJelly and the synthetic one, DVS128 Gesture first", () => {
    const names = Object.keys(gesture.datasets);
    expect(names[0]).toBe("dvs-gesture");
    expect(new Set(names)).toEqual(new Set([...Object.keys(eventDatasets), "spikingjelly-frames", "synthetic"]));
  });

  it("are checked without making synthetic recordings", async () => {
    const data = mkdtempSync(join(tmpdir(), "sew-gestures-"));
    const settings = { data } as Settings & GestureOptions;
    const { problems } = await checkData(await gesture.datasets.synthetic!.checked!(settings));
    expect(problems.map(({ message }) => message.split(", got ")[0])).toEqual([
      "dvsGesture: dir must hold the DVS128 Gesture files",
    ]);
    expect(readdirSync(data)).toEqual([]);
    rmdirSync(data);
  });

  it.each([
    { height: 32, width: 48, blocks: 5 },
    { height: 34, width: 33, blocks: 5 },
    { height: 31, width: 64, blocks: 4 },
    { height: 180, width: 240, blocks: 7 },
    { height: 720, width: 1280, blocks: 7 },
  ])("have, without a recipe of their own, $blocks poolings on $height x $width", async ({ height, width, blocks }) => {
    const open = (name: string): EventDataset => ({
      name,
      classes: ["a", "b"],
      height,
      width,
      samples: async () => [],
      events: () => Promise.reject(new Error("unread")),
    });
    const { title, recipe, recordings } = recordingsOf("sticks", open);
    expect([title, recipe!({ dataset: "sticks", block: "sew-add", data: "dir" })]).toEqual(["sticks", { blocks }]);
    expect(recordings).toBeTypeOf("function");
  });
});

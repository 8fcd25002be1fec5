import { instructionSet, NATIVE, type NativeBackend, setInstructionSet } from "@sew/backend-native";
import { unavailable, use } from "@sew/kernels/testing";
import { findBackend, memory, setBackend } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  besides,
  measureCall,
  measureConvolution,
  operationsShare,
  type ProductFigures,
  products,
  shareOf,
} from "../src/conv/measure.js";
import { convolutionPicture } from "../src/conv/picture.js";
import { convolutionsOf, shapeName } from "../src/conv/shapes.js";
import { convolutionTable, farLines } from "../src/conv/tables.js";
import { arithmeticSeconds, measureBandwidth, measurePeak, measurePeaks } from "../src/peak.js";
import { subjects } from "../src/rows.js";

const rates = { float32: 4e9, bf16: 8e9, matrix: 3.2e10, bandwidth: 1e9, call: 1e-5 };
const figures: ProductFigures = {
  shape: "3x3 32 to 32, 8x8",
  networks: ["7B-Net"],
  product: "forward",
  storage: "bits",
  density: 0.25,
  path: "unpackBits + conv2d (direct)",
  seconds: 1e-3,
  oneThread: 1.2e-3,
  operations: 4e5,
  bytes: 1e5,
  arithmetic: 2e-4,
  memory: 1e-4,
  additionsPerList: 0,
  call: 0.01,
  besides: { unpackBits: 0.3, "packing of the filter": 0.05 },
};

const count = fc.integer({ min: 1, max: 1e9 });

/** The networks on frames so small that their forward pass takes no time. */
const small = subjects
  .filter(({ network }) => /7B|18|50/.test(network))
  .map((subject) => ({ ...subject, shape: [1, 1, 128, 128, subject.shape[4]] as const }));

describe("the bound of a convolution", () => {
  it("is the larger of arithmetic and memory, as a share of the time", () => {
    expect(shareOf(figures)).toBeCloseTo(0.2);
    expect(shareOf({ ...figures, memory: 1e-3 })).toBeCloseTo(1);
  });

  it("counts a multiply-add as two operations at the peak of what multiplies, and an addition in the place of one", () =>
    fc.assert(
      fc.property(fc.tuple(count, count, count, count), ([a, b, c, d]) => {
        const paths = [
          { name: "event-driven list", operations: a, lists: 3 },
          { name: "Winograd tiles in bfloat16", operations: b, lists: 0 },
          { name: "matrix unit in bfloat16", operations: c, lists: 0 },
          { name: "matrix unit, numbers in three parts of bfloat16", operations: d, lists: 0 },
        ];
        expect(arithmeticSeconds(paths, rates)).toBeCloseTo((2 * a) / 4e9 + (2 * b) / 8e9 + (2 * (c + d)) / 3.2e10, 9);
      }),
    ));

  it("is the peak's share of the time that neither the call nor another step takes", () => {
    expect(operationsShare(figures)).toBeCloseTo(0.2 / (1 - 0.01 - 0.35));
    expect(operationsShare({ ...figures, call: 0, besides: {} })).toBeCloseTo(0.2);
    expect(operationsShare({ ...figures, call: 0.6, besides: { unpackBits: 0.5 } })).toBe(1);
  });

  it("counts the time of steps by thread, and that of kernels that compute no product", () => {
    const calls = [
      { name: "unpackBits", seconds: 1 },
      { name: "conv2d", seconds: 3 },
    ];
    const steps = [{ name: "transforms of inputs", seconds: 2 }];
    expect(besides({ calls, steps }, 2, 0.5)).toEqual({ unpackBits: 0.125, "transforms of inputs": 0.125 });
  });

  it("lists shapes below half of their bound with where their time goes, the furthest first", () => {
    const near = { ...figures, product: "filter gradient", arithmetic: 6e-4 } as const;
    const further = {
      ...figures,
      memory: 3e-4,
      oneThread: 2e-3,
      call: 0.15,
      besides: { "lists of spikes": 0.35 },
      path: "spikeConv2d (event-driven list)",
      additionsPerList: 118.4,
    };
    expect(farLines([near, further, figures], 2)).toEqual([
      "20 % of arithmetic: 3x3 32 to 32, 8x8, forward, unpackBits + conv2d (direct); of its time 30 % unpackBits; its " +
        "products run at 31 % of the peak; 2 threads are 1.2x as fast as one",
      "30 % of memory: 3x3 32 to 32, 8x8, forward, spikeConv2d (event-driven list); of its time 35 % lists of spikes, 15 % " +
        "the call itself; its additions, 118 a list, run at 40 % of the peak",
    ]);
  });

  it("is in the table with the operations and bytes that it counts", () =>
    expect(convolutionTable([figures])).toEqual([
      {
        convolution: "3x3 32 to 32, 8x8",
        product: "forward",
        input: "bits 0.25",
        path: "unpackBits + conv2d (direct)",
        µs: "1000",
        "operations, M": "0.4",
        "arithmetic, µs": "200",
        MB: "0.1",
        "memory, µs": "100",
        "of the bound": "20 %",
      },
    ]));

  it("is in the picture for every shape", () => {
    const svg = convolutionPicture([figures, { ...figures, shape: "1x1 64 to 32, 8x8" }], "bf16");
    expect(svg).toMatch(/^<svg .*<\/svg>\n$/s);
    for (const text of ["3x3 32 to 32, 8x8", "1x1 64 to 32, 8x8", ...products]) expect(svg).toContain(`>${text}<`);
  });
});

describe.skipIf(unavailable("native") !== undefined)("the convolutions of the paper's networks", () => {
  beforeAll(() => use("native"));
  afterAll(() => setBackend("cpu"));

  it("are of every kind that they have, each once, with the networks that have it", () => {
    const before = memory().numTensors;
    const found = convolutionsOf(small, 1);
    const names = found.map(shapeName);
    expect(new Set(names).size).toBe(names.length);
    expect(memory().numTensors - before).toBe(found.length);
    const kinds = new Set(names.map((name) => name.split(" ")[0]));
    expect([...kinds].sort()).toEqual(["1x1", "1x1/2", "3x3", "3x3/2", "7x7/2"]);
    // The stages of a ResNet at 128 pixels.
    for (const stage of ["64 to 64, 32x32", "128 to 128, 16x16", "256 to 256, 8x8", "512 to 512, 4x4"]) {
      expect(found.find((each) => shapeName(each) === `3x3 ${stage}`)?.networks).toEqual(
        expect.arrayContaining(["SEW-ResNet-18", "SEW-ResNet-50"]),
      );
    }
    const backend = findBackend(NATIVE) as NativeBackend;
    const dense = found.filter(({ x }) => backend.spikes(x) === undefined);
    expect(new Set(dense.map(({ inChannels }) => inChannels))).toEqual(new Set([2, 3]));
    for (const { x } of found) x.dispose();
  });

  it("are held to the peak of a matrix unit where there is one", () => {
    const used = instructionSet();
    try {
      setInstructionSet("baseline");
      expect(measurePeak(1, "matrix unit")).toBe(0);
      setInstructionSet("amx-emulated");
      expect(measurePeak(1, "matrix unit")).toBeGreaterThan(0);
    } finally {
      setInstructionSet(used);
    }
  });

  it("are measured on their own inputs, and leave nothing behind", async () => {
    const all = convolutionsOf(small.slice(0, 1), 1);
    const before = memory().numTensors;
    const machine = {
      ...measurePeaks(1),
      bandwidth: measureBandwidth(1),
      call: await measureCall(1),
    };
    const [first, second] = [
      await measureConvolution(all[0]!, machine, 1),
      await measureConvolution(all[1]!, machine, 1),
    ];
    expect(memory().numTensors).toBe(before);
    expect(first.map(({ product }) => product)).toEqual(["forward", "filter gradient"]);
    expect(first[0]).toMatchObject({ storage: "float32", path: "conv2d (direct)" });
    expect(first[0]!.operations).toBe(128 * 128 * 9 * 2 * 32);
    expect(first[0]!.bytes).toBe(4 * (128 * 128 * (2 + 32) + 9 * 2 * 32));
    expect(second.map(({ product }) => product)).toEqual(products);
    expect(second[0]!.storage).not.toBe("float32");
    for (const each of [...first, ...second]) {
      expect(shareOf(each)).toBeGreaterThan(0);
      expect(each.arithmetic).toBeGreaterThan(0);
      expect(each.call).toBeGreaterThan(0);
      expect(Object.keys(each.besides).length).toBeGreaterThan(0);
    }
    for (const { x } of all) x.dispose();
  });
});

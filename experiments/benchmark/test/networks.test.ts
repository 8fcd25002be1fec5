import { use } from "@sew/kernels/testing";
import { profile } from "@sew/layers";
import { network } from "@sew/models";
import { setBackend } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { denseFlops } from "../src/floor.js";
import { eventLike, imageLike } from "../src/inputs.js";
import { nameOf, ordinaryOf, rows } from "../src/rows.js";

// The fast one where there is one.
beforeAll(() => use("native"));
afterAll(() => setBackend("cpu"));

describe("the floor", () => {
  it("is 2 operations for each multiply-accumulate, and 3 passes but for one input's gradient in training", () => {
    const net = network("c4k3s1-BN-PLIF-FC3", { height: 8, width: 8 });
    const [conv, linear] = [8 * 8 * 9 * 2 * 4, 8 * 8 * 4 * 3];
    const images = 2 * 3;
    expect(denseFlops(net, [2, 3, 8, 8, 2], "forward")).toBe(2 * images * (conv + linear));
    expect(denseFlops(net, [2, 3, 8, 8, 2], "train")).toBe(2 * images * (2 * conv + 3 * linear));
  });
});

describe("the rows", () => {
  it("have names of their own", () => {
    expect(new Set(rows.map(nameOf)).size).toBe(rows.length);
    expect(nameOf(rows[0]!)).toBe("7B-Net T=16 N=2 128x128, train step");
  });

  it("are named for what differs, and held against the ordinary", () => {
    const row = { ...rows[3]!, recompute: true, precision: "bf16" } as const;
    expect(nameOf(row)).toBe("7B-Net T=16 N=2 128x128, forward, recompute, bf16");
    expect(ordinaryOf(row)).toBe(nameOf(rows[3]!));
    expect(ordinaryOf(rows[3]!)).toBeUndefined();
  });

  // Multiply-accumulates of an image: of 7B-Net by hand, of the ResNets those of torchvision at 224x224.
  const sizes = [128, 64, 32, 16, 8, 4, 2];
  const blocks = sizes.reduce((sum, size) => sum + size * size * 2 * 9 * 32 * 32, 0);
  it.each([
    { name: "7B-Net", size: 128, macs: 128 * 128 * 9 * 2 * 32 + blocks + 32 * 11, digits: 0 },
    { name: "SEW-ResNet-18", size: 32, macs: 1.814e9, digits: -6 },
    { name: "SEW-ResNet-50", size: 32, macs: 4.089e9, digits: -6 },
    { name: "SEW-ResNet-152", size: 32, macs: 11.514e9, digits: -6 },
  ])("build $name, whose multiply-accumulates are known", ({ name, size, macs, digits }) => {
    const row = rows.find(({ network }) => network === name)!;
    const shape = [1, 1, size, size, row.shape[4]] as const;
    const found = profile(row.build(shape, {}), shape);
    expect(found[0]!.shape).toEqual([1, 1, row.classes]);
    // All convolutions shrink with the image, 32 into 224 goes 7 times; the classifier does not.
    const times = (row.shape[2] / size) ** 2;
    const total = found.reduce((sum, layer) => sum + layer.macs * (layer.path === "classifier" ? 1 : times), 0);
    expect(total).toBeCloseTo(macs, digits);
  });

  it("that are variants are held against a row that there is", () => {
    const all = rows.map(nameOf);
    for (const row of rows) expect([undefined, ...all]).toContain(ordinaryOf(row));
  });
});

describe("the input", () => {
  it("of events is counts of 0, 1 and 2 at about a tenth of the runs of pixels, half of their polarities", () => {
    const values = eventLike([2, 2, 64, 64, 2]);
    expect(new Set(values)).toEqual(new Set([0, 1, 2]));
    const density = values.filter((value) => value > 0).length / values.length;
    expect(density).toBeGreaterThan(0.045);
    expect(density).toBeLessThan(0.055);
  });

  it("of images stands still, is smooth, and has mean 0 and variance 1 in each channel of each image", () => {
    const [height, width] = [48, 32];
    const values = imageLike([3, 2, height, width, 3]);
    const step = values.length / 3;
    expect(values.slice(step, 2 * step)).toEqual(values.slice(0, step));
    expect(values.slice(2 * step)).toEqual(values.slice(0, step));
    for (let n = 0; n < 2; n++) {
      for (let c = 0; c < 3; c++) {
        const image = Array.from({ length: height * width }, (_, i) => values[(n * height * width + i) * 3 + c]!);
        const mean = image.reduce((a, b) => a + b) / image.length;
        expect(mean).toBeCloseTo(0, 5);
        expect(image.reduce((sum, value) => sum + (value - mean) ** 2, 0) / image.length).toBeCloseTo(1, 5);
        const [row] = [image.slice(0, width)];
        const slopes = row.slice(1).map((value, i) => Math.abs(value - row[i]!));
        // Waves of amplitude √½ that turn 4, 3, 2 and 1 times across a row.
        expect(Math.max(...slopes)).toBeLessThan((Math.SQRT1_2 * 2 * Math.PI * (1 + 2 + 3 + 4)) / width);
      }
    }
    expect(values.slice(0, step / 2)).not.toEqual(values.slice(step / 2, step));
  });
});

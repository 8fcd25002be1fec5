import type { BreakEvens } from "@sew/backend-native";
import { describe, expect, it } from "vitest";
import { breakdownTable, breakEvenTable, figuresTable, markdown, type NamedFigures, ratesLine } from "../src/tables.js";

const figures: NamedFigures = {
  name: "a net, train step",
  seconds: [3, 1, 2],
  flops: 4e9,
  peakResident: 5e8,
  peakTensors: 2e8,
  newBuffers: 0,
  firingRates: {},
  breakdown: {
    "conv forward": 0.1,
    "input gradient": 0.2,
    "filter gradient": 0.3,
    "norm + neuron": 0.15,
    rest: 0.2,
    JavaScript: 0.05,
  },
};
const halved = { ...figures, name: "a net, train step, bf16", seconds: [1], ordinary: figures.name };

describe("the tables", () => {
  it("hold the median against the floor at the peak, and variants against the ordinary row", () => {
    const [row, other] = figuresTable([figures, halved], 4e9);
    expect(row).toEqual({
      work: "a net, train step",
      seconds: "2.000",
      range: "1.000-3.000",
      floor: "1.000",
      ratio: "2.00x",
      resident: "500 MB",
      tensors: "200 MB",
      "new buffers": 0,
    });
    expect(other).toMatchObject({ ratio: "1.00x", "of ordinary": "0.50x" });
    expect(figuresTable([halved], 4e9)[0]).not.toHaveProperty("of ordinary");
  });

  it("divide the time in milliseconds and percent", () =>
    expect(breakdownTable([figures])).toEqual([
      {
        work: "a net, train step",
        "conv forward": "100.0 (10 %)",
        "input gradient": "200.0 (20 %)",
        "filter gradient": "300.0 (30 %)",
        "norm + neuron": "150.0 (15 %)",
        rest: "200.0 (20 %)",
        JavaScript: "50.0 (5 %)",
      },
    ]));

  it("have a break-even for each kind of convolution, unless it is always event-driven", () => {
    const kinds = { "forward, 3x3, bits": 8, "forward, 3x3, counts": 0.283 } as BreakEvens;
    expect(breakEvenTable(kinds)).toEqual([
      { convolution: "forward, 3x3, bits", "up to": "always" },
      { convolution: "forward, 3x3, counts", "up to": "0.28" },
    ]);
  });

  it("write few firing rates each, and many as their range and mean", () =>
    expect(
      ratesLine({
        "unit0.neuron": 0.5,
        "stage1.block0.a.neuron": 0.1,
        "stage1.block0.b.neuron": 0.3,
        "stage1.block1.a.neuron": 0.2,
        "block0.a": 0.25,
        "block0.b": 0.125,
      }),
    ).toBe("unit0 0.500, stage1 0.100-0.300 (mean 0.200), block0 0.250 0.125"));

  it("are Markdown for a README", () =>
    expect(markdown([figures, halved], "A machine", 4e9)).toBe(
      [
        "A machine; multiply-add peak 4.0 GFLOP/s.",
        "",
        "| work | time (range) | of the floor | resident |",
        "|---|---|---|---|",
        "| a net, train step | 2.000 s (1.000-3.000) | 2.00x | 500 MB |",
        "| a net, train step, bf16 | 1.000 s (1.000-1.000), 0.50x of the ordinary | 1.00x | 500 MB |",
        "",
      ].join("\n"),
    ));
});

import type { NativeBackend } from "@sew/backend-native";
import { setSpikeConvolution, spikeConvolution } from "@sew/backend-native";
import { scoped, unavailable, use } from "@sew/kernels/testing";
import { random } from "@sew/random";
import { backend, setBackend } from "@tensorflow/tfjs-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { picture } from "../src/picture.js";
import { densities, drawn, type Layer, layerName, layers, measureLayer } from "../src/sweep.js";

const tiny: Layer = { network: "Tiny", kernel: 3, stride: 2, size: 7, inChannels: 32, outChannels: 16 };

/** A sweep of a layer whose event-driven convolutions take `ratio` times as long as its dense ones. */
const sweepOf = (layer: Layer, ratio: number) => ({
  layer,
  points: (["bits", "counts"] as const).flatMap((storage) =>
    (["forward", "filter gradient"] as const).flatMap((product) =>
      densities.map((density) => ({ storage, product, density, events: ratio, dense: 1 })),
    ),
  ),
});

describe("the sweep", () => {
  it("has layers with names of their own, of whole words of channels", () => {
    expect(new Set(layers.map(layerName)).size).toBe(layers.length);
    for (const { inChannels } of layers) expect(inChannels % 32).toBe(0);
    expect(layerName(tiny)).toBe("Tiny, 3x3/2 32 to 16, 7x7");
  });

  it("is drawn as a chart for each layer, the same every time but for its ids", () => {
    const sweeps = layers.map((layer) => sweepOf(layer, 0.5));
    const svg = picture(sweeps);
    for (const layer of layers) expect(svg).toContain(`>${layerName(layer).split(", ").slice(1).join(", ")}<`);
    const withoutIds = (text: string) => text.replaceAll(/zr\d+/g, "zr");
    expect(svg).toContain("<title>Time of event-driven convolution, dense = 1</title>");
    // Every colour but those of shapes without an area has another in dark mode.
    const [, dark] = /<style>([\s\S]*)<\/style>/.exec(svg)!;
    for (const [, colour] of svg.matchAll(/fill="(#(?!000")\w+)"/g))
      expect(dark).toContain(`[fill="${colour}"] { fill: #`);
    expect(withoutIds(picture(sweeps))).toBe(withoutIds(svg));
    expect(picture(sweeps.with(0, sweepOf(layers[0]!, 0.25)))).not.toBe(svg);
  });
});

describe.skipIf(unavailable("native") !== undefined)("the sweep's measurements", () => {
  beforeAll(() => use("native"));
  afterEach(() => setSpikeConvolution("auto"));
  afterAll(() => setBackend("cpu"));

  it.each([
    { storage: "bits", values: [0, 1] },
    { storage: "counts", values: [0, 1, 2, 3] },
  ] as const)("draw $storage of the density asked for", ({ storage, values }) =>
    scoped(() => {
      for (const density of [0.05, 0.6]) {
        const x = drawn([4, 25, 25, 32], storage, density, random(2));
        expect((backend() as NativeBackend).spikes(x)?.kind).toBe(storage);
        const found = x.dataSync<"float32">();
        expect([...new Set(found)].sort()).toEqual(values);
        // 80 000 elements: five standard deviations are at most 0.0087.
        expect(found.filter((value) => value > 0).length / found.length).toBeGreaterThan(density - 0.009);
        expect(found.filter((value) => value > 0).length / found.length).toBeLessThan(density + 0.009);
      }
    }),
  );

  it("have both products of both storages at every density", async () => {
    const { layer, points } = await measureLayer(tiny, 1, 1);
    expect(layer).toBe(tiny);
    const expected = sweepOf(tiny, 1).points.map(({ storage, product, density }) => [storage, product, density]);
    const found = points.map(({ storage, product, density }) => [storage, product, density]);
    expect(found.map(String).sort()).toEqual(expected.map(String).sort());
    for (const { events, dense } of points) expect(Math.min(events, dense)).toBeGreaterThan(0);
    expect(spikeConvolution()).toBe("auto");
  });
});

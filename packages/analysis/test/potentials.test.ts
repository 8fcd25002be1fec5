import { firingRates, potentials } from "@sew/analysis";
import { describeBackends } from "@sew/kernels/testing";
import { convNormNeuron, disposeModule, neurons, parallelNeurons, relus, sequential } from "@sew/layers";
import { network } from "@sew/models";
import { alif, ilif, integrateAndFire, li, lif, slidingPsn } from "@sew/neurons";
import { randomUniform, tensor, tensor1d, zeros } from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";

describeBackends("potentials", () => {
  it("are H − V_th of each time-step, with the potential that the reset left, worked by hand", async () => {
    const net = sequential({ neurons: neurons(integrateAndFire)(3) });
    // H: 0.5, 1.5, 2.5, then 0.75, 0.5 and 9: the second and third have fired and start at 0.
    const x = tensor([0.5, 1.5, 2.5, 0.25, 0.5, 9], [2, 1, 3]);
    const { neurons: histogram } = await potentials(net, x, { range: [-1, 2], bins: 3 });
    expect(histogram).toEqual({
      edges: [-1, 0, 1, 2],
      counts: [3, 1, 1],
      perStep: [
        [1, 1, 1],
        [2, 0, 0],
      ],
      below: 0,
      above: 1,
      nan: 0,
    });
  });

  it("put what lies on an edge above it, and count what lies outside, and NaN", async () => {
    const net = sequential({ neurons: neurons(integrateAndFire)(6) });
    const x = tensor([1, 1.5, 2, 0.5, -9, Number.NaN], [1, 1, 6]);
    const { neurons: histogram } = await potentials(net, x, { range: [-1, 1], bins: 4 });
    expect(histogram).toMatchObject({ counts: [0, 1, 1, 1], below: 1, above: 1, nan: 1 });
  });

  it("take the threshold of each channel", async () => {
    const net = sequential({ neurons: neurons(lif, { tau: 1, vThreshold: tensor1d([0.5, 2]) })(2) });
    const { neurons: histogram } = await potentials(net, tensor([1, 1], [1, 1, 2]), { range: [-2, 2], bins: 4 });
    expect(histogram!.counts).toEqual([0, 1, 1, 0]);
  });

  it.each(["IF", "LIF", "PLIF", "ALIF", "GLIF", "LIFREFRACTORY"])(
    "have as many values from 0 on as %s fires spikes, also behind fused norms",
    async (name) => {
      const net = network(`c4-BN-${name}-{SEW}*2-FC3`, { height: 4, width: 4, seed: 1 });
      const x = randomUniform([4, 2, 4, 4, 2], 0, 3, "float32", 1);
      const found = await potentials(net, x, { training: true, range: [-64, 64], bins: 2 });
      const { layers } = await firingRates(net, x, { training: true });
      expect(Object.keys(found)).toEqual(Object.keys(layers));
      for (const [path, { counts, below, above }] of Object.entries(found)) {
        const size = counts.reduce((a, b) => a + b, 0);
        expect([size, below, above]).toEqual([4 * 2 * 4 * 4 * 4, 0, 0]);
        expect(counts[1]! / size).toBeCloseTo(layers[path]!.rate, 2);
      }
      disposeModule(net);
      x.dispose();
    },
  );

  it("are above the threshold that adapts, worked by hand", async () => {
    // V_th + β A: A is 1/2 after the first spike, so that the threshold is 2.
    const alifs = neurons(alif, { tau: 1, beta: 2, tauAdaptation: 1 / Math.LN2 })(1);
    const { alifs: histogram } = await potentials(sequential({ alifs }), tensor([1.25, 1.5], [2, 1, 1]), {
      range: [-1, 1],
      bins: 4,
    });
    expect(histogram!.perStep).toEqual([
      [0, 0, 1, 0],
      [0, 1, 0, 0],
    ]);
  });

  it.each([ilif, li])("leave out what fires without the spike function: $name", async (model) => {
    const layer = neurons(model as typeof ilif)(1);
    const net = sequential({ layer, ifs: neurons(integrateAndFire)(1) });
    expect(Object.keys(await potentials(net, tensor([0.75, 2], [2, 1, 1])))).toEqual(["ifs"]);
  });

  it("of parallel neurons are H, whose bias is the threshold", async () => {
    const layer = parallelNeurons(slidingPsn, { order: 2 })(1);
    const x = tensor([0.75, 0.75, 0.5, 1], [4, 1, 1]);
    const { layer: histogram } = await potentials(sequential({ layer }), x, { range: [-2, 2], bins: 2 });
    // As in the example of parallelNeurons: S = 0, 1, 0, 1.
    expect(histogram!.perStep).toEqual([
      [1, 0],
      [0, 1],
      [1, 0],
      [0, 1],
    ]);
  });

  it("leave out what is no layer of neurons", async () => {
    const net = sequential({ unit: convNormNeuron(1, 2, relus()) });
    expect(await potentials(net, zeros([1, 1, 2, 2, 1]))).toEqual({});
    disposeModule(net);
  });

  it.each([
    { options: { range: [1, 1] as const }, message: "range must be two finite numbers that rise, got 1 and 1" },
    { options: { bins: 1.5 }, message: "bins must be an integer of at least 1, got 1.5" },
  ])("refuse $message", async ({ options, message }) => {
    const net = sequential({ neurons: neurons(integrateAndFire)(1) });
    await expect(potentials(net, zeros([1, 1, 1]), options)).rejects.toThrow(new RangeError(`potentials: ${message}`));
  });
});

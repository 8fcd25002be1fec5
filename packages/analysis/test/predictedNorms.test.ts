import { firingRateProbe, gradientNormProbe, measure, predictedNorms, slopeProductNorm, slopesOf } from "@sew/analysis";
import { describeBackends } from "@sew/kernels/testing";
import { disposeModule, neurons, sequential } from "@sew/layers";
import { network, resNet } from "@sew/models";
import { integrateAndFire } from "@sew/neurons";
import { atan } from "@sew/surrogates";
import { ones, randomUniform, type Scalar, sum, type Tensor, tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const slope = (u: number, alpha: number) => alpha / (2 * (1 + ((Math.PI / 2) * alpha * u) ** 2));

describe("slopeProductNorm (A.4, Eq. 15)", () => {
  it("is worked by hand: 16 values, a quarter of them spikes, 2 blocks of slopes 1/2 and 2", () =>
    // 4 values have passed 2² = 4, and 12 values 1/4: √(4 · 16 + 12 / 16).
    expect(slopeProductNorm({ blocks: 2, rate: 0.25, slopes: { silent: 0.5, firing: 2 }, neurons: 4, steps: 4 })).toBe(
      Math.sqrt(64.75),
    ));

  it("is the norm of the product, value by value", () =>
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 0, max: 6 }),
        fc.double({ min: 0, max: 2, noNaN: true }),
        fc.double({ min: 0, max: 2, noNaN: true }),
        (spikes, blocks, silent, firing) => {
          const product = spikes.map((s) => (s ? firing : silent) ** blocks);
          const rate = spikes.filter(Boolean).length / spikes.length;
          const norm = slopeProductNorm({ blocks, rate, slopes: { silent, firing }, neurons: spikes.length });
          expect(norm).toBeCloseTo(Math.hypot(...product), 6);
        },
      ),
    ));

  it("tends to √(N T Φ), to 0 and to infinity, as the appendix says", () => {
    const many = { blocks: 400, rate: 0.25, neurons: 16, steps: 4 };
    expect(slopeProductNorm({ ...many, slopes: { silent: 0.9, firing: 1 } })).toBeCloseTo(4, 9);
    expect(slopeProductNorm({ ...many, slopes: { silent: 1, firing: 1 } })).toBe(8);
    expect(slopeProductNorm({ ...many, slopes: { silent: 0.9, firing: 0.9 } })).toBeLessThan(1e-15);
    expect(slopeProductNorm({ ...many, slopes: { silent: 0.1, firing: 1.5 } })).toBeGreaterThan(1e60);
  });
});

describe("slopesOf", () => {
  it.each([
    { vThreshold: 1, alpha: 2 },
    { vThreshold: 0.5, alpha: 2 },
    { vThreshold: 1, alpha: 3 },
  ])("are those of the layer's own surrogate at V_th = $vThreshold, α = $alpha", ({ vThreshold, alpha }) => {
    const { silent, firing } = slopesOf(neurons(integrateAndFire, { vThreshold }, atan({ alpha }))(1));
    expect(silent).toBeCloseTo(slope(-vThreshold, alpha), 6);
    expect(firing).toBeCloseTo(slope(1 - vThreshold, alpha), 6);
  });

  it("refuse thresholds that differ by channel", () =>
    expect(() => slopesOf(neurons(integrateAndFire, { vThreshold: tensor1d([1, 2]) })(2))).toThrow(
      new TypeError("slopesOf: vThreshold must be one number for the layer, got 2"),
    ));
});

describeBackends("predictedNorms", () => {
  const probes = () => ({ rates: firingRateProbe(), norms: gradientNormProbe() });
  /** A loss whose gradient by the output of the last block is 1 everywhere. */
  const uniform = (y: Tensor): Scalar => sum(y);

  it.each([1, 0.5])(
    "are the measured ones of a Spiking ResNet at T = 1 and a uniform gradient, V_th = %d (A.4)",
    async (vThreshold) => {
      const model = network("c4-BN-IF-{Spiking}*4", {
        height: 6,
        width: 6,
        zeroInit: true,
        seed: 1,
        neurons: { IF: neurons(integrateAndFire, { vThreshold }) },
      });
      const x = randomUniform([1, 2, 6, 6, 2], 0, 3, "float32", 1);
      const { rates, norms } = await measure(model, x, probes(), { training: true, loss: uniform });
      const found = predictedNorms(model, rates, norms);
      expect(Object.keys(found)).toHaveLength(4);
      for (const { predicted, measured } of Object.values(found)) {
        expect(measured! / predicted).toBeCloseTo(1, 4);
      }
      // By hand: all 288 values have passed four slopes.
      const rate = rates.blocks.block0!.input;
      const [silent, firing] = [slope(-vThreshold, 2) ** 8, slope(1 - vThreshold, 2) ** 8];
      expect(rate).toBeGreaterThan(0.1);
      expect(found.block0!.predicted).toBeCloseTo(Math.sqrt(288 * (rate * firing + (1 - rate) * silent)), 3);
      disposeModule(model);
      x.dispose();
    },
  );

  it("are exceeded over time: a silent neuron passes its gradient on to the next step", async () => {
    const model = network("c4-BN-IF-{Spiking}*4", { height: 6, width: 6, zeroInit: true, seed: 1 });
    const x = randomUniform([4, 2, 6, 6, 2], 0, 3, "float32", 1);
    const { rates, norms } = await measure(model, x, probes(), { training: true, loss: uniform });
    const { predicted, measured } = predictedNorms(model, rates, norms).block0!;
    expect(measured!).toBeGreaterThan(predicted);
    disposeModule(model);
    x.dispose();
  });

  it.each(["SEW ADD", "SEW IAND"])("are those of the last block's output for %s (Eq. 11)", async (block) => {
    const model = network(`c4-BN-IF-{${block}}*3-FC2`, { height: 4, width: 4, zeroInit: true, seed: 1 });
    const x = randomUniform([3, 2, 4, 4, 2], 0, 3, "float32", 1);
    const { rates, norms } = await measure(model, x, probes(), { training: true, loss: uniform });
    for (const { predicted, measured } of Object.values(predictedNorms(model, rates, norms))) {
      expect(predicted).toBe(norms.block2!.output.norm);
      expect(measured! / predicted).toBeCloseTo(1, 5);
    }
    disposeModule(model);
    x.dispose();
  });

  it("number the stretches that poolings and shortcuts part", async () => {
    const model = network("c2-BN-IF-{SEW}*2-MPk2s2-{SEW}*3-FC2", { height: 4, width: 4, zeroInit: true });
    const x = ones([1, 1, 4, 4, 2]);
    const { rates, norms } = await measure(model, x, probes(), { training: true, loss: uniform });
    const found = Object.values(predictedNorms(model, rates, norms)).map(({ stretch, blocks }) => [stretch, blocks]);
    expect(found).toEqual([
      [0, 2],
      [0, 1],
      [1, 3],
      [1, 2],
      [1, 1],
    ]);
    disposeModule(model);
    x.dispose();
    const net = resNet(18);
    const none = predictedNorms(net, { layers: {}, blocks: {}, warnings: [] }, {});
    // The first block of stages 2 to 4 has a shortcut.
    expect(Object.keys(none)).toEqual([
      "stage1.block0",
      "stage1.block1",
      "stage2.block1",
      "stage3.block1",
      "stage4.block1",
    ]);
    expect(none["stage2.block1"]).toEqual({ stretch: 1, blocks: 1, predicted: Number.NaN });
    disposeModule(net);
  });

  it.each(["PSN", "LIF"])("refuse %s behind the sums, of which appendix A.4 says nothing", (name) => {
    const model = network(`c2-BN-${name}-{Spiking}*2-FC2`, { height: 4, width: 4, steps: 2 });
    expect(() => predictedNorms(model, { layers: {}, blocks: {}, warnings: [] }, {})).toThrow(
      new RangeError(
        `predictedNorms: model must have IF neurons behind the sums of Spiking blocks, got ${name.toLowerCase()} in "block0"; ` +
          "appendix A.4 has no equation for others",
      ),
    );
    disposeModule(model);
  });

  it("have Eq. 11 for the blocks of SEW ResNets, whatever their neurons", () => {
    const model = network("c2-BN-PSN-SEW-LIF-FC2", { height: 4, width: 4, steps: 2 });
    expect(Object.keys(predictedNorms(model, { layers: {}, blocks: {}, warnings: [] }, {}))).toEqual(["block0"]);
    disposeModule(model);
  });

  it("of a model without blocks are none", () =>
    expect(predictedNorms(sequential({}), { layers: {}, blocks: {}, warnings: [] }, {})).toEqual({}));
});

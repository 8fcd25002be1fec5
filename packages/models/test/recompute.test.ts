/** @file Networks that keep spikes alone for the way back: the same numbers, for less memory. */

import { describeBackends, scoped, unavailable, useDefaults } from "@sew/kernels/testing";
import { disposeModule, type Module, namedParameters, neurons, run } from "@sew/layers";
import { expectRecomputes, spikesOfShape } from "@sew/layers/testing";
import { network, resNet } from "@sew/models";
import { integrateAndFire } from "@sew/neurons";
import { dispose, memory, type Scalar, sum, variableGrads } from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";

describeBackends("recompute", () => {
  it.each([
    "c4k3s1-BN-PLIF-{SEW Block(c4)-MPk2s2}*2-FC3",
    "c4k3-LIF-APk2-c8k3-MPk2-IF-FC12-LIF-DP-FC20-IF-APk10s10",
    "c4-BN-MPk2-QIF-Spiking(c4)-IF-c4-c8-BN-EIF-DP-FC3",
  ])("changes nothing in %s", (notation) =>
    scoped(() =>
      expectRecomputes(
        (recompute) => network(notation, { height: 12, width: 12, recompute }),
        spikesOfShape([3, 2, 12, 12, 2]),
      ),
    ),
  );

  it.each([undefined, 3])(
    "changes nothing in the stem of a ResNet that sees its image once for %s steps",
    (stemOnceFor) =>
      scoped(() => {
        const block = () => ({ forward: (x: never) => x });
        const make = (recompute: boolean): Module => {
          const { stem, classifier } = resNet(18, { block, recompute, ...(stemOnceFor && { stemOnceFor }) }).children;
          disposeModule(classifier);
          return stem;
        };
        expectRecomputes(make, spikesOfShape([stemOnceFor === undefined ? 3 : 1, 2, 8, 8, 3]));
      }),
  );

  it.each([false, true])("is told to every block: %s", (recompute) => {
    const told: unknown[] = [];
    const block = (options: { readonly recompute?: boolean }): Module => {
      told.push(options.recompute);
      return { forward: (x) => x };
    };
    disposeModule(resNet(18, { block, recompute }));
    disposeModule(network("c4-BN-IF-{SEW(c4)}*2-FC3", { height: 8, width: 8, blocks: { SEW: block }, recompute }));
    expect(told).toEqual(Array(10).fill(recompute));
  });
});

describe("what a convolution and neurons without a norm hold for the way back", () => {
  it("is spikes alone when they recompute: no float32 tensor as large as the convolution's output", async ({
    skip,
  }) => {
    if (unavailable("native") !== undefined) return skip(unavailable("native"));
    await useDefaults("native");
    const float32 = 4 * 4 * 16 * 16 * 32;
    const liveBytes = () => (memory() as unknown as { liveBytes: number }).liveBytes;
    const held = (recompute: boolean): number => {
      const own = { LIF: neurons(integrateAndFire, { vThreshold: 0.1 }) };
      const net = network("c32k3-LIF", { height: 16, width: 16, neurons: own, recompute });
      const x = spikesOfShape([4, 1, 16, 16, 2]);
      let bytes = 0;
      const f = () => {
        const before = liveBytes();
        const y = run(net, x, { training: true });
        bytes = liveBytes() - before;
        return sum<Scalar>(y);
      };
      const { value, grads } = variableGrads(f, [...namedParameters(net).values()]);
      dispose([value, grads, x]);
      disposeModule(net);
      return bytes;
    };
    expect(held(false)).toBeGreaterThan(float32);
    expect(held(true)).toBeLessThan(float32 / 16);
  });
});

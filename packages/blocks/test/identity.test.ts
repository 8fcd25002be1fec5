/** @file The identities: Table 1, Eq. 11, and what Spiking blocks have instead, Eq. 8 and A.4. */
import { annBlock, type Connect, identityShift, rbaBlock, sew, sewBlock, spikingBlock } from "@sew/blocks";
import { describeBackends, expectClose, float32, read, scoped } from "@sew/kernels/testing";
import { neurons, relus, run } from "@sew/layers";
import { neuronLayers, staysFinite } from "@sew/layers/testing";
import { integrateAndFire, lif } from "@sew/neurons";
import { atan, constant, rectangular, type Spike, scaledAtan } from "@sew/surrogates";
import { grad, mul, ones, slice, sub, type Tensor, tensor, zeros } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chain, connects, inputs, paths, sizeOf } from "./chain.js";

/** Numbers of a tensor's size that tell its elements apart. */
const weights = (shape: number[]) =>
  tensor(
    Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(i + 1)),
    shape,
  );

describeBackends("a zero-initialised SEW block", () => {
  describe.each(connects)("with g = $name", ({ connect }) => {
    it("is O = S exactly, for every neuron model, surrogate, threshold, reset, T and shape (Table 1)", () =>
      fc.assert(
        fc.property(neuronLayers, inputs(3), paths, fc.boolean(), ({ neurons }, { shape, values }, path, training) =>
          scoped(() => {
            const block = sewBlock(connect, { channels: shape[4]!, neurons, path, zeroInit: true });
            expect(read(run(block, tensor(values, shape), { training }))).toEqual(values);
          }),
        ),
      ));

    it("passes gradients unchanged through k blocks: exactly 1 (Eq. 11)", () =>
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 6 }),
          neuronLayers,
          inputs(1),
          paths,
          fc.boolean(),
          (k, { neurons }, { shape, values }, path, training) =>
            scoped(() => {
              const net = chain(k, (o) =>
                sewBlock(connect, { ...o, channels: shape[4]!, neurons, path, zeroInit: true }),
              );
              const s = tensor(values, shape);
              fc.pre(staysFinite(net, s, { training }));
              const dy = weights(shape);
              const dx = grad((x: Tensor) => run(net, x, { training }))(s, dy);
              expect(read(dx)).toEqual(read(dy));
            }),
        ),
        { numRuns: 30 },
      ));

    it("passes them unchanged through 50 blocks, on a surrogate whose slope explodes in Spiking blocks", () =>
      scoped(() => {
        const shape = [2, 1, 2, 2, 4];
        const factory = neurons(integrateAndFire, {}, atan({ alpha: 3 }));
        const net = chain(50, (o) => sewBlock(connect, { ...o, channels: 4, neurons: factory, zeroInit: true }));
        const [s, dy] = [ones(shape), weights(shape)];
        expect(read(grad((x: Tensor) => run(net, x, { training: true }))(s, dy))).toEqual(read(dy));
        expect(read(run(net, s, { training: true }))).toEqual(read(s));
      }));

    it("is its shortcut where it changes the shape", () =>
      fc.assert(
        fc.property(neuronLayers, inputs(1), paths, ({ neurons }, { shape, values }, path) =>
          scoped(() => {
            const block = sewBlock(connect, {
              channels: shape[4]!,
              outChannels: 12,
              stride: 2,
              neurons,
              path,
              zeroInit: true,
            });
            const s = tensor(values, shape);
            const context = { training: false };
            expect(read(run(block, s, context))).toEqual(read(run(block.children.shortcut!, s, context)));
          }),
        ),
        { numRuns: 30 },
      ));
  });

  it("takes the shift for a g of one's own from what g does: one that ignores A needs none, (1 − A)(1 − S) has none", () =>
    scoped(() => {
      const factory = neurons(integrateAndFire);
      const either: Connect = (a, s) => sub(s, mul(0, a));
      expect(identityShift(either, factory(1))).toBe(0);
      const xnor: Connect = (a, s) => mul(sub(1, a), sub(1, s));
      expect(() => sew(xnor)({ channels: 4, neurons: factory, zeroInit: true })).toThrow(
        new RangeError(
          "identityShift: connect must be an identity in S for A = 0 or A = 1, got a function that is neither; " +
            "leave zeroInit out",
        ),
      );
    }));
});

describeBackends("identityShift", () => {
  it("of AND is τ (V_th − V_reset) for LIF: the membrane starts at V_reset and moves 1/τ of the way in its one step", () =>
    fc.assert(
      fc.property(float32(1, 16), float32(0.25, 2), float32(-1, 0.125), (tau, vThreshold, vReset) =>
        scoped(() => {
          const shift = identityShift(connects[1].connect, neurons(lif, { tau, vThreshold, vReset })(1));
          expectClose([shift], [tau * (vThreshold - vReset)]);
        }),
      ),
    ));

  it("of AND must not be V_th for LIF: A then never fires, and the block is silent", () =>
    scoped(() => {
      const block = sewBlock(connects[1].connect, { channels: 4, neurons: neurons(lif), zeroInit: true });
      const { bias } = block.children.b.children.norm.parameters;
      const s = ones([8, 1, 2, 2, 4]);
      expect(read(run(block, s, { training: true }))).toEqual(read(s));
      bias.assign(ones([4]));
      expect(read(run(block, s, { training: true }))).toEqual(read(zeros(s.shape)));
    }));

  it.each(connects)("of $name makes an ANN's block of ReLU an identity, too", ({ connect }) =>
    scoped(() => {
      const s = tensor([0, 1, 2, 3], [1, 1, 1, 1, 4]);
      const block = sewBlock(connect, { channels: 4, neurons: relus(), zeroInit: true });
      expect(read(run(block, s, { training: false }))).toEqual([0, 1, 2, 3]);
    }),
  );
});

describeBackends("a zero-initialised ANN block", () => {
  it("is ReLU(X), and X itself as RBA block", () =>
    scoped(() => {
      const x = tensor([-1, 0, 0.5, 2], [1, 1, 1, 1, 4]);
      const options = { channels: 4, zeroInit: true };
      expect(read(run(annBlock(options), x, { training: false }))).toEqual([0, 0, 0.5, 2]);
      expect(read(run(rbaBlock(options), x, { training: false }))).toEqual([-1, 0, 0.5, 2]);
    }));
});

describeBackends("a zero-initialised Spiking block", () => {
  it("is O = S for IF neurons with 0 < V_th ≤ 1 and V_reset = 0", () =>
    fc.assert(
      fc.property(
        fc.oneof(float32(2 ** -10, 1), fc.constant(1)),
        inputs(1),
        paths,
        (vThreshold, { shape, values }, path) =>
          scoped(() => {
            const block = spikingBlock({
              channels: shape[4]!,
              neurons: neurons(integrateAndFire, { vThreshold }),
              path,
              zeroInit: true,
            });
            expect(read(run(block, tensor(values, shape), { training: true }))).toEqual(values);
          }),
      ),
    ));

  it("is none for IF neurons with V_th > 1: the first spike is lost", () =>
    fc.assert(
      fc.property(float32(1.0625, 8), inputs(1), (vThreshold, { shape, values }) =>
        scoped(() => {
          const first = values.indexOf(1);
          fc.pre(first >= 0);
          const block = spikingBlock({
            channels: shape[4]!,
            neurons: neurons(integrateAndFire, { vThreshold }),
            zeroInit: true,
          });
          expect(read(run(block, tensor(values, shape), { training: true }))[first]).toBe(0);
        }),
      ),
    ));

  it("is none for LIF neurons with τ > 1: a spike charges them to V_th/τ", () =>
    fc.assert(
      fc.property(float32(1.0625, 64), inputs(1), (tau, { shape, values }) =>
        scoped(() => {
          const first = values.indexOf(1);
          fc.pre(first >= 0);
          const block = spikingBlock({ channels: shape[4]!, neurons: neurons(lif, { tau }), zeroInit: true });
          expect(read(run(block, tensor(values, shape), { training: true }))[first]).toBe(0);
        }),
      ),
    ));
});

/** A chain of k zero-initialised Spiking blocks of IF neurons. */
const spiking = (k: number, channels: number, vThreshold: number, spike: Spike) =>
  chain(k, (o) =>
    spikingBlock({ ...o, channels, neurons: neurons(integrateAndFire, { vThreshold }, spike), zeroInit: true }),
  );

/** ∂O[t]/∂S[t] for every t: what reaches a step from its own output, without the detour over later steps. */
function ownGradient(net: ReturnType<typeof chain>, s: Tensor): number[] {
  const [steps, ...rest] = s.shape as [number, ...number[]];
  return Array.from({ length: steps }, (_, t) => {
    const at = (x: Tensor) => slice(run(net, x, { training: false }), [t], [1]);
    return read(slice(grad(at)(s, ones([1, ...rest])), [t], [1]));
  }).flat();
}

describeBackends("the gradient of k Spiking blocks", () => {
  it("is Θ'(S − V_th) to the power of k (Eq. 8)", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        float32(0.25, 1),
        float32(0.5, 4),
        inputs(1),
        (k, vThreshold, alpha, { shape, values }) =>
          scoped(() => {
            const spike = atan({ alpha });
            const slope = (s: number) => alpha / 2 / (1 + ((Math.PI / 2) * alpha * (s - vThreshold)) ** 2);
            expectClose(
              ownGradient(spiking(k, shape[4]!, vThreshold, spike), tensor(values, shape)),
              values.map((s) => slope(s) ** k),
              { relative: 1e-4, absolute: 1e-30 },
            );
          }),
      ),
      { numRuns: 30 },
    ));

  it.each([
    { why: "vanishes", surrogate: "ArcTan, α = 2", spike: atan(), vThreshold: 0.5, at: [0.288, 0.288] },
    { why: "vanishes where no spike is", surrogate: "ArcTan, α = 2", spike: atan(), vThreshold: 1, at: [0.092, 1] },
    {
      why: "explodes where a spike is",
      surrogate: "ArcTan, α = 3",
      spike: atan({ alpha: 3 }),
      vThreshold: 1,
      at: [0.0646, 1.5],
    },
    { why: "stays 1", surrogate: "A.5's scaled ArcTan", spike: scaledAtan(), vThreshold: 0.5, at: [1, 1] },
    { why: "stays 1", surrogate: "Constant 1", spike: constant(), vThreshold: 1, at: [1, 1] },
    { why: "is 0 or 1", surrogate: "Rectangular, a = 1", spike: rectangular(), vThreshold: 1, at: [0, 1] },
  ])("$why with $surrogate and V_th = $vThreshold", ({ spike, vThreshold, at }) =>
    scoped(() => {
      const k = 20;
      const s = tensor([0, 1, 0, 1], [1, 1, 1, 1, 4]);
      const [silent, firing] = ownGradient(spiking(k, 4, vThreshold, spike), s);
      const perBlock = [silent!, firing!].map((g) => g ** (1 / k));
      expectClose(perBlock, at, { relative: 2e-3, absolute: 0 });
    }),
  );

  it("has the norm of A.4: √(NTΦ Θ'(1 − V_th)^2k + NT(1 − Φ) Θ'(0 − V_th)^2k)", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        float32(0.25, 1),
        float32(0.5, 4),
        inputs(1),
        (k, vThreshold, alpha, { shape, values }) =>
          scoped(() => {
            const slope = (u: number) => alpha / 2 / (1 + ((Math.PI / 2) * alpha * u) ** 2);
            const [n, fired] = [values.length, values.reduce((a, b) => a + b)];
            const phi = fired / n;
            const norm = Math.sqrt(
              n * phi * slope(1 - vThreshold) ** (2 * k) + n * (1 - phi) * slope(0 - vThreshold) ** (2 * k),
            );
            const measured = ownGradient(spiking(k, shape[4]!, vThreshold, atan({ alpha })), tensor(values, shape));
            expectClose([Math.hypot(...measured)], [norm], { relative: 1e-4, absolute: 1e-30 });
          }),
      ),
      { numRuns: 30 },
    ));
});

import { annBlock, spikingBlock } from "@sew/blocks";
import { describeBackends, expectClose, read, scoped } from "@sew/kernels/testing";
import { evaluation, namedParameters, neurons, run, seeded, tdNorms } from "@sew/layers";
import { describeModule, spikesOfShape } from "@sew/layers/testing";
import { integrateAndFire, lif, plif } from "@sew/neurons";
import { add, moments, relu } from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";

const input = [3, 2, 6, 4, 4];

describeModule("spikingBlock", {
  make: () => spikingBlock({ channels: 4, neurons: neurons(lif) }),
  input,
  output: input,
  timeless: false,
});
describeModule("spikingBlock, bottleneck with a shortcut", {
  make: () => spikingBlock({ channels: 4, outChannels: 8, stride: 2, path: "bottleneck", neurons: neurons(plif) }),
  input,
  output: [3, 2, 3, 2, 8],
  timeless: false,
});
describeModule("annBlock", {
  make: () => annBlock({ channels: 4, outChannels: 8, path: "bottleneck" }),
  input,
  output: [3, 2, 6, 4, 8],
  timeless: true,
});

describeBackends("spikingBlock", () => {
  it("is O = SN(F(S) + S): the spike comes after the sum (Eq. 7)", () =>
    scoped(() => {
      const block = seeded(0, () =>
        spikingBlock({ channels: 4, neurons: neurons(integrateAndFire, { vThreshold: 0.75 }) }),
      );
      const { a, b, neuron } = block.children;
      const s = spikesOfShape(input);
      const f = [a, b].reduce((y, layer) => run(layer, y, evaluation), s);
      const expected = read(run(neuron, add(f, s), evaluation));
      expect(read(run(block, s, evaluation))).toEqual(expected);
      expect(new Set(expected)).toEqual(new Set([0, 1]));
      expect(expected).not.toEqual(read(s));
    }));

  it("adds its shortcut, conv1x1-BN without neurons, where it changes the shape (Fig. 2)", () =>
    scoped(() => {
      const options = { channels: 4, outChannels: 8, stride: 2, path: "bottleneck" } as const;
      const block = seeded(0, () =>
        spikingBlock({ ...options, neurons: neurons(integrateAndFire, { vThreshold: 0.25 }) }),
      );
      const { a, b, c, neuron, shortcut } = block.children;
      const s = spikesOfShape(input);
      const f = [a, b, c!].reduce((y, layer) => run(layer, y, evaluation), s);
      const passed = run(shortcut!, s, evaluation);
      expect(new Set(read(passed)).size).toBeGreaterThan(2);
      expect(read(run(block, s, evaluation))).toEqual(read(run(neuron, add(f, passed), evaluation)));
    }));

  it("has no neurons after its last norm, nor in its shortcut", () =>
    expect([...namedParameters(spikingBlock({ channels: 4, stride: 2, neurons: neurons(plif) })).keys()]).toEqual([
      ...["conv.weight", "norm.weight", "norm.bias", "neuron.w"].map((name) => `a.${name}`),
      ...["conv.weight", "norm.weight", "norm.bias"].map((name) => `b.${name}`),
      "neuron.w",
      ...["conv.weight", "norm.weight", "norm.bias"].map((name) => `shortcut.${name}`),
    ]));

  it("scales td-BN by 1/√2 in the two paths that it sums, and nowhere else", () =>
    scoped(() => {
      const norm = tdNorms({ vThreshold: 3, epsilon: 1e-9 });
      const block = spikingBlock({
        channels: 4,
        stride: 2,
        neurons: neurons(integrateAndFire, { vThreshold: 3 }),
        norm,
      });
      const { a, b, shortcut } = block.children;
      const deviations = [a, b, shortcut!].map((unit) => {
        const { conv, norm } = unit.children;
        const y = run(norm, run(conv, spikesOfShape(input), evaluation), { training: true });
        return Math.sqrt(read(moments(y, [0, 1, 2, 3]).variance)[0]!);
      });
      expectClose(deviations, [3, 3 / Math.SQRT2, 3 / Math.SQRT2], { relative: 1e-3, absolute: 0 });
    }));
});

describeBackends("annBlock", () => {
  it("is Y = ReLU(F(X) + X) (Eq. 6)", () =>
    scoped(() => {
      const block = annBlock({ channels: 4 });
      const { a, b } = block.children;
      const x = spikesOfShape(input);
      const f = run(b, run(a, x, evaluation), evaluation);
      expect(Math.min(...read(f))).toBeLessThan(0);
      expectClose(run(block, x, evaluation), relu(add(f, x)));
    }));
});

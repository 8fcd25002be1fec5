import { plainBlock } from "@sew/blocks";
import { describeBackends, read, scoped } from "@sew/kernels/testing";
import { evaluation, namedParameters, neurons, run } from "@sew/layers";
import { describeModule, spikesOfShape } from "@sew/layers/testing";
import { integrateAndFire, lif } from "@sew/neurons";
import { grad, type Tensor, zeros } from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";

const input = [3, 2, 6, 4, 4];

describeModule("plainBlock", {
  make: () => plainBlock({ channels: 4, neurons: neurons(lif) }),
  input,
  output: input,
  timeless: false,
});
describeModule("plainBlock, a bottleneck that changes the shape", {
  make: () => plainBlock({ channels: 4, outChannels: 8, stride: 2, path: "bottleneck", neurons: neurons(lif) }),
  input,
  output: [3, 2, 3, 2, 8],
  timeless: false,
});

describeBackends("plainBlock", () => {
  it("is two units in a row and no shortcut: with the last batch norm at 0, neither spikes nor gradients pass", () =>
    scoped(() => {
      const block = plainBlock({ channels: 4, neurons: neurons(integrateAndFire) });
      const weight = namedParameters(block).get("b.norm.weight")!;
      weight.assign(zeros(weight.shape));
      const s = spikesOfShape(input);
      expect(read(run(block, s, evaluation))).toEqual(read(zeros(input)));
      const dx = grad((x: Tensor) => run(block, x, evaluation))(s);
      expect(read(dx).map(Math.abs)).toEqual(read(zeros(input)));
    }));

  it("is SN(F(S)), its two children one after another", () =>
    scoped(() => {
      const block = plainBlock({ channels: 4, neurons: neurons(integrateAndFire, { vThreshold: 0.25 }) });
      const { a, b } = block.children;
      const s = spikesOfShape(input);
      const expected = read(run(b, run(a, s, evaluation), evaluation));
      expect(read(run(block, s, evaluation))).toEqual(expected);
      expect(new Set(expected)).toEqual(new Set([0, 1]));
    }));

  it("has no identity to start from, and says so", () =>
    expect(() => plainBlock({ channels: 4, neurons: neurons(integrateAndFire), zeroInit: true })).toThrow(
      new RangeError("plainBlock: zeroInit must be false, got true; a block without a shortcut has no identity"),
    ));
});

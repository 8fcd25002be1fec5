import { describeBackends, read, scoped } from "@sew/kernels/testing";
import { convNorm, evaluation, namedBuffers, namedParameters, tdNorms } from "@sew/layers";
import { describeModule, spikesOfShape } from "@sew/layers/testing";
import { expect, it } from "vitest";

describeModule("convNorm", {
  make: () => convNorm(2, 3, { kernel: 1, stride: 2 }),
  input: [3, 2, 6, 4, 2],
  output: [3, 2, 3, 2, 3],
  timeless: true,
});

describeBackends("convNorm", () => {
  it("is BN(Conv(x)), its two children one after another", () =>
    scoped(() => {
      const layer = convNorm(2, 3);
      const { conv, norm } = layer.children;
      const x = spikesOfShape([4, 2, 5, 5, 2]);
      expect(read(layer.forward(x, evaluation))).toEqual(read(norm.forward(conv.forward(x, evaluation), evaluation)));
    }));

  it("has no bias before its norm", () =>
    expect([...namedParameters(convNorm(2, 3)).keys()]).toEqual(["conv.weight", "norm.weight", "norm.bias"]));

  it("tells the norm's factory how many paths are summed", () =>
    scoped(() => {
      const of = (paths?: number) =>
        read(convNorm(1, 1, { norm: tdNorms(), ...(paths && { paths }) }).children.norm.scale());
      expect(of()).toEqual([1]);
      expect(of(4)).toEqual([0.5]);
    }));

  it("names the norm's running statistics", () =>
    expect([...namedBuffers(convNorm(2, 3)).keys()]).toEqual(["norm.runningMean", "norm.runningVar"]));
});

import { batchNormTraining, detach } from "@sew/kernels";
import { describeBackends, read, scoped } from "@sew/kernels/testing";
import { add, grad, mul, ones, tensor1d, tensor2d, zeros } from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";

describeBackends("detach", () => {
  it("keeps the values and passes no gradient", () =>
    scoped(() => {
      const x = tensor1d([3, -2]);
      expect(read(detach(x))).toEqual([3, -2]);
      expect(read(grad((u) => add(mul(2, u), detach(u)))(x))).toEqual([2, 2]);
    }));
});

describeBackends("batchNormTraining", () => {
  it.each([1, 2])("passes no gradient through its output %i, mean or variance, fused or composed", (output) =>
    scoped(() => {
      const x = tensor2d([[1], [3], [8]]);
      const statistics = (u: typeof x) => {
        const all = batchNormTraining({ x: u, scale: ones([1]), offset: zeros([1]) }, { epsilon: 0 });
        // A weight of 0 keeps y in the graph: without it the function would not depend on x at all.
        return add(mul(0, all[0]!), all[output]!);
      };
      expect(read(grad(statistics as never)(x)).map((value) => value + 0)).toEqual([0, 0, 0]);
    }),
  );
});

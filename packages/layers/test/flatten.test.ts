import { describeBackends, read, scoped } from "@sew/kernels/testing";
import { evaluation, flatten } from "@sew/layers";
import { describeModule } from "@sew/layers/testing";
import { tensor, zeros } from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";

describeModule("flatten", { make: flatten, input: [3, 2, 2, 3, 4], output: [3, 2, 24], timeless: true });

describeBackends("flatten", () => {
  it("keeps time and samples, and the order of rows, columns and channels", () =>
    scoped(() => {
      const values = Array.from({ length: 16 }, (_, i) => i);
      const y = flatten().forward(tensor(values, [2, 1, 2, 2, 2]), evaluation);
      expect([y.shape, read(y)]).toEqual([[2, 1, 8], values]);
    }));

  it("refuses what is no sequence of images", () =>
    scoped(() =>
      expect(() => flatten().forward(zeros([4, 2, 128]), evaluation)).toThrow(
        new RangeError("flatten: x must be [T, N, H, W, C], got [4,2,128]"),
      ),
    ));
});

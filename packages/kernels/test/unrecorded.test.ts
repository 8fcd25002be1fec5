import { unrecorded } from "@sew/kernels";
import { describeBackends, read, scoped } from "@sew/kernels/testing";
import { add, engine, grad, square, tensor1d } from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";

describeBackends("unrecorded", () => {
  it("passes no gradient, and leaves the tape as it is", () =>
    scoped(() => {
      let recorded = 0;
      const f = (x: ReturnType<typeof tensor1d>) => {
        const before = engine().state.activeTape.length;
        const squared = unrecorded(() => square(x));
        recorded = engine().state.activeTape.length - before;
        return add(x, squared);
      };
      expect(read(grad(f as never)(tensor1d([3])))).toEqual([1]);
      expect(recorded).toBe(0);
    }));

  it("records again after an error", () =>
    scoped(() => {
      const failing = () => {
        throw new Error("no");
      };
      expect(() => unrecorded(failing)).toThrow("no");
      expect(read(grad(square as never)(tensor1d([3])))).toEqual([6]);
    }));
});

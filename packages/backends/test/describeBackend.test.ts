import { describeBackend, type Numbers, type OpCase } from "@sew/backends/testing";
import { unavailable } from "@sew/kernels/testing";
import { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";
import {
  getKernel,
  getKernelsForBackend,
  keep,
  neg,
  registerBackend,
  registerKernel,
  reshape,
  setBackend,
  square,
  sub,
  type Tensor,
  tensor1d,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkOp } from "../src/testing/checkOp.js";

// scripts/tensorflow.mjs names another backend.
const { SEW_TEST_BACKEND: other } = process.env;
describeBackend("cpu");
if (other !== undefined) describeBackend(other);
else if (unavailable("native") === undefined) describeBackend("native");
else it("native as a backend", ({ skip }) => skip(unavailable("native")));

describe("the check of an operation", () => {
  const inputs: readonly Numbers[] = [{ shape: [2], values: [1, -3] }];
  const check = (f: (x: Tensor) => Tensor) => {
    const op: OpCase = { name: "", inputs: fc.constant(inputs), f: (x) => f(x!) };
    return checkOp("faulty", op, inputs, 1e-4);
  };

  beforeAll(() => {
    registerBackend("faulty", () => new MathBackendCPU());
    for (const kernel of getKernelsForBackend("cpu")) {
      if (kernel.kernelName !== "Neg") registerKernel({ ...kernel, backendName: "faulty" });
    }
    // It forgets the sign.
    registerKernel({
      kernelName: "Neg",
      backendName: "faulty",
      kernelFunc: (args) => getKernel("Identity", "cpu").kernelFunc(args),
    });
  });
  afterAll(() => setBackend("cpu"));

  it("finds nothing wrong with an operation that is right", async () =>
    expect(await check((x) => square(x))).toBeUndefined());

  it("finds a wrong result", async () =>
    expect(await check((x) => neg(x))).toBe("result 0 has 1 at [0], and on cpu -1"));

  it("finds a wrong gradient of a right result", async () =>
    expect(await check((x) => sub(1, x))).toBe("the gradient of input 0 has 1 at [0], and on cpu -1"));

  it("finds another shape", async () => {
    let calls = 0;
    expect(await check((x) => reshape(square(x), calls++ < 2 ? [2] : [2, 1]))).toBe(
      "result 0 has shape [2,1], and on cpu [2]",
    );
  });

  it("finds a leak", async () => {
    const leaking = (x: Tensor) => {
      keep(tensor1d([1]));
      return square(x);
    };
    // One of the forward pass, and one of the pass with gradients.
    expect(await check(leaking)).toBe("leaves 2 tensors and 2 buffers behind");
  });
});

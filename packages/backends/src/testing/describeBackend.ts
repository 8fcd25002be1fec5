import { getBackend, getKernel, setBackend } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../useBackend.js";
import { checkOp } from "./checkOp.js";
import { fused } from "./fused.js";
import type { OpCase } from "./opCase.js";
import { ops } from "./ops.js";

/** Options of {@link describeBackend}. */
export interface BackendContract {
  /**
   * Largest difference from `cpu`, relative to the largest magnitude in a result, or absolute where that is below 1.
   * @defaultValue 1e-4
   */
  readonly tolerance?: number;
  /** Further cases, such as of kernels of your own. @defaultValue none */
  readonly cases?: readonly OpCase[];
  /** Drawn inputs of each case. @defaultValue 20 */
  readonly runs?: number;
}

/**
 * Tests that a TensorFlow.js backend can train spiking networks. For every operation that the packages use, results and
 * gradients must be those of `cpu`; the fused kernels that the backend registers must compute what the composed operations
 * do; and no tensor or buffer may be left behind.
 *
 * Call it once, at the top level of a vitest file, after importing `@tensorflow/tfjs`, which registers the gradients, and
 * the module that registers the backend.
 *
 * @param name of the backend, as `useBackend` takes it
 *
 * @example
 * ```ts no-run
 * import "@tensorflow/tfjs";
 * import { describeBackend } from "@sew/backends/testing";
 *
 * describeBackend("webgpu", { tolerance: 1e-3 });
 * ```
 */
export function describeBackend(name: string, options: BackendContract = {}): void {
  const { tolerance = 1e-4, cases = [], runs = 20 } = options;
  describe(`${name} as a backend`, () => {
    // TensorFlow.js's own name of it: "tensorflow-gpu" is "tensorflow".
    let registered = name;
    beforeAll(async () => {
      await useBackend("cpu");
      await useBackend(name);
      registered = getBackend();
      return async () => {
        await setBackend("cpu");
      };
    });

    it.for([...ops, ...fused, ...cases])("computes what cpu does: $name", async (op, { skip }) => {
      if (op.kernel !== undefined && registered !== "cpu" && getKernel(op.kernel, registered) === undefined) {
        skip(`${name} has no kernel ${op.kernel}`);
      }
      await fc.assert(
        fc.asyncProperty(op.inputs, async (inputs) => {
          expect(await checkOp(registered, op, inputs, tolerance)).toBeUndefined();
        }),
        { numRuns: runs },
      );
    });
  });
}

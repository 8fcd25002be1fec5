import { instructionSet, instructionSets, nativeKernels, setInstructionSet } from "@sew/backend-native";
import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { describeNative, withThreads } from "./describeNative.js";
import { fault, runKernelOn, sameBits } from "./kernelCase.js";
import { kernelCases } from "./kernelCases.js";

it("has a property for every kernel that it registers, and for no other", () =>
  expect(kernelCases.map(({ kernel }) => kernel).sort()).toEqual(
    nativeKernels.map(({ kernelName }) => kernelName).sort(),
  ));

describeNative("every kernel", () => {
  const best = instructionSet();
  afterAll(() => setInstructionSet(best));

  describe.each([...instructionSets()])("with %s", (set) => {
    it.each(kernelCases)(
      "gives the definition's result in $kernel, on 1 thread and on 2",
      ({ kernel, calls, expected }) => {
        setInstructionSet(set);
        fc.assert(
          fc.property(calls, fc.constantFrom(1, 2), (call, threads) => {
            const results = withThreads(threads, () => runKernelOn("native", kernel, call));
            expect(fault(results, expected(call))).toBeUndefined();
          }),
          { numRuns: 60 },
        );
      },
    );

    it.each(kernelCases)(
      "gives the same bits in $kernel on 1, 2 and 5 threads, and every time",
      ({ kernel, calls }) => {
        setInstructionSet(set);
        fc.assert(
          fc.property(calls, (call) => {
            const [first, ...others] = [1, 2, 5, 1].map((threads) =>
              withThreads(threads, () => runKernelOn("native", kernel, call)),
            );
            for (const other of others) expect(sameBits(other, first!)).toBe(true);
          }),
          { numRuns: 30 },
        );
      },
    );
  });

  // What the definitions above say must not be this package's invention.
  it.each(kernelCases)(
    "has a definition of $kernel that TensorFlow.js's cpu backend agrees with",
    ({ kernel, calls, expected, onCpu }) => {
      fc.assert(
        fc.property(calls, (call) => {
          if (onCpu?.(call) ?? true) expect(fault(runKernelOn("cpu", kernel, call), expected(call))).toBeUndefined();
        }),
        { numRuns: 60 },
      );
    },
  );
});

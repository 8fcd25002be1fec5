import {
  instructionSet,
  instructionSets,
  runNative,
  setInstructionSet,
  setThreads,
  threads,
} from "@sew/backend-native";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadAddon } from "../src/addon.js";
import { cores } from "../src/cores.js";
import { describeNative } from "./describeNative.js";
import { float32s, words } from "./kernelCase.js";
import { addonCalls } from "./kernelCases.js";
import { smallCode } from "./kernels/multiStepNeuron.js";

const outOfRange = "a number or a buffer is missing, or a size is out of range";
const tooSmall = "a buffer is smaller than the shapes say";
const noMemory = "the system has no memory left";
const wrongType = "a buffer has the wrong element type";

type Arrays = readonly Parameters<typeof runNative>[2][];

const names = Object.keys(addonCalls).map((kernel) => ({ kernel }));

/** The whole message of a refusal. */
function refusal(kernel: string, why: string, numbers: readonly number[], arrays: Arrays): string {
  const lengths = arrays.map((a) => `${a!.constructor.name}(${a!.length})`).join(", ");
  return `${kernel}: ${why}; numbers [${numbers.join(", ")}], arrays ${lengths}`;
}

const run = (kernel: string, numbers: readonly number[], arrays: Arrays) => () => runNative(kernel, numbers, ...arrays);

/** The message that a call is refused with; undefined when it is not. */
function messageOf(call: () => void): string | undefined {
  try {
    call();
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
}

describeNative("the addon", () => {
  it("is called with right arguments here for every kernel that it has", () => {
    expect(Object.keys(addonCalls).sort()).toEqual([...loadAddon().kernels].sort());
    for (const { kernel } of names) {
      const { numbers, arrays } = addonCalls[kernel]!;
      expect(messageOf(run(kernel, numbers, arrays))).toBeUndefined();
    }
    expect(messageOf(run("noSuchKernel", [], []))).toBe(
      "noSuchKernel: there is no kernel of this number; numbers [], arrays ",
    );
  });

  it.each(names)("refuses an array that is one too short for $kernel", ({ kernel }) => {
    const { numbers, arrays } = addonCalls[kernel]!;
    arrays.forEach((array, i) => {
      const short = arrays.with(i, array!.slice(1));
      expect(run(kernel, numbers, short)).toThrow(new Error(refusal(kernel, tooSmall, numbers, short)));
    });
  });

  it.each(names)("refuses an array of another type in $kernel", ({ kernel }) => {
    const { numbers, arrays } = addonCalls[kernel]!;
    arrays.forEach((array, i) => {
      // A cast takes integers of both sizes.
      const other = array instanceof Float32Array ? new Int32Array(array.length) : float32s(array!.length);
      const wrong = arrays.with(i, other);
      expect(run(kernel, numbers, wrong)).toThrow(new Error(refusal(kernel, wrongType, numbers, wrong)));
      const doubles = arrays.with(i, new Float64Array(array!.length) as unknown as Float32Array);
      expect(run(kernel, numbers, doubles)).toThrow(new Error(refusal(kernel, wrongType, numbers, doubles)));
    });
  });

  it.each(names)("refuses a call of $kernel in which a number or an array is missing", ({ kernel }) => {
    const { numbers, arrays } = addonCalls[kernel]!;
    const [fewer, lacking] = [numbers.slice(0, -1), arrays.slice(0, -1)];
    expect(run(kernel, fewer, arrays)).toThrow(new Error(refusal(kernel, outOfRange, fewer, arrays)));
    expect(run(kernel, numbers, lacking)).toThrow(new Error(refusal(kernel, outOfRange, numbers, lacking)));
  });

  it("refuses more numbers and arrays than any kernel has", () => {
    const numbers = Array.from({ length: 49 }, () => 1);
    expect(run("fill", numbers, [float32s(3)])).toThrow(new Error(refusal("fill", outOfRange, numbers, [float32s(3)])));
    const arrays = Array.from({ length: 65 }, () => float32s(3));
    expect(run("fill", [3, 1], arrays)).toThrow(new Error(refusal("fill", outOfRange, [3, 1], arrays)));
  });

  it("refuses what is no array, and numbers that are none", () => {
    expect(run("fill", [3, 1], [{} as Float32Array])).toThrow(TypeError);
    expect(run("fill", ["3" as unknown as number, 1], [float32s(3)])).toThrow(TypeError);
    expect(run("fill", {} as number[], [float32s(3)])).toThrow(TypeError);
  });

  it.each([
    { kernel: "unary", op: 18 },
    { kernel: "binary", op: 8 },
    { kernel: "compare", op: 6 },
    { kernel: "reduce", op: 4 },
    { kernel: "reduceSpikes", op: 2 },
  ])("refuses operation $op of $kernel, and one that is the first only in its lower 32 bits", ({ kernel, op }) => {
    const { numbers, arrays } = addonCalls[kernel]!;
    for (const wrong of [op, 2 ** 32, -1]) {
      const changed = numbers.with(0, wrong);
      expect(run(kernel, changed, arrays)).toThrow(new Error(refusal(kernel, outOfRange, changed, arrays)));
    }
  });

  it.each(names)("refuses sizes of $kernel that are no sizes", ({ kernel }) => {
    const {
      numbers,
      arrays,
      sizes: [first, last],
    } = addonCalls[kernel]!;
    for (let i = first; i <= last; i++) {
      for (const size of [1e300, Number.NaN, Number.POSITIVE_INFINITY, -1e300, 2 ** 40 * (1 + 2 ** -52), -(2 ** 21)]) {
        const changed = numbers.with(i, size);
        expect(run(kernel, changed, arrays)).toThrow(new Error(refusal(kernel, outOfRange, changed, arrays)));
      }
    }
  });

  it.each(names)(
    "refuses sizes of $kernel whose product leaves 64 bits, or does what few elements allow",
    ({ kernel }) => {
      const {
        numbers,
        arrays,
        sizes: [first, last],
      } = addonCalls[kernel]!;
      const size = fc.constantFrom(0, 1, 2, 3, 2 ** 12, 2 ** 20, 2 ** 24, 2 ** 31, 2 ** 32, 2 ** 39, 2 ** 40);
      fc.assert(
        fc.property(fc.array(fc.tuple(fc.integer({ min: first, max: last }), size), { maxLength: 6 }), (changes) => {
          const changed = changes.reduce((all, [i, value]) => all.with(i, value), numbers);
          // Rounds of a million are no mistake, only slow.
          fc.pre(kernel !== "fmaPeak" || changed[0]! > 2 ** 20);
          const message = messageOf(run(kernel, changed, arrays));
          if (message !== undefined) {
            // A stride or a dilation of a million needs so much padding that there may be no memory for it.
            expect([outOfRange, tooSmall, noMemory].map((why) => refusal(kernel, why, changed, arrays))).toContain(
              message,
            );
          }
        }),
        { numRuns: 500 },
      );
    },
  );

  it("refuses products that are 0 in 64 bits", () => {
    const huge = 2 ** 40;
    const refused: [kernel: string, why: string, numbers: number[], arrays: Arrays][] = [
      [
        "conv2d",
        outOfRange,
        [1, huge, huge, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0],
        [float32s(1), float32s(1), float32s(1)],
      ],
      ["maxPool", tooSmall, [1, huge, huge, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1], [float32s(1), float32s(1)]],
      ["binary", tooSmall, [0, 2, huge, 0, 0, huge, 0, 0], [float32s(1), float32s(1), float32s(1)]],
      ["binary", outOfRange, [0, huge, 1, 1, 1], [float32s(1), float32s(1), float32s(1)]],
      ["matMul", tooSmall, [1, 1, 1, huge, huge, 0, 0, 0], [float32s(1), float32s(1), float32s(1)]],
      [
        "multiStepNeuron",
        tooSmall,
        [smallCode.length, huge, huge, 1],
        [smallCode, float32s(1), float32s(1), float32s(1), float32s(1), float32s(1)],
      ],
    ];
    for (const [kernel, why, numbers, arrays] of refused) {
      expect(run(kernel, numbers, arrays)).toThrow(new Error(refusal(kernel, why, numbers, arrays)));
    }
  });

  it.each<{ kernel: string; numbers: number[]; arrays: Arrays }>([
    {
      kernel: "multiStepNeuron",
      numbers: [smallCode.length, 2, 33, 1],
      arrays: [smallCode, float32s(66), float32s(33), float32s(1), words(3), float32s(33), words(2)],
    },
    { kernel: "maxPool", numbers: [1, 2, 2, 33, 1, 1, 2, 2, 1, 1, 0, 0, 1, 1], arrays: [words(5), words(2)] },
    {
      kernel: "maxPoolGrad",
      numbers: [1, 2, 2, 33, 1, 1, 2, 2, 1, 1, 0, 0, 1, 1],
      arrays: [float32s(33), words(5), float32s(132)],
    },
    { kernel: "reduceSpikes", numbers: [0, 1, 2, 33], arrays: [words(3), float32s(33)] },
    { kernel: "reduceSpikes", numbers: [0, 2, 33, 1], arrays: [words(3), float32s(2)] },
  ])("refuses bits whose words two pixels or steps share, in $kernel", ({ kernel, numbers, arrays }) =>
    expect(run(kernel, numbers, arrays)).toThrow(new Error(refusal(kernel, wrongType, numbers, arrays))),
  );

  it("refuses a stride with a dilation in conv2dInputGrad", () => {
    const numbers = [1, 3, 3, 1, 1, 1, 2, 2, 2, 2, 1, 0, 0, 2, 1, 0];
    const arrays = [float32s(2), float32s(8), float32s(9)];
    expect(run("conv2dInputGrad", numbers, arrays)).toThrow(
      new Error(refusal("conv2dInputGrad", outOfRange, numbers, arrays)),
    );
  });
});

describeNative("instruction sets", () => {
  it("are, on every machine, at least the baseline, and the first is in use", () => {
    expect(instructionSets()).toContain("baseline");
    expect(instructionSet()).toBe(process.env.SEW_ISA ?? instructionSets()[0]);
  });

  it("can be chosen by name", () => {
    const before = instructionSet();
    for (const name of instructionSets()) {
      setInstructionSet(name);
      expect(instructionSet()).toBe(name);
    }
    setInstructionSet(before);
  });

  it("keep the one in use when the name is of none", () => {
    const before = instructionSet();
    for (const name of ["", "sse9", "baseline ", "b".repeat(100)]) {
      expect(() => setInstructionSet(name)).toThrow(
        new RangeError(
          `setInstructionSet: name must be one of ${instructionSets().join(", ")} on this machine, got ${name}`,
        ),
      );
    }
    expect(instructionSet()).toBe(before);
  });
});

describeNative("threads", () => {
  describe("setThreads", () => {
    it("takes 1 to 256, of which it starts 4 more than there are cores", () => {
      const before = threads();
      const most = cores() + 4;
      for (const count of [1, 2, 5, most, most + 1, 256]) {
        setThreads(count);
        expect(threads()).toBe(Math.min(count, most));
      }
      setThreads(before);
    });

    it.each([0, -1, 1.5, 257, Number.NaN, Number.POSITIVE_INFINITY])("refuses %s", (count) =>
      expect(() => setThreads(count)).toThrow(
        new RangeError(`setThreads: count must be an integer from 1 to 256, got ${count}`),
      ),
    );
  });
});

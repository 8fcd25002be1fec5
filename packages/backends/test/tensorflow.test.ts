import { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";
import {
  engine,
  getKernel,
  getKernelsForBackend,
  type KernelConfig,
  mean,
  memory,
  registerBackend,
  registerKernel,
  setBackend,
  sum,
  type Tensor,
  type TensorInfo,
  tensor,
  tidy,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Attribute, TensorflowBackend } from "../src/tensorflow/backend.js";
import { takePadding } from "../src/tensorflow/padding.js";
import { reduceAxisByAxis } from "../src/tensorflow/sums.js";

/** An operation that a kernel has executed. */
interface Executed {
  readonly pad: unknown;
  readonly attributes: readonly Attribute[];
}

/** What a kernel of tfjs-node executes when it is called with `pad`, before and after it takes padding in pixels. */
function execute(pad: unknown, dataFormat = "NHWC"): Executed {
  let executed: readonly Attribute[] = [];
  const backend = {
    binding: { TF_ATTR_INT: 7 },
    executeSingleOutput(_: string, attributes: readonly Attribute[]) {
      executed = attributes;
      return {} as Tensor;
    },
  } as unknown as TensorflowBackend;
  let seen: unknown;
  const kernel: KernelConfig = {
    kernelName: "Conv2D",
    backendName: "fake",
    kernelFunc({ attrs, backend }) {
      seen = attrs!.pad;
      const attributes = [
        { name: "padding", type: 0, value: String(attrs!.pad).toUpperCase() },
        { name: "data_format", type: 0, value: dataFormat },
      ];
      return (backend as TensorflowBackend).executeSingleOutput("Conv2D", attributes, []);
    },
  };
  registerKernel(kernel);
  takePadding(kernel);
  getKernel("Conv2D", "fake").kernelFunc({ inputs: {}, attrs: { pad } as never, backend });
  return { pad: seen, attributes: executed };
}

const attribute = ({ attributes }: Executed, name: string) => attributes.find((one) => one.name === name)?.value;

describe("padding in pixels", () => {
  it.each([
    { pad: 2, dataFormat: "NHWC", paddings: [0, 0, 2, 2, 2, 2, 0, 0] },
    { pad: 1, dataFormat: "NCHW", paddings: [0, 0, 0, 0, 1, 1, 1, 1] },
    {
      pad: [
        [0, 0],
        [1, 0],
        [2, 3],
        [0, 0],
      ],
      dataFormat: "NHWC",
      paddings: [0, 0, 1, 0, 2, 3, 0, 0],
    },
  ])("$pad in $dataFormat is TensorFlow's explicit padding", ({ pad, dataFormat, paddings }) => {
    const executed = execute(pad, dataFormat);
    expect(executed.pad).toBe("valid");
    expect(attribute(executed, "padding")).toBe("EXPLICIT");
    expect(attribute(executed, "explicit_paddings")).toEqual(paddings);
    expect(attribute(executed, "data_format")).toBe(dataFormat);
  });

  it.each([
    { pad: "same" },
    { pad: "valid" },
    { pad: 0 },
    {
      pad: [
        [0, 0],
        [0, 0],
        [0, 0],
        [0, 0],
      ],
    },
  ])("leaves $pad to the kernel, as TensorFlow refuses explicit paddings of 0", ({ pad }) => {
    const executed = execute(pad);
    expect(executed.pad).toEqual(pad);
    expect(attribute(executed, "explicit_paddings")).toBeUndefined();
  });
});

describe("sums over leading axes", () => {
  /** The axes of each call of the kernels that are replaced. */
  const calls: number[][] = [];

  beforeAll(async () => {
    registerBackend("watched", () => new MathBackendCPU());
    for (const { kernelFunc, ...kernel } of getKernelsForBackend("cpu")) {
      const isSum = kernel.kernelName === "Sum" || kernel.kernelName === "Mean";
      const watched: KernelConfig = {
        ...kernel,
        backendName: "watched",
        kernelFunc(args) {
          if (isSum) calls.push([(args.attrs as unknown as { axis: number | number[] }).axis].flat());
          const result = kernelFunc(args);
          // The kernels of tfjs-node return tensors.
          return isSum ? engine().makeTensorFromTensorInfo(result as TensorInfo) : result;
        },
      };
      registerKernel(watched);
      if (isSum) reduceAxisByAxis(watched);
    }
    await setBackend("watched");
  });
  afterAll(() => setBackend("cpu"));

  /** Sums of the numbers 0, 1, 2, ... in this shape, and how many numbers each has. */
  function sums(shape: readonly number[], axes: readonly number[]): { totals: number[]; count: number } {
    const totals = new Map<string, number>();
    const size = shape.reduce((a, b) => a * b, 1);
    for (let i = 0; i < size; i++) {
      let rest = i;
      const place = shape.map((_, axis) => {
        const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
        const at = Math.floor(rest / inner);
        rest %= inner;
        return axes.includes(axis) ? 0 : at;
      });
      totals.set(String(place), (totals.get(String(place)) ?? 0) + i);
    }
    return { totals: [...totals.values()], count: size / totals.size };
  }

  const cases = fc
    .array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 })
    .chain((shape) =>
      fc.tuple(fc.constant(shape), fc.shuffledSubarray([...shape.keys()], { minLength: 1 }), fc.boolean()),
    );

  it("are taken one axis after another, are the same, and leave nothing behind", () =>
    fc.assert(
      fc.property(cases, fc.constantFrom("sum", "mean"), ([shape, axes, keepDims], name) => {
        const before = memory().numTensors;
        const { totals, count } = sums(shape, axes);
        calls.length = 0;
        tidy(() => {
          const x = tensor(
            Array.from({ length: totals.length * count }, (_, i) => i),
            shape,
          );
          const reduced = (name === "sum" ? sum : mean)(x, axes, keepDims);
          const kept = shape.flatMap((length, axis) => (!axes.includes(axis) ? [length] : keepDims ? [1] : []));
          expect(reduced.shape).toEqual(kept);
          const expected = name === "sum" ? totals : totals.map((total) => total / count);
          for (const [i, value] of reduced.dataSync().entries()) expect(value).toBeCloseTo(expected[i]!, 3);
        });
        expect(memory().numTensors).toBe(before);
        // TensorFlow adds pairwise where the last axis is among them.
        const leading = !axes.includes(shape.length - 1);
        for (const call of calls) if (leading) expect(call).toHaveLength(1);
      }),
    ));
});

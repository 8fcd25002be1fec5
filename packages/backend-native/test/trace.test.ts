import {
  type KernelTrace,
  kernelSeconds,
  setBreakEvens,
  setInstructionSet,
  setSpikeConvolution,
  threads,
  traceKernels,
} from "@sew/backend-native";
import { integrateAndFire, neuron, unroll } from "@sew/neurons";
import {
  add,
  conv2d,
  depthwiseConv2d,
  dropout,
  engine,
  matMul,
  mul,
  ones,
  relu,
  reshape,
  type Tensor,
  type Tensor4D,
  tensor1d,
  tidy,
  zeros,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { afterEach, expect, it } from "vitest";
import { describeNative, withDefaultSettings } from "./describeNative.js";

/** The kernels that ran in f, itself in a tidy. */
function tracesOf(f: () => unknown): KernelTrace[] {
  const traces: KernelTrace[] = [];
  traceKernels((trace) => traces.push(trace));
  try {
    tidy(() => void f());
  } finally {
    traceKernels(undefined);
  }
  return traces;
}

/** The last kernel of that name. */
const last = (traces: readonly KernelTrace[], name: string) =>
  traces.findLast(({ kernelName }) => kernelName === name)!;

/** Spikes `[N, side, side, C]` in stored bits, each of a period. */
const spikes = (side: number, channels: number, period = 3): Tensor4D => {
  const size = side * side * channels;
  const currents = Float32Array.from({ length: size }, (_, i) => (i % period === 0 ? 2 : 0));
  const { spikes: fired } = unroll(neuron(integrateAndFire), reshape(tensor1d(currents), [1, size]));
  return reshape(fired, [1, side, side, channels]) as Tensor4D;
};
const filterOf = (size: number, channels: number, filters: number) => ones([size, size, channels, filters]) as Tensor4D;
const convolved = (x: Tensor4D, filter: Tensor4D, stride = 1) => conv2d(x, filter, stride, "same");

/** The gradient of a 3x3 convolution with respect to its filter. */
const filterGradient = (x: Tensor4D, dy: Tensor, stride = 1): Tensor =>
  engine().runKernel("Conv2DBackpropFilter", { x, dy }, {
    strides: [stride, stride],
    pad: "same",
    dataFormat: "NHWC",
    dilations: [1, 1],
    filterShape: [3, 3, x.shape[3], dy.shape[3]!],
  } as never);

describeNative("a trace", () => {
  withDefaultSettings();
  afterEach(() => traceKernels(undefined));

  it("reports each kernel with its calls of the addon and their time", () => {
    const [trace, ...rest] = tracesOf(() => relu(ones([3]))).slice(-1);
    expect(rest).toEqual([]);
    expect(trace).toMatchObject({ kernelName: "Relu", inJavaScript: false, paths: [], reasons: [] });
    expect(trace!.calls.map(({ name }) => name)).toEqual(["unary"]);
    expect(trace!.outputs[0]!.shape).toEqual([3]);
    expect(trace!.calls[0]!.seconds).toBeGreaterThan(0);
    expect(trace!.seconds).toBeGreaterThanOrEqual(trace!.calls[0]!.seconds);
  });

  it("ends with the receiver, and kernels that throw are not reported", () => {
    const traces = tracesOf(() => {
      expect(() => engine().runKernel("BatchMatMul", { a: ones([2, 3]), b: ones([2, 3]) } as never, {})).toThrow();
    });
    const before = traces.length;
    relu(ones([3])).dispose();
    expect(traces).toHaveLength(before);
    expect(traces.map(({ kernelName }) => kernelName)).not.toContain("BatchMatMul");
  });

  it("changes no result", () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.constantFrom(16, 32, 64), (side, channels) => {
        const run = () => [...convolved(spikes(side, channels), filterOf(3, channels, 32)).dataSync()];
        const before = tidy(run);
        let during: number[] = [];
        tracesOf(() => {
          during = run();
        });
        expect(during).toEqual(before);
      }),
      { numRuns: 10 },
    ));

  it("times the steps beside the operations, of all threads together", () => {
    const stepsOf = (work: () => unknown, name: string) => {
      const { calls, steps } = last(tracesOf(work), name);
      const seconds = calls.reduce((sum, call) => sum + call.seconds, 0);
      for (const step of steps) {
        expect(step.seconds).toBeGreaterThan(0);
        expect(step.seconds).toBeLessThanOrEqual(seconds * threads());
      }
      return steps.map(({ name: step }) => step).sort();
    };
    expect(stepsOf(() => convolved(ones([1, 8, 8, 32]) as Tensor4D, filterOf(3, 32, 32)), "Conv2D")).toEqual([
      "transforms of inputs",
      "transforms of outputs",
      "transforms of the filter",
    ]);
    expect(stepsOf(() => convolved(ones([1, 8, 8, 32]) as Tensor4D, filterOf(1, 32, 32)), "Conv2D")).toEqual([
      "copies of inputs",
      "packing of the filter",
    ]);
    setSpikeConvolution("on");
    const x = spikes(8, 32);
    expect(stepsOf(() => convolved(x, filterOf(3, 32, 32)), "Conv2D")).toEqual([
      "copies of the filter",
      "lists of spikes",
      "writes of outputs",
    ]);
    expect(stepsOf(() => filterGradient(x, ones([1, 8, 8, 32])), "Conv2DBackpropFilter")).toEqual([
      "copies of the output gradient",
      "lists of spikes",
      "sums of all chunks",
    ]);
    setInstructionSet("amx-emulated");
    setSpikeConvolution("auto");
    const copying = ["copies of inputs", "packing of the filter"];
    expect(stepsOf(() => convolved(x, filterOf(3, 32, 32)), "Conv2D")).toEqual(copying);
    expect(stepsOf(() => convolved(ones([1, 8, 8, 32]) as Tensor4D, filterOf(3, 32, 32)), "Conv2D")).toEqual(copying);
    const packing = ["copies of inputs", "packing of the output gradient", "sums of all chunks"];
    expect(stepsOf(() => filterGradient(x, ones([1, 8, 8, 32])), "Conv2DBackpropFilter")).toEqual(packing);
    const strided = { x: ones([1, 8, 8, 32]), dy: ones([1, 4, 4, 32]) };
    expect(stepsOf(() => filterGradient(strided.x as Tensor4D, strided.dy, 2), "Conv2DBackpropFilter")).toEqual(
      packing,
    );
  });

  it("counts the operations of the path that ran: its own products, or its additions", () => {
    const dense = last(
      tracesOf(() => convolved(ones([2, 8, 8, 16]) as Tensor4D, filterOf(1, 16, 48))),
      "Conv2D",
    );
    expect(dense.paths).toEqual([{ name: "direct", operations: 2 * 8 * 8 * 16 * 48, lists: 0 }]);
    const tiles = last(
      tracesOf(() => convolved(ones([1, 7, 7, 32]) as Tensor4D, filterOf(3, 32, 32))),
      "Conv2D",
    );
    // 4 x 4 tiles of 16 products.
    expect(tiles.paths).toEqual([{ name: "Winograd tiles", operations: 16 * 16 * 32 * 32, lists: 0 }]);
    setSpikeConvolution("on");
    const x = spikes(8, 32, 64);
    const listed = last(
      tracesOf(() => convolved(x, filterOf(1, 32, 64))),
      "Conv2D",
    );
    // 32 spikes of every second pixel's first channel, each added to 64 outputs.
    expect(listed.paths).toEqual([{ name: "event-driven list", operations: 32 * 64, lists: 32 }]);
  });

  it("names lists of spikes where they are few and tables where they are many", () => {
    setSpikeConvolution("on");
    const pathsOf = (period: number) =>
      last(
        tracesOf(() => convolved(spikes(8, 32, period), filterOf(3, 32, 32))),
        "Conv2D",
      ).paths.map(({ name }) => name);
    expect(pathsOf(40)).toEqual(["event-driven list"]);
    expect(pathsOf(1)).toEqual(["event-driven table"]);
  });
});

describeNative("a trace says why no faster path was taken:", () => {
  withDefaultSettings();
  const reasonsOf = (f: () => unknown, kernel = "Conv2D") => last(tracesOf(f), kernel).reasons;

  it("an input from outside, and one that a kernel made", () => {
    expect(reasonsOf(() => convolved(relu(zeros([1, 4, 4, 32])), filterOf(3, 32, 32)))).toEqual([
      "its input is stored as float32, not as spikes: Relu made it",
    ]);
    const x = zeros([1, 4, 4, 32]) as Tensor4D;
    expect(reasonsOf(() => convolved(x, filterOf(3, 32, 32)))).toEqual([
      "its input is stored as float32, not as spikes: it comes from outside, as frames do",
    ]);
    x.dispose();
  });

  it("channels that are no words of spikes", () =>
    expect(reasonsOf(() => convolved(spikes(4, 16), filterOf(3, 16, 32)))).toEqual([
      "its 16 input channels are no multiple of 32, a word of spikes; use 32",
      "it unpacks 256 bits to float32 for this call",
    ]));

  it("a filter, a stride, a dilation", () => {
    expect(reasonsOf(() => convolved(zeros([1, 4, 4, 32]), filterOf(1, 32, 32)))).toContain(
      "only 3x3 filters have Winograd tiles, with fewer products",
    );
    expect(reasonsOf(() => convolved(zeros([1, 4, 4, 32]), filterOf(3, 32, 32), 2))).toContain(
      "only stride 1 has Winograd tiles, with fewer products",
    );
    const dilated = reasonsOf(() => conv2d(spikes(8, 32), filterOf(3, 32, 32), 1, "same", "NHWC", 2));
    expect(dilated).toContain("a dilated filter has no event-driven kernel; use dilation 1");
    expect(dilated).toContain("a dilated filter has no Winograd tiles; use dilation 1");
  });

  it("a density above the break-even, with both", () => {
    setBreakEvens(0.25);
    expect(reasonsOf(() => convolved(spikes(8, 32, 2), filterOf(3, 32, 32)))).toEqual([
      'its density of 0.500 events per element is above the break-even 0.25 of "forward, 3x3, bits", so dense is faster; ' +
        "pnpm bench --calibrate measures that here",
    ]);
  });

  it("the setting", () => {
    setSpikeConvolution("off");
    expect(reasonsOf(() => convolved(spikes(8, 32), filterOf(3, 32, 32)))).toEqual([
      "event-driven convolution is off; call setSpikeConvolution with auto",
    ]);
  });

  it.each([
    { sums: 2, digits: 2 },
    { sums: 4, digits: 3 },
    { sums: 8, digits: 4 },
  ])("sums of $sums spikes, which have $digits binary digits", ({ sums, digits }) => {
    setSpikeConvolution("on");
    // 1 .. sums, so that every digit occurs.
    const counted = () => {
      const bits = Array.from({ length: sums }, (_, i) => spikes(8, 32, i + 1));
      return bits.reduce<Tensor>((a, b) => add(a, b), bits[0]!.clone()) as Tensor4D;
    };
    const [reason] = reasonsOf(() => convolved(counted(), filterOf(3, 32, 32)));
    expect(reason).toBe(`counts of ${digits} binary digits take ${digits} passes; AND and IAND keep bits`);
  });

  it("numbers that are not finite, and all is computed by the definition", () => {
    const infinite = () => mul(filterOf(3, 32, 32), Number.POSITIVE_INFINITY) as Tensor4D;
    const trace = last(
      tracesOf(() => convolved(spikes(4, 32), infinite())),
      "Conv2D",
    );
    expect(trace.calls.map(({ name }) => name)).toContain("plainConv2d");
    expect(trace.reasons).toContain(
      "a number is not finite, so that all is computed again by the definition, several times slower; find its cause with " +
        "trainStep's Diverged",
    );
  });

  it("spikes that a kernel must unpack, and the product of a dropout", () => {
    expect(reasonsOf(() => matMul(reshape(spikes(4, 32), [1, 512]), ones([512, 4])), "BatchMatMul")).toEqual([
      "it unpacks 512 bits to float32, which stay in memory",
    ]);
    const mask = () => mul(spikes(4, 32), dropout(ones([1, 1, 1, 32]), 0.5, undefined, 1));
    expect(reasonsOf(mask, "Multiply")).toEqual([
      "the product of spikes [1,4,4,32] and [1,1,1,32] is float32, as that of a dropout is",
      "it unpacks 512 bits to float32, which stay in memory",
    ]);
  });

  it("a kernel that there is in JavaScript alone", () => {
    const trace = last(
      tracesOf(() => depthwiseConv2d(zeros([1, 16, 16, 32]) as Tensor4D, ones([3, 3, 32, 1]) as Tensor4D, 1, "same")),
      "DepthwiseConv2dNative",
    );
    expect(trace.inJavaScript).toBe(true);
    expect(trace.reasons).toEqual(["JavaScript computes it: there is no C++ kernel of DepthwiseConv2dNative"]);
  });
});

describeNative("the time in kernels", () => {
  it("grows with every kernel of the addon", () => {
    const before = kernelSeconds();
    relu(ones([1 << 16])).dispose();
    expect(kernelSeconds()).toBeGreaterThan(before);
  });
});

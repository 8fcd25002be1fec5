/** @file What layers refuse at once, before they make a tensor: every argument by its name, with the value. */
import { shown } from "@sew/kernels";
import {
  batchNorm,
  convNorm,
  dropout,
  fanInUniform,
  kaimingNormal,
  learnable,
  linear,
  neurons,
  profile,
  relus,
  sequential,
  tdBatchNorm,
  tdNorms,
} from "@sew/layers";
import { eif, integrateAndFire, lif, qif } from "@sew/neurons";
import { random } from "@sew/random";
import { memory } from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";

/** Values that are no number to compute with. Comparisons take some of them for one. */
const noNumbers: readonly unknown[] = [Number.NaN, Infinity, -Infinity, null, "0.5", "\u001b[2J", true, [], {}];
const noSizes: readonly unknown[] = [...noNumbers, 0, -1, 1.5];

interface Argument {
  readonly call: string;
  readonly must: string;
  readonly make: (value: never) => unknown;
  readonly bad: readonly unknown[];
}

const size = "an integer of at least 1";
const args: readonly Argument[] = [
  { call: "batchNorm: channels", must: size, make: (v) => batchNorm(v), bad: noSizes },
  {
    call: "batchNorm: momentum",
    must: "from 0 to 1",
    make: (momentum) => batchNorm(1, { momentum }),
    bad: [...noNumbers, -0.1, 1.1],
  },
  {
    call: "batchNorm: epsilon",
    must: "a finite number of at least 0",
    make: (epsilon) => batchNorm(1, { epsilon }),
    bad: [...noNumbers, -1e-5],
  },
  { call: "batchNorm: gain", must: "a finite number", make: (gain) => batchNorm(1, { gain }), bad: noNumbers },
  ...(["alpha", "vThreshold"] as const).map((name) => ({
    call: `tdBatchNorm: ${name}`,
    must: "a finite number above 0",
    make: (v: never) => tdBatchNorm(1, { [name]: v }),
    bad: [...noNumbers, 0, -1],
  })),
  { call: "tdNorms: paths", must: size, make: (paths) => tdNorms()(1, paths), bad: noSizes },
  { call: "convNorm: paths", must: size, make: (paths) => convNorm(1, 1, { paths }), bad: noSizes },
  {
    call: "dropout: p",
    must: "at least 0 and below 1",
    make: (p) => dropout(p),
    bad: [...noNumbers, undefined, -0.1, 1],
  },
  { call: "linear: inFeatures", must: size, make: (v) => linear(v, 1), bad: [...noSizes, undefined] },
  { call: "linear: outFeatures", must: size, make: (v) => linear(1, v), bad: [...noSizes, undefined] },
  { call: "neurons: channels", must: size, make: (v) => neurons(lif)(v), bad: [...noSizes, undefined] },
  { call: "learnable: initial", must: "a finite number", make: (v) => learnable(v), bad: [...noNumbers, undefined] },
  {
    call: "learnable: per",
    must: '"layer" or "channel"',
    make: (per) => learnable(1, per),
    bad: ["neuron", null, 1, "\u001b"],
  },
  {
    call: "lif: tau",
    must: "at least 1 time-step",
    make: (v) => neurons(lif, { tau: learnable(v) }),
    bad: [0.5, 0, -2],
  },
  {
    call: "qif: a0",
    must: "a finite number above 0",
    make: (v) => neurons(qif, { a0: learnable(v, "channel") }),
    bad: [0, -1],
  },
  {
    call: "eif: deltaT",
    must: "a finite number above 0",
    make: (deltaT) => neurons(eif, { deltaT }),
    bad: [...noNumbers, undefined, 0],
  },
  {
    call: "if: vThreshold",
    must: "a finite number",
    make: (vThreshold) => neurons(integrateAndFire, { vThreshold }),
    bad: [...noNumbers, undefined],
  },
  {
    call: "profile: inputShape[1]",
    must: size,
    make: (v) => profile(sequential({ relu: relus()(1) }), [1, v, 4]),
    bad: [...noSizes, undefined],
  },
];

describe.each(args)("$call", ({ call, must, make, bad }) => {
  it.each(bad)(`must be ${must}, and refuses %o`, (value) => {
    const before = memory().numTensors;
    expect(() => make(value as never)).toThrow(new RangeError(`${call} must be ${must}, got ${shown(value)}`));
    expect(memory().numTensors).toBe(before);
  });
});

describe("sizes that no memory holds", () => {
  it.each([
    ["linear: inFeatures must be at most 268435456, got 1000000000000", () => linear(1e12, 1)],
    ["linear: shape must have at most 268435456 values, got [100000,100000]", () => linear(1e5, 1e5)],
    ["batchNorm: channels must be at most 268435456, got 1e+21", () => batchNorm(1e21)],
    [
      "fanInUniform: shape must have at most 268435456 values, got [3,3,100000,100000]",
      () => fanInUniform([3, 3, 1e5, 1e5], random(0)),
    ],
    [
      "kaimingNormal: shape must have at most 268435456 values, got [3,3,100000,100000]",
      () => kaimingNormal([3, 3, 1e5, 1e5], random(0)),
    ],
    [
      "profile: shape must have at most 268435456 values, got [1000000,1,224,224,3]",
      () => profile(sequential({ relu: relus()(1) }), [1e6, 1, 224, 224, 3]),
    ],
  ])("%s", (message, make) => {
    const before = memory().numTensors;
    expect(make).toThrow(new RangeError(message));
    expect(memory().numTensors).toBe(before);
  });
});

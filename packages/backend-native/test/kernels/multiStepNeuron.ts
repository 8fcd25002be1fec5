/** @file The fused neurons against Eqs. 1-3, each operation rounded to float32 as the composed operations round it. */
import type { MultiStepNeuronAttrs, NeuronFormula, RecognisedCharge, RecognisedNeuron } from "@sew/kernels";
import * as fc from "fast-check";
import { type AddonCall, float32s, type KernelCase, kernelCase, sumError } from "../kernelCase.js";
import { about, edgeSizes, floats, seeds, type Values } from "../values.js";

const f = Math.fround;

/** Sequences: steps and neurons, about the width of vectors, the 1024 neurons of a block, and 32 chunks of one block. */
const shapes = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 20 }), edgeSizes).map(([steps, n]) => [steps, n]),
  fc.tuple(fc.integer({ min: 1, max: 3 }), about(1024, 2048)).map(([steps, n]) => [steps, n]),
  fc.constantFrom([4, 2, 3, 5], [1, 1], [3, 0], [2], [1, 33_000]),
);

/** What a contract has for the composed operations alone: a native kernel must do without it. */
export function unused(): never {
  throw new Error("a native kernel called a function among its attributes");
}

/** The formula of a neuron as kernels read it: its data. */
export function recognisedFormula(recognised: RecognisedNeuron): NeuronFormula {
  return { stateNames: ["v"], step: unused, recognised };
}

const charges: fc.Arbitrary<RecognisedCharge> = fc.oneof(
  fc.constant({ kind: "integrate" } as const),
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom("leak", "potentialLeak"), tau: fc.constantFrom(1, 2, 3.7) }),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom("learnedLeak", "learnedPotentialLeak").map((kind) => ({ kind, rate: unused })),
  },
);

export const recognisedNeurons: fc.Arbitrary<RecognisedNeuron> = fc.record({
  charge: charges,
  vThreshold: fc.constantFrom(1, 0.5, 0.3, -0.25, 0),
  vReset: fc.constantFrom(0, -0.5, 0.1),
  reset: fc.constantFrom("hard", "soft"),
  detachReset: fc.boolean(),
  slope: fc.record({
    kind: fc.constantFrom(
      ...(["atan", "sigmoid", "rectangular", "constant", "scaledAtan"] as const),
      ...(["piecewiseQuadratic", "piecewiseExponential", "softSign", "superSpike", "erf"] as const),
    ),
    alpha: fc.constantFrom(1, 2, 4, 0.7),
  }),
});

/** Currents in (-2, 2), or halves and thirds of integers, which bring potentials onto the threshold. */
export const currents = (shape: readonly number[], seed: number): Values => {
  const { data, ...rest } = floats(shape, seed, seed % 2 === 0 ? "reals" : "integers");
  return { ...rest, data: (data as Float32Array).map((v) => (seed % 2 === 0 ? v : v / (2 + (seed % 3)))) };
};

const attrs: fc.Arbitrary<MultiStepNeuronAttrs> = recognisedNeurons.map((neuron) => ({
  formula: recognisedFormula(neuron),
}));

const drawn = fc.record({ shape: shapes, attrs, seed: seeds, rate: fc.constantFrom(0.5, 0.25, 0.9) });

const inputsOf = (shape: readonly number[], seed: number, rate: number) => ({
  x: currents(shape, seed),
  v: currents(shape.slice(1), seed + 2),
  rate: { shape: [], dtype: "float32", data: Float32Array.of(rate) } satisfies Values,
});

const decaysInput = ({ charge }: RecognisedNeuron) => charge.kind === "leak" || charge.kind === "learnedLeak";

/** Eq. 1. */
function charge(v: number, x: number, rate: number, a: RecognisedNeuron): number {
  if (a.charge.kind === "integrate") return f(v + x);
  const fall = f(v - f(a.vReset));
  const tau = "tau" in a.charge ? a.charge.tau : undefined;
  const leaked = (u: number) => (tau === undefined ? f(rate * u) : f(u / f(tau)));
  return decaysInput(a) ? f(v + leaked(f(x - fall))) : f(f(v - leaked(fall)) + x);
}

/** Eq. 2; Eq. 3 is below. */
const fires = (h: number, a: RecognisedNeuron) => (f(h - f(a.vThreshold)) >= 0 ? 1 : 0);

function reset(h: number, s: number, a: RecognisedNeuron): number {
  if (a.reset === "soft") return f(h - f(f(a.vThreshold) * s));
  return f(f(h * (1 - s)) + f(f(a.vReset) * s));
}

export interface Trace {
  /** V[t-1], H[t] and S[t], step by step and, in each, neuron by neuron. */
  readonly before: Float64Array;
  readonly h: Float64Array;
  readonly s: Float64Array;
  readonly last: Float64Array;
}

export function forward(x: Values, v: Values, rate: Values, a: RecognisedNeuron): Trace {
  const n = v.data.length;
  const [before, h, s] = [0, 1, 2].map(() => new Float64Array(x.data.length)) as Float64Array[];
  const last = Float64Array.from(v.data);
  for (let i = 0; i < x.data.length; i++) {
    before![i] = last[i % n]!;
    h![i] = charge(last[i % n]!, x.data[i]!, rate.data[0]!, a);
    s![i] = fires(h![i]!, a);
    last[i % n] = reset(h![i]!, s![i]!, a);
  }
  return { before: before!, h: h!, s: s!, last };
}

/**
 * How far each spike may be off where the currents are: 0 as long as the rounding errors of H cannot reach the threshold,
 * and 1 from the step on at which they can. Charges that leak add no more to an error than those that integrate.
 */
export function spikeErrors(
  x: { readonly data: ArrayLike<number>; readonly within: ArrayLike<number> },
  { before, h, s, last }: Trace,
  a: RecognisedNeuron,
): Float64Array {
  const off = new Float64Array(last.length);
  return Float64Array.from(s, (spike, i) => {
    const c = i % off.length;
    const magnitude = [before[i]!, x.data[i]!, a.vReset, a.vThreshold].reduce((sum, v) => sum + Math.abs(v), 0);
    off[c]! += x.within[i]! + 8 * 2 ** -24 * magnitude;
    if (Math.abs(h[i]! - a.vThreshold) <= off[c]!) off[c] = Number.POSITIVE_INFINITY;
    if (off[c] === Number.POSITIVE_INFINITY) return 1;
    if (spike === 1 && a.reset === "hard") off[c] = 0;
    return 0;
  });
}

/** σ'(u) at u = H - V_th, and how large its rounding error may be in units of a relative rounding error. */
function slope(h: number, a: RecognisedNeuron): [value: number, scale: number] {
  const u = f(h - f(a.vThreshold));
  const alpha = f(a.slope.alpha);
  const value = {
    atan: () => alpha / 2 / (1 + (f((Math.PI / 2) * alpha) * u) ** 2),
    sigmoid: () => {
      const e = Math.exp(-Math.abs(alpha * u));
      return (alpha * e) / (1 + e) ** 2;
    },
    rectangular: () => (Math.abs(u) < alpha / 2 ? 1 / alpha : 0),
    constant: () => alpha,
    scaledAtan: () => (1 + Math.PI ** 2 / 4) / (1 + (Math.PI * u) ** 2),
    piecewiseQuadratic: () => Math.max(0, alpha - alpha ** 2 * Math.abs(u)),
    piecewiseExponential: () => (alpha / 2) * Math.exp(-alpha * Math.abs(u)),
    softSign: () => alpha / 2 / (1 + alpha * Math.abs(u)) ** 2,
    superSpike: () => alpha / (1 + Math.abs(u)) ** 2,
    erf: () => (alpha / Math.sqrt(Math.PI)) * Math.exp(-((alpha * u) ** 2)),
  }[a.slope.kind]();
  const z = Math.abs(alpha * u);
  const scales: Partial<Record<RecognisedNeuron["slope"]["kind"], number>> = {
    // 1 - z has the rounding errors of 1 and z, however small it is.
    piecewiseQuadratic: alpha * (1 + z),
    // exp(z) has the absolute error of z as its relative one.
    sigmoid: value * (1 + z),
    piecewiseExponential: value * (1 + z),
    erf: value * (1 + 2 * z * z),
  };
  // Numbers below 2^-126 underflow; with this scale they may.
  return [value, Math.max(scales[a.slope.kind] ?? value, 2 ** -102)];
}

/** Gradients of a sequence, and sums of the same terms all positive: what a rounding error is in proportion to. */
interface Gradients {
  readonly dx: Float64Array;
  readonly dv: Float64Array;
  readonly dRate: number;
  readonly scales: { readonly dx: Float64Array; readonly dv: Float64Array; readonly dRate: number };
}

/** Back through time. */
export function backward(
  { x, v, rate, dSpikes, dV }: Record<"x" | "v" | "rate" | "dSpikes" | "dV", Values>,
  a: RecognisedNeuron,
): Gradients {
  const { before, h, s } = forward(x, v, rate, a);
  const n = v.data.length;
  const [leaks, decays, threshold, rest] = [
    a.charge.kind !== "integrate",
    decaysInput(a),
    f(a.vThreshold),
    f(a.vReset),
  ];
  const isLearned = "rate" in a.charge;
  const factor = "tau" in a.charge ? 1 / f(a.charge.tau) : rate.data[0]!;
  const [dx, dv] = [new Float64Array(x.data.length), Float64Array.from(dV.data)];
  const [dxScale, dvScale] = [new Float64Array(x.data.length), Float64Array.from(dV.data, Math.abs)];
  let [dRate, dRateScale] = [0, 0];
  for (let i = x.data.length - 1; i >= 0; i--) {
    const [c, [σ, σScale]] = [i % n, slope(h[i]!, a)];
    const [g, gScale] = [dv[c]!, dvScale[c]!];
    const kept = a.reset === "soft" ? 1 : 1 - s[i]!;
    const moved = a.detachReset ? 0 : a.reset === "soft" ? -threshold : rest - h[i]!;
    const dh = dSpikes.data[i]! * σ + g * (kept + moved * σ);
    const dhScale =
      Math.abs(dSpikes.data[i]!) * σScale + gScale * (kept + (Math.abs(moved) + Math.abs(moved && rest)) * σScale);
    const current = decays ? x.data[i]! : 0;
    const pull = current - (before[i]! - rest);
    const pullScale = Math.abs(current) + Math.abs(before[i]!) + Math.abs(rest);
    dx[i] = decays ? dh * factor : dh;
    dxScale[i] = decays ? dhScale * factor : dhScale;
    dv[c] = leaks ? dh - dh * factor : dh;
    dvScale[c] = leaks ? dhScale * (1 + factor) : dhScale;
    if (isLearned) {
      dRate += dh * pull;
      dRateScale += dhScale * pullScale;
    }
  }
  return { dx, dv, dRate, scales: { dx: dxScale, dv: dvScale, dRate: dRateScale } };
}

/** Some 16 roundings a step, carried from step to step. */
export const backwardError = (steps: number): number => sumError(16 * steps);

export const cases: readonly KernelCase[] = [
  kernelCase({
    kernel: "MultiStepNeuron",
    calls: drawn.map(({ shape, attrs, seed, rate }) => ({ inputs: inputsOf(shape, seed, rate), attrs })),
    expected: ({ x, v, rate }, { formula }) => {
      const { s, last } = forward(x, v, rate, formula.recognised!);
      return [
        { shape: x.shape, data: s },
        { shape: v.shape, data: last },
      ];
    },
    // It has no such kernel. multiStepNeuron.test.ts compares with its composed operations.
    onCpu: () => false,
  }),
  kernelCase({
    kernel: "MultiStepNeuronGrad",
    calls: drawn.map(({ shape, attrs, seed, rate }) => ({
      inputs: {
        ...inputsOf(shape, seed, rate),
        dSpikes: floats(shape, seed + 3, "reals"),
        dV: floats(shape.slice(1), seed + 4, "reals"),
      },
      attrs,
    })),
    expected: (inputs, { formula }) => {
      const { dx, dv, dRate, scales } = backward(inputs, formula.recognised!);
      const { x, v } = inputs;
      const error = backwardError(x.shape[0]!);
      return [
        { shape: x.shape, data: dx, within: scales.dx.map((m) => m * error) },
        { shape: v.shape, data: dv, within: scales.dv.map((m) => m * error) },
        { shape: [], data: [dRate], within: scales.dRate * error },
      ];
    },
    onCpu: () => false,
  }),
];

export const addonCalls: Readonly<Record<string, AddonCall>> = {
  multiStepNeuron: {
    numbers: [2, 3, 1, 2, 1, 0, 0, 1, 0, 2],
    arrays: [6, 3, 1, 6, 3].map(float32s),
    sizes: [0, 1],
  },
  multiStepNeuronGrad: {
    numbers: [2, 3, 1, 2, 1, 0, 0, 1, 0, 2],
    arrays: [6, 3, 1, 6, 3, 6, 3, 1].map(float32s),
    sizes: [0, 1],
  },
};

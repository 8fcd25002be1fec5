/** Cases made here in float64, as another implementation would hand them over, and what becomes of them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { neuronModels } from "@sew/neurons";
import { type Spike, surrogates } from "@sew/surrogates";
import { describeBackends, read } from "@sew/testing";
import { tensor1d } from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { type ReferenceKind, referenceCases } from "../src/reference/index.js";

/** Runs one case as if it came in a folder. */
function run(kind: ReferenceKind, one: object): string[] {
  const folder = mkdtempSync(join(tmpdir(), "sew-reference-"));
  try {
    writeFileSync(join(folder, `${kind}.json`), JSON.stringify({ cases: [one] }));
    const [found] = referenceCases(kind, folder);
    if (found === undefined || !("run" in found)) throw new Error("the case cannot be run");
    return found.run();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const x = Array.from({ length: 41 }, (_, i) => (i - 20) / 10 + 0.003);
/** erf by its Taylor series, good to 1e-12 up to 4. */
const erf = (z: number) => {
  let [term, sum] = [z, z];
  for (let n = 1; n < 120; n++) {
    term *= (-z * z) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
};

interface Formula {
  readonly names: readonly string[];
  readonly alpha: number | null;
  readonly derivative: (u: number) => number;
  readonly primitive: (u: number) => number;
}

const a5 = 1 + Math.PI ** 2 / 4;
const formulas: readonly Formula[] = [
  {
    names: ["atan", "ATan", "a tan"],
    alpha: 3,
    derivative: (u) => 3 / (2 * (1 + ((Math.PI / 2) * 3 * u) ** 2)),
    primitive: (u) => Math.atan((Math.PI / 2) * 3 * u) / Math.PI + 0.5,
  },
  {
    names: ["atan"],
    alpha: null,
    derivative: (u) => 1 / (1 + (Math.PI * u) ** 2),
    primitive: (u) => Math.atan(Math.PI * u) / Math.PI + 0.5,
  },
  {
    names: ["sigmoid", "Sigmoid"],
    alpha: 5,
    derivative: (u) => 5 / (2 + Math.exp(5 * u) + Math.exp(-5 * u)),
    primitive: (u) => 1 / (1 + Math.exp(-5 * u)),
  },
  {
    names: ["rect", "Rectangular"],
    alpha: 2,
    derivative: (u) => (Math.abs(u) < 0.25 ? 2 : 0),
    primitive: (u) => Math.min(1, Math.max(0, 2 * u + 0.5)),
  },
  { names: ["constant"], alpha: 0.7, derivative: () => 0.7, primitive: (u) => 0.7 * u + 0.5 },
  {
    names: ["scaledAtan", "scaled_atan", "Scaled ATan"],
    alpha: null,
    derivative: (u) => a5 / (1 + (Math.PI * u) ** 2),
    primitive: (u) => (a5 * Math.atan(Math.PI * u)) / Math.PI + 0.5,
  },
  {
    names: ["piecewiseQuadratic", "piecewise_quadratic", "PiecewiseQuadratic"],
    alpha: 1.5,
    derivative: (u) => Math.max(0, 1.5 - 2.25 * Math.abs(u)),
    primitive: (u) => (Math.abs(u) < 1 / 1.5 ? -1.125 * Math.abs(u) * u + 1.5 * u + 0.5 : u < 0 ? 0 : 1),
  },
  {
    names: ["piecewiseExp", "piecewise-exponential", "PiecewiseExp"],
    alpha: 2,
    derivative: (u) => Math.exp(-2 * Math.abs(u)),
    primitive: (u) => (u < 0 ? Math.exp(2 * u) / 2 : 1 - Math.exp(-2 * u) / 2),
  },
  {
    names: ["softSign", "soft sign"],
    alpha: 3,
    derivative: (u) => 3 / (2 * (1 + 3 * Math.abs(u)) ** 2),
    primitive: (u) => ((3 * u) / (1 + 3 * Math.abs(u)) + 1) / 2,
  },
  {
    names: ["superSpike", "super_spike"],
    alpha: 2,
    derivative: (u) => 2 / (1 + Math.abs(u)) ** 2,
    primitive: (u) => (2 * u) / (1 + Math.abs(u)) + 0.5,
  },
  {
    names: ["erf", "Erf"],
    alpha: 1.5,
    derivative: (u) => (1.5 / Math.sqrt(Math.PI)) * Math.exp(-2.25 * u * u),
    primitive: (u) => (1 + erf(1.5 * u)) / 2,
  },
];

const surrogateCase = ({ alpha, derivative, primitive }: Formula, surrogate: string) => ({
  surrogate,
  alpha,
  x,
  spike: x.map((u) => (u >= 0 ? 1 : 0)),
  derivative: x.map(derivative),
  primitive: x.map(primitive),
});

describeBackends("a reference case of a surrogate", () => {
  describe.each(formulas.flatMap((of) => of.names.map((name) => ({ name, of }))))("$name", ({ name, of }) => {
    it("agrees with the formula in float64", () => expect(run("surrogates", surrogateCase(of, name))).toEqual([]));

    it("tells a wrong slope and a wrong primitive", () => {
      const off = {
        ...of,
        derivative: (u: number) => of.derivative(u) + 1e-4,
        primitive: (u: number) => of.primitive(u) + 1e-4,
      };
      const found = run("surrogates", surrogateCase(off, name));
      expect(found.map((line) => line.split(":")[0])).toEqual(["derivative", "primitive"]);
    });
  });

  it("takes the slope on a window's edge from the side that the peer was on", () => {
    const edges = { surrogate: "rect", alpha: 1, x: [-0.5, 0.5], spike: [0, 1] };
    expect(run("surrogates", { ...edges, derivative: [1, 1] })).toEqual([]);
    expect(run("surrogates", { ...edges, derivative: [0, 0], primitive: [0, 1] })).toEqual([]);
    expect(run("surrogates", { ...edges, x: [-0.4, 0.4], derivative: [0, 0] })).toHaveLength(1);
  });

  it.each(Object.entries<() => Spike>(surrogates))("has every surrogate of the record: %s", (name, make) => {
    const [made, u] = [make(), tensor1d(x)];
    const [derivative, primitive] = [read(made.slope(u)), read(made.primitive!(u))];
    const c = { surrogate: name, x, spike: x.map((u) => (u >= 0 ? 1 : 0)), derivative, primitive };
    u.dispose();
    expect(run("surrogates", c)).toEqual([]);
  });

  it("names those that there are when asked for another", () =>
    expect(() => run("surrogates", surrogateCase(formulas[0]!, "leakyKReLU"))).toThrow(
      new RangeError(
        `referenceSpike: name must be one of ${[...Object.keys(surrogates), "rect", "piecewiseExp"].join(", ")}, got leakyKReLU`,
      ),
    ));
});

const [T, N] = [8, 16];

/** H, ∂H/∂V, ∂H/∂X and, for PLIF, ∂H/∂w. */
type Charge = (v: number, x: number, vReset: number) => readonly [h: number, byV: number, byX: number, byW?: number];

interface Options {
  readonly vThreshold: number;
  readonly vReset: number | null;
  readonly detachReset: boolean;
}

/** A case with the sequences that a charge makes of fixed currents, and the gradients by the chain rule. */
function neuronCase(neuron: string, charge: Charge, options: Options, said: object): object {
  const { vThreshold, vReset, detachReset } = options;
  const currents = Array.from({ length: T * N }, (_, i) => 0.9 * Math.sin(12.9898 * (i + 1)) + 0.7);
  const gradOut = Array.from({ length: T * N }, (_, i) => Math.sin(78.233 * (i + 1)));
  const [spikes, v, gradX] = [0, 1, 2].map(() => new Array<number>(T * N).fill(0)) as [number[], number[], number[]];
  let gradW = 0;
  for (let n = 0; n < N; n++) {
    const trace: { h: number; s: number; slopes: ReturnType<Charge>; at: number }[] = [];
    let potential = vReset ?? 0;
    for (let t = 0; t < T; t++) {
      const at = t * N + n;
      const slopes = charge(potential, currents[at]!, vReset ?? 0);
      const [h] = slopes;
      const s = h >= vThreshold ? 1 : 0;
      potential = vReset === null ? h - vThreshold * s : h * (1 - s) + vReset * s;
      trace.push({ h, s, slopes, at });
      [spikes[at], v[at]] = [s, potential];
    }
    let dv = 0;
    for (const { h, s, slopes, at } of trace.toReversed()) {
      const σ = 1 / (1 + (Math.PI * (h - vThreshold)) ** 2);
      const moved =
        vReset === null ? 1 - (detachReset ? 0 : vThreshold * σ) : 1 - s + (detachReset ? 0 : (vReset - h) * σ);
      const dh = gradOut[at]! * σ + dv * moved;
      gradX[at] = dh * slopes[2];
      gradW += dh * (slopes[3] ?? 0);
      dv = dh * slopes[1];
    }
  }
  const layer = { neuron, surrogate: "ATan", alpha: 2, T, N, ...options, ...said };
  return { ...layer, x: currents, gradOut, spikes, v, gradX, ...("w" in said ? { gradW } : {}) };
}

const lif =
  (tau: number, decay: boolean): Charge =>
  (v, u, rest) => [v + (decay ? u / tau : u) - (v - rest) / tau, 1 - 1 / tau, decay ? 1 / tau : 1];

const plif =
  (w: number, decay: boolean): Charge =>
  (v, u, rest) => {
    const r = 1 / (1 + Math.exp(-w));
    const pull = (decay ? u : 0) - (v - rest);
    return [v + r * pull + (decay ? 0 : u), 1 - r, decay ? r : 1, r * (1 - r) * pull];
  };

const qif =
  (tau: number, vc: number, a0: number, rest: number): Charge =>
  (v, u) => [v + (u + a0 * (v - rest) * (v - vc)) / tau, 1 + (a0 * (2 * v - rest - vc)) / tau, 1 / tau];

const eif =
  (tau: number, deltaT: number, theta: number, rest: number): Charge =>
  (v, u) => {
    const e = Math.exp((v - theta) / deltaT);
    return [v + (u - (v - rest) + deltaT * e) / tau, 1 + (e - 1) / tau, 1 / tau];
  };

const klif =
  (k: number): Charge =>
  (v, u, vReset) => {
    const [f, byV, byX] = lif(2, true)(v, u, vReset);
    const open = k * f >= 0 ? k : 0;
    return [Math.max(0, k * f), open * byV, open * byX];
  };

const neurons: readonly { name: string; charge: Charge; said: object }[] = [
  { name: "IF", charge: (v, u) => [v + u, 1, 1], said: { tau: null } },
  { name: "if", charge: (v, u) => [v + u, 1, 1], said: {} },
  { name: "LIF", charge: lif(2, true), said: {} },
  { name: "LIF", charge: lif(3, true), said: { tau: 3, decayInput: true } },
  { name: "LIF", charge: lif(3, false), said: { tau: 3, decayInput: false } },
  { name: "PLIF", charge: plif(-Math.log(2), true), said: { tau: 3 } },
  { name: "PLIF", charge: plif(0.5, true), said: { w: 0.5 } },
  { name: "PLIF", charge: plif(0.5, false), said: { w: 0.5, decayInput: false } },
  { name: "CPLIF", charge: plif(0.5, true), said: { w: 0.5 } },
  { name: "KLIF", charge: klif(1.5), said: { k: 1.5 } },
  { name: "QIF", charge: qif(2, 0.8, 1, 0), said: { tau: null } },
  { name: "QIF", charge: qif(3, 0.6, 0.5, 0.1), said: { tau: 3, vCritical: 0.6, a0: 0.5, vRest: 0.1 } },
  { name: "QIF", charge: qif(3, 0.6, 0.5, 0.1), said: { tau: 3, v_c: 0.6, a0: 0.5, v_rest: 0.1 } },
  { name: "QIF", charge: qif(2, 0.5, 1, 0), said: { vc: 0.5 } },
  { name: "EIF", charge: eif(2, 1, 0.8, 0), said: { tau: 2 } },
  { name: "EIF", charge: eif(4, 1.5, 0.7, 0.1), said: { tau: 4, deltaT: 1.5, thetaRh: 0.7, vRest: 0.1 } },
  { name: "eif", charge: eif(4, 1.5, 0.7, 0.1), said: { tau: 4, delta_T: 1.5, theta_rh: 0.7, v_rest: 0.1 } },
];

const resets: readonly Options[] = [true, false].flatMap((detachReset) =>
  [0, -0.1, null].map((vReset) => ({ vThreshold: 1, vReset, detachReset })),
);

describeBackends("a reference case of a neuron", () => {
  describe.each(neurons)("$name $said", ({ name, charge, said }) => {
    it.each(resets)("agrees with float64: V_reset = $vReset, detached $detachReset", (options) => {
      const made = neuronCase(name, charge, options, said) as { spikes: number[] };
      expect(new Set(made.spikes)).toEqual(new Set([0, 1]));
      expect(run("neurons", made)).toEqual([]);
    });
  });

  it("tells spikes, potentials and gradients of another neuron apart", () => {
    const made = neuronCase("LIF", lif(3, false), resets[0]!, { tau: 3, decayInput: true });
    expect(run("neurons", made).map((line) => line.split(":")[0])).toEqual(["spikes", "v", "gradX"]);
  });

  it("names those that there are when asked for another", () =>
    expect(() => run("neurons", neuronCase("HodgkinHuxley", lif(2, true), resets[0]!, {}))).toThrow(
      new RangeError(`neuronCase: neuron must be one of ${Object.keys(neuronModels).join(", ")}, got HodgkinHuxley`),
    ));
});

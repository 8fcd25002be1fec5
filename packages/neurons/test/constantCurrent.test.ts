import { describeBackends, expectClose, float32, read, scoped } from "@sew/kernels/testing";
import {
  composed,
  eif,
  firingCurrent,
  integrateAndFire,
  lif,
  type MembraneParams,
  membrane,
  type Neuron,
  type NeuronModel,
  neuron,
  plif,
  qif,
  restingPotential,
  silentCurrent,
  unroll,
} from "@sew/neurons";
import { membraneParams, type Numeric } from "@sew/neurons/testing";
import { cos, fill, memory, mul, neg, square, sub, type Tensor, tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

/** A neuron, and the current that its charge's formula says in float64: H(V_reset, x) = V_th solved for x. */
interface Solved {
  readonly step: Neuron;
  readonly solved: number;
}

/** Thresholds and resets with V_reset below V_th, and the difference. */
const membranes = membraneParams.map((p) => {
  const [vReset, vThreshold] = [Math.min(p.vReset, p.vThreshold), Math.max(p.vReset, p.vThreshold)];
  return { p: { ...p, vReset, vThreshold }, gap: vThreshold - vReset };
});

const of = <Own>(own: fc.Arbitrary<Own>, make: (p: Numeric<MembraneParams>, gap: number, own: Own) => Solved) =>
  fc.tuple(membranes, own).map(([{ p, gap }, own]) => make(p, gap, own));

const tau = float32(1, 32);
const models: Readonly<Record<string, fc.Arbitrary<Solved>>> = {
  IF: of(fc.constant({}), (p, gap) => ({ step: neuron(integrateAndFire, p), solved: gap })),
  LIF: of(tau, (p, gap, tau) => ({ step: neuron(lif, { ...p, tau }), solved: tau * gap })),
  PLIF: of(float32(-3, 3), (p, gap, w) => ({ step: neuron(plif, { ...p, w }), solved: (1 + Math.exp(-w)) * gap })),
  "LIF of whole inputs": of(tau, (p, gap, tau) => ({
    step: neuron(lif, { ...p, tau, decayInput: false }),
    solved: gap,
  })),
  "PLIF of whole inputs": of(float32(-3, 3), (p, gap, w) => ({
    step: neuron(plif, { ...p, w, decayInput: false }),
    solved: gap,
  })),
  QIF: of(
    fc.record({ tau, vCritical: float32(-1, 2), a0: float32(0.125, 2), vRest: float32(-1, 1) }),
    (p, gap, own) => ({
      step: neuron(qif, { ...p, ...own }),
      solved: own.tau * gap - own.a0 * (p.vReset - own.vRest) * (p.vReset - own.vCritical),
    }),
  ),
  EIF: of(
    fc.record({ tau, deltaT: float32(0.5, 4), thetaRh: float32(-1, 1), vRest: float32(-1, 1) }),
    (p, gap, own) => ({
      // Soft, it may run off to infinity, where nothing brings it back; a hard reset always does.
      step: neuron(eif, { ...p, ...own, reset: "hard" }),
      solved: own.tau * gap + (p.vReset - own.vRest) - own.deltaT * Math.exp((p.vReset - own.thetaRh) / own.deltaT),
    }),
  ),
};

/** The float32 number just below. */
function below(x: number): number {
  const floats = Float32Array.of(x === 0 ? -0 : x);
  const bits = new Int32Array(floats.buffer);
  bits[0]! += floats[0]! > 0 ? -1 : 1;
  return floats[0]!;
}

/** Spikes over `steps` steps from rest at a constant current, by the fused kernel where there is one and without. */
function spikesAt(step: Neuron, current: number, steps: number): number[] {
  const x = fill([steps, 1], current);
  const spikes = read(unroll(step, x).spikes);
  expect(read(unroll(composed(step), x).spikes)).toEqual(spikes);
  return spikes;
}

const withReset = (step: Neuron, reset: "hard" | "soft") => step.params.reset === reset;

describeBackends("firingCurrent", (backend) => {
  describe.each(Object.entries(models))("of %s", (name, drawn) => {
    it("makes every step fire, and the float32 below it does not", ({ skip }) => {
      if (backend === "tensorflow" && name === "EIF") skip("libtensorflow's exp rounds by the place in the array");
      fc.assert(
        fc.property(drawn, ({ step }) =>
          scoped(() => {
            const current = firingCurrent(step);
            expect(Math.fround(current)).toBe(current);
            expect(spikesAt(step, current, 64)).not.toContain(0);
            expect(spikesAt(step, below(current), 64)).toContain(0);
          }),
        ),
        { numRuns: 20 },
      );
    });

    it("is the current at which the first step from V_reset reaches V_th, when the reset is hard", () =>
      fc.assert(
        fc.property(
          drawn.filter(({ step }) => withReset(step, "hard")),
          ({ step, solved }) => expectClose([firingCurrent(step)], [solved], { relative: 1e-5, absolute: 1e-5 }),
        ),
      ));
  });

  it.each([
    { name: "IF", step: neuron(integrateAndFire), current: 1 },
    { name: "LIF, τ = 2", step: neuron(lif), current: 2 },
    {
      name: "LIF, τ = 3, V_th = 0.5, V_reset = −0.25",
      step: neuron(lif, { tau: 3, vThreshold: 0.5, vReset: -0.25 }),
      current: 2.25,
    },
    { name: "LIF of whole inputs", step: neuron(lif, { decayInput: false }), current: 1 },
    { name: "PLIF, w = 0", step: neuron(plif), current: 2 },
    { name: "QIF", step: neuron(qif), current: 2 },
    { name: "IF, soft reset", step: neuron(integrateAndFire, { reset: "soft" }), current: 1 },
    { name: "QIF, soft reset", step: neuron(qif, { reset: "soft" }), current: 2 },
    { name: "LIF, soft reset", step: neuron(lif, { reset: "soft" }), current: 2 },
  ])("$name: $current", ({ step, current }) => expect(firingCurrent(step)).toBe(current));

  it.each(["hard", "soft"] as const)("is 2 − exp(−0.8) for EIF, which its exponential helps (%s reset)", (reset) =>
    expectClose([firingCurrent(neuron(eif, { reset }))], [1.550671036], { relative: 1e-6, absolute: 0 }),
  );

  it("is more than the first step needs when a soft reset leaves V below V_reset", () => {
    // V = 0.5 first, and 63 steps later 0.5 − 63 (1 − x), to which x brings the last just up to V_th.
    const step = neuron(integrateAndFire, { reset: "soft", vReset: 0.5 });
    expectClose([firingCurrent(step)], [1 - 0.5 / 64], { relative: 1e-5, absolute: 0 });
  });

  it("makes all channels fire, and not less than that", () =>
    scoped(() => expect(firingCurrent(neuron(lif, { tau: 2, vThreshold: tensor1d([0.5, 1, 0.25]) }))).toBe(2)));

  it("is found for a model of one's own", () => {
    const cubic: NeuronModel<MembraneParams> = {
      name: "cubic",
      defaults: { ...membrane, vThreshold: 8 },
      state: restingPotential,
      charge: (_, x) => ({ v: mul(x, square(x)) }),
      check() {},
    };
    expect(firingCurrent(neuron(cubic))).toBe(2);
  });
});

describeBackends("silentCurrent", () => {
  it("is 0 for what rests there", () => {
    for (const model of [integrateAndFire, lif, plif, qif] as NeuronModel<MembraneParams>[]) {
      expect(silentCurrent(neuron(model))).toBe(0);
      expect(silentCurrent(neuron(model, { reset: "soft" }))).toBe(0);
    }
    expect(silentCurrent(neuron(eif, { thetaRh: 1.5 }))).toBe(0);
  });

  it("is negative for EIF's defaults, which fire at 0 and, since −V + exp(V − 0.8) is at least 0.2, at −0.125", () => {
    expect(silentCurrent(neuron(eif))).toBe(-0.25);
    scoped(() => {
      expect(spikesAt(neuron(eif), -0.125, 64)).toContain(1);
      expect(spikesAt(neuron(eif), -0.25, 2048)).not.toContain(1);
    });
  });

  it("follows a slow start: at θ_rh = 0.999 EIF gains as little as 0.0005 a step, and still fires at 0", () =>
    expect(silentCurrent(neuron(eif, { thetaRh: 0.999 }))).toBeLessThan(0));

  it("is a current at which nothing fires, whatever the threshold and the reset", () =>
    fc.assert(
      fc.property(
        fc.oneof(
          membraneParams.map((p) => neuron(integrateAndFire, p)),
          fc.tuple(membraneParams, tau).map(([p, tau]) => neuron(lif, { ...p, tau })),
          fc.tuple(membraneParams, float32(-3, 3)).map(([p, w]) => neuron(plif, { ...p, w })),
          fc.tuple(membraneParams, tau).map(([p, tau]) => neuron(eif, { ...p, tau })),
        ),
        (step) =>
          scoped(() => {
            const current = silentCurrent(step);
            expect(current).toBeLessThanOrEqual(0);
            expect(Object.is(current, -0)).toBe(false);
            expect(spikesAt(step, current, 256)).not.toContain(1);
            if (current < 0) expect(spikesAt(step, 0, 256)).toContain(1);
          }),
      ),
      { numRuns: 20 },
    ));
});

describeBackends("both", () => {
  it("leave no tensors behind", () => {
    const steps = [
      neuron(lif),
      neuron(eif, { reset: "soft" }),
      neuron(integrateAndFire, { reset: "soft", vReset: 0.5 }),
    ];
    const before = memory().numTensors;
    for (const step of steps) [firingCurrent(step), silentCurrent(step)];
    expect(memory().numTensors).toBe(before);
  });

  it("refuse neurons that have no such current, and say why", () => {
    const model = (charge: (v: Tensor, x: Tensor) => Tensor, params: Partial<MembraneParams> = {}) =>
      neuron({
        name: "odd",
        defaults: { ...membrane, ...params },
        state: restingPotential,
        charge: ({ v }, x) => ({ v: charge(v, x) }),
        check() {},
      } satisfies NeuronModel<MembraneParams>);
    expect(() => firingCurrent(model((_, x) => neg(x)))).toThrow(
      new RangeError(
        "firingCurrent: neuron must have a charge that does not fall when the current rises, got one that fires at -18446744073709552000 and not at 18446744073709552000",
      ),
    );
    expect(() => firingCurrent(model((_, x) => square(x)))).toThrow(
      /^firingCurrent: neuron must have a charge that does not fall when the current rises, got one that fires at -18446744073709552000 and not at /,
    );
    expect(() => firingCurrent(model((v) => v))).toThrow(
      new RangeError(
        "firingCurrent: neuron must fire at every step at some constant current, got one that does not at any up to 18446744073709552000",
      ),
    );
    expect(() => firingCurrent(model((_, x) => cos(mul(0, x))))).toThrow(
      new RangeError(
        "firingCurrent: neuron must be silent at some current, got one that fires at -18446744073709552000",
      ),
    );
    expect(() => silentCurrent(model((_, x) => sub(2, mul(0, x))))).toThrow(
      new RangeError(
        "silentCurrent: neuron must be silent at 0 or some negative current, got one that fires at each down to -1073741824",
      ),
    );
  });
});

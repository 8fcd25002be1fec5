/** @file A model of one's own with further state and rules of its own: an adaptive LIF neuron. */

import { detach } from "@sew/kernels";
import { describeBackends, expectClose, float32, read, scoped } from "@sew/kernels/testing";
import {
  fire,
  type LifParams,
  lif,
  lifCharge,
  type NeuronModel,
  neuron,
  type Parameter,
  reset,
  resetSpikes,
  type State,
  unroll,
} from "@sew/neurons";
import { describeNeuron, membraneParams, type Numeric } from "@sew/neurons/testing";
import { atan, smooth, spike } from "@sew/surrogates";
import {
  add,
  cast,
  clipByValue,
  cumsum,
  grads,
  greater,
  greaterEqual,
  keep,
  mul,
  onesLike,
  scalar,
  sub,
  sum,
  type Tensor,
  tensor,
  tensor1d,
  tensor2d,
  variable,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { expect, it, vi } from "vitest";

interface AdaptiveParams extends LifParams {
  readonly decay: Parameter;
  readonly rise: Parameter;
}

/** The threshold is V_th + a, and a ← decay · a + rise · S. */
const adaptive: NeuronModel<AdaptiveParams, "v" | "a"> = {
  name: "adaptive",
  defaults: { ...lif.defaults, decay: 0.5, rise: 1 },
  state: ({ vReset }) => ({ v: vReset, a: 0 }),
  charge: ({ v }, x, params) => ({ v: lifCharge(v, x, params) }),
  fire: ({ v, a }, { vThreshold }, spike) => fire(v, add(vThreshold, a), spike),
  reset: ({ v, a }, spikes, params) => ({
    v: reset(v, spikes, params),
    a: add(mul(a, params.decay), mul(params.rise, resetSpikes(spikes, params))),
  }),
  check() {},
};

const params: fc.Arbitrary<Numeric<AdaptiveParams>> = fc
  .record({
    membrane: membraneParams,
    tau: float32(1, 16),
    decayInput: fc.boolean(),
    decay: float32(0, 1),
    rise: float32(-1, 1),
  })
  .map(({ membrane, ...own }) => ({ ...membrane, ...own }));

describeNeuron(adaptive, params);

/** A variable that only moves on spikes: the default fire and reset stay. */
const counting: NeuronModel<LifParams, "v" | "n"> = {
  name: "counting",
  defaults: lif.defaults,
  state: ({ vReset }) => ({ v: vReset, n: 0 }),
  charge: ({ v }, x, params) => ({ v: lifCharge(v, x, params) }),
  reset: ({ v, n }, spikes, params) => ({ v: reset(v, spikes, params), n: add(n, spikes) }),
  check() {},
};

const elsewhere = keep(tensor1d([1, 2]));

describeBackends("a model with further state", (backend) => {
  it("works out by hand: τ = 2, decay 1/2, rise 1, currents 2 2 4 4", () =>
    scoped(() => {
      // Threshold 1: H = 1 fires, a = 1. Threshold 2: H = 1. Threshold 1.5: H = 2.5 fires, a = 1.25. Threshold 2.25: H = 2.
      const { spikes, state } = unroll(neuron(adaptive), tensor2d([[2], [2], [4], [4]]));
      expect([read(spikes), read(state.v), read(state.a)]).toEqual([[1, 0, 1, 0], [2], [0.625]]);
    }));

  it("counts its spikes with the shared rules for the rest", () =>
    scoped(() => {
      const x = tensor2d([
        [2, 0],
        [2, 3],
        [0, 0],
      ]);
      const [own, shared] = [unroll(neuron(counting), x), unroll(neuron(lif), x)];
      expect(read(own.spikes)).toEqual(read(shared.spikes));
      expect(read(own.state.v)).toEqual(read(shared.state.v));
      expect(read(own.state.n)).toEqual(read(sum(shared.spikes, 0)));
    }));

  it("passes gradients to the further state before the first step", () =>
    scoped(() => {
      const n = neuron(adaptive, { vThreshold: 10 });
      const [da] = grads((a) => sum(unroll(n, tensor([0, 0], [2, 1]), { v: tensor1d([0]), a }).state.a))([
        tensor1d([1]),
      ]);
      expectClose(da!, [0.25]);
    }));

  it("refuses a step without one of its variables", () =>
    scoped(() =>
      expect(() => neuron(adaptive)({ v: tensor1d([0]) } as never, tensor1d([0]))).toThrow(
        new TypeError("adaptive: state must be a record of v, a, got one without a"),
      ),
    ));

  it.each<[string, Partial<typeof adaptive>, string]>([
    [
      "charges to another shape",
      { charge: ({ v }) => ({ v: sum(v) }) },
      "adaptive: charge's v must have the shape [2] of x, got []",
    ],
    [
      "charges a variable that it does not declare",
      { charge: ({ v }) => ({ v, u: v }) as never },
      'adaptive: charge must return state variables that the model declares, v, a, got "u"',
    ],
    [
      "fires in another shape",
      { fire: ({ v }) => sum(v) },
      "adaptive: the spikes must have the shape [2] of x, got []",
    ],
    [
      "resets to another shape",
      { reset: ({ v, a }) => ({ v, a: sum(a) }) },
      "adaptive: reset's a must have the shape [2] of x, got []",
    ],
  ])("refuses a model that %s", (_, change, message) =>
    scoped(() =>
      expect(() => {
        const step = neuron({ ...adaptive, ...change });
        step(step.initialState([2]), tensor1d([0, 1]));
      }).toThrow(message),
    ),
  );

  it("warns once that it is not traced, naming the rule, the operation and the line, and runs as composed operations", () =>
    scoped(() => {
      const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
      const fire = ({ v }: State<"v">) => cumsum(cast(greater(v, 1), "float32"));
      const model = { ...adaptive, name: `counted on ${backend}`, fire };
      const steps = [neuron(model), neuron(model)];
      const warnings = warn.mock.calls.map(([message]) =>
        String(message)
          .replace(/\(.*ownModel/, "(ownModel")
          .replace(/\d+:\d+/, "here"),
      );
      warn.mockRestore();
      expect(warnings).toEqual([
        `counted on ${backend}: fire calls cumsum, which cannot be traced (ownModel.test.ts:here); the README of @sew/neurons lists the operations that can be. The neuron runs as composed operations, several times slower than a fused kernel.`,
      ]);
      expect(steps.map(({ program }) => program)).toEqual([undefined, undefined]);
      expect(read(unroll(steps[0]!, tensor2d([[4, 4]])).spikes)).toEqual([1, 2]);
    }));

  it.each<[string, Partial<typeof adaptive>, string]>([
    [
      "charges to the shape of a parameter",
      { charge: (_, __, { vThreshold }) => ({ v: add(vThreshold, scalar(0)) }) },
      "adaptive: charge's v must have the shape [2,3] of x, got []",
    ],
    [
      "reads a tensor from elsewhere",
      { charge: ({ v }, x) => ({ v: add(v, mul(elsewhere, x)) }) },
      "adaptive: charge must read nothing but the state, x and the parameters, got another tensor [2] (here); make it a parameter of the model, or a number",
    ],
    [
      "fires by a comparison that has no derivative",
      { fire: ({ v }) => cast(greater(v, 1), "float32") },
      "adaptive: fire must have a derivative where gradients pass, got greater (here); detach(…) what it receives, or give it a derivative with withSlope(…)",
    ],
    [
      "resets by the value of a tensor",
      { reset: ({ v, a }, spikes) => ((spikes as unknown as number) > 0 ? { v: a } : { v }) },
      "adaptive: reset must compute with tfjs operations, got a tensor used as a number (here); write add(a, b) for a + b, and where(condition, a, b) for a choice",
    ],
    [
      "starts at a tensor from elsewhere",
      { state: () => ({ v: 0, a: elsewhere }) },
      "adaptive: state must read nothing but the state, x and the parameters, got another tensor [2]; make it a parameter of the model, or a number",
    ],
    [
      "reads a parameter that it does not declare",
      { charge: ({ v }, x, { taw }: never) => ({ v: mul(add(v, x), 1 / taw) }) },
      'adaptive: charge must read parameters that the model declares, vThreshold, vReset, reset, detachReset, tau, decayInput, decay, rise, got "taw" (here); add it to the defaults of the model',
    ],
    [
      "starts at a parameter that it does not declare",
      { state: ({ vRset }: never) => ({ v: vRset, a: 0 }) },
      'adaptive: state must read parameters that the model declares, vThreshold, vReset, reset, detachReset, tau, decayInput, decay, rise, got "vRset" (here); add it to the defaults of the model',
    ],
    [
      "charges by a variable that it does not declare",
      { charge: ({ v, w }: never, x) => ({ v: add(add(v, w), x) }) },
      'adaptive: charge must read variables that state declares, v, a, got "w" (here); return it from state',
    ],
    [
      "fires by a variable that it does not declare",
      { fire: ({ v, w }: never) => add(v, w) },
      'adaptive: fire must read variables that state declares, v, a, got "w" (here); return it from state',
    ],
    [
      "has no potential",
      { state: () => ({ a: 0 }) as never, charge: ({ a }) => ({ v: a }) },
      'adaptive: charge must return state variables that the model declares, a, got "v"',
    ],
    [
      "starts at no number",
      { state: () => ({ v: Number.NaN, a: 0 }) },
      "adaptive: state's v must be a number or a tensor, got NaN",
    ],
    [
      "starts at nothing",
      { state: () => undefined as never },
      "adaptive: state must return the variables at rest by name, got undefined",
    ],
    [
      "waits for its state",
      { state: async () => ({ v: 0, a: 0 }) } as never,
      "adaptive: state must return the variables at rest by name, got a promise",
    ],
    [
      "returns nothing from its charge",
      { charge: () => undefined as never },
      "adaptive: charge must return state variables by name, such as { v }, got undefined",
    ],
    [
      "returns a tensor from its charge",
      { charge: ({ v }) => v as never },
      "adaptive: charge must return state variables by name, such as { v }, got a tensor",
    ],
    [
      "returns no potential from its charge",
      { charge: ({ a }) => ({ a }) as never },
      "adaptive: charge must return v, the charged potential, got a",
    ],
    [
      "waits in its charge",
      { charge: (async ({ v }: State<"v">, x: Tensor) => ({ v: add(await v, x) })) as never },
      "adaptive: charge must return at once, got a promise; leave out async and await",
    ],
    [
      "waits in its fire",
      { fire: (async ({ v }: State<"v">) => add(await v, 1)) as never },
      "adaptive: the spikes must return at once, got a promise; leave out async and await",
    ],
    [
      "waits in its reset",
      { reset: (async ({ v }: State<"v">) => ({ v: add(await v, 1) })) as never },
      "adaptive: reset must return at once, got a promise; leave out async and await",
    ],
    [
      "returns nothing from its reset",
      { reset: () => undefined as never },
      "adaptive: reset must return state variables by name, such as { v }, got undefined",
    ],
    [
      "charges a number",
      { charge: () => ({ v: 1 }) as never },
      "adaptive: charge's v must have the shape [2,3] of x, got 1",
    ],
    [
      "reads a tensor inside a parameter",
      {
        defaults: { ...adaptive.defaults, weights: [elsewhere] } as never,
        charge: ({ v }, x, { weights }: never) => ({ v: add(v, mul(x, weights[0])) }),
      },
      "adaptive: charge must read tensors that are parameters by themselves, got weights.0 (here); give it a name of its own among the parameters",
    ],
    [
      "fires more than it declares",
      { fire: ({ v, a }, _, spike) => add(spike(sub(v, 1)), spike(a)) },
      'adaptive: emits must cover what fire returns, whole numbers up to 2, got 0 and 1; declare emits: () => ({ kind: "counts", most: 2 })',
    ],
    [
      "fires more than the most that it declares",
      { emits: () => ({ kind: "counts", most: 2 }), fire: ({ v }, _, spike) => mul(9, spike(v)) },
      'adaptive: emits must cover what fire returns, whole numbers up to 9, got whole numbers up to 2; declare emits: () => ({ kind: "counts", most: 9 })',
    ],
    [
      "fires any numbers",
      { fire: ({ v }) => v },
      'adaptive: emits must cover what fire returns, any numbers, as far as its operations tell, got 0 and 1; declare emits: () => ({ kind: "reals" }), or bound whole numbers with clipByValue',
    ],
  ])("refuses, when it is made, a model that %s", (_, change, message) => {
    const refused = () => {
      try {
        return neuron({ ...adaptive, ...change });
      } catch (error) {
        return (error as Error).message.replace(/ \(\S*ownModel\.test\.ts:\d+:\d+\)/, " (here)");
      }
    };
    expect(refused()).toBe(message);
  });

  it("fires what a spike function computes, in smooth mode and of one's own, whatever it declares", () =>
    scoped(() => {
      for (const spike of [smooth(atan()), Object.assign((u: Tensor) => mul(u, 2), { slope: onesLike })]) {
        expect(neuron(adaptive, {}, spike).program!.spikes).toEqual({ kind: "reals" });
      }
    }));

  it("fires one of two spikes, where it bounds their sum", () => {
    const fire: typeof adaptive.fire = ({ v, a }, _, spike) =>
      clipByValue(sub(add(spike(v), spike(a)), mul(2, mul(spike(v), spike(a)))), 0, 1);
    expect(neuron({ ...adaptive, fire }).program!.spikes).toEqual({ kind: "bits" });
  });

  it("has results in float32, where the model returns truth values", () =>
    scoped(() => {
      const truths: Partial<typeof adaptive> = {
        fire: ({ v }) => greaterEqual(v, 1),
        reset: ({ v }) => ({ a: greaterEqual(detach(v), 1) }),
      };
      const step = neuron({ ...adaptive, ...truths });
      const single = step(step.initialState([2]), tensor1d([0, 4]));
      const whole = unroll(step, tensor2d([[0, 4]]));
      for (const { spikes, state } of [single, whole]) {
        expect([spikes.dtype, state.a.dtype, read(spikes), read(state.a)]).toEqual([
          "float32",
          "float32",
          [0, 1],
          [0, 1],
        ]);
      }
    }));

  it.each([
    ["decy", "decay"],
    ["Rise", "rise"],
    ["vTreshold", "vThreshold"],
  ])("refuses the parameter %s, with the one that is meant", (name, meant) =>
    expect(() => neuron(adaptive, { [name]: 1 })).toThrow(
      new RangeError(
        `adaptive: parameters must be of vThreshold, vReset, reset, detachReset, tau, decayInput, decay, rise, got "${name}"; did you mean ${meant}?`,
      ),
    ),
  );

  it("refuses a parameter that is none of the model's", () =>
    expect(() => neuron(lif, { momentum: 1 } as object)).toThrow(
      new RangeError(
        'lif: parameters must be of vThreshold, vReset, reset, detachReset, tau, decayInput, got "momentum"; leave it out, or add it to the defaults of the model',
      ),
    ));

  it("names a slope that reads a tensor from elsewhere, or returns none", () => {
    const said = (slope: (u: Tensor) => unknown) => {
      try {
        return neuron(lif, {}, spike(slope as (u: Tensor) => Tensor));
      } catch (error) {
        return (error as Error).message.replace(/ \(\S*ownModel\.test\.ts:\d+:\d+\)/, " (here)");
      }
    };
    expect(said((u) => mul(elsewhere, u))).toBe(
      "lif: the slope in fire must read nothing but the state, x and the parameters, got another tensor [2] (here); use a number, since a slope receives no parameters",
    );
    expect(said(() => 1)).toContain("lif: the slope in fire must return tensors, got 1");
  });

  it("refuses a number that is not finite, of any parameter", () =>
    expect(() => neuron(adaptive, { rise: Number.POSITIVE_INFINITY })).toThrow(
      new RangeError("adaptive: rise must be a finite number, got Infinity"),
    ));

  it("refuses to learn a parameter that nothing reads", () => {
    const rise = variable(scalar(1));
    expect(() => neuron({ ...adaptive, reset: ({ v, a }) => ({ v, a }) }, { rise })).toThrow(
      new TypeError(
        "adaptive: rise must be read by the step or the initial state, since it is learned, got a variable that neither reads; pass a number",
      ),
    );
    rise.dispose();
  });

  it("refuses a state at rest for other channels than a parameter has", () =>
    scoped(() =>
      expect(() => neuron(lif, { vReset: tensor1d([0, 1, 2]) }).initialState([4, 2])).toThrow(
        new RangeError("lif: vReset must have 1 value or one for each of the 2 channels of x [4,2], got [3]"),
      ),
    ));

  it("refuses a state of another shape than the currents", () =>
    scoped(() =>
      expect(() => neuron(adaptive)({ v: tensor1d([0]), a: tensor1d([0, 0]) }, tensor1d([0, 1]))).toThrow(
        new RangeError("adaptive: v of the state must have the shape [2] of x, got [1]"),
      ),
    ));
});

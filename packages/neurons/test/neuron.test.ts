import { describeBackends, expectClose, floatsOf, read, scoped, spikesOf } from "@sew/kernels/testing";
import { fire, integrateAndFire, lif, membrane, neuron, plif, reset } from "@sew/neurons";
import { constant, spike } from "@sew/surrogates";
import { grad, tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const pairs = fc.integer({ min: 1, max: 12 }).chain((n) => fc.tuple(floatsOf(n), spikesOf(n)));

describeBackends("reset", () => {
  it("hard, leaves silent neurons where they are, even when V_reset is not 0", () =>
    fc.assert(
      fc.property(pairs, ([hs, s]) =>
        scoped(() => {
          const v = reset(tensor1d(hs), tensor1d(s), { ...membrane, vReset: 0.5 });
          expect(read(v).map((u) => u + 0)).toEqual(hs.map((h, i) => (s[i] === 1 ? 0.5 : h + 0)));
        }),
      ),
    ));

  it("soft, takes V_th from the neurons that fired", () =>
    fc.assert(
      fc.property(pairs, ([hs, s]) =>
        scoped(() => {
          const v = reset(tensor1d(hs), tensor1d(s), { ...membrane, reset: "soft", vThreshold: 0.5 });
          expectClose(
            v,
            hs.map((h, i) => h - 0.5 * s[i]!),
          );
        }),
      ),
    ));
});

describeBackends("fire", () => {
  it("asks the spike function about H − V_th", () =>
    scoped(() => {
      const h = tensor1d([0.25, 0.5, 0.75]);
      expect(read(fire(h, 0.5, constant()))).toEqual([0, 1, 1]);
      const identity = spike((u) => u);
      expect(read(grad((u) => fire(u, 0.5, identity))(h))).toEqual([-0.25, 0, 0.25]);
    }));
});

describe("neuron", () => {
  it("has the paper's settings unless told: V_th = 1, V_reset = 0, hard detached reset, ArcTan α = 2", () => {
    const { params, spike } = neuron(integrateAndFire);
    expect(params).toEqual({ vThreshold: 1, vReset: 0, reset: "hard", detachReset: true });
    scoped(() => expectClose(spike.slope(tensor1d([0, 1])), [1, 1 / (1 + Math.PI ** 2)]));
    expect(neuron(lif).params).toMatchObject({ tau: 2 });
    expect(neuron(plif).params).toMatchObject({ w: 0 });
  });

  it("keeps the model's other defaults when some parameters are given", () =>
    expect(neuron(lif, { vThreshold: 0.5 }).params).toEqual({
      ...membrane,
      tau: 2,
      decayInput: true,
      vThreshold: 0.5,
    }));

  it.each([Number.NaN, Number.POSITIVE_INFINITY])("refuses vThreshold = %s", (vThreshold) =>
    expect(() => neuron(integrateAndFire, { vThreshold })).toThrow(
      new RangeError(`if: vThreshold must be a finite number, got ${vThreshold}`),
    ),
  );

  it.each([Number.NaN, Number.NEGATIVE_INFINITY])("refuses vReset = %s", (vReset) =>
    expect(() => neuron(lif, { vReset })).toThrow(new RangeError(`lif: vReset must be a finite number, got ${vReset}`)),
  );

  it("refuses a reset of another kind", () =>
    expect(() => neuron(plif, { reset: "firm" as "hard" })).toThrow(
      new RangeError('plif: reset must be "hard" or "soft", got "firm"'),
    ));

  it("refuses a parameter without values", () =>
    scoped(() =>
      expect(() => neuron(lif, { tau: tensor1d([]) })).toThrow(
        new RangeError("lif: tau must be a scalar or have one value per channel, [C] with C at least 1, got [0]"),
      ),
    ));
});

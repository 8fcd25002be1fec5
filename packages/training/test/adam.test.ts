import { disposeModule, evaluation, linear, type Module } from "@sew/layers";
import { type AdamOptions, adam, type Optimizer, optimizer as optimizerOf } from "@sew/training";
import { memory, ones, type Scalar, square, sum, tidy } from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";

const adamOf = (model: Module, options?: AdamOptions): Optimizer => optimizerOf(model, adam(options));

/** An update by the gradient of Σ y². */
function update(model: Module, optimizer: Optimizer, rate = 0.01): void {
  tidy(() => {
    const loss = () => sum(square(model.forward(ones([1, 1, 2]), evaluation))) as Scalar;
    optimizer.apply(optimizer.gradients(loss).gradients, rate);
  });
}

const weights = (model: Module): number[][] => Object.values(model.parameters!).map((p) => [...p.dataSync()]);

describe("adam", () => {
  it("moves by lr · m̂ / (√v̂ + ε)", () => {
    const model = linear(2, 1);
    const optimizer = adamOf(model, { beta1: 0.8, beta2: 0.9, epsilon: 0.01 });
    let [m, v] = [0, 0];
    for (let t = 1; t <= 5; t++) {
      const [w, b] = weights(model);
      const y = w![0]! + w![1]! + b![0]!;
      const g = 2 * y;
      m = 0.8 * m + 0.2 * g;
      v = 0.9 * v + 0.1 * g * g;
      const expected = b![0]! - (0.125 * (m / (1 - 0.8 ** t))) / (Math.sqrt(v / (1 - 0.9 ** t)) + 0.01);
      update(model, optimizer, 0.125);
      expect(weights(model)[1]![0]).toBeCloseTo(expected, 5);
    }
    optimizer.dispose();
    disposeModule(model);
  });

  it("goes on exactly where its state was taken, in another model", async () => {
    const [one, other] = [linear(2, 3), linear(2, 3)];
    const [a, b] = [adamOf(one), adamOf(other)];
    for (let i = 0; i < 3; i++) update(one, a);
    const state = await a.state();
    expect([state.step, ...state.slots.keys()]).toEqual([
      ...[3, "mean/weight", "mean/bias", "square/weight", "square/bias"],
    ]);
    b.restore(state);
    for (const name of ["weight", "bias"] as const) other.parameters[name].assign(one.parameters[name]);
    for (let i = 0; i < 4; i++) {
      update(one, a);
      update(other, b);
    }
    expect(weights(other)).toEqual(weights(one));
    for (const optimizer of [a, b]) optimizer.dispose();
    for (const model of [one, other]) disposeModule(model);
  });

  it("leaves nothing behind", async () => {
    const before = memory().numTensors;
    const model = linear(2, 1);
    const optimizer = adamOf(model);
    update(model, optimizer);
    optimizer.restore(await optimizer.state());
    update(model, optimizer);
    optimizer.dispose();
    disposeModule(model);
    expect(memory().numTensors).toBe(before);
  });

  it("refuses options out of range, and a state that lacks a name", async () => {
    const model = linear(2, 1);
    expect(() => adam({ beta2: 1 })).toThrow(new RangeError("adam: beta2 must be at least 0 and below 1, got 1"));
    for (const epsilon of [0, Number.NaN, Number.POSITIVE_INFINITY, -1]) {
      expect(() => adam({ epsilon })).toThrow(
        new RangeError(`adam: epsilon must be a finite number above 0, got ${epsilon}`),
      );
    }
    const optimizer = adamOf(model);
    const slots = new Map([["mean/weight", new Float32Array(2)]]);
    expect(() => optimizer.restore({ step: 1, slots })).toThrow(
      new RangeError(
        "optimizer: state must have the slots of adam(0.9, 0.999, 1e-8), got no mean/bias; use the transforms that it was " +
          "made with",
      ),
    );
    optimizer.dispose();
    disposeModule(model);
  });
});

import { disposeModule, evaluation, linear, type Module, neurons } from "@sew/layers";
import { plif } from "@sew/neurons";
import { leanGradients, type Optimizer, sgd } from "@sew/training";
import {
  dispose,
  memory,
  mul,
  ones,
  type Scalar,
  square,
  sum,
  tidy,
  train,
  variableGrads,
} from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";

/** An update by the gradient of Σ y². */
function update(model: Module, optimizer: Optimizer, scale = 1): void {
  tidy(() => {
    const loss = (): Scalar => mul(sum(square(model.forward(ones([1, 1, 2]), evaluation))), scale) as Scalar;
    optimizer.apply(leanGradients(loss, [...optimizer.variables.values()]).grads);
  });
}

const weights = (model: Module): number[][] => Object.values(model.parameters!).map((p) => [...p.dataSync()]);

describe("sgd", () => {
  it("is u ← μu + g, w ← w − lr·u", () => {
    const model = linear(2, 1);
    const optimizer = sgd(model, 0.5);
    optimizer.setLearningRate(0.125);
    let u = 0;
    for (let i = 0; i < 5; i++) {
      const { bias } = model.parameters!;
      const { value, grads } = variableGrads(
        () => sum(square(model.forward(ones([1, 1, 2]), evaluation))) as Scalar,
        [bias!],
      );
      u = 0.5 * u + grads[bias!.name]!.dataSync()[0]!;
      const expected = bias!.dataSync()[0]! - 0.125 * u;
      update(model, optimizer);
      expect(bias!.dataSync()[0]).toBeCloseTo(expected, 6);
      dispose([value, grads]);
    }
    optimizer.dispose();
    disposeModule(model);
  });

  it("is tfjs's train.momentum, bit for bit", () => {
    const [ours, theirs] = [linear(2, 3), linear(2, 3)];
    for (const [name, p] of Object.entries(theirs.parameters!)) p.assign(ours.parameters![name]!);
    const [optimizer, reference] = [sgd(ours, 0.9), train.momentum(0.1, 0.9)];
    optimizer.setLearningRate(0.1);
    for (let i = 0; i < 4; i++) {
      update(ours, optimizer);
      const loss = () => sum(square(theirs.forward(ones([1, 1, 2]), evaluation))) as Scalar;
      tidy(() => {
        const { grads } = variableGrads(loss, Object.values(theirs.parameters!));
        reference.applyGradients(Object.entries(grads).map(([name, tensor]) => ({ name, tensor })));
      });
    }
    expect(weights(ours)).toEqual(weights(theirs));
    for (const each of [optimizer, reference]) each.dispose();
    for (const model of [ours, theirs]) disposeModule(model);
  });

  it("goes on exactly where its state was taken, in another model", async () => {
    const [one, other] = [linear(2, 3), linear(2, 3)];
    const [a, b] = [sgd(one), sgd(other)];
    for (const optimizer of [a, b]) optimizer.setLearningRate(0.01);
    for (let i = 0; i < 3; i++) update(one, a);
    update(other, b, 2);
    const state = await a.state();
    expect(state.iterations).toBe(3);
    expect([...state.slots.keys()]).toEqual(["velocity/weight", "velocity/bias"]);
    await b.restore(state);
    for (const [name, p] of Object.entries(other.parameters!)) p.assign(one.parameters![name]!);
    for (let i = 0; i < 2; i++) {
      update(one, a);
      update(other, b);
    }
    expect(weights(other)).toEqual(weights(one));
    expect((await b.state()).iterations).toBe(5);
    for (const optimizer of [a, b]) optimizer.dispose();
    for (const model of [one, other]) disposeModule(model);
  });

  it("has no velocities before its first update, and takes such a state back", async () => {
    const model = linear(2, 1);
    const optimizer = sgd(model);
    const state = await optimizer.state();
    expect([state.iterations, state.slots.size]).toEqual([0, 0]);
    await optimizer.restore(state);
    optimizer.setLearningRate(1);
    update(model, optimizer);
    expect((await optimizer.state()).iterations).toBe(1);
    optimizer.dispose();
    disposeModule(model);
  });

  it("keeps velocities with their names when a parameter gets no gradient", async () => {
    const used = linear(2, 1);
    const unused = linear(1, 1);
    const model: Module = { children: { unused, used }, forward: (x, context) => used.forward(x, context) };
    const optimizer = sgd(model);
    optimizer.setLearningRate(0.1);
    update(model, optimizer);
    const { slots } = await optimizer.state();
    expect([...slots.keys()]).toEqual(
      ["unused.weight", "unused.bias", "used.weight", "used.bias"].map((name) => `velocity/${name}`),
    );
    expect(slots.get("velocity/unused.weight")).toEqual(Float32Array.of(0));
    expect(slots.get("velocity/used.weight")).not.toEqual(Float32Array.of(0, 0));
    optimizer.dispose();
    disposeModule(model);
  });

  it("trains a shared variable once, and fixed ones never", () => {
    const layer = linear(2, 1);
    const fixed = neurons(plif, { learnTau: false })(1);
    const model: Module = { children: { layer, again: layer, fixed }, forward: layer.forward };
    const optimizer = sgd(model);
    expect([...optimizer.variables.keys()]).toEqual(["layer.weight", "layer.bias"]);
    optimizer.dispose();
    disposeModule(layer);
    disposeModule(fixed);
  });

  it("leaves nothing behind", async () => {
    const before = memory().numTensors;
    const model = linear(2, 1);
    const optimizer = sgd(model);
    optimizer.setLearningRate(0.1);
    update(model, optimizer);
    await optimizer.restore(await optimizer.state());
    update(model, optimizer);
    optimizer.dispose();
    disposeModule(model);
    expect(memory().numTensors).toBe(before);
  });

  it("refuses a momentum out of range, a model with nothing to train, and a state that lacks a name", async () => {
    const model = linear(2, 1);
    expect(() => sgd(model, 1)).toThrow(new RangeError("sgd: momentum must be at least 0 and below 1, got 1"));
    expect(() => sgd({ forward: (x) => x })).toThrow(
      new RangeError("sgd: model must have a trainable parameter, got none"),
    );
    const optimizer = sgd(model);
    const state = { iterations: 1, slots: new Map([["velocity/weight", new Float32Array(2)]]) };
    await expect(optimizer.restore(state)).rejects.toThrow(
      new RangeError("sgd: state must have a velocity for each trained parameter, got none for bias"),
    );
    optimizer.dispose();
    disposeModule(model);
  });
});

import { disposeModule, evaluation, linear, type Module, neuronLayer } from "@sew/layers";
import { neuron, plif } from "@sew/neurons";
import { momentum, type Optimizer, optimizer as optimizerOf } from "@sew/training";
import {
  dispose,
  memory,
  mul,
  ones,
  type Scalar,
  scalar,
  square,
  sum,
  tidy,
  train,
  variable,
  variableGrads,
} from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";

/** An optimiser with momentum. */
const sgd = (model: Module, mu = 0.9): Optimizer => optimizerOf(model, momentum({ momentum: mu }));

/** An update by the gradient of Σ y². */
function update(model: Module, optimizer: Optimizer, rate: number, scale = 1): void {
  tidy(() => {
    const loss = (): Scalar => mul(sum(square(model.forward(ones([1, 1, 2]), evaluation))), scale) as Scalar;
    optimizer.apply(optimizer.gradients(loss).gradients, rate);
  });
}

const weights = (model: Module): number[][] => Object.values(model.parameters!).map((p) => [...p.dataSync()]);

describe("momentum", () => {
  it("is u ← μu + g, w ← w − lr·u", () => {
    const model = linear(2, 1);
    const optimizer = sgd(model, 0.5);
    let u = 0;
    for (let i = 0; i < 5; i++) {
      const { bias } = model.parameters!;
      const { value, grads } = variableGrads(
        () => sum(square(model.forward(ones([1, 1, 2]), evaluation))) as Scalar,
        [bias!],
      );
      u = 0.5 * u + grads[bias!.name]!.dataSync()[0]!;
      const expected = bias!.dataSync()[0]! - 0.125 * u;
      update(model, optimizer, 0.125);
      expect(bias!.dataSync()[0]).toBeCloseTo(expected, 6);
      dispose([value, grads]);
    }
    optimizer.dispose();
    disposeModule(model);
  });

  it("is tfjs's train.momentum, bit for bit", () => {
    const [ours, theirs] = [linear(2, 3), linear(2, 3)];
    for (const name of ["weight", "bias"] as const) theirs.parameters[name].assign(ours.parameters[name]);
    const [optimizer, reference] = [sgd(ours, 0.9), train.momentum(0.1, 0.9)];
    for (let i = 0; i < 4; i++) {
      update(ours, optimizer, 0.1);
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

  it("with Nesterov's variant looks ahead, w ← w − lr·(g + μ·u), as PyTorch does", () => {
    const model = linear(2, 1);
    const optimizer = optimizerOf(model, momentum({ momentum: 0.5, nesterov: true }));
    let u = 0;
    for (let i = 0; i < 5; i++) {
      const { weight, bias } = model.parameters!;
      const [b] = bias!.dataSync();
      const g = 2 * (weight!.dataSync()[0]! + weight!.dataSync()[1]! + b!);
      u = 0.5 * u + g;
      update(model, optimizer, 0.125);
      expect(bias!.dataSync()[0]).toBeCloseTo(b! - 0.125 * (g + 0.5 * u), 5);
    }
    optimizer.dispose();
    disposeModule(model);
  });

  it("goes on exactly where its state was taken, in another model", async () => {
    const [one, other] = [linear(2, 3), linear(2, 3)];
    const [a, b] = [sgd(one), sgd(other)];
    for (let i = 0; i < 3; i++) update(one, a, 0.01);
    update(other, b, 0.01, 2);
    const state = await a.state();
    expect(state.step).toBe(3);
    expect([...state.slots.keys()]).toEqual(["velocity/weight", "velocity/bias"]);
    b.restore(state);
    for (const name of ["weight", "bias"] as const) other.parameters[name].assign(one.parameters[name]);
    for (let i = 0; i < 2; i++) {
      update(one, a, 0.01);
      update(other, b, 0.01);
    }
    expect(weights(other)).toEqual(weights(one));
    expect((await b.state()).step).toBe(5);
    for (const optimizer of [a, b]) optimizer.dispose();
    for (const model of [one, other]) disposeModule(model);
  });

  it("has no velocities before its first update, and takes such a state back", async () => {
    const model = linear(2, 1);
    const optimizer = sgd(model);
    const state = await optimizer.state();
    expect([state.step, state.slots.size]).toEqual([0, 0]);
    optimizer.restore(state);
    update(model, optimizer, 1);
    expect((await optimizer.state()).step).toBe(1);
    optimizer.dispose();
    disposeModule(model);
  });

  it("keeps velocities with their names when a parameter gets no gradient", async () => {
    const used = linear(2, 1);
    const unused = linear(1, 1);
    const model: Module = { children: { unused, used }, forward: (x, context) => used.forward(x, context) };
    const optimizer = sgd(model);
    update(model, optimizer, 0.1);
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
    const w = variable(scalar(0), false);
    const fixed = neuronLayer(neuron(plif, { w }), { w });
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
    update(model, optimizer, 0.1);
    optimizer.restore(await optimizer.state());
    update(model, optimizer, 0.1);
    optimizer.dispose();
    disposeModule(model);
    expect(memory().numTensors).toBe(before);
  });

  it("refuses a momentum out of range, a model with nothing to train, and a state that lacks a name", async () => {
    const model = linear(2, 1);
    expect(() => sgd(model, 1)).toThrow(new RangeError("momentum: momentum must be at least 0 and below 1, got 1"));
    for (const mu of [Number.NaN, -0.1, null as unknown as number, "0.5" as unknown as number]) {
      expect(() => sgd(model, mu)).toThrow(`momentum: momentum must be at least 0 and below 1, got ${mu}`);
    }
    expect(() => sgd({ forward: (x) => x })).toThrow(
      new RangeError("optimizer: model must have a trainable parameter, got none"),
    );
    const optimizer = sgd(model);
    const state = { step: 1, slots: new Map([["velocity/weight", new Float32Array(2)]]) };
    expect(() => optimizer.restore(state)).toThrow(
      new RangeError(
        "optimizer: state must have the slots of momentum(0.9), got no velocity/bias; use the transforms that it was made with",
      ),
    );
    const foreign = {
      step: 1,
      slots: new Map([
        ...state.slots,
        ...["bias", "mean"].map((name) => [`velocity/${name}`, new Float32Array(1)] as const),
      ]),
    };
    expect(() => optimizer.restore(foreign)).toThrow("got velocity/mean; use the transforms");
    optimizer.dispose();
    disposeModule(model);
  });
});

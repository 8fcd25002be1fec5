import { read } from "@sew/kernels/testing";
import { disposeModule, type Module } from "@sew/layers";
import { adam, adamW, momentum, type Optimizer, optimizer as optimizerOf } from "@sew/training";
import { clone, memory, setBackend, tensor, tidy, variable } from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";
import { describeNative } from "./describeNative.js";
import { floats } from "./values.js";

const size = 20_000;
const drawn = (seed: number) => tensor(floats([size], seed, "reals").data as Float32Array);

/** A model of one weight. */
function weights(): { model: Module; w: ReturnType<typeof variable> } {
  const w = tidy(() => variable(drawn(0)));
  return { w, model: { parameters: { w }, forward: (x) => x } };
}

/** An update by the i-th gradient. */
const update = (optimizer: Optimizer, i: number): void => tidy(() => optimizer.apply({ w: drawn(1 + i) }, 0.01));

describeNative("the update of an optimiser", () => {
  const optimizers: [string, (model: Module) => Optimizer][] = [
    ["momentum", (model) => optimizerOf(model, momentum())],
    ["adam", (model) => optimizerOf(model, adam())],
    ["adamW", (model) => optimizerOf(model, adamW())],
  ];

  it.each(optimizers)("is that of the composed operations, bit for bit: %s", async (_, make) => {
    const trained = async () => {
      const { model, w } = weights();
      const optimizer = make(model);
      for (let i = 0; i < 5; i++) update(optimizer, i);
      const { slots } = await optimizer.state();
      const found = [read(w), ...[...slots.values()].map((slot) => [...slot])];
      optimizer.dispose();
      disposeModule(model);
      return found;
    };
    const fused = await trained();
    await setBackend("cpu");
    const composed = await trained();
    await setBackend("native");
    expect(fused).toEqual(composed);
  });

  // The decay of AdamW, behind the kernel, is composed.
  it.each(optimizers.slice(0, 2))("needs no memory from the second on: %s", (_, make) => {
    const { model, w } = weights();
    const optimizer = make(model);
    update(optimizer, 0);
    const { dataId } = w;
    const before = memory();
    for (let i = 1; i < 4; i++) update(optimizer, i);
    expect(w.dataId).toBe(dataId);
    expect(memory()).toEqual(before);
    optimizer.dispose();
    disposeModule(model);
  });

  it.each(optimizers)("changes neither a clone nor the array that a weight was made of: %s", (_, make) => {
    const values = floats([size], 7, "reals").data as Float32Array;
    const given = values.slice();
    const w = tidy(() => variable(tensor(given)));
    const model: Module = { parameters: { w }, forward: (x) => x };
    const optimizer = make(model);
    update(optimizer, 0);
    expect(given).toEqual(values);
    const [copy, before] = [clone(w), read(w)];
    update(optimizer, 1);
    expect(read(copy)).toEqual(before);
    expect(read(w)).not.toEqual(before);
    copy.dispose();
    optimizer.dispose();
    disposeModule(model);
  });
});

import { disposeModule, linear, type Module } from "@sew/layers";
import { listen, onEvent, training, weightAverage } from "@sew/training";
import { memory, tensor1d, tidy } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tinyData, tinyModel } from "./tinyRun.mjs";

const set = (model: Module, value: number) => tidy(() => model.parameters!.bias!.assign(tensor1d([value])));
const biasOf = (model: Module) => model.parameters!.bias!.dataSync()[0]!;

describe("weightAverage", () => {
  it("is d·a + (1 − d)·w after each update, from the first weights on", () =>
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -100, max: 100 }), { minLength: 1, maxLength: 5 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        ([first, ...rest], decay) => {
          const model = linear(1, 1);
          set(model, first!);
          const average = weightAverage(model, { decay });
          let expected = first!;
          for (const w of rest) {
            set(model, w);
            average.update();
            expected = decay * expected + (1 - decay) * w;
          }
          average.swap();
          expect(biasOf(model)).toBeCloseTo(expected, 3);
          average.swap();
          expect(biasOf(model)).toBe([first!, ...rest].at(-1));
          average.dispose();
          disposeModule(model);
        },
      ),
    ));

  it("takes its state out and back, and refuses one that lacks a name", async () => {
    const [one, other] = [linear(1, 1), linear(1, 1)];
    const [a, b] = [one, other].map((model) => weightAverage(model, { decay: 0.5 })) as [
      ReturnType<typeof weightAverage>,
      ReturnType<typeof weightAverage>,
    ];
    set(one, 8);
    a.update();
    const state = await a.state();
    expect([...state.keys()]).toEqual(["weight", "bias"]);
    b.restore(state);
    expect(await b.state()).toEqual(state);
    expect(() => b.restore(new Map([["weight", Float32Array.of(1)]]))).toThrow(
      new RangeError("weightAverage: state must have an average of each weight, got none of bias"),
    );
    for (const average of [a, b]) average.dispose();
    for (const model of [one, other]) disposeModule(model);
  });

  it("stands in for the weights in evaluation alone, and not where the run is left there", async () => {
    const model = tinyModel();
    const before = memory().numTensors;
    const average = weightAverage(model, { decay: 0.9 });
    const weight = model.children!.classifier!.parameters!.weight!;
    const seen: Record<string, Float32Array> = {};
    const see = onEvent(({ type }) => {
      seen[type] = weight.dataSync<"float32">();
    });
    for await (const { type } of listen(
      training({ model, data: tinyData, epochs: 2, learningRate: 0.1 }),
      average.listener,
      see,
    )) {
      if (type === "epoch") break;
    }
    expect(seen.tested).toEqual(seen.evaluating);
    expect(seen.epoch).toEqual(seen.trained);
    expect(seen.tested).not.toEqual(seen.trained);
    for await (const { type } of listen(
      training({ model, data: tinyData, epochs: 1, learningRate: 1e-9 }),
      average.listener,
      see,
    )) {
      if (type === "evaluating") break;
    }
    expect(seen.evaluating).not.toEqual(seen.trained);
    expect(weight.dataSync()).toEqual(seen.trained);
    average.dispose();
    expect(memory().numTensors).toBe(before);
    disposeModule(model);
  });

  it("refuses a decay out of range", () =>
    expect(() => weightAverage(linear(1, 1), { decay: 1 })).toThrow(
      new RangeError("weightAverage: decay must be at least 0 and below 1, got 1"),
    ));
});

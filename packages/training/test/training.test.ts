import { disposeModule, linear, namedParameters } from "@sew/layers";
import {
  type Batch,
  type BatchSource,
  crossEntropy,
  type Data,
  earlyStopping,
  listen,
  momentum,
  onEvent,
  optimizer as optimizerOf,
  type TrainingEvent,
  training,
} from "@sew/training";
import { fill, memory, tidy } from "@tensorflow/tfjs-core";
import { describe, expect, it, vi } from "vitest";
import { messageOf } from "./support.js";
import { tinyData, tinyModel } from "./tinyRun.mjs";

async function collect(events: AsyncIterable<TrainingEvent>): Promise<TrainingEvent[]> {
  const all: TrainingEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

describe("training", () => {
  it("goes on as far as it is read, and from the state of any event", async () => {
    const options = { data: tinyData, epochs: 2, learningRate: 0.05, seed: 3 };
    const [whole, cut] = [tinyModel(), tinyModel()];
    const values = (model: typeof whole) =>
      [...optimizerOf(model, []).variables].map(([name, w]) => [name, [...w.dataSync()]]);
    const events = await collect(training({ ...options, model: whole }));
    const optimizer = optimizerOf(cut, momentum());
    let state = events[0]!.state;
    for (let i = 1; i < events.length; i++) {
      const stream = training({ ...options, model: cut, optimizer, start: state });
      await stream.next();
      const { value } = await stream.next();
      // An evaluation that was left begins again.
      if (value?.type === "step") ({ state } = value);
      else {
        for await (const event of stream) {
          if (event.type !== "epoch") continue;
          ({ state } = event);
          break;
        }
        if (state.epoch === 2) break;
      }
      await stream.return();
    }
    expect(state.step).toBe(10);
    expect(values(cut)).toEqual(values(whole));
    optimizer.dispose();
    for (const model of [whole, cut]) disposeModule(model);
  });

  it("leaves no tensor where its reader leaves it", async () => {
    const model = tinyModel();
    const before = memory().numTensors;
    for await (const event of training({ model, data: tinyData, epochs: 2, learningRate: 0.05 })) {
      if (event.type === "evaluating") break;
    }
    expect(memory().numTensors).toBe(before);
    disposeModule(model);
  });

  it("closes the data when it is left, and when a batch is refused", async () => {
    const model = tinyModel();
    for (const x of [1, Number.NaN]) {
      let closed = false;
      const source = {
        async *epoch() {
          try {
            for (;;) yield { x: new Float32Array(32).fill(x), shape: [1, 1, 4, 4, 2], labels: Int32Array.of(0) };
          } finally {
            closed = true;
          }
        },
      };
      const reading = async () => {
        for await (const event of training({ model, data: { train: source }, epochs: 1, learningRate: 0.1 })) {
          if (event.type === "step") break;
        }
      };
      await messageOf(reading());
      expect(closed).toBe(true);
    }
    disposeModule(model);
  });

  it("asks its schedule before every update, with epoch, step and steps per epoch", async () => {
    const model = tinyModel();
    const times: unknown[] = [];
    const learningRate = (time: object) => {
      times.push(time);
      return 0.01;
    };
    const stream = training({ model, data: tinyData, epochs: 2, learningRate, accumulate: 3 });
    // The first epochs' rates are looked at when it is called.
    times.length = 0;
    await collect(stream);
    expect(new Set(times.map((time) => JSON.stringify(time)))).toEqual(
      new Set([0, 1, 2, 3].map((step) => JSON.stringify({ epoch: Math.floor(step / 2), step, stepsPerEpoch: 2 }))),
    );
    disposeModule(model);
  });

  it.each([1, 2])("tells the share of its time in which it waits for data, %d batches a step", async (accumulate) => {
    let clock = 0;
    const now = vi.spyOn(performance, "now").mockImplementation(() => clock);
    try {
      const train: BatchSource = {
        async *epoch(options) {
          for await (const batch of tinyData.train.epoch(options)) {
            clock += 30;
            yield batch;
          }
        },
      };
      const loss: typeof crossEntropy = (...of) => {
        clock += 10;
        return crossEntropy(...of);
      };
      const model = tinyModel();
      const events = await collect(
        training({ model, data: { train }, epochs: 2, learningRate: 0.05, loss, accumulate }),
      );
      const { history } = events.at(-1)!.state;
      expect(history.map(({ dataWait }) => dataWait.toFixed(12))).toEqual(["0.750000000000", "0.750000000000"]);
      disposeModule(model);
    } finally {
      now.mockRestore();
    }
  });

  it("refuses options at once, and a rate that turns bad at its step", async () => {
    const options = { model: tinyModel(), data: tinyData, epochs: 1, learningRate: 0.1 };
    expect(() => training({ ...options, epochs: 0 })).toThrow(
      new RangeError("training: epochs must be an integer of at least 1, got 0"),
    );
    expect(() => training({ ...options, learningRate: Number.NaN })).toThrow(
      new RangeError(
        "training: learningRate must be a finite number of at least 0, got NaN at step 0 of epoch 0; correct the schedule of the rate",
      ),
    );
    const learningRate = ({ step }: { step: number }) => (step < 2 ? 0.1 : -1);
    expect(await messageOf(collect(training({ ...options, learningRate })))).toBe(
      "training: learningRate must be a finite number of at least 0, got -1 at step 2 of epoch 0; correct the schedule of the rate",
    );
    disposeModule(options.model);
  });
});

describe("training on data that do not belong together", () => {
  const { train, test } = tinyData;
  const model = tinyModel();
  const run = (data: Data) => training({ model, data, epochs: 1, learningRate: 0.05 });

  it.each([
    ["in another order", ["up", "down"], '"up" instead of "down" for label 0'],
    ["that are more", ["down", "up", "left"], '"left" instead of undefined for label 2'],
    ["that are fewer", ["down"], 'undefined instead of "up" for label 1'],
  ])("refuses test classes %s at once", (_, classes, got) => {
    const data = { train: { ...train, classes: ["down", "up"] }, test: { ...test, classes } };
    expect(() => run(data)).toThrow(
      new RangeError(`training: data.test must have the classes of data.train, got ${got}`),
    );
  });

  it("refuses a model of another number of classes before its first update", async () => {
    const before = [...namedParameters(model)].map(([name, w]) => [name, ...w.dataSync()]);
    expect(await messageOf(collect(run({ train: { ...train, classes: ["a", "b", "c"] } })))).toBe(
      "training: the model's output must have one score for each of the data's 3 classes, got [2,4,2]",
    );
    expect([...namedParameters(model)].map(([name, w]) => [name, ...w.dataSync()])).toEqual(before);
  });
});

describe("training of weights that are not finite", () => {
  it("does not start, and names the weight", async () => {
    const model = tinyModel();
    const [name, weight] = [...namedParameters(model)][0]!;
    tidy(() => weight.assign(fill(weight.shape, Number.NaN)));
    expect(await messageOf(collect(training({ model, data: tinyData, epochs: 1, learningRate: 0.1 })))).toBe(
      `training: weights must be finite, got NaN in ${name}; load an earlier checkpoint, or start again with a lower ` +
        "learning rate",
    );
    disposeModule(model);
  });
});

describe("training with wrong validation or test data", () => {
  async function* none() {}
  async function* batchOf(x: readonly number[], labels: readonly number[], names?: readonly string[]) {
    yield { x: Float32Array.from(x), shape: [1, labels.length, 2], labels: Int32Array.from(labels), names };
  }
  /** Data that are right in the first epoch, and these afterwards. */
  const laterOn = (later: () => AsyncIterable<Batch>): BatchSource => {
    let epochs = 0;
    return { epoch: () => (epochs++ === 0 ? batchOf([1, 2], [0]) : later()) };
  };

  it.each<[string, () => AsyncIterable<Batch>, string]>([
    ["no sample", none, "batches must hold at least 1 sample, got none in the % data of epoch 1 (from 0)"],
    [
      "NaN",
      () => batchOf([1, 2, 3, Number.NaN], [0, 1], ["a", "b\u001b"]),
      "x must be finite, got NaN in sample 1 (b\\x1b) of the batch, batch 0 of the % data of epoch 1 (all from 0); repair or " +
        "remove that sample of the data",
    ],
    [
      "a label of no class",
      () => batchOf([1, 2], [3]),
      "labels must be from 0 to 2 for [1,1,3], got 3 in the batch, batch 0 of the % data of epoch 1 (all from 0)",
    ],
  ])("names the data, the epoch and the sample: %s", async (_, later, message) => {
    for (const which of ["validation", "test"] as const) {
      const model = linear(2, 3);
      const data = { train: { epoch: () => batchOf([1, 2], [0]) }, [which]: laterOn(later) };
      expect(await messageOf(collect(training({ model, data, epochs: 2, learningRate: 0.1 })))).toBe(
        `training: ${message.replace("%", which)}`,
      );
      disposeModule(model);
    }
  });
});

describe("listeners", () => {
  it("see what those before them pass on, and end the run by returning", async () => {
    const model = tinyModel();
    const calls: string[] = [];
    const call = (name: string) => onEvent(({ type }) => void calls.push(`${name} ${type}`));
    async function* twoSteps(events: AsyncIterable<TrainingEvent>) {
      for await (const event of events) {
        yield event;
        if (event.type === "step" && event.step === 1) return;
      }
    }
    const run = training({ model, data: tinyData, epochs: 2, learningRate: 0.1 });
    const types = (await collect(listen(run, call("a"), twoSteps, call("b")))).map(({ type }) => type);
    expect(types).toEqual(["start", "step", "step"]);
    expect(calls).toEqual(types.flatMap((type) => [`a ${type}`, `b ${type}`]));
    disposeModule(model);
  });

  it("refuse to stop early without validation and test data, or patience", async () => {
    const model = tinyModel();
    const run = training({ model, data: { train: tinyData.train }, epochs: 2, learningRate: 0.1 });
    expect(await messageOf(collect(listen(run, earlyStopping({ patience: 1 }))))).toBe(
      "earlyStopping: data must have validation or test data, got neither",
    );
    expect(() => earlyStopping({ patience: 0 })).toThrow(
      new RangeError("earlyStopping: patience must be an integer of at least 1, got 0"),
    );
    disposeModule(model);
  });
});

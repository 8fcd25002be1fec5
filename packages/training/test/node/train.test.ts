import { copyFile, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadWeights, readSafetensors, saveWeights, writeSafetensors } from "@sew/checkpoints";
import { disposeModule, linear, type Module } from "@sew/layers";
import {
  adam,
  type Batch,
  type BatchSource,
  type Data,
  type EpochMetrics,
  earlyStopping,
  evaluate,
  onEvent,
  type TrainingEvent,
} from "@sew/training";
import {
  type BatchProgress,
  checkRunFolder,
  type Progress,
  silentProgress,
  type TrainOptions,
  train,
} from "@sew/training/node";
import { memory, mul, scalar, variable } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { messageOf, temporaryFolder } from "../support.js";
import { tinyBatch, tinyData, tinyModel, tinyOptions } from "../tinyRun.mjs";

/** A progress that calls `onBatch` and collects messages. */
function listener(onBatch: (progress: BatchProgress) => void = () => {}): Progress & { messages: string[] } {
  const messages: string[] = [];
  return { ...silentProgress, messages, batch: onBatch, message: (text) => messages.push(text) };
}

/** The bytes of a model's weights. */
async function bytesOf(model: Module): Promise<Buffer> {
  const file = join(await temporaryFolder(), "weights.safetensors");
  await saveWeights(model, file);
  return readFile(file);
}

/** Batches of a linear model with 2 inputs and 2 classes, `x` being the first value. */
const linearData = (x: number): Data => ({
  train: {
    async *epoch({ start = 0 } = {}) {
      for (let i = start; i < 3; i++) {
        yield { x: Float32Array.of(i === 1 ? x : 1, 1), shape: [1, 1, 2], labels: Int32Array.of(0) };
      }
    },
  },
  test: {
    async *epoch() {
      yield { x: Float32Array.of(1, 1), shape: [1, 1, 2], labels: Int32Array.of(0) };
    },
  },
});

/** A source with other batches. */
const changed = (source: BatchSource, change: (batch: Batch) => Batch): BatchSource => ({
  ...source,
  async *epoch(options) {
    for await (const batch of source.epoch(options)) yield change(batch);
  },
});

/** A source without its last batches. */
const cutShort = (source: BatchSource, batches: number): BatchSource => ({
  ...source,
  async *epoch(options) {
    let i = options?.start ?? 0;
    for await (const batch of source.epoch(options)) if (i++ < batches) yield batch;
  },
});

function cycle(): unknown[] {
  const list: unknown[] = [];
  list.push(list);
  return list;
}

const linearOptions = (out: string, model: Module, data: Data): TrainOptions => ({
  model,
  data,
  out,
  epochs: 2,
  learningRate: 0.5,
  progress: silentProgress,
});

describe("the measures of an epoch", () => {
  const measure = (epoch: number) => ({
    gradientNorms: { block0: epoch + 1 },
    firingRates: { block0: { residual: 0.1, output: 0.2 } },
    timeConstants: { neuron: 2 },
  });

  it("are in metrics.jsonl beside its metrics, and those before a resume stay there", async () => {
    const out = await temporaryFolder();
    const measured: number[] = [];
    const run = async (options: Partial<TrainOptions>) => {
      const all = { ...tinyOptions(out), epochs: 2, ...options };
      await train(all).finally(() => disposeModule(all.model));
    };
    const counted = (epoch: number) => {
      measured.push(epoch);
      return measure(epoch);
    };
    await run({ measure: counted });
    await run({ measure: counted, epochs: 3, resume: true });
    const lines = (await readFile(join(out, "metrics.jsonl"), "utf8")).trim().split("\n");
    expect(lines.map((line) => JSON.parse(line) as EpochMetrics)).toMatchObject([0, 1, 2].map(measure));
    expect(measured).toEqual([0, 1, 2]);
  });
});

describe("train", () => {
  it("writes a line for each epoch, the last checkpoint, the best weights and an event file", async () => {
    const out = await temporaryFolder();
    const options = tinyOptions(out);
    const { stopped, history, best, bestBy } = await train(options);
    expect([stopped, bestBy]).toEqual([false, "test"]);
    expect(history.map(({ epoch, learningRate }) => [epoch, learningRate])).toEqual([
      [0, 0.05],
      [1, 0.05],
      [2, 0.05 * 0.1],
    ]);
    for (const { seconds, samplesPerSecond, dataWait, trainTop1, testTop1, ...rest } of history) {
      expect(Math.min(seconds, samplesPerSecond, dataWait)).toBeGreaterThan(0);
      expect(dataWait).toBeLessThan(1);
      expect([trainTop1 * 20, testTop1! * 8].every(Number.isInteger)).toBe(true);
      expect(rest).not.toHaveProperty("testTop5");
    }
    const lines = (await readFile(join(out, "metrics.jsonl"), "utf8")).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual(history);
    const files = (await readdir(out)).filter((name) => !/^events\.out\.tfevents\.\d+\..*\.sew$/.test(name));
    expect(files.sort()).toEqual(["best.safetensors", "last.safetensors", "metrics.jsonl"]);
    const top = Math.max(...history.map(({ testTop1 }) => testTop1!));
    expect(best).toEqual(history.find(({ testTop1 }) => testTop1 === top));
    const { metadata } = await readSafetensors(join(out, "best.safetensors"));
    expect(JSON.parse(metadata.metrics!)).toMatchObject({ epoch: best!.epoch, testTop1: top });
    expect(JSON.parse(metadata.settings!)).toMatchObject({ model: "tiny", batchSize: 4, trainData: "tiny" });
    disposeModule(options.model);
  });

  it("learns", async () => {
    const out = await temporaryFolder();
    const options = { ...tinyOptions(out), epochs: 8, learningRate: 0.05 };
    const { history } = await train(options);
    expect(history.at(-1)!.trainLoss).toBeLessThan(history[0]!.trainLoss);
    disposeModule(options.model);
  });

  it("leaves no tensor behind", async () => {
    const options = tinyOptions(await temporaryFolder());
    const before = memory().numTensors;
    await train(options);
    await train({ ...options, resume: true, epochs: 4 });
    expect(memory().numTensors).toBe(before);
    disposeModule(options.model);
  });

  it("depends on its seed", async () => {
    const weights: Buffer[] = [];
    for (const seed of [1, 1, 2]) {
      const options = { ...tinyOptions(await temporaryFolder()), epochs: 1, seed };
      await train(options);
      weights.push(await bytesOf(options.model));
      disposeModule(options.model);
    }
    expect(weights[1]).toEqual(weights[0]);
    expect(weights[2]).not.toEqual(weights[0]);
  });

  // 5 batches of training and 2 of testing make an epoch: the first, one inside, the last before a test, both of a
  // test, the first of the next epoch, and the very last.
  it.each([1, 3, 5, 6, 7, 8, 21])("goes on bit for bit after a signal during batch %i of all", async (at) => {
    const whole = tinyOptions(await temporaryFolder());
    await train(whole);
    const out = await temporaryFolder();
    const cut = tinyOptions(out);
    let seen = 0;
    const progress = listener(() => {
      if (++seen === at) process.emit("SIGINT", "SIGINT");
    });
    expect((await train({ ...cut, progress })).stopped).toBe(true);
    expect(progress.messages[0]).toBe("SIGINT: stopping after this step; once more to stop without saving");
    expect(progress.messages[1]).toContain(`go on from ${join(out, "last.safetensors")} with resume`);
    const resumed = tinyOptions(out);
    const { history, stopped } = await train({ ...resumed, resume: true });
    expect(stopped).toBe(false);
    expect(await bytesOf(resumed.model)).toEqual(await bytesOf(whole.model));
    expect(history.map(({ epoch }) => epoch)).toEqual([0, 1, 2]);
    for (const { model } of [whole, cut, resumed]) disposeModule(model);
  });

  it("listens to signals no longer than it runs", async () => {
    const count = () => ["SIGINT", "SIGTERM", "SIGHUP"].reduce((sum, signal) => sum + process.listenerCount(signal), 0);
    const before = count();
    const options = tinyOptions(await temporaryFolder());
    let during = 0;
    await train({
      ...options,
      epochs: 1,
      progress: listener(() => {
        during = count();
      }),
    });
    expect([during, count()]).toEqual([before + 3, before]);
    disposeModule(options.model);
  });

  it("resumes a finished run without a step, and a longer one with the epochs that are left", async () => {
    const out = await temporaryFolder();
    const options = tinyOptions(out);
    const { history } = await train(options);
    const again = tinyOptions(out);
    const progress = listener();
    expect((await train({ ...again, resume: true, progress })).history).toEqual(history);
    expect(progress.messages).toEqual([`resuming ${join(out, "last.safetensors")} at its end`]);
    expect(await bytesOf(again.model)).toEqual(await bytesOf(options.model));
    const longer = await train({ ...again, resume: true, epochs: 4 });
    expect(longer.history.slice(0, 3)).toEqual(history);
    expect(longer.history.length).toBe(4);
    const lines = (await readFile(join(out, "metrics.jsonl"), "utf8")).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).epoch)).toEqual([0, 1, 2, 3]);
    for (const { model } of [options, again]) disposeModule(model);
  });

  it("starts from the beginning when there is nothing to resume, and says so", async () => {
    const out = await temporaryFolder();
    const options = tinyOptions(out);
    const progress = listener();
    await train({ ...options, epochs: 1, resume: true, progress });
    expect(progress.messages).toEqual([`no ${join(out, "last.safetensors")} to resume: starting from the beginning`]);
    disposeModule(options.model);
  });

  it("refuses a folder with an earlier run, and changes nothing in it; overwrites it where it is to", async () => {
    const out = await temporaryFolder();
    const options = { ...tinyOptions(out), epochs: 1 };
    await train(options);
    const files = async () =>
      Object.fromEntries(
        await Promise.all(
          (await readdir(out)).sort().map(async (name) => [name, await readFile(join(out, name), "base64")] as const),
        ),
      );
    const before = await files();
    expect(await messageOf(train({ ...options, seed: 5 }))).toBe(
      `train: out must be a folder without an earlier run, got ${out} with last.safetensors, best.safetensors, ` +
        "metrics.jsonl; resume that run, overwrite it, or choose another folder",
    );
    expect(await messageOf(train({ ...options, resume: true, overwrite: true }))).toBe(
      "train: resume and overwrite must not both be true, got both",
    );
    expect(await messageOf(train({ ...options, overwrite: true, epochs: 0 }))).toContain("train: epochs must be");
    expect(await files()).toEqual(before);
    const model = tinyModel();
    const { history } = await train({ ...options, model, seed: 5, overwrite: true });
    expect(history.length).toBe(1);
    expect((await files())["last.safetensors"]).not.toEqual(before["last.safetensors"]);
    for (const made of [options.model, model]) disposeModule(made);
  });

  it("refuses to resume results without their checkpoint", async () => {
    const out = await temporaryFolder();
    const options = { ...tinyOptions(out), epochs: 1 };
    await train(options);
    await rm(join(out, "last.safetensors"));
    expect(await messageOf(checkRunFolder(out, { resume: true }))).toBe(
      `checkRunFolder: ${out} must hold last.safetensors to be resumed, got best.safetensors, metrics.jsonl alone; restore ` +
        "the checkpoint, or start in another folder",
    );
    expect(await messageOf(checkRunFolder(out, { overwrite: true }))).toBe("nothing was thrown");
    disposeModule(options.model);
  });

  it("goes on where last.safetensors was moved alone, with a best epoch that has its file", async () => {
    const [out, moved] = [await temporaryFolder(), await temporaryFolder()];
    const options = linearOptions(out, linear(2, 2), linearData(1));
    await train({ ...options, epochs: 1 });
    await copyFile(join(out, "last.safetensors"), join(moved, "last.safetensors"));
    const progress = listener();
    const { best } = await train({ ...options, out: moved, resume: true, epochs: 3, progress });
    expect(best?.epoch).toBe(1);
    expect(progress.messages.at(-1)).toBe(
      `no best.safetensors in ${moved}, of epoch 1: the best of the epochs to come takes its place`,
    );
    const { metadata } = await readSafetensors(join(moved, "best.safetensors"));
    expect(JSON.parse(metadata.metrics!).epoch).toBe(1);
    disposeModule(options.model);
  });

  it("refuses to resume a run with other settings, and names them", async () => {
    const out = await temporaryFolder();
    const options = { ...tinyOptions(out), epochs: 2 };
    await train(options);
    const changed = {
      seed: 12,
      optimizer: adam(),
      accumulate: 2,
      settings: { model: "tiny", batchSize: 8 },
      learningRate: 0.1,
    };
    expect(await messageOf(train({ ...options, ...changed, resume: true }))).toBe(
      `train: settings must be those of the run in ${join(out, "last.safetensors")} to resume it, got others: batchSize ` +
        'was 4 and is 8, optimizer was "momentum(0.9)" and is "adam(0.9, 0.999, 1e-8)", accumulate was 1 and is 2, seed was ' +
        "11 and is 12, the learning rate of epoch 0 was 0.05 and is 0.1; use the run's, or start a new one in another " +
        "folder, from its weights if you like",
    );
    disposeModule(options.model);
  });

  it("refuses to resume on other data, and names them", async () => {
    const out = await temporaryFolder();
    const options = { ...tinyOptions(out), epochs: 1 };
    await train(options);
    const data = { ...options.data, train: { ...tinyData.train, fingerprint: "other" } };
    expect(await messageOf(train({ ...options, data, resume: true }))).toContain(
      'got others: trainData was "tiny" and is "other"; use the run\'s',
    );
    disposeModule(options.model);
  });

  it.each<[string, (data: Data) => Data, string]>([
    [
      "other labels",
      ({ train, test }) => ({ train: changed(train, (batch) => ({ ...batch, labels: Int32Array.of(1) })), test }),
      "train data must be those of the run in FILE to resume it, were batch 0 of epoch 0 with SHA-256 ",
    ],
    [
      "other values in the test data",
      ({ train, test }) => ({ train, test: changed(test!, (batch) => ({ ...batch, x: Float32Array.of(1, 2) })) }),
      "test data must be those of the run in FILE to resume it, were batch 0 of epoch 0 with SHA-256 ",
    ],
    [
      "fewer samples",
      ({ train, test }) => ({ train: cutShort(train, 2), test }),
      "train data must be those of the run in FILE to resume it, were 3 samples in 3 batches, got 2 in 2; use the run's",
    ],
    ["no data", ({ train, test }) => ({ train: cutShort(train, 0), test }), "got none; use the run's"],
    [
      "other classes",
      ({ train, test }) => ({ train: { ...train, classes: ["b", "a"] }, test }),
      'classes was undefined and is ["b","a"]',
    ],
    [
      "another number of batches",
      ({ train, test }) => ({ train: { ...train, batchesPerEpoch: 4 }, test }),
      "trainBatches was undefined and is 4",
    ],
  ])("refuses to resume on data without a fingerprint that have %s", async (_, change, message) => {
    const out = await temporaryFolder();
    const options = linearOptions(out, linear(2, 2), linearData(1));
    await train({ ...options, epochs: 1 });
    const got = await messageOf(train({ ...options, data: change(options.data), epochs: 2, resume: true }));
    expect(got).toMatch(/^train: /);
    expect(got.replaceAll(join(out, "last.safetensors"), "FILE")).toContain(message);
    expect((await train({ ...options, epochs: 2, resume: true })).history.length).toBe(2);
    disposeModule(options.model);
  });

  it.each<[string, unknown]>([
    ["a Map", new Map([["a", 1]])],
    ["a Set", new Set([1])],
    ["a bigint", 1n],
    ["NaN", Number.NaN],
    ["minus infinity", Number.NEGATIVE_INFINITY],
    ["a date", new Date(0)],
    ["a typed array", Float32Array.of(1)],
    ["a function", () => 1],
    ["undefined in an array", [undefined]],
    ["a cycle", cycle()],
  ])("refuses settings that JSON does not keep, such as %s, before it writes", async (_, value) => {
    const out = join(await temporaryFolder(), "new");
    const options = tinyOptions(out);
    expect(await messageOf(train({ ...options, settings: { "n\u001b": value } }))).toMatch(
      /^train: settings must be texts, finite numbers, booleans, null, or plain arrays and objects of these, got .* for n\\x1b; convert it$/,
    );
    expect(await messageOf(readdir(out))).toContain("ENOENT");
    disposeModule(options.model);
  });

  it("compares settings that have a name of its own under another", async () => {
    const out = await temporaryFolder();
    const options = { ...tinyOptions(out), epochs: 1 };
    await train({
      ...options,
      settings: { seed: 1, optimizer: "a", nested: { a: [1, { b: null }] }, absent: undefined },
    });
    const settings = { seed: 2, optimizer: "b", nested: { a: [1, { b: 0 }] } };
    expect(await messageOf(train({ ...options, settings, resume: true }))).toContain(
      'settings.optimizer was "a" and is "b", nested was {"a":[1,{"b":null}]} and is {"a":[1,{"b":0}]}, settings.seed was 1 ' +
        "and is 2; use",
    );
    disposeModule(options.model);
  });

  it("has a folder that no other run writes to, as long as it runs", async () => {
    const out = await temporaryFolder();
    const options = { ...tinyOptions(out), epochs: 1 };
    const second = { ...tinyOptions(out), epochs: 1 };
    const during: string[] = [];
    const listeners = [
      onEvent(async ({ type }) => {
        if (type !== "trained") return;
        for (const how of [{ overwrite: true }, { resume: true }])
          during.push(await messageOf(train({ ...second, ...how })));
      }),
    ];
    await train({ ...options, listeners });
    expect(during.length).toBe(2);
    for (const message of during) {
      expect(message).toMatch(
        /^train: out must be a folder that no other run writes to, got .*, which process \d+ on host .*, has; wait for that run or end it, or choose another folder$/,
      );
      expect(message).toContain(`${out}, which process ${process.pid} `);
    }
    expect((await readdir(out)).includes("run.lock")).toBe(false);
    expect((await train({ ...second, resume: true })).history.length).toBe(1);
    for (const { model } of [options, second]) disposeModule(model);
  });

  it("names a folder that cannot be written", async () => {
    const file = join(await temporaryFolder(), "file");
    await writeFile(file, "");
    const options = tinyOptions(file);
    expect(await messageOf(train(options))).toMatch(
      `train: out must be a folder that can be written, got ${file} with EEXIST: file already exists`,
    );
    disposeModule(options.model);
  });

  it("saves each step that takes 10 seconds or more", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    try {
      const out = await temporaryFolder();
      const options = { ...tinyOptions(out), epochs: 1, checkpointSeconds: 1000 };
      const messages: string[] = [];
      const saved: unknown[] = [];
      const slowly = {
        ...tinyData.train,
        async *epoch() {
          for (let i = 0; i < 5; i++) {
            saved.push(
              await readSafetensors(join(out, "last.safetensors")).then(
                ({ metadata }) => JSON.parse(metadata.state!).batch,
                () => undefined,
              ),
            );
            vi.advanceTimersByTime(i === 1 || i === 2 ? 10_000 : 1);
            yield tinyBatch(i);
          }
        },
      };
      const progress = { ...silentProgress, message: (text: string) => void messages.push(text) };
      await train({ ...options, data: { train: slowly }, progress });
      expect(saved).toEqual([undefined, undefined, 2, 3, 3]);
      expect(messages).toEqual([
        "a step takes about 10 s and is saved when it is done; a signal during the next one ends the process at once; then " +
          `go on from ${join(out, "last.safetensors")} with resume`,
      ]);
      disposeModule(options.model);
    } finally {
      vi.useRealTimers();
    }
  });

  it("says what is kept when a second signal ends the process", async () => {
    const out = await temporaryFolder();
    const options = { ...tinyOptions(out), checkpointSeconds: 0 };
    const exit = vi.spyOn(process, "exit").mockImplementation((() => {}) as never);
    const progress = listener(({ batch }) => {
      if (batch === 3) for (const signal of ["SIGINT", "SIGHUP"] as const) process.emit(signal, signal);
    });
    await train({ ...options, progress });
    expect(exit.mock.calls).toEqual([[130]]);
    exit.mockRestore();
    expect(progress.messages.slice(0, 2)).toEqual([
      "SIGINT: stopping after this step; once more to stop without saving",
      "stopped without saving: epoch 1/3, after 2 batches, is kept; go on from " +
        `${join(out, "last.safetensors")} with resume`,
    ]);
    disposeModule(options.model);
  });

  it("says how to resume as its caller does", async () => {
    const out = await temporaryFolder();
    const options = tinyOptions(out);
    const progress = listener(() => void process.emit("SIGTERM", "SIGTERM"));
    await train({ ...options, progress, resumeCommand: "node main.js --resume" });
    expect(progress.messages.at(-1)).toBe("stopped in epoch 1/3; resume by: node main.js --resume");
    disposeModule(options.model);
  });

  it("refuses a checkpoint with any damage, or resumes with the same state", async () => {
    const out = await temporaryFolder();
    const options = { ...tinyOptions(out), epochs: 1 };
    await train(options);
    const file = join(out, "last.safetensors");
    const bytes = await readFile(file);
    const weights = await bytesOf(options.model);
    const position = fc.nat(bytes.length - 1);
    const damage = fc.oneof(
      fc.record({ how: fc.constant("flip" as const), at: position, bit: fc.nat(7) }),
      fc.record({ how: fc.constant("set" as const), at: position, bit: fc.nat(255) }),
      fc.record({ how: fc.constant("cut" as const), at: position, bit: fc.nat(255) }),
      fc.record({ how: fc.constant("insert" as const), at: position, bit: fc.nat(255) }),
    );
    const messages: string[] = [];
    await fc.assert(
      fc.asyncProperty(damage, async ({ how, at, bit }) => {
        const damaged =
          how === "insert"
            ? Buffer.concat([bytes.subarray(0, at), Buffer.of(bit), bytes.subarray(at)])
            : Buffer.from(bytes);
        if (how === "flip") damaged[at]! ^= 1 << bit;
        if (how === "set") damaged[at] = bit;
        await writeFile(file, how === "cut" ? damaged.subarray(0, at) : damaged);
        const message = await messageOf(train({ ...options, resume: true }));
        messages.push(message);
        if (message === "nothing was thrown") expect(await bytesOf(options.model)).toEqual(weights);
        else expect(message).toMatch(/^(readSafetensors|train): .* must .*last\.safetensors|last\.safetensors must /);
      }),
      { numRuns: 60 },
    );
    expect(messages.filter((message) => message.startsWith("readSafetensors")).length).toBeGreaterThan(50);
    disposeModule(options.model);
  });

  it("refuses to resume with another model", async () => {
    const out = await temporaryFolder();
    const options = { ...tinyOptions(out), epochs: 1 };
    await train(options);
    const model = linear(2, 2);
    expect(await messageOf(train({ ...options, model, resume: true }))).toContain(
      `train: ${join(out, "last.safetensors")} must hold the parameters of this model, got others: weight is absent`,
    );
    for (const made of [model, options.model]) disposeModule(made);
  });

  it("refuses a damaged checkpoint, and a file that is none", async () => {
    const out = await temporaryFolder();
    const options = { ...tinyOptions(out), epochs: 1 };
    const last = join(out, "last.safetensors");
    await train(options);
    const bytes = await readFile(last);
    await writeFile(last, bytes.subarray(0, -1));
    expect(await messageOf(train({ ...options, resume: true }))).toContain(`readSafetensors: ${last} must hold `);
    await saveWeights(options.model, last);
    expect(await messageOf(train({ ...options, resume: true }))).toBe(
      `train: ${last} must be a checkpoint of format sew-checkpoint-3, got undefined; start without resume`,
    );
    await writeFile(last, bytes);
    const { tensors, metadata } = await readSafetensors(last);
    for (const [change, got] of [
      [{ updates: "" }, "updates as JSON, got Unexpected end of JSON input"],
      [{ updates: "-1" }, "updates as JSON, got Too small: expected number to be >=0"],
      [
        { state: metadata.state!.replace('"epoch":1', '"epoch":0.5') },
        "state as JSON, got epoch: Invalid input: expected int",
      ],
      [
        { state: metadata.state!.replace('"batch"', '"patch"') },
        "state as JSON, got batch: Invalid input: expected number",
      ],
      [
        { settings: metadata.settings!.replace('"seed":11', '"seed":null') },
        "settings as JSON, got seed: Invalid input",
      ],
      [{ data: "[]" }, "data as JSON, got Invalid input: expected object"],
    ] as const) {
      await writeSafetensors(last, tensors, { ...metadata, ...change });
      expect(await messageOf(train({ ...options, resume: true }))).toContain(`train: ${last} must have its ${got}`);
    }
    await writeSafetensors(last, new Map(), { format: "sew-checkpoint-3", settings: "{" });
    expect(await messageOf(train({ ...options, resume: true }))).toMatch(
      `train: ${last} must have its settings as JSON, got `,
    );
    disposeModule(options.model);
  });

  it("stops at a value of the data that is not finite, naming batch, epoch, step and sample", async () => {
    const model = linear(2, 2);
    const out = await temporaryFolder();
    expect(await messageOf(train(linearOptions(out, model, linearData(Number.NaN))))).toBe(
      "training: x must be finite, got NaN in sample 0 of the batch at batch 1 of epoch 0, step 1 (all from 0); repair or " +
        "remove that sample of the data",
    );
    disposeModule(model);
  });

  it("stops at a loss that is not finite, naming batch, epoch, step and remedy", async () => {
    const model = linear(2, 2);
    const out = await temporaryFolder();
    expect(await messageOf(train({ ...linearOptions(out, model, linearData(1e38)), learningRate: 1e38 }))).toMatch(
      /^training: loss must be finite, got (NaN|Infinity) at batch \d of epoch 0, step \d \(all from 0\); lower the learning rate \(1e\+38\) and start again, or clip the gradients$/,
    );
    disposeModule(model);
  });

  it("names the last good state behind what is not finite, and keeps it", async () => {
    const [model, out] = [linear(2, 2), await temporaryFolder()];
    const last = join(out, "last.safetensors");
    const { train: good, test } = linearData(1);
    const bad = linearData(Number.NaN).train;
    const data = { test: test!, train: { epoch: (at) => (at?.epoch === 1 ? bad : good).epoch(at) } } as Data;
    let saved: Buffer | undefined;
    const listeners = [
      onEvent(async (event) => {
        if (event.type === "step" && event.epoch === 1) saved = await readFile(last);
      }),
    ];
    expect(await messageOf(train({ ...linearOptions(out, model, data), epochs: 2, listeners }))).toBe(
      "training: x must be finite, got NaN in sample 0 of the batch at batch 1 of epoch 1, step 4 (all from 0); repair or " +
        `remove that sample of the data; the last good state, epoch 2/2, after 0 batches, is in ${last}`,
    );
    expect(await readFile(last)).toEqual(saved);
    disposeModule(model);
  });

  it("saves no weight that is not finite, even where the loss is", async () => {
    const out = await temporaryFolder();
    const inner = linear(2, 2);
    const silent = variable(scalar(1));
    const model: Module = { ...inner, parameters: { ...inner.parameters, silent } };
    const { test: _, ...untested } = linearData(1);
    const options = linearOptions(out, model, untested);
    await train({ ...options, epochs: 1 });
    const before = await readFile(join(out, "last.safetensors"));
    silent.assign(scalar(1));
    const breaking: Data = {
      train: {
        async *epoch(options) {
          yield* linearData(1).train.epoch(options);
          silent.assign(mul(silent, Number.POSITIVE_INFINITY));
        },
      },
    };
    expect(await messageOf(train({ ...options, data: breaking, resume: true }))).toBe(
      "saveWeights: silent must be finite to be saved, got Infinity; lower the learning rate and start from an earlier file",
    );
    expect(await readFile(join(out, "last.safetensors"))).toEqual(before);
    disposeModule(model);
  });

  it("gives the weights of its best epoch to a new model", async () => {
    const out = await temporaryFolder();
    const options = { ...tinyOptions(out), epochs: 1 };
    await train(options);
    const model = tinyModel();
    await loadWeights(model, join(out, "best.safetensors"));
    expect(await bytesOf(model)).toEqual(await bytesOf(options.model));
    for (const made of [model, options.model]) disposeModule(made);
  });

  it.each<[string, Partial<TrainOptions>, string]>([
    ["no epochs", { epochs: 0 }, "train: epochs must be an integer of at least 1, got 0"],
    ["a broken seed", { seed: 0.5 }, "train: seed must be an integer, got 0.5"],
    ["no batches per update", { accumulate: 0 }, "train: accumulate must be an integer of at least 1, got 0"],
    ["a broken decay", { averageDecay: 1 }, "weightAverage: decay must be at least 0 and below 1, got 1"],
    ...[Number.NaN, -0.1, Number.POSITIVE_INFINITY].map((rate): [string, Partial<TrainOptions>, string] => [
      `a learning rate of ${rate}`,
      { learningRate: ({ epoch }) => (epoch < 2 ? 0.1 : rate) },
      `train: learningRate must be a finite number of at least 0, got ${rate} at step 10 of epoch 2; correct the schedule of the rate`,
    ]),
    ["a negative time", { checkpointSeconds: -1 }, "train: checkpointSeconds must be at least 0, got -1"],
    [
      "data without samples",
      { data: { ...tinyData, train: { async *epoch() {} } } },
      "training: data must have at least 1 training sample in epoch 0, got none",
    ],
  ])("refuses %s, and leaves no tensor", async (_, change, message) => {
    const options = { ...tinyOptions(await temporaryFolder()), ...change };
    const before = memory().numTensors;
    expect(await messageOf(train(options))).toBe(message);
    expect(memory().numTensors).toBe(before);
    disposeModule(options.model);
  });

  it("chooses the best epoch on validation data where there are any", async () => {
    const options = tinyOptions(await temporaryFolder());
    const validation = { ...tinyData.train, epoch: () => tinyData.train.epoch({ epoch: 7, start: 3 }) };
    const { history, best, bestBy } = await train({ ...options, data: { ...tinyData, validation } });
    const top = Math.max(...history.map(({ validationTop1 }) => validationTop1!));
    expect([bestBy, best]).toEqual(["validation", history.find(({ validationTop1 }) => validationTop1 === top)]);
    expect(history.every(({ testTop1, validationLoss }) => testTop1! >= 0 && validationLoss! > 0)).toBe(true);
    disposeModule(options.model);
  });

  it("keeps the last epoch's weights as the best without validation and test data", async () => {
    const out = await temporaryFolder();
    const options = tinyOptions(out);
    const { history, best, bestBy } = await train({ ...options, data: { train: tinyData.train } });
    expect([bestBy, best]).toEqual(["last", history.at(-1)]);
    expect(history[0]).not.toHaveProperty("testTop1");
    const model = tinyModel();
    await loadWeights(model, join(out, "best.safetensors"));
    expect(await bytesOf(model)).toEqual(await bytesOf(options.model));
    for (const made of [model, options.model]) disposeModule(made);
  });

  it("saves the averages of the weights as the best, and trains on with the weights", async () => {
    const out = await temporaryFolder();
    const [options, plain] = [tinyOptions(out), tinyOptions(await temporaryFolder())];
    const { best } = await train({ ...options, averageDecay: 0.75 });
    await train(plain);
    expect(await bytesOf(options.model)).toEqual(await bytesOf(plain.model));
    const { metadata } = await loadWeights(options.model, join(out, "best.safetensors"));
    const { top1, loss } = await evaluate(options.model, tinyData.test.epoch());
    expect([top1, loss]).toEqual([best!.testTop1, best!.testLoss]);
    expect(JSON.parse(metadata.metrics!).testLoss).toBe(loss);
    expect(await bytesOf(options.model)).not.toEqual(await bytesOf(plain.model));
    for (const { model } of [options, plain]) disposeModule(model);
  });

  it("ends early, and again at the same epoch when it is resumed", async () => {
    const options = { ...tinyOptions(await temporaryFolder()), learningRate: 1e-9 };
    const stopping = () => [earlyStopping({ patience: 2 })];
    const { history, stopped } = await train({ ...options, epochs: 9, listeners: stopping() });
    expect([history.length, stopped]).toEqual([3, false]);
    const again = await train({ ...options, epochs: 9, resume: true, listeners: stopping() });
    expect(again.history).toEqual(history);
    disposeModule(options.model);
  });

  it("shows every event to listeners of one's own", async () => {
    const options = tinyOptions(await temporaryFolder());
    const seen: TrainingEvent[] = [];
    const listeners = [onEvent((event) => void seen.push(event))];
    const { history } = await train({ ...options, accumulate: 2, epochs: 2, listeners });
    const epoch = [...["step", "step", "step", "trained", "evaluating", "evaluating", "tested", "epoch"]];
    expect(seen.map(({ type }) => type)).toEqual(["start", ...epoch, ...epoch]);
    const steps = seen.flatMap((event) => (event.type === "step" ? [[event.epoch, event.step, event.batch]] : []));
    expect(steps).toEqual([
      [0, 0, 0],
      [0, 1, 2],
      [0, 2, 4],
      [1, 3, 0],
      [1, 4, 2],
      [1, 5, 4],
    ]);
    const metrics = seen.flatMap((event): EpochMetrics[] => (event.type === "epoch" ? [event.metrics] : []));
    expect(metrics).toEqual(history);
    disposeModule(options.model);
  });
});

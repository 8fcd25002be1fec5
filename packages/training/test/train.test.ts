import { readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { disposeModule, linear, type Module } from "@sew/layers";
import {
  type BatchProgress,
  constantRate,
  type Data,
  loadWeights,
  type Progress,
  readSafetensors,
  saveWeights,
  silentProgress,
  type TrainOptions,
  train,
  writeSafetensors,
} from "@sew/training";
import { memory, mul, scalar, variable } from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { messageOf, temporaryFolder } from "./support.js";
import { tinyData, tinyModel, tinyOptions } from "./tinyRun.mjs";

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
  async *train(_, startBatch) {
    for (let i = startBatch; i < 3; i++) {
      yield { x: Float32Array.of(i === 1 ? x : 1, 1), shape: [1, 1, 2], labels: Int32Array.of(0) };
    }
  },
  async *test() {
    yield { x: Float32Array.of(1, 1), shape: [1, 1, 2], labels: Int32Array.of(0) };
  },
});

const linearOptions = (out: string, model: Module, data: Data): TrainOptions => ({
  model,
  data,
  out,
  epochs: 2,
  rate: constantRate(0.5),
  progress: silentProgress,
});

describe("train", () => {
  it("writes a line for each epoch, the last checkpoint, the best weights and an event file", async () => {
    const out = await temporaryFolder();
    const options = tinyOptions(out);
    const { stopped, history, best } = await train(options);
    expect(stopped).toBe(false);
    expect(history.map(({ epoch, lr }) => [epoch, lr])).toEqual([
      [0, 0.05],
      [1, 0.05],
      [2, 0.05 * 0.1],
    ]);
    for (const { seconds, samplesPerSecond, trainTop1, testTop1, ...rest } of history) {
      expect(Math.min(seconds, samplesPerSecond)).toBeGreaterThan(0);
      expect([trainTop1 * 20, testTop1 * 8].every(Number.isInteger)).toBe(true);
      expect(rest).not.toHaveProperty("testTop5");
    }
    const lines = (await readFile(join(out, "metrics.jsonl"), "utf8")).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual(history);
    const files = (await readdir(out)).filter((name) => !/^events\.out\.tfevents\.\d+\..*\.sew$/.test(name));
    expect(files.sort()).toEqual(["best.safetensors", "last.safetensors", "metrics.jsonl"]);
    const top = Math.max(...history.map(({ testTop1 }) => testTop1));
    expect(best).toEqual(history.find(({ testTop1 }) => testTop1 === top));
    const { metadata } = await readSafetensors(join(out, "best.safetensors"));
    expect(JSON.parse(metadata.metrics!)).toMatchObject({ epoch: best!.epoch, testTop1: top });
    expect(JSON.parse(metadata.settings!)).toEqual({ model: "tiny", batchSize: 4 });
    disposeModule(options.model);
  });

  it("learns", async () => {
    const out = await temporaryFolder();
    const options = { ...tinyOptions(out), epochs: 8, rate: constantRate(0.05) };
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
    const count = () => process.listenerCount("SIGINT") + process.listenerCount("SIGTERM");
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
    expect([during, count()]).toEqual([before + 2, before]);
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

  it("says that it replaces an earlier run when it is not to resume it", async () => {
    const out = await temporaryFolder();
    const options = { ...tinyOptions(out), epochs: 1 };
    await train(options);
    const progress = listener();
    await train({ ...options, progress });
    expect(progress.messages).toEqual([`replacing the earlier run in ${out}; to go on with one, resume it`]);
    disposeModule(options.model);
  });

  it("refuses to resume a run with other settings, and names them", async () => {
    const out = await temporaryFolder();
    const options = { ...tinyOptions(out), epochs: 2 };
    await train(options);
    const changed = { seed: 12, settings: { model: "tiny", batchSize: 8 }, rate: constantRate(0.1) };
    expect(await messageOf(train({ ...options, ...changed, resume: true }))).toBe(
      `train: settings must be those of the run in ${join(out, "last.safetensors")} to resume it, got others: batchSize ` +
        "was 4 and is 8, seed was 11 and is 12, the learning rate of epoch 0 was 0.05 and is 0.1; use the run's, or " +
        "start a new one in another folder",
    );
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
      `train: ${last} must be a checkpoint of format sew-checkpoint-1, got undefined; start without resume`,
    );
    await writeSafetensors(last, new Map(), { format: "sew-checkpoint-1", settings: "{" });
    expect(await messageOf(train({ ...options, resume: true }))).toMatch(
      `train: ${last} must have its settings as JSON, got `,
    );
    disposeModule(options.model);
  });

  it("stops at a loss that is not finite, naming step, epoch and remedy", async () => {
    const model = linear(2, 2);
    const out = await temporaryFolder();
    expect(await messageOf(train(linearOptions(out, model, linearData(Number.NaN))))).toBe(
      "train: loss must be finite, got NaN at step 1 of epoch 0 (both from 0); lower the learning rate (0.5) and start " +
        "again, or look for values that are not finite in the data",
    );
    disposeModule(model);
  });

  it("saves no weight that is not finite, even where the loss is", async () => {
    const out = await temporaryFolder();
    const inner = linear(2, 2);
    const silent = variable(scalar(1));
    const model: Module = { ...inner, parameters: { ...inner.parameters, silent } };
    const options = linearOptions(out, model, linearData(1));
    await train({ ...options, epochs: 1 });
    const before = await readFile(join(out, "last.safetensors"));
    silent.assign(scalar(1));
    const breaking: Data = {
      ...linearData(1),
      async *train(epoch, startBatch) {
        yield* linearData(1).train(epoch, startBatch);
        silent.assign(mul(silent, Number.POSITIVE_INFINITY));
      },
    };
    expect(await messageOf(train({ ...options, data: breaking, resume: true }))).toBe(
      "train: silent must be finite to be saved, got Infinity; lower the learning rate and start from an earlier file",
    );
    expect(await readFile(join(out, "last.safetensors"))).toEqual(before);
    disposeModule(model);
  });

  it("says which file did not fit on a full disk, and leaves the earlier checkpoint to resume from", async () => {
    const out = await temporaryFolder();
    const options = tinyOptions(out);
    const last = join(out, "last.safetensors");
    const fill = listener(({ epoch, batch }) => {
      if (epoch === 1 && batch === 5) link = symlink("/dev/full", `${last}.tmp`);
    });
    let link: Promise<void> | undefined;
    expect(await messageOf(train({ ...options, progress: fill }))).toContain(
      `writeAtomic: ${last} must be writable, got ENOSPC: no space left on device`,
    );
    await link;
    expect((await readdir(out)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    const { history } = await train({ ...options, model: tinyModel(), resume: true });
    expect(history.map(({ epoch }) => epoch)).toEqual([0, 1, 2]);
    disposeModule(options.model);
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
    ["a negative time", { checkpointSeconds: -1 }, "train: checkpointSeconds must be at least 0, got -1"],
    [
      "data without samples",
      { data: { ...tinyData, async *train() {} } },
      "train: data must have at least 1 sample in epoch 0, got none",
    ],
  ])("refuses %s", async (_, change, message) => {
    const options = { ...tinyOptions(await temporaryFolder()), ...change };
    expect(await messageOf(train(options))).toBe(message);
    disposeModule(options.model);
  });
});

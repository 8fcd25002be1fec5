import { execFile, spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { disposeModule } from "@sew/layers";
import { type Listener, onEvent } from "@sew/training";
import { type TensorBoardOptions, type TrainOptions, train } from "@sew/training/node";
import { describe, expect, it, vi } from "vitest";
import { temporaryFolder } from "../support.js";
import { tinyOptions } from "../tinyRun.mjs";
import { parse } from "./eventFiles.js";

/** Ends the run behind an event. */
const endsAfter = (type: string, count: number): Listener =>
  async function* (events) {
    let seen = 0;
    for await (const event of events) {
      yield event;
      if (event.type === type && ++seen === count) return;
    }
  };

/** Two white pixels. */
const png = {
  png: Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAYAAAD0In+KAAAAC0lEQVR42mP4DwUAI+UH+RmQD1QAAAAASUVORK5CYII=",
    "base64",
  ),
  width: 2,
  height: 1,
};

const shown: TensorBoardOptions = {
  hyperparameters: { batch: 4, optimizer: "sgd", nesterov: false },
  images: () => ({ "samples/bright": png }),
  summaries: ({ epoch }) => ({
    "gradient norm/block0": epoch,
    "firing rate/block0": { histogram: [0, 0.25, 0.5, 0.5] },
  }),
};

async function runIn(out: string, options: Partial<TrainOptions> = {}): Promise<void> {
  const all = { ...tinyOptions(out), tensorBoard: shown, ...options };
  try {
    await train(all);
  } finally {
    disposeModule(all.model);
  }
}

/** The event file of a run: the one that is not empty. */
async function eventFileOf(out: string): Promise<string> {
  const names = (await readdir(out)).filter((name) => name.startsWith("events.out.tfevents."));
  const written = names.filter((name) => statSync(join(out, name)).size > 0);
  expect([written.length, names.length <= 2]).toEqual([1, true]);
  return join(out, written[0]!);
}

/** What an event file shows, without what the clock says; what is written once, at any place, comes first. */
async function shownIn(out: string): Promise<unknown[]> {
  const events = (await parse(await eventFileOf(out))).map(({ time: _, values, ...event }) => {
    const entries = Object.entries(values).filter(([tag]) => !tag.startsWith("time/"));
    return { ...event, values: Object.fromEntries(entries) };
  });
  const place = ({ hyperparameters, values }: (typeof events)[number]): number =>
    hyperparameters !== undefined ? 0 : "samples/bright" in values ? 1 : 2;
  return events.toSorted((a, b) => place(a) - place(b));
}

describe("TensorBoard", () => {
  it.each<[string, TensorBoardOptions, string]>([
    [
      "that throw",
      {
        summaries: () => {
          throw new Error("boom");
        },
      },
      "summaries must return what can be shown, got the error: boom",
    ],
    [
      "that cannot be shown",
      { summaries: () => ({ x: "y" as never }) },
      "summaries must return what can be shown, got the error: EventFile.append",
    ],
    [
      "that throw, for pictures",
      { images: () => Promise.reject(new Error("none")) },
      "images must return what can be shown, got the error: none",
    ],
  ])("warns of summaries %s, and loses no epoch for it", async (_, tensorBoard, message) => {
    const out = await temporaryFolder();
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    await runIn(out, { tensorBoard });
    const warnings = warn.mock.calls.map(([text]) => String(text));
    warn.mockRestore();
    expect(warnings[0]).toContain(`tensorBoard: ${message}`);
    const epochs = (await parse(await eventFileOf(out))).filter(({ values }) => "loss/train" in values);
    expect([epochs.length, existsSync(join(out, "last.safetensors"))]).toEqual([3, true]);
  });

  it("shows every step, every epoch, hyper-parameters, pictures and what the run adds, over steps and epochs from 0", async () => {
    const out = await temporaryFolder();
    await runIn(out);
    const events = await parse(await eventFileOf(out));
    const [parameters, pictures, ...rest] = events;
    expect(parameters).toMatchObject({ step: 0, values: {}, hyperparameters: shown.hyperparameters });
    expect(pictures).toMatchObject({ step: 0, values: { "samples/bright": { width: 2, height: 1 } } });
    const steps = rest.filter(({ values }) => "step/loss" in values);
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 15 }, (_, i) => i));
    expect(steps.map(({ values }) => Object.keys(values))).toEqual(
      steps.map(() => ["step/loss", "step/learning rate"]),
    );
    expect(steps.at(-1)!.values["step/learning rate"]).toBeCloseTo(0.005, 8);
    const epochs = rest.filter(({ values }) => "loss/train" in values);
    expect(epochs.map(({ step }) => step)).toEqual([0, 1, 2]);
    expect(epochs.map(({ values }) => values["gradient norm/block0"])).toEqual([0, 1, 2]);
    expect(Object.keys(epochs[0]!.values)).toEqual([
      "learning rate",
      "loss/train",
      "top-1/train",
      "loss/test",
      "top-1/test",
      "time/seconds per epoch",
      "time/samples per second",
      "time/share waiting for data",
      "gradient norm/block0",
      "firing rate/block0",
    ]);
    // The mean of the losses of an epoch's steps is its loss.
    const mean = steps.slice(5, 10).reduce((sum, { values }) => sum + (values["step/loss"] as number) / 5, 0);
    expect(epochs[1]!.values["loss/train"]).toBeCloseTo(mean, 5);
  });

  // Every kind of moment: inside the first and a later epoch, behind all steps of one, in its evaluation, at its end.
  it.each([
    ["step", 3],
    ["step", 7],
    ["step", 10],
    ["evaluating", 3],
    ["tested", 2],
    ["epoch", 2],
    ["epoch", 3],
  ])("shows a run that ended behind %s %i and resumed as one that did not", async (type, count) => {
    const [whole, out] = [await temporaryFolder(), await temporaryFolder()];
    await runIn(whole);
    await runIn(out, { listeners: [endsAfter(type, count)] });
    await runIn(out, { resume: true });
    expect(await shownIn(out)).toEqual(await shownIn(whole));
  });

  it("shows once the steps and epochs behind a checkpoint that was lost with what followed it", async () => {
    const [whole, out] = [await temporaryFolder(), await temporaryFolder()];
    await runIn(whole);
    // Checkpoints at the ends of epochs alone: three steps of the second one are made twice.
    const failing = onEvent((event) => {
      if (event.type === "step" && event.step === 7) throw new Error("power cut");
    });
    await expect(runIn(out, { listeners: [failing], checkpointSeconds: 1e9 })).rejects.toThrow("power cut");
    await runIn(out, { resume: true });
    expect(await shownIn(out)).toEqual(await shownIn(whole));
  });

  it("shows the epochs of the checkpoint where the event file is lost", async () => {
    const out = await temporaryFolder();
    await runIn(out, { listeners: [endsAfter("epoch", 2)] });
    await rm(await eventFileOf(out));
    await runIn(out, { resume: true });
    const events = await parse(await eventFileOf(out));
    expect(events.filter(({ values }) => "loss/train" in values).map(({ step }) => step)).toEqual([0, 1, 2]);
    expect(events.filter(({ values }) => "step/loss" in values)).toHaveLength(5);
  });

  it("starts anew with a run that replaces another", async () => {
    const out = await temporaryFolder();
    await runIn(out);
    await runIn(out, { overwrite: true, epochs: 1, tensorBoard: {} });
    const events = await parse(await eventFileOf(out));
    expect(events.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 0]);
  });
});

/** A Python with TensorBoard: that of the environment variable `PYTHON`, or the first on the path. */
const python = [process.env.PYTHON, "python3", "python"].find(
  (name) => name !== undefined && spawnSync(name, ["-c", "import tensorboard"]).status === 0,
);
const reason = python === undefined ? " (skipped: no Python with tensorboard; set PYTHON)" : "";

describe.skipIf(python === undefined)(`TensorBoard's own reader${reason}`, () => {
  const reader = fileURLToPath(new URL("./readEvents.py", import.meta.url));
  const read = async (out: string, ...more: string[]) =>
    JSON.parse((await promisify(execFile)(python!, [reader, out, ...more])).stdout);

  it("reads scalars, histograms, pictures and hyper-parameters, and each step of a resumed run once", async () => {
    const out = await temporaryFolder();
    await runIn(out, { listeners: [endsAfter("step", 7)] });
    await runIn(out, { resume: true });
    const { scalars, histograms, images, hparams, columns, metrics } = await read(out);
    const steps = Array.from({ length: 15 }, (_, i) => i);
    expect(Object.keys(scalars).sort()).toEqual([
      "gradient norm/block0",
      "learning rate",
      "loss/test",
      "loss/train",
      "step/learning rate",
      "step/loss",
      "time/samples per second",
      "time/share waiting for data",
      "time/seconds per epoch",
      "top-1/test",
      "top-1/train",
    ]);
    expect(scalars["step/loss"].map(([step]: [number]) => step)).toEqual(steps);
    expect(scalars["loss/train"].map(([step]: [number]) => step)).toEqual([0, 1, 2]);
    expect(histograms["firing rate/block0"].map(([step]: [number]) => step)).toEqual([0, 1, 2]);
    // [left, right, count] of the buckets that are not empty.
    expect(histograms["firing rate/block0"][0][1]).toEqual([
      [0, expect.closeTo(0.5 / 30, 6), 1],
      [expect.closeTo(0.25, 6), expect.closeTo(0.25 + 0.5 / 30, 6), 1],
      [expect.closeTo(0.5 - 0.5 / 30, 6), 0.5, 2],
    ]);
    expect(images).toEqual({ "samples/bright": [[0, [2, 1]]] });
    expect(hparams).toEqual({ batch: 4, optimizer: "sgd", nesterov: false });
    expect(columns).toEqual(["batch", "nesterov", "optimizer"]);
    expect(metrics).toEqual(expect.arrayContaining(["loss/train", "top-1/test"]));
  });

  it("that follows a run sees each step once, too, when the run resumes", async () => {
    const out = await temporaryFolder();
    await runIn(out, { listeners: [endsAfter("step", 7)] });
    const go = join(await temporaryFolder(), "go");
    const following = read(out, go);
    await vi.waitUntil(() => existsSync(`${go}.waits`), { timeout: 300_000 });
    await runIn(out, { resume: true });
    await writeFile(go, "");
    const { scalars } = await following;
    expect(scalars["step/loss"].map(([step]: [number]) => step)).toEqual(Array.from({ length: 15 }, (_, i) => i));
  });
});

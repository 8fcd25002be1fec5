import { Writable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import type { EpochMetrics } from "@sew/training";
import { type BatchProgress, consoleProgress } from "@sew/training/node";
import { describe, expect, it } from "vitest";

/** A stream that remembers what was written, and may pass for a terminal. */
function recorder(isTTY: boolean): { stream: NodeJS.WriteStream; text: () => string } {
  let text = "";
  const stream = new Writable({
    write(chunk, _, done) {
      text += chunk;
      done();
    },
  });
  const terminal = { isTTY, columns: 120, cursorTo: () => true, clearLine: () => true, moveCursor: () => true };
  return { stream: Object.assign(stream, terminal) as unknown as NodeJS.WriteStream, text: () => text };
}

const progress: BatchProgress = {
  phase: "train",
  epoch: 2,
  epochs: 192,
  batch: 12,
  batches: 74,
  loss: 2.10345,
  samplesPerSecond: 9.84,
  secondsLeft: 101.2,
};

const metrics: EpochMetrics = {
  epoch: 2,
  learningRate: 0.1,
  trainLoss: 1.5,
  trainTop1: 0.5,
  testLoss: 1.25,
  testTop1: 0.625,
  testTop5: 0.75,
  seconds: 60,
  samplesPerSecond: 20,
  dataWait: 0.0199,
  time: 0,
};

describe("consoleProgress", () => {
  it("writes lines at intervals where there is no terminal", () => {
    const { stream, text } = recorder(false);
    const often = consoleProgress({ stream, interval: 0 });
    often.batch(progress);
    const { batches, secondsLeft, ...unknown } = progress;
    often.batch({ ...unknown, phase: "test" });
    consoleProgress({ stream, interval: 1000 }).batch(progress);
    expect(text()).toBe(
      "epoch 3/192 train 12/74 · 9.8 samples/s · loss 2.1035 · 1 min 41 s left\n" +
        "epoch 3/192 test 12 · 9.8 samples/s · loss 2.1035\n",
    );
    expect([batches, secondsLeft]).toEqual([74, 101.2]);
  });

  it("writes a line for each epoch and each message", () => {
    const { stream, text } = recorder(false);
    const { epoch, message, close } = consoleProgress({ stream });
    epoch(metrics, 192);
    epoch({ ...metrics, epoch: 191, seconds: 7300, dataWait: 0.125 }, 192);
    message("stopped");
    close();
    expect(text()).toBe(
      "epoch 3/192 · train loss 1.5000, top-1 50.00 % · test loss 1.2500, top-1 62.50 %, top-5 75.00 % · 20.0 samples/s, " +
        "1 min 0 s · about 3 h 9 min left\n" +
        "epoch 192/192 · train loss 1.5000, top-1 50.00 % · test loss 1.2500, top-1 62.50 %, top-5 75.00 % · 20.0 " +
        "samples/s, 2 h 1 min · 13 % waiting for data\nstopped\n",
    );
  });

  it("shows validation and test data where there are any", () => {
    const { stream, text } = recorder(false);
    const { testLoss, testTop1, testTop5, ...untested } = metrics;
    const { epoch } = consoleProgress({ stream });
    epoch({ ...metrics, validationLoss: 2, validationTop1: 0.25 }, 3);
    epoch(untested, 3);
    expect(text()).toBe(
      "epoch 3/3 · train loss 1.5000, top-1 50.00 % · validation loss 2.0000, top-1 25.00 % · test loss 1.2500, top-1 " +
        "62.50 %, top-5 75.00 % · 20.0 samples/s, 1 min 0 s\n" +
        "epoch 3/3 · train loss 1.5000, top-1 50.00 % · 20.0 samples/s, 1 min 0 s\n",
    );
    expect([testLoss, testTop1, testTop5]).toEqual([1.25, 0.625, 0.75]);
  });

  it("promises no total and no time that were exceeded, and rounds no slow speed to 0", () => {
    const { stream, text } = recorder(false);
    const { batch } = consoleProgress({ stream, interval: 0 });
    batch({ ...progress, batch: 75, samplesPerSecond: 0.0213, secondsLeft: -3.2 });
    expect(text()).toBe("epoch 3/192 train 75 · 0.021 samples/s · loss 2.1035\n");
  });

  it("draws a bar on a terminal, and clears it before a line", () => {
    const { stream, text } = recorder(true);
    const bar = consoleProgress({ stream });
    bar.batch(progress);
    bar.batch({ ...progress, batch: 13 });
    bar.epoch(metrics, 192);
    const { batches: _, ...unknown } = progress;
    bar.batch({ ...unknown, phase: "test", batch: 1 });
    bar.close();
    expect(text()).toMatch(/epoch 3\/192 train \[=*-*\] 12\/74 · 9\.8 samples\/s · loss 2\.1035 · 1 min 41 s left/);
    expect(text()).toContain("train loss 1.5000");
    expect(text()).toContain("epoch 3/192 test 1 · 9.8 samples/s");
  });

  it("keeps the time left within the columns of a terminal: the bar shrinks, then the speed goes, then the loss", () => {
    const drawn = (columns: number, change: Partial<BatchProgress> = {}): string => {
      const { stream, text } = recorder(true);
      const bar = consoleProgress({ stream: Object.assign(stream, { columns }) });
      bar.batch({ ...progress, ...change });
      const line = text()
        .split("\u001b")
        .find((part) => part.includes("epoch"))!
        .replace(/^.*epoch/, "epoch")
        .trimEnd();
      bar.close();
      return line;
    };
    expect(drawn(120)).toBe(
      "epoch 3/192 train [====--------------------] 12/74 · 9.8 samples/s · loss 2.1035 · 1 min 41 s left",
    );
    expect(drawn(80)).toBe("epoch 3/192 train [=----] 12/74 · 9.8 samples/s · loss 2.1035 · 1 min 41 s left");
    expect(drawn(72)).toBe("epoch 3/192 train 12/74 · 9.8 samples/s · loss 2.1035 · 1 min 41 s left");
    expect(drawn(60)).toBe("epoch 3/192 train 12/74 · loss 2.1035 · 1 min 41 s left");
    expect(drawn(45)).toBe("epoch 3/192 train 12/74 · 1 min 41 s left");
    expect(drawn(20)).toBe("epoch 3/192 train 1");
    const long = {
      phase: "validation",
      epoch: 99,
      epochs: 320,
      batch: 1234,
      batches: 5678,
      secondsLeft: 3500,
    } as const;
    expect(drawn(80, long)).toBe("epoch 100/320 validation 1234/5678 · loss 2.1035 · 58 min 20 s left");
    expect(drawn(80, { secondsLeft: -3.2 })).not.toContain("left");
    expect(drawn(80, { secondsLeft: Number.NaN })).not.toContain("left");
  });

  it("shows control characters as escapes", () => {
    const { stream, text } = recorder(false);
    consoleProgress({ stream }).message("a\u001b[31m\rb");
    expect(text()).toBe("a\\x1b[31m\\x0db\n");
  });

  it("goes on where its stream can no longer be written", async () => {
    const stream = new Writable({ write: (_, __, done) => done(new Error("EPIPE")) });
    const output = consoleProgress({ stream: stream as unknown as NodeJS.WriteStream, interval: 0 });
    output.message("lost");
    await setImmediate();
    output.batch(progress);
    output.close();
    await setImmediate();
    expect(stream.destroyed).toBe(true);
  });
});

import type { TrainingEvent } from "@sew/training";
import { stopSignals } from "@sew/training/node";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const heard = (): boolean => SIGNALS.every((signal) => process.listenerCount(signal) > before[signal]);
const before = Object.fromEntries(SIGNALS.map((signal) => [signal, process.listenerCount(signal)])) as Record<
  (typeof SIGNALS)[number],
  number
>;

/** A run of steps that take so many seconds, and whether a signal would have been heard in each. */
function steps(seconds: readonly number[], during: boolean[]): AsyncIterable<TrainingEvent> {
  return (async function* () {
    yield { type: "start" } as TrainingEvent;
    for (const time of seconds) {
      during.push(heard());
      vi.advanceTimersByTime(1000 * time);
      yield { type: "step" } as TrainingEvent;
    }
  })();
}

describe("stopSignals", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
  afterEach(() => void vi.useRealTimers());

  it.each(SIGNALS)("ends the run behind the step in which %s came, and says how long steps take", async (signal) => {
    const calls: unknown[] = [];
    const signals = stopSignals({ onFirst: (...first) => calls.push(first), onSecond: () => calls.push("second") });
    let events = 0;
    for await (const event of signals.listener(steps([3, 3, 3], []))) {
      events++;
      if (event.type === "step") process.emit(signal, signal);
    }
    signals.release();
    expect([events, calls, signals.requested]).toEqual([2, [[signal, 3]], true]);
    expect(heard()).toBe(false);
  });

  it("leaves signals during steps behind a slow one to the system, and says so once", async () => {
    const during: boolean[] = [];
    const slow: number[] = [];
    const signals = stopSignals({ onFirst() {}, onSecond() {}, onSlow: (seconds) => slow.push(seconds) });
    const between: boolean[] = [];
    for await (const _ of signals.listener(steps([1, 12, 15, 9.9, 1], during))) between.push(heard());
    signals.release();
    expect(during).toEqual([true, true, false, false, true]);
    expect(between).toEqual(new Array(6).fill(true));
    expect(slow).toEqual([12]);
    expect(heard()).toBe(false);
  });

  it("counts the first step as slow where it may be", async () => {
    const during: boolean[] = [];
    const signals = stopSignals({ onFirst() {}, onSecond() {} }, { slowStart: true });
    for await (const _ of signals.listener(steps([1, 1], during)));
    signals.release();
    expect(during).toEqual([false, true]);
  });

  it("listens again where the run fails in a slow step", async () => {
    const signals = stopSignals({ onFirst() {}, onSecond() {} });
    async function* failing(): AsyncGenerator<TrainingEvent> {
      yield* steps([12], []);
      throw new Error("broken");
    }
    await expect(async () => {
      for await (const _ of signals.listener(failing()));
    }).rejects.toThrow("broken");
    expect(heard()).toBe(true);
    signals.release();
    expect(heard()).toBe(false);
  });
});

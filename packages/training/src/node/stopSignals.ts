import { setImmediate } from "node:timers/promises";
import type { Listener } from "../events.js";

/** Signals that end a run: Ctrl-C, `kill` and batch systems, a terminal that closes. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Seconds from which on a step is slow. While it computes, nothing in this process can hear a signal. */
export const SLOW_STEP = 10;

/** What {@link stopSignals} calls. */
export interface StopSignalCalls {
  /**
   * The first signal, which ends the run after the step under way.
   *
   * @param seconds that the last step took; undefined before there was one
   */
  onFirst(signal: NodeJS.Signals, seconds: number | undefined): void;
  /** The second signal, just before the process ends: to leave the terminal in order. */
  onSecond(): void;
  /** The first step that took 10 seconds or more. @defaultValue none */
  onSlow?(seconds: number): void;
}

/** Options of {@link stopSignals}. */
export interface StopSignalOptions {
  /** Whether the first step counts as slow, too. @defaultValue `false` */
  readonly slowStart?: boolean;
}

/** Whether the process was asked to stop. */
export interface StopSignals {
  readonly requested: boolean;
  /** Ends the run at the first event behind a signal. */
  readonly listener: Listener;
  /** Stops listening: the next signal ends the process as it would have before. */
  release(): void;
}

/**
 * Listens to SIGINT (Ctrl-C), SIGTERM and SIGHUP. The first ends the run; the second ends the process at once with status
 * 130.
 *
 * A step computes without a pause, and signals are heard between steps alone. So that nobody has to wait for a slow one, of 10
 * seconds or more, the steps after it leave signals to the operating system, which ends the process at once: a listener such
 * as `checkpoints` must have saved the step before.
 */
export function stopSignals(
  { onFirst, onSecond, onSlow }: StopSignalCalls,
  { slowStart = false }: StopSignalOptions = {},
): StopSignals {
  let requested = false;
  let seconds: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (requested) {
      onSecond();
      process.exit(130);
    }
    requested = true;
    onFirst(signal, seconds);
  };
  const listen = (): void => {
    for (const signal of SIGNALS) process.on(signal, onSignal);
  };
  const release = (): void => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  listen();
  return {
    get requested() {
      return requested;
    },
    async *listener(events) {
      const run = events[Symbol.asyncIterator]();
      let slow = false;
      let warned = false;
      try {
        for (;;) {
          const deaf = slow;
          const started = performance.now();
          if (deaf) release();
          const { value, done } = await run.next().finally(() => deaf && listen());
          if (done) return;
          if (value.type === "start") {
            slow = slowStart;
          } else {
            seconds = (performance.now() - started) / 1000;
            slow = seconds >= SLOW_STEP;
            if (slow && !warned) onSlow?.(seconds);
            warned ||= slow;
          }
          yield value;
          // Signals are delivered between the turns of the event loop.
          await setImmediate();
          if (requested) return;
        }
      } finally {
        await run.return?.();
      }
    },
    release,
  };
}

import { setImmediate } from "node:timers/promises";
import type { Listener } from "../events.js";

/** Whether the process was asked to stop. */
export interface StopSignals {
  readonly requested: boolean;
  /** Ends the run at the first event behind a signal. */
  readonly listener: Listener;
  /** Stops listening: the next signal ends the process as it would have before. */
  release(): void;
}

/**
 * Listens to SIGINT (Ctrl-C) and SIGTERM. The first calls `onFirst` and ends the run; the second calls `onSecond`, which is
 * to leave the terminal in order, and ends the process at once with status 130.
 */
export function stopSignals(onFirst: (signal: NodeJS.Signals) => void, onSecond: () => void): StopSignals {
  let requested = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (requested) {
      onSecond();
      process.exit(130);
    }
    requested = true;
    onFirst(signal);
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, onSignal);
  return {
    get requested() {
      return requested;
    },
    async *listener(events) {
      for await (const event of events) {
        yield event;
        // Signals are delivered between the turns of the event loop.
        await setImmediate();
        if (requested) return;
      }
    },
    release() {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}

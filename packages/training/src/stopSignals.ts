/** Whether the process was asked to stop. */
export interface StopSignals {
  readonly requested: boolean;
  /** Stops listening: the next signal ends the process as it would have before. */
  release(): void;
}

/**
 * Listens to SIGINT (Ctrl-C) and SIGTERM. The first calls `onFirst` and is remembered; the second calls
 * `onSecond`, which is to leave the terminal in order, and ends the process at once with status 130.
 */
export function stopSignals(onFirst: (signal: NodeJS.Signals) => void, onSecond: () => void): StopSignals {
  let requested = false;
  const listener = (signal: NodeJS.Signals): void => {
    if (requested) {
      onSecond();
      process.exit(130);
    }
    requested = true;
    onFirst(signal);
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, listener);
  return {
    get requested() {
      return requested;
    },
    release() {
      for (const signal of signals) process.off(signal, listener);
    },
  };
}

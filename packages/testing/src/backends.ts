/** @file One suite for all backends: what holds on the slow, obvious one must hold on the fast one. */
import { setSpikeStorage } from "@sew/backend-native";
import { useBackend } from "@sew/backends";
import { getBackend, setBackend } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, it } from "vitest";

/** The backends that every suite is held to. */
export type BackendName = "cpu" | "native";

/** Why the native backend cannot be used here; `undefined` when it can. */
export const nativeUnavailable: string | undefined = await (async () => {
  const before = getBackend();
  let reason = "";
  try {
    const name = await useBackend("native", (message) => {
      reason = message;
    });
    return name === "native" ? undefined : reason;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await setBackend(before);
  }
})();

/** Makes `name` the current backend. */
export async function use(name: BackendName): Promise<void> {
  await useBackend(name);
}

/**
 * Makes native the current backend, and it store spikes as bits from now on, whatever the environment says: for what a
 * test says of memory.
 */
export async function useStoredSpikes(): Promise<void> {
  await use("native");
  setSpikeStorage("auto");
}

/**
 * Runs a suite once on each backend.
 *
 * Where the native backend cannot be loaded its suite is skipped, and the reason printed.
 *
 * @param title of the suite; the backend's name is added
 * @param suite called once for each backend, inside `describe`
 */
export function describeBackends(title: string, suite: (backend: BackendName) => void): void {
  describe(`${title} [cpu]`, () => on("cpu", suite));
  if (nativeUnavailable === undefined) {
    describe(`${title} [native]`, () => on("native", suite));
  } else {
    it(`${title} [native]`, ({ skip }) => skip(nativeUnavailable));
  }
}

function on(name: BackendName, suite: (backend: BackendName) => void): void {
  let before = "cpu";
  beforeAll(async () => {
    before = getBackend();
    await use(name);
  });
  afterAll(async () => {
    await setBackend(before);
  });
  suite(name);
}

if (nativeUnavailable !== undefined) console.info(`Suites skip the native backend: ${nativeUnavailable}`);

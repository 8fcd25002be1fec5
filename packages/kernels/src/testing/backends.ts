/** @file One suite for all backends: what holds on the slow, obvious one must hold on the fast one. */
import { getBackend, ready, setBackend } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, it } from "vitest";

/** A backend that suites run on besides `cpu`. */
export interface TestBackend {
  readonly name: string;
  /** Registers it with TensorFlow.js. Where this throws, its suites are skipped and print the message. */
  readonly register: () => void | Promise<void>;
  /** Restores its default settings, whatever the environment says. @defaultValue it has none */
  readonly restoreDefaults?: () => void;
  /** Whether it takes subnormal numbers for 0, as libtensorflow does. Properties then draw none. @defaultValue false */
  readonly flushesSubnormals?: boolean;
}

/** The backends by name, `cpu` first, and why those that cannot be used cannot. */
const backends = new Map<
  string,
  Pick<TestBackend, "restoreDefaults" | "flushesSubnormals"> & { readonly unavailable?: string }
>([["cpu", {}]]);

/**
 * Adds a backend to those that {@link describeBackends} runs suites on. Call it in a set-up file of vitest; for a backend
 * that is there already it does nothing.
 *
 * @returns a function that removes it again
 *
 * @example
 * await addBackend({ name: "cpu", register: () => {} });
 */
export async function addBackend(backend: TestBackend): Promise<() => void> {
  const { name, register } = backend;
  if (backends.has(name)) return () => {};
  const before = currentBackend();
  try {
    await register();
    await use(name);
    backends.set(name, backend);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.info(`Suites skip the backend ${name}: ${reason}`);
    backends.set(name, { unavailable: reason });
  } finally {
    if (before !== undefined) await setBackend(before);
  }
  return () => backends.delete(name);
}

/** The current backend; `undefined` until something was computed, or a backend chosen. */
function currentBackend(): string | undefined {
  return getBackend();
}

/** Whether the current backend takes subnormal numbers for 0. */
export function flushesSubnormals(): boolean {
  return backends.get(currentBackend() ?? "")?.flushesSubnormals === true;
}

/** Why a backend cannot be used here; `undefined` when it can. */
export function unavailable(name: string): string | undefined {
  const backend = backends.get(name);
  return backend === undefined ? `no set-up file adds the backend ${name}` : backend.unavailable;
}

/**
 * Makes `name` the current backend.
 *
 * @throws Error when TensorFlow.js does not have it
 */
export async function use(name: string): Promise<void> {
  if (!(await setBackend(name))) throw new Error(`use: the backend ${name} cannot be initialised`);
  await ready();
}

/** Makes `name` the current backend with its default settings, for tests of memory. */
export async function useDefaults(name: string): Promise<void> {
  await use(name);
  backends.get(name)?.restoreDefaults?.();
}

/**
 * Runs a suite once on each backend: on `cpu`, and on those that {@link addBackend} added.
 *
 * Where one cannot be used its suite is skipped, and the reason printed.
 *
 * @param title of the suite; the backend's name is added
 * @param suite called once for each backend, inside `describe`
 */
export function describeBackends(title: string, suite: (backend: string) => void): void {
  for (const [name, { unavailable: reason }] of backends) {
    if (reason !== undefined) {
      it(`${title} [${name}]`, ({ skip }) => skip(reason));
      continue;
    }
    describe(`${title} [${name}]`, () => {
      let before: string | undefined;
      beforeAll(async () => {
        before = currentBackend();
        await use(name);
      });
      afterAll(async () => {
        if (before !== undefined) await setBackend(before);
      });
      suite(name);
    });
  }
}

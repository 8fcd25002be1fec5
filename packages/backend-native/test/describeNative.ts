/** @file Suites that need the addon. */
import { setThreads, threads } from "@sew/backend-native";
import { unavailable, use } from "@sew/kernels/testing";
import { setBackend } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, it } from "vitest";

/** A suite on the native backend; skipped, with the reason, where it cannot be loaded. */
export function describeNative(title: string, suite: () => void): void {
  if (unavailable("native") !== undefined) {
    it(title, ({ skip }) => skip(unavailable("native")));
    return;
  }
  describe(title, () => {
    beforeAll(() => use("native"));
    afterAll(() => setBackend("cpu"));
    suite();
  });
}

/** Does something with a number of threads, and puts it back. */
export function withThreads<R>(count: number, body: () => R): R {
  const before = threads();
  setThreads(count);
  try {
    return body();
  } finally {
    setThreads(before);
  }
}

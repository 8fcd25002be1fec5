/** @file Suites that need the addon. */
import {
  instructionSet,
  instructionSets,
  setBreakEvens,
  setInstructionSet,
  setSpikeConvolution,
  setSpikeStorage,
  setThreads,
  spikeConvolution,
  spikeStorage,
  threads,
} from "@sew/backend-native";
import { unavailable, use } from "@sew/kernels/testing";
import { setBackend } from "@tensorflow/tfjs-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from "vitest";

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

/** Each test of the suite begins with the default settings of a machine without a matrix unit, whatever the environment says. */
export function withDefaultSettings(): void {
  const forced = { set: instructionSet(), storage: spikeStorage(), convolution: spikeConvolution() };
  beforeEach(() => {
    setInstructionSet(instructionSets().find((set) => !set.startsWith("amx"))!);
    setSpikeStorage("auto");
    setSpikeConvolution("auto");
  });
  afterEach(() => {
    setInstructionSet(forced.set);
    setSpikeStorage(forced.storage);
    setSpikeConvolution(forced.convolution);
    setBreakEvens(undefined);
  });
}

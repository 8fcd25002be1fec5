/** @file The machine's multiply-add peak, measured by the addon in registers: the floor that everything is held to. */
import { runNative } from "@sew/backend-native";

/** The best of `runs` measurements, in FLOP/s, with the threads and the instruction set in use. */
export function measurePeak(runs: number): number {
  const done = new Float32Array(2);
  let best = 0;
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    runNative("fmaPeak", [20_000], done);
    best = Math.max(best, done[0]! / ((performance.now() - start) / 1000));
  }
  return best;
}

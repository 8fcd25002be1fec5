/** @file What the machine can do at most, measured by the addon: the floors that everything is held to. */
import { hasBfloat16, runNative } from "@sew/backend-native";

/** The best of `runs` rates. */
function best(runs: number, measure: () => number): number {
  let highest = 0;
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    const done = measure();
    highest = Math.max(highest, done / ((performance.now() - start) / 1000));
  }
  return highest;
}

/** Multiply-adds in registers, in FLOP/s, with the threads and the instruction set in use. */
export function measurePeak(runs: number, precision: "float32" | "bf16" = "float32"): number {
  const done = new Float32Array(2);
  const bf16 = precision === "bf16" && hasBfloat16();
  return best(runs, () => {
    runNative("fmaPeak", [20_000, Number(bf16)], done);
    return done[0]!;
  });
}

/** Floats of each array of the triad: three of them are larger than any cache. */
const TRIAD = 1 << 25;

/** The triad of STREAM, in bytes a second: what it reads and writes. */
export function measureBandwidth(runs: number): number {
  const [a, b, c] = [0, 1, 2].map((value) => new Float32Array(TRIAD).fill(value)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  return best(runs, () => {
    runNative("triad", [TRIAD], b, c, a);
    return 3 * TRIAD * Float32Array.BYTES_PER_ELEMENT;
  });
}

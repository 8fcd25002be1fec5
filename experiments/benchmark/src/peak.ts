/** @file What the machine can do at most, measured by the addon: the floors that everything is held to. */
import { hasBfloat16, hasMatrixUnit, instructionSet, type PathTaken, runNative } from "@sew/backend-native";

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

/** What multiplies: vectors of float32 or of bfloat16, or the matrix unit, whose products are of bfloat16. */
export const units = ["float32", "bf16", "matrix unit"] as const;

/**
 * Multiply-adds in registers, in FLOP/s, with the threads and the instruction set in use. Where the processor has no vectors of
 * bfloat16 it is the peak of float32; where the instruction set has no matrix unit, 0.
 */
export function measurePeak(runs: number, unit: (typeof units)[number] = "float32"): number {
  if (unit === "matrix unit" && !hasMatrixUnit()) return 0;
  const done = new Float32Array(2);
  // In thousands. The emulation of a matrix unit computes each of its products in some µs.
  const rounds = unit !== "matrix unit" ? 20_000 : instructionSet() === "amx" ? 500 : 1;
  const kind = unit === "bf16" && !hasBfloat16() ? 0 : units.indexOf(unit);
  return best(runs, () => {
    runNative("fmaPeak", [rounds, kind], done);
    return done[0]!;
  });
}

/** The peaks of all units, in FLOP/s. */
export interface Peaks {
  /** Multiply-adds of vectors of float32 and of bfloat16. */
  readonly float32: number;
  readonly bf16: number;
  /** Those of the matrix unit, on parts of numbers in bfloat16; 0 where there is none. */
  readonly matrix: number;
}

/** Measures the peaks, each the best of some runs. */
export function measurePeaks(runs: number): Peaks {
  const [float32, bf16, matrix] = units.map((unit) => measurePeak(runs, unit)) as [number, number, number];
  return { float32, bf16, matrix };
}

/**
 * Time that the operations of some paths take at the peak of what multiplies there. A vector of additions takes the place of one
 * of multiply-adds, which count as two operations.
 */
export function arithmeticSeconds(paths: readonly Omit<PathTaken, "lists">[], peaks: Peaks): number {
  return paths.reduce((sum, { name, operations }) => sum + (2 * operations) / peakOf(name, peaks), 0);
}

function peakOf(path: string, peaks: Peaks): number {
  if (path.startsWith("matrix unit")) return peaks.matrix;
  return path.includes("bfloat16") ? peaks.bf16 : peaks.float32;
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

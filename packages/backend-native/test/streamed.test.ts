/** @file Results of 32 MiB and more, which kernels write past the caches: the same values as in parts that are smaller. */
import { instructionSet, instructionSets, type NativeBackend, runNative, setInstructionSet } from "@sew/backend-native";
import { backend } from "@tensorflow/tfjs-core";
import { afterEach, expect, it } from "vitest";
import { describeNative } from "./describeNative.js";
import { integers } from "./values.js";

const native = () => backend() as NativeBackend;

/** 33 images of 128 x 128 pixels and 32 channels: above 32 MiB as bfloat16, and 11 of them below as float32. */
const [images, part, side, channels] = [33, 11, 128, 32];
const sizeOf = (count: number) => count * side ** 2 * channels;
const drawn = integers(7);
/** Small integers, so that sums are exact in any order. */
const ofIntegers = (length: number) => Float32Array.from({ length }, () => (drawn() % 5) - 2);

/** Runs `f` with the memory of a tensor, at which pages and vectors begin. */
function withTensor<Y extends Float32Array | Uint16Array>(
  [info, values]: readonly [{ readonly dataId: object }, Y],
  f: (values: Y) => void,
): void {
  try {
    f(values);
  } finally {
    native().disposeData(info.dataId);
  }
}

const spikes = new Int32Array(images * side ** 2).map(() => drawn() & drawn() & drawn());
const dense = ofIntegers(sizeOf(images));
const [pointwise, wide] = [ofIntegers(channels ** 2), ofIntegers(9 * channels ** 2)];

const numbers = (count: number, kernel: number) => {
  const pad = (kernel - 1) / 2;
  return [count, side, side, channels, side, side, channels, kernel, kernel, 1, 1, pad, pad, 1, 1];
};

/** A kernel on some of the images. */
type Run = (from: number, count: number, y: Float32Array | Uint16Array) => void;
const runs: Readonly<Record<string, Run>> = {
  spikeConv2d: (from, count, y) =>
    runNative(
      "spikeConv2d",
      numbers(count, 1),
      ...[spikes.subarray(from * side ** 2, (from + count) * side ** 2), pointwise, y],
    ),
  conv2d: (from, count, y) =>
    runNative("conv2d", [...numbers(count, 3), 0], dense.subarray(sizeOf(from), sizeOf(from + count)), wide, y),
  matrixSpikeConv2d: (from, count, y) =>
    runNative(
      "matrixSpikeConv2d",
      [...numbers(count, 1), 1],
      ...[spikes.subarray(from * side ** 2, (from + count) * side ** 2), pointwise, y],
    ),
  conv2dInputGrad: (from, count, y) =>
    runNative(
      "conv2dInputGrad",
      [...numbers(count, 3), 0],
      dense.subarray(sizeOf(from), sizeOf(from + count)),
      wide,
      y,
    ),
  binary: (from, count, y) => {
    const x = dense.subarray(sizeOf(from), sizeOf(from + count));
    runNative("binary", [0, 1, sizeOf(count), 1, 1], x, x, y);
  },
};

describeNative("a large result", () => {
  const best = instructionSet();
  afterEach(() => setInstructionSet(best));

  /** Whether the images from `from` on are those of a run of their own. */
  const isPart = (run: Run, found: Float32Array, from: number) => {
    const own = new Float32Array(sizeOf(part));
    run(from, part, own);
    return own.every((value, i) => found[sizeOf(from) + i] === value);
  };
  const isSame = (run: Run, found: Float32Array) => [0, part, 2 * part].every((from) => isPart(run, found, from));

  const cases = instructionSets().flatMap((set) =>
    Object.keys(runs)
      // Elsewhere the emulation is the same, and slow.
      .filter((kernel) => !kernel.startsWith("matrix") || set.startsWith("amx"))
      .map((kernel) => ({ set, kernel })),
  );
  it.each(cases)("of $kernel is the same in parts, with $set", ({ set, kernel }) => {
    setInstructionSet(set);
    withTensor(native().output([sizeOf(images)]), (y) => {
      runs[kernel]!(0, images, y);
      expect(isSame(runs[kernel]!, y)).toBe(true);
    });
  });

  it.each(instructionSets())("in bfloat16 is the same in parts, with %s", (set) => {
    setInstructionSet(set);
    withTensor(native().outputBfloat16([sizeOf(images)]), (halves) => {
      runs.spikeConv2d!(0, images, halves);
      const y = new Float32Array(sizeOf(images));
      runNative("unpackBfloat16", [y.length], halves, y);
      expect(isSame(runs.spikeConv2d!, y)).toBe(true);
    });
  });
});

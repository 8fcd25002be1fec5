// Calls every kernel for a matrix unit with the emulation, and with AMX on 1 thread and on 2. For amxTraps.test.ts, in a
// process of its own.
import { createHash } from "node:crypto";
import { registerNative, runNative, setInstructionSet, setThreads } from "@sew/backend-native";

/** Integers below 2^32, from a seed. */
function integers(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
}

const floats = (size, seed) => {
  const next = integers(seed);
  return Float32Array.from({ length: size }, () => (next() / 2 ** 31 - 1) * 2 ** (next() % 8));
};
const counts = (size, seed) => {
  const next = integers(seed);
  return Uint8Array.from({ length: size }, () => (next() >>> 8) % 4);
};
const bits = (size, seed) => Int32Array.from({ length: size / 32 }, integers(seed));

/**
 * A 3x3 filter at stride 1 and 2, 1x1, 5x5, more panels than threads, edges of panels, matrices, whose rows are images of a
 * pixel, images side by side, and a stem.
 */
const shapes = [
  { n: 2, size: 7, c: 32, k: 32, kernel: 3, stride: 1 },
  { n: 3, size: 6, c: 64, k: 40, kernel: 3, stride: 2 },
  { n: 2, size: 8, c: 96, k: 8, kernel: 1, stride: 1 },
  { n: 1, size: 9, c: 32, k: 200, kernel: 5, stride: 3 },
  { n: 100, size: 1, c: 64, k: 33, kernel: 1, stride: 1 },
  { n: 16, size: 5, c: 32, k: 32, kernel: 3, stride: 1 },
  { n: 2, size: 11, c: 3, k: 64, kernel: 7, stride: 2 },
];

/** Results' hashes by call: emulated, and by AMX on 1 thread and on 2. */
export function run() {
  registerNative();
  const hashes = {};
  const call = (kernel, numbers, inputs, size) => {
    hashes[`${kernel} ${numbers} ${inputs[0].constructor.name}`] = [
      ["amx-emulated", 2],
      ["amx", 1],
      ["amx", 2],
    ].map(([set, threads]) => {
      setInstructionSet(set);
      setThreads(threads);
      const result = new Float32Array(size).fill(1);
      runNative(kernel, numbers, ...inputs, result);
      return createHash("sha256").update(new Uint8Array(result.buffer)).digest("hex");
    });
  };
  // bfloat16 below 2, since which NaN a sum of several has is not defined.
  const bytes = (seed) => new Uint8Array(bits(8192, seed).map((pair) => pair & 0xbfffbfff).buffer);
  for (const numbers of [
    [16, 16, 16],
    [3, 5, 7],
  ])
    call("matrixProduct", numbers, [bytes(1), bytes(2)], 256);
  for (const { n, size, c, k, kernel, stride } of shapes)
    for (const bf16 of [0, 1]) {
      const pad = kernel >> 1;
      const out = Math.floor((size + 2 * pad - kernel) / stride) + 1;
      const numbersOf = (inputs, outputs) => [
        ...[n, size, size, inputs, out, out, outputs, kernel, kernel, stride, stride, pad, pad, 1, 1, bf16],
      ];
      const [x, w, y] = [n * size * size * c, kernel * kernel * c * k, n * out * out * k];
      const [weights, dy] = [floats(w, 1), floats(y, 2)];
      for (const spikes of c % 32 === 0 ? [bits, counts] : []) {
        call("matrixSpikeConv2d", numbersOf(c, k), [spikes(x, 3), weights], y);
        call("matrixSpikeConv2dFilterGrad", numbersOf(c, k), [spikes(x, 3), dy], w);
      }
      call("matrixConv2d", numbersOf(c, k), [floats(x, 4), weights], y);
      call("matrixConv2dFilterGrad", numbersOf(c, k), [floats(x, 4), dy], w);
      // Its channels that are added up are those of the output.
      call("matrixConv2dInputGrad", numbersOf(k, c), [floats(n * out * out * c, 2), weights], n * size * size * k);
    }
  return hashes;
}

// Errors of every path of convolutions against float64, beside those of float32's fused multiply-adds in order. Run, it
// prints the table of docs/numerics.md; accuracy.test.ts holds the bounds.
import { pathToFileURL } from "node:url";
import { runNative } from "@sew/backend-native";

/** Layers of ResNets: [n, size, size, c] by [kernel, kernel, c, k], padded as "same"; the stem sees images. */
export const layers = [
  { name: "3x3, 64 channels", n: 2, size: 14, c: 64, k: 64, kernel: 3, stride: 1 },
  { name: "1x1, 256 channels", n: 2, size: 14, c: 256, k: 64, kernel: 1, stride: 1 },
  { name: "7x7 at stride 2, 3 channels", n: 2, size: 28, c: 3, k: 64, kernel: 7, stride: 2 },
];

/** Uniform in [0, 1), from a seed. */
function uniform(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}

/** Standard normal, from sums of 12 uniform numbers. */
function normal(size, seed) {
  const next = uniform(seed);
  return Float32Array.from({ length: size }, () => {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += next();
    return sum;
  });
}

/** Independent spikes at a firing rate, or sums of several. */
function spikes(size, seed, rate, summands) {
  const next = uniform(seed);
  return Float32Array.from({ length: size }, () => {
    let sum = 0;
    for (let i = 0; i < summands; i++) sum += next() < rate ? 1 : 0;
    return sum;
  });
}

/** Adds up a product in float64 and, by fused multiply-adds in order, in float32. */
function reference({ n, size, c, k, kernel, stride }, product, a, b) {
  const [pad, out] = [kernel >> 1, size / stride];
  const outputs = { forward: n * out * out * k, input: n * size * size * c, filter: kernel * kernel * c * k }[product];
  const [exact, fused] = [new Float64Array(outputs), new Float32Array(outputs)];
  for (let p = 0; p < n * out * out; p++)
    for (let tap = 0; tap < kernel * kernel; tap++) {
      const row = (Math.floor(p / out) % out) * stride + Math.floor(tap / kernel) - pad;
      const column = (p % out) * stride + (tap % kernel) - pad;
      if (row < 0 || row >= size || column < 0 || column >= size) continue;
      const pixel = (Math.floor(p / (out * out)) * size + row) * size + column;
      for (let i = 0; i < c; i++)
        for (let o = 0; o < k; o++) {
          const [x, w, y] = [pixel * c + i, (tap * c + i) * k + o, p * k + o];
          const [at, u, v] = product === "forward" ? [y, x, w] : product === "input" ? [x, y, w] : [w, x, y];
          const term = a[u] * b[v];
          exact[at] += term;
          // The product is exact in float64; rounding twice matters once in 2^29 times.
          fused[at] += term;
        }
    }
  return { exact, fused };
}

const rms = (values) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);

/** Bits, or bytes. */
function packed(values, bits) {
  if (!bits) return Uint8Array.from(values);
  const words = new Int32Array(values.length / 32);
  values.forEach((v, i) => {
    words[i >> 5] |= v << (i & 31);
  });
  return words;
}

/** The products; counts are sums of 7 spikes, and images have any numbers. */
export const products = {
  "spikes × weights": { product: "forward", summands: 1 },
  "counts × weights": { product: "forward", summands: 7 },
  "images × weights": { product: "forward" },
  "dy × weights": { product: "input" },
  "spikes × dy": { product: "filter", summands: 1 },
  "images × dy": { product: "filter" },
};
/** Whether a layer has a product: those of the stem are of images alone. */
export const has = ({ c }, { product, summands }) =>
  c % 32 === 0 ? product === "input" || summands !== undefined : product !== "input" && summands === undefined;

/** The kernels of each: dense, event-driven, and for a matrix unit, of spikes and of images. */
const kernels = {
  forward: ["conv2d", "spikeConv2d", "matrixSpikeConv2d", "matrixConv2d"],
  input: ["conv2dInputGrad", undefined, undefined, "matrixConv2dInputGrad"],
  filter: ["conv2dFilterGrad", "spikeConv2dFilterGrad", "matrixSpikeConv2dFilterGrad", "matrixConv2dFilterGrad"],
};

/** Root mean square errors, relative to that of the result, by path. */
export function measure(layer, { product, summands }) {
  const { n, size, c, k, kernel, stride } = layer;
  const [out, pad] = [size / stride, kernel >> 1];
  const numbers = [n, size, size, c, out, out, k, kernel, kernel, stride, stride, pad, pad, 1, 1];
  const elements = n * size * size * c;
  const x = summands === undefined ? normal(elements, 1) : spikes(elements, 1, 0.15, summands);
  const weights = normal(kernel * kernel * c * k, 2);
  const dy = normal(n * out * out * k, 3);
  const [a, b] = { forward: [x, weights], input: [dy, weights], filter: [x, dy] }[product];
  const { exact, fused } = reference(layer, product, a, b);
  const error = (values) => rms(Float64Array.from(exact, (v, i) => v - values[i])) / rms(exact);
  const run = (name, images, ...precision) => {
    const result = new Float32Array(exact.length);
    runNative(name, [...numbers, ...precision], images, b, result);
    return error(result);
  };
  const [dense, events, matrixSpikes, matrix] = kernels[product];
  const stored = summands === undefined ? a : packed(a, summands === 1);
  const unit = summands === undefined ? matrix : matrixSpikes;
  return {
    "multiply-adds": error(fused),
    dense: run(dense, a, 0),
    "dense, bf16": run(dense, a, 1),
    ...(summands !== undefined && { "event-driven": run(events, stored) }),
    "matrix unit": run(unit, stored, 0),
    "matrix unit, bf16": run(unit, stored, 1),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const rows = layers.flatMap((layer) =>
    Object.entries(products)
      .filter(([, product]) => has(layer, product))
      .map(([name, product]) => [`${layer.name}: ${name}`, measure(layer, product)]),
  );
  const paths = Object.keys(rows[0][1]);
  console.log(`| | ${paths.join(" | ")} |`);
  console.log(`| --- |${" --- |".repeat(paths.length)}`);
  for (const [name, errors] of rows) {
    console.log(`| ${name} | ${paths.map((path) => errors[path]?.toExponential(1) ?? "–").join(" | ")} |`);
  }
}

// node scripts/secondsPerStep.mjs BACKEND...: seconds of a training step of a network with five SEW blocks (32x32, T=4, N=2,
// the median of 9 steps) on each of these backends, in the built repository.
import "@tensorflow/tfjs"; // registers the gradients
import { useBackend } from "../packages/backends/dist/index.js";
import { network } from "../packages/models/dist/index.js";
import { momentum, optimizer as optimizerOf, trainStep } from "../packages/training/dist/index.js";

const shape = [4, 2, 32, 32, 2];
const size = shape.reduce((a, b) => a * b);
const x = Float32Array.from({ length: size }, (_, i) => (Math.sin(7 * i) > 0.8 ? 1 : 0));
const batch = { x, shape, labels: Int32Array.of(0, 1) };
const figures = [];
for (const backend of process.argv.slice(2)) {
  await useBackend(backend);
  const model = network("c32k3s1-BN-PLIF-{SEW Block(c32)-MPk2s2}*5-FC11", { height: 32, width: 32 });
  const optimizer = optimizerOf(model, momentum());
  const seconds = [];
  for (let seed = 0; seed < 12; seed++) {
    const start = performance.now();
    await trainStep(model, optimizer, batch, { learningRate: 0.01, seed });
    seconds.push((performance.now() - start) / 1000);
  }
  const sorted = seconds.slice(3).sort((a, b) => a - b);
  figures.push(`${backend} ${sorted[4].toFixed(3)} s`);
}
console.log(`a training step takes ${figures.join(", ")}`);

/** @file 300 training steps on stored spikes, as a program: prints what memory is in use after each. `--expose-gc` */
import { random } from "@sew/random";
import "@tensorflow/tfjs";
import { registerNative } from "@sew/backend-native";
import { network } from "@sew/models";
import { momentum, optimizer as optimizerOf, trainStep } from "@sew/training";
import { memory, setBackend } from "@tensorflow/tfjs-core";

const SHAPE = [4, 4, 16, 16, 2];
const BLOCKS = ["ADD", "AND", "IAND"].map((connect) => `SEW ${connect}(c32)-MPk2s2`).join("-");

registerNative();
await setBackend("native");
const net = network(`c32-BN-PLIF-${BLOCKS}-FC3`, { height: 16, width: 16, seed: 3 });
const optimizer = optimizerOf(net, momentum());
const draw = random(5);
const states = [];
for (let i = 0; i < 300; i++) {
  const x = Float32Array.from({ length: SHAPE.reduce((a, b) => a * b) }, () => (draw.uniform() < 0.1 ? 1 : 0));
  const batch = { x, shape: SHAPE, labels: Int32Array.of(0, 1, 2, 0) };
  await trainStep(net, optimizer, batch, { learningRate: 0.01, seed: i });
  // What JavaScript has not collected yet is no leak. Collecting takes as long as a step.
  if (i % 10 === 9) globalThis.gc();
  const { numTensors, numDataBuffers, liveBytes, allocations, scratchBytes } = memory();
  states.push({ numTensors, numDataBuffers, liveBytes, allocations, scratchBytes, rss: process.memoryUsage.rss() });
}
process.stdout.write(JSON.stringify(states));

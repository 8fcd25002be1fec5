/** @file Trains a small network in the page, and leaves its losses in `globalThis.losses`. */
import { network } from "@sew/models";
import { adam, optimizer, trainStep } from "@sew/training";
import * as tf from "@tensorflow/tfjs";

/** Eight samples of two classes, `[T, N, H, W, C]`: a bar on the left or on the right, and a line that moves down. */
const labels = Int32Array.from({ length: 8 }, (_, n) => n % 2);
const shape = [2, 8, 8, 8, 2] as const;
const pixels = tf.buffer([...shape], "float32");
for (const [n, label] of labels.entries()) {
  for (const t of [0, 1]) {
    for (let i = 0; i < 8; i++) {
      pixels.set(1, t, n, i, 1 + 5 * label, 0);
      pixels.set(1, t, n, (n + t) % 8, i, 1);
    }
  }
}

async function train(): Promise<number[]> {
  await tf.setBackend("cpu");
  const net = network("c4-BN-PLIF-{SEW(c4)-MPk2}*2-FC2", { height: 8, width: 8 });
  const trained = optimizer(net, adam());
  const batch = { x: pixels.values, shape, labels };
  const losses: number[] = [];
  for (let seed = 0; seed < 20; seed++) {
    losses.push((await trainStep(net, trained, batch, { learningRate: 0.05, seed })).loss);
  }
  return losses;
}

Object.assign(globalThis, { losses: train() });

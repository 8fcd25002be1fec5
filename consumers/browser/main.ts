/** @file Trains a small network in the page, and leaves its losses in `globalThis.losses`. */
import { run } from "@sew/layers";
import { network } from "@sew/models";
import * as tf from "@tensorflow/tfjs";

/** Eight samples of two classes, `[T, N, H, W, C]`: a bar on the left or on the right, and a line that moves down. */
const classes = Array.from({ length: 8 }, (_, n) => n % 2);
const x = tf.buffer([2, 8, 8, 8, 2]);
for (const [n, label] of classes.entries()) {
  for (const t of [0, 1]) {
    for (let i = 0; i < 8; i++) {
      x.set(1, t, n, i, 1 + 5 * label, 0);
      x.set(1, t, n, (n + t) % 8, i, 1);
    }
  }
}

async function train(): Promise<number[]> {
  await tf.setBackend("cpu");
  const net = network("c4-BN-PLIF-{SEW(c4)-MPk2}*2-FC2", { height: 8, width: 8 });
  const labels = tf.oneHot(tf.tensor1d(classes, "int32"), 2);
  const optimizer = tf.train.adam(0.05);
  const losses: number[] = [];
  for (let seed = 0; seed < 20; seed++) {
    const loss = optimizer.minimize(() => {
      const scores = tf.mean(run(net, x.toTensor(), { training: true, seed }), 0);
      return tf.losses.softmaxCrossEntropy(labels, scores) as tf.Scalar;
    }, true);
    losses.push(...(await loss!.data()));
  }
  return losses;
}

Object.assign(globalThis, { losses: train() });

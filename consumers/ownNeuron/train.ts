/** @file A small network of these neurons, which learn a jump for each channel, trained on the native backend. */
import "@tensorflow/tfjs";
import { deepStrictEqual, ok } from "node:assert";
import { useBackend } from "@sew/backends";
import { learnable, namedParameters, neurons, profile } from "@sew/layers";
import { network } from "@sew/models";
import { adam, optimizer, trainStep } from "@sew/training";
import { adaptive } from "./adaptive.js";

/** Eight samples of two classes, `[T, N, H, W, C]`: a bar on the left or on the right, and a line that moves down. */
const labels = Int32Array.from({ length: 8 }, (_, n) => n % 2);
const shape = [4, 8, 8, 8, 2] as const;
const x = new Float32Array(4 * 8 * 8 * 8 * 2);
const at = (t: number, n: number, row: number, column: number): number => 2 * (((t * 8 + n) * 8 + row) * 8 + column);
for (const [n, label] of labels.entries()) {
  for (let t = 0; t < 4; t++) {
    for (let i = 0; i < 8; i++) {
      x[at(t, n, i, 1 + 5 * label)] = 1;
      x[at(t, n, (n + t) % 8, i) + 1] = 1;
    }
  }
}

const trained = async (): Promise<void> => {
  await useBackend("native");
  const net = network("c4-BN-Adaptive-{SEW(c4)-MPk2}*2-FC2", {
    height: 8,
    width: 8,
    neurons: { Adaptive: neurons(adaptive, { jump: learnable(0.25, "channel") }) },
  });
  const fused = profile(net, [4, 1, 8, 8, 2]).flatMap((layer) => layer.fused ?? []);
  deepStrictEqual(fused, [true, true, true, true, true], "all of these neurons must run in a fused kernel");
  const adaptation = optimizer(net, adam());
  const losses: number[] = [];
  for (let seed = 0; seed < 20; seed++) {
    const step = await trainStep(net, adaptation, { x, shape, labels }, { learningRate: 0.02, seed });
    losses.push(step.loss);
  }
  ok(losses.at(-1)! < losses[0]! / 2, `the loss must fall, got ${losses.join(", ")}`);
  const jumps = [...namedParameters(net)].filter(([name]) => name.endsWith(".jump"));
  deepStrictEqual(
    jumps.map(([name]) => name),
    ["unit0", "block0.a", "block0.b", "block1.a", "block1.b"].map((unit) => `${unit}.neuron.jump`),
  );
  for (const [name, jump] of jumps) {
    const values = new Set(jump.dataSync());
    ok(jump.size === 4 && values.size > 1, `${name} must be learned for each channel, got ${[...values].join(", ")}`);
  }
  console.log(`the loss fell from ${losses[0]} to ${losses.at(-1)}`);
};
trained().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

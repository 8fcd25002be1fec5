/** @file The same neuron by name on the command line of an experiment. */
import { deepStrictEqual } from "node:assert";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkIndices, type Source } from "@sew/datasets";
import { defineExperiment, runExperiment } from "@sew/experiment";
import { learnable, neurons } from "@sew/layers";
import { adaptive } from "./adaptive.js";

const bars: Source = {
  name: "bars",
  classes: ["left", "right"],
  count: 8,
  shape: [2, 4, 4, 1],
  labels: Array.from({ length: 8 }, (_, i) => i % 2),
  names: Array.from({ length: 8 }, (_, i) => `${i}`),
  fingerprint: "bars 1",
  read(indices) {
    checkIndices("bars", 8, indices);
    return Float32Array.from({ length: 32 * indices.length }, (_, k) => (k % 4 === 3 * (indices[k >> 5]! % 2) ? 1 : 0));
  },
};
const experiment = defineExperiment({
  name: "own-neuron",
  description: "Bars.",
  datasets: { bars: { title: "Bars", recipe: () => ({ epochs: 1, batch: 4 }), open: () => ({ train: bars }) } },
  neurons: { Adaptive: (spike) => neurons(adaptive, { jump: learnable(0.25, "channel") }, spike) },
  model: () => "c2-BN-PLIF-SEW(c2)-FC2",
});

const out = mkdtempSync(join(tmpdir(), "own-neuron-"));
const notation = async (name: string, ...options: string[]): Promise<string> => {
  const folder = join(out, name);
  deepStrictEqual(await runExperiment(experiment, [...options, "--workers", "0", "--out", folder]), 0);
  return (JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as { notation: string }).notation;
};
const chosen = async (): Promise<void> => {
  deepStrictEqual(await notation("neuron", "--neuron", "adaptive"), "c2-BN-Adaptive-SEW ADD(c2)-FC2");
  deepStrictEqual(await notation("model", "--model", "c2-BN-Adaptive-FC2"), "c2-BN-Adaptive-FC2");
};
chosen()
  .catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  })
  .finally(() => rmSync(out, { recursive: true, force: true }));

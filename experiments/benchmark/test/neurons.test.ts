import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type MembraneParams, type NeuronModel, neuron, neuronModels, parallelNeuronModels } from "@sew/neurons";
import { afterAll, describe, expect, it } from "vitest";
import { neuronTable } from "../src/neurons/measure.js";

const main = fileURLToPath(new URL("../dist/src/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sew-benchmark-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs `pnpm bench neurons`. */
const bench = (...args: string[]) =>
  spawnSync(process.execPath, [main, "neurons", ...args], { cwd: folder, encoding: "utf8" });

describe("the table of neurons", () => {
  it("shows the time of a neuron's step on one core, the gain over composed operations, and the multiple of LIF's time", () => {
    const pass = (cpuSeconds: number, bytes: number) => ({ seconds: [1], cpuSeconds: [cpuSeconds], bytes });
    const row = (name: string, program: number, composed: number) => {
      return { name, steps: 10, neurons: 100, program: pass(program, 0.375), composed: pass(composed, 44) };
    };
    expect(neuronTable([row("LIF", 1e-6, 2e-5), row("QIF", 1.5e-6, 3e-5)])).toEqual([
      {
        neuron: "LIF",
        "program, ns": "1.00",
        "composed, ns": "20.00",
        faster: "20.0x",
        "of LIF": "1.00x",
        "program, bytes": "0.38",
        "composed, bytes": "44.00",
      },
      {
        neuron: "QIF",
        "program, ns": "1.50",
        "composed, ns": "30.00",
        faster: "20.0x",
        "of LIF": "1.50x",
        "program, bytes": "0.38",
        "composed, bytes": "44.00",
      },
    ]);
  });
});

describe("pnpm bench neurons", () => {
  it("measures every model, of which each keeps as much for the backward pass, and writes every figure", () => {
    const { status, stdout, stderr } = bench(
      "--steps",
      "4",
      "--neurons",
      "8192",
      "--runs",
      "1",
      "--json",
      "figures.json",
    );
    expect(status, stderr).toBe(0);
    expect(stdout).toContain("every figure: figures.json");
    const { rows } = JSON.parse(readFileSync(join(folder, "figures.json"), "utf8")) as {
      rows: { name: string; program: { bytes: number }; composed: { bytes: number } }[];
    };
    expect(rows.map(({ name }) => name)).toEqual([...Object.keys(neuronModels), ...Object.keys(parallelNeuronModels)]);
    // Spikes as bits, counts or float32, and each state variable after the last of 4 steps.
    const spikes = { bits: 1 / 8, counts: 1, reals: 4 };
    for (const [i, model] of Object.values(neuronModels).entries()) {
      const { emits, stateNames } = neuron(model as unknown as NeuronModel<MembraneParams, string>);
      expect(rows[i]!.program.bytes, rows[i]!.name).toBe(spikes[emits.kind] + (4 * stateNames.length) / 4);
    }
    // Parallel neurons have no state. Their weights are few.
    for (const { name } of Object.values(parallelNeuronModels)) {
      const row = rows.find((each) => each.name === name.toUpperCase())!;
      expect(row.program.bytes, name).toBeCloseTo(1 / 8, 1);
    }
    for (const { name, program, composed } of rows) expect(composed.bytes, name).toBeGreaterThan(4 * program.bytes);
  });

  it("names the nearest model where the filter is part of none", () => {
    const { status, stderr } = bench("--filter", "lifs");
    expect(status).toBe(1);
    expect(stderr).toBe(
      "error: option '--filter <text>' argument 'lifs' is invalid. It must be part of the name of a model. " +
        'The nearest is "LIF".\n(--help lists the options)\n',
    );
  });
});

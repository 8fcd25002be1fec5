import { describeBackends } from "@sew/kernels/testing";
import { disposeModule } from "@sew/layers";
import { network } from "@sew/models";
import { random } from "@sew/random";
import { type Batch, momentum, optimizer as optimizerOf, trainStep } from "@sew/training";
import { memory, setBackend } from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";

const side = 8;
const notations = ["SEW Block", "Spiking Block"].map((block) => `c6k3s1-BN-PLIF-{${block}(c6)-MPk2s2}*2-FC3`);

/** Four samples of three steps; the events of each class are denser in another third of the picture. */
function batch(seed: number): Batch {
  const draw = random(seed);
  const labels = Int32Array.from({ length: 4 }, (_, i) => (i + seed) % 3);
  const size = side * side * 2;
  const x = Float32Array.from({ length: 3 * 4 * size }, (_, i) => {
    const third = Math.floor(((i % size) / size) * 3);
    const label = labels[Math.floor(i / size) % 4];
    return draw.uniform() < (third === label ? 0.5 : 0.05) ? 1 : 0;
  });
  return { x, shape: [3, 4, side, side, 2], labels };
}

/** The losses of 20 steps on a backend. */
async function losses(backend: string, notation: string): Promise<number[]> {
  await setBackend(backend);
  const { numTensors } = memory();
  const model = network(notation, { height: side, width: side });
  const optimizer = optimizerOf(model, momentum());
  const all: number[] = [];
  for (let seed = 0; seed < 20; seed++) {
    all.push((await trainStep(model, optimizer, batch(seed), { learningRate: 0.05, seed })).loss);
  }
  optimizer.dispose();
  disposeModule(model);
  expect(memory().numTensors).toBe(numTensors);
  return all;
}

/** Those on cpu, which take seconds. */
const onCpu = new Map<string, number[]>();

describeBackends("20 training steps", (backend) => {
  it.each(notations)("of %s lower the loss, and have the losses that they have on cpu", async (notation) => {
    const expected = onCpu.get(notation) ?? (await losses("cpu", notation));
    onCpu.set(notation, expected);
    const actual = backend === "cpu" ? expected : await losses(backend, notation);
    expect(actual.at(-1)).toBeLessThan(0.6 * actual[0]!);
    // Rounding moves a potential over its threshold now and then, and later steps with it.
    expect(actual.filter((loss, i) => !(Math.abs(loss - expected[i]!) < 1e-3))).toEqual([]);
  });
});

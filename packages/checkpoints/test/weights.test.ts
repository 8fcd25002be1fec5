import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadWeights, readSafetensors, saveWeights, weightsOf, writeSafetensors } from "@sew/checkpoints";
import { disposeModule, linear, type Module, namedBuffers, namedParameters, sequential } from "@sew/layers";
import { network } from "@sew/models";
import { random } from "@sew/random";
import { memory, tensor2d } from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { messageOf, temporaryFolder } from "./support.js";

const net = (seed: number, channels = 2): Module =>
  network(`c${channels}-BN-PLIF-SEW-MPk2-FC3`, { height: 4, width: 4, seed });

const values = (model: Module): [string, number[]][] =>
  [...namedParameters(model), ...namedBuffers(model)].map(([name, v]) => [name, [...v.dataSync()]]);

describe("saveWeights and loadWeights", () => {
  it("carry parameters and buffers from one model to another, and the metadata", async () => {
    const file = join(await temporaryFolder(), "net.safetensors");
    const [one, other] = [net(1), net(2)];
    await saveWeights(one, file, { note: "kept" });
    const tensors = memory().numTensors;
    const { metadata, taken, kept, unused } = await loadWeights(other, file);
    expect([metadata.note, kept, unused]).toEqual(["kept", [], []]);
    expect(taken).toEqual(values(one).map(([name]) => name));
    expect(memory().numTensors).toBe(tensors);
    expect(values(other)).toEqual(values(one));
    expect([...(await readSafetensors(file)).tensors.keys()]).toEqual(values(one).map(([name]) => name));
    for (const model of [one, other]) disposeModule(model);
  });

  it("name the first parameters that differ, with both shapes, and change nothing", async () => {
    const file = join(await temporaryFolder(), "net.safetensors");
    const [narrow, wide] = [net(1, 2), net(1, 3)];
    await saveWeights(narrow, file);
    const before = values(wide);
    expect(await messageOf(loadWeights(wide, file))).toBe(
      `loadWeights: ${file} must hold the parameters of this model, got others: unit0.conv.weight is [3,3,2,2] in the ` +
        "file and [3,3,2,3] in the model, unit0.norm.weight is [2] in the file and [3] in the model, unit0.norm.bias is " +
        "[2] in the file and [3] in the model, and 13 more differ; build the model with the settings that the file was " +
        "made with, or load a part of it",
    );
    expect(values(wide)).toEqual(before);
    for (const model of [narrow, wide]) disposeModule(model);
  });

  it("name what is absent on either side", async () => {
    const file = join(await temporaryFolder(), "linear.safetensors");
    const [withBias, without] = [linear(1, 2), linear(1, 2, { bias: false })];
    await saveWeights(withBias, file);
    expect(await messageOf(loadWeights(without, file))).toContain("bias is [2] in the file and absent in the model");
    await saveWeights(without, file);
    expect(await messageOf(loadWeights(withBias, file))).toContain("bias is absent in the file and [2] in the model");
    for (const model of [withBias, without]) disposeModule(model);
  });

  it("refuse to load what is not finite, and change nothing", async () => {
    const file = join(await temporaryFolder(), "broken.safetensors");
    const model = linear(2, 1);
    const weights = await weightsOf(model);
    const broken = new Map(weights).set("bias", { shape: [1], values: Float32Array.of(Number.NaN) });
    await writeSafetensors(file, broken);
    expect(await messageOf(loadWeights(model, file))).toBe(
      `loadWeights: ${file} must hold finite values, got NaN for bias; use an earlier file`,
    );
    expect(await weightsOf(model)).toEqual(weights);
  });

  it("refuse to save what is not finite, and leave the earlier file", async () => {
    const file = join(await temporaryFolder(), "linear.safetensors");
    const model = linear(1, 2, { random: random(1) });
    await saveWeights(model, file);
    const bytes = await readFile(file);
    model.parameters!.weight!.assign(tensor2d([[1, Number.NaN]]));
    expect(await messageOf(saveWeights(model, file))).toBe(
      "saveWeights: weight must be finite to be saved, got NaN; lower the learning rate and start from an earlier file",
    );
    expect(await readFile(file)).toEqual(bytes);
    disposeModule(model);
  });

  it("pass over the optimiser's part of a checkpoint", async () => {
    const file = join(await temporaryFolder(), "last.safetensors");
    const model = linear(1, 1);
    const scalarOf = (value: number, shape: number[]) => ({ shape, values: Float32Array.of(value) });
    await writeSafetensors(
      file,
      new Map([
        ["weight", scalarOf(5, [1, 1])],
        ["bias", scalarOf(6, [1])],
        ["optimizer/velocity/bias", scalarOf(7, [1])],
      ]),
    );
    expect((await loadWeights(model, file)).unused).toEqual(["optimizer/velocity/bias"]);
    expect(values(model)).toEqual([
      ["weight", [5]],
      ["bias", [6]],
    ]);
    disposeModule(model);
  });

  const two = (classes: number) => sequential({ stem: linear(2, 3), classifier: linear(3, classes) });
  const parts = {
    stem: ["stem.weight", "stem.bias"],
    classifier: ["classifier.weight", "classifier.bias"],
  };

  it("load all parts but some, and report what was taken, kept and unused", async () => {
    const file = join(await temporaryFolder(), "two.safetensors");
    const [three, ten] = [two(3), two(10)];
    await saveWeights(three, file);
    const before = values(ten).slice(2);
    const { taken, kept, unused } = await loadWeights(ten, file, { except: ["classifier"] });
    expect({ taken, kept, unused }).toEqual({ taken: parts.stem, kept: parts.classifier, unused: parts.classifier });
    expect(values(ten).slice(0, 2)).toEqual(values(three).slice(0, 2));
    expect(values(ten).slice(2)).toEqual(before);
    for (const model of [three, ten]) disposeModule(model);
  });

  it("load some parts alone, and a single parameter as a part", async () => {
    const file = join(await temporaryFolder(), "two.safetensors");
    const [three, ten] = [two(3), two(10)];
    await saveWeights(three, file);
    expect((await loadWeights(ten, file, { only: ["stem"] })).taken).toEqual(parts.stem);
    expect((await loadWeights(ten, file, { only: ["stem"], except: ["stem.bias"] })).taken).toEqual(["stem.weight"]);
    expect(await messageOf(loadWeights(ten, file, { only: ["classifier"] }))).toContain(
      "classifier.weight is [3,3] in the file and [3,10] in the model",
    );
    for (const model of [three, ten]) disposeModule(model);
  });

  it("load what fits, where something does", async () => {
    const file = join(await temporaryFolder(), "two.safetensors");
    const [three, ten, other] = [two(3), two(10), linear(7, 7)];
    await saveWeights(three, file);
    const loaded = await loadWeights(ten, file, { partial: true });
    expect([loaded.taken, loaded.kept, loaded.unused]).toEqual([parts.stem, parts.classifier, parts.classifier]);
    const before = values(other);
    expect(await messageOf(loadWeights(other, file, { partial: true }))).toBe(
      `loadWeights: ${file} must hold a tensor to load into this model, got none that fits`,
    );
    expect(values(other)).toEqual(before);
    for (const model of [three, ten, other]) disposeModule(model);
  });

  it("refuse parts that nobody has", async () => {
    const file = join(await temporaryFolder(), "two.safetensors");
    const model = two(3);
    await saveWeights(model, file);
    expect(await messageOf(loadWeights(model, file, { except: ["clasifier"] }))).toBe(
      `loadWeights: except must name parts of the model or of ${file}, got "clasifier"`,
    );
    expect(await messageOf(loadWeights(model, file, { only: ["ste"] }))).toBe(
      `loadWeights: only must name parts of the model or of ${file}, got "ste"`,
    );
    disposeModule(model);
  });

  it.each([
    ["F4", "of a dtype that is unknown", 1],
    ["I64", "beyond int32", 8],
    ["F64", "beyond float32", 8],
  ])("load a part beside a tensor of %s %s", async (dtype, _, bytes) => {
    const file = join(await temporaryFolder(), "part.safetensors");
    const header = JSON.stringify({
      head: { dtype, shape: [1], data_offsets: [0, bytes] },
      "stem.weight": { dtype: "F32", shape: [1, 1], data_offsets: [bytes, bytes + 4] },
    });
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const seven = Buffer.alloc(4);
    seven.writeFloatLE(7);
    await writeFile(file, Buffer.concat([length, Buffer.from(header), Buffer.alloc(bytes, 0x7f), seven]));
    for (const options of [{ except: ["head"] }, { only: ["stem"] }, { partial: true }]) {
      const model = sequential({ stem: linear(1, 1, { bias: false }) });
      const { taken, unused } = await loadWeights(model, file, options);
      expect([taken, unused, values(model)]).toEqual([["stem.weight"], ["head"], [["stem.weight", [7]]]]);
      disposeModule(model);
    }
    const model = sequential({ head: linear(1, 1, { bias: false }) });
    expect(await messageOf(loadWeights(model, file, { only: ["head"] }))).toContain("head");
    disposeModule(model);
  });

  it("load integers of another program as float32", async () => {
    const file = join(await temporaryFolder(), "int.safetensors");
    const model = linear(1, 1, { bias: false });
    await writeSafetensors(file, new Map([["weight", { shape: [1, 1], values: Int32Array.of(7) }]]));
    await loadWeights(model, file);
    expect(values(model)).toEqual([["weight", [7]]]);
    disposeModule(model);
  });
});

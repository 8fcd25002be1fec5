import { mkdir, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cifar10, cifar100, createLoader } from "@sew/datasets";
import { describeSource } from "@sew/datasets/testing";
import { beforeAll, describe, expect, it } from "vitest";
import { formatError, temporaryFolder } from "../support.js";

const RECORDS = 10_000;

/** A file of 10,000 records: sample i has the label i % classes of each kind, and a first pixel of colour (i % 251, 1, 2). */
function file(kinds: readonly number[], records = RECORDS): Buffer {
  const length = kinds.length + 3072;
  const bytes = Buffer.alloc(records * length);
  for (let i = 0; i < records; i++) {
    for (const [kind, classes] of kinds.entries()) bytes[i * length + kind] = i % classes;
    bytes[i * length + kinds.length] = i % 251;
    bytes[i * length + kinds.length + 1024] = 1;
    bytes[i * length + kinds.length + 2048] = 2;
  }
  return bytes;
}

let dir: string;
beforeAll(async () => {
  dir = await temporaryFolder();
  await mkdir(join(dir, "cifar-10-batches-bin"));
  for (const name of ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"]) {
    await writeFile(join(dir, "cifar-10-batches-bin", `${name}.bin`), file([10]));
  }
  await writeFile(join(dir, "train.bin"), file([20, 100], 5 * RECORDS));
  await writeFile(join(dir, "test.bin"), file([20, 100]));
});

/** The test split with one byte changed. */
async function changed(at: number, value: number) {
  const other = await temporaryFolder();
  const bytes = file([10]);
  bytes[at] = value;
  await writeFile(join(other, "test_batch.bin"), bytes);
  return cifar10(other, "test");
}

describeSource("CIFAR-10", () => cifar10(dir, "test"), {
  changed: { "another label": () => changed(0, 1), "another pixel": () => changed(3072, 9) },
});

describeSource("CIFAR-100", () => cifar100(dir, "test"), {
  changed: { "coarse labels": () => cifar100(dir, "test", { labels: "coarse" }) },
});

describe("cifar10", () => {
  it("reads the five files of the train split in order, from the archive's folder or the one above", async () => {
    const train = await cifar10(dir, "train");
    expect(train).toMatchObject({ name: "cifar-10-train", count: 50_000, shape: [1, 32, 32, 3] });
    expect(train.classes.slice(0, 3)).toEqual(["airplane", "automobile", "bird"]);
    expect([train.names[0], train.names[49_999]]).toEqual(["data_batch_1/00000", "data_batch_5/09999"]);
    expect([train.labels[10_007], train.labels[49_999]]).toEqual([7, 9]);
    const pixels = (await train.read([20_003])).subarray(0, 4);
    expect([...pixels].map((value) => Math.round(255 * value))).toEqual([3, 1, 2, 0]);
    const inside = await cifar10(join(dir, "cifar-10-batches-bin"), "train");
    expect(inside.fingerprint).toBe(train.fingerprint);
  });

  it("shares its pixels with the worker threads instead of copying them", async () => {
    const { module } = await cifar10(dir, "test");
    const { pixels } = module!.options as { pixels: Uint8Array };
    expect(pixels.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(structuredClone(pixels).buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  it("trains on batches of 128 in 2 threads, each sample once an epoch", async () => {
    const loader = createLoader(await cifar10(dir, "test"), { batchSize: 128, shuffle: true, workers: 2 });
    const seen: string[] = [];
    for await (const { x, names, labels } of loader.epoch()) {
      for (const [n, name] of names.entries()) {
        const i = Number(name.slice(-5));
        expect([labels[n], Math.round(255 * x[n * 3072]!)]).toEqual([i % 10, i % 251]);
      }
      seen.push(...names);
    }
    await loader.close();
    expect(new Set(seen).size).toBe(10_000);
  });

  it("refuses a file that lost records, was made for Python, or is missing", async () => {
    const other = await temporaryFolder();
    const test = join(other, "test_batch.bin");
    await expect(cifar10(other, "test")).rejects.toThrow(
      new Error(
        "cifar10: dir must hold data_batch_1.bin, data_batch_2.bin, data_batch_3.bin and 3 more, got no such file in " +
          `${other}; unpack the binary version of the set there`,
      ),
    );
    for (const batch of [1, 2, 3, 4, 5]) await writeFile(join(other, `data_batch_${batch}.bin`), "");
    await expect(cifar10(other, "test")).rejects.toThrow(
      new Error(
        `cifar10: dir must hold test_batch.bin, got no such file in ${other}; unpack the binary version of the set there`,
      ),
    );
    await writeFile(test, file([10]));
    await truncate(test, 3073 * 9_999);
    await expect(cifar10(other, "test")).rejects.toThrow(
      formatError(
        `readCifar: ${test} must hold 10000 records of 3073 bytes, got a length of ${3073 * 9_999} bytes at byte ` +
          `${3073 * 9_999}; the file is truncated or of another format: download it again`,
      ),
    );
    await rename(test, join(other, "test_batch"));
    await expect(cifar10(other, "test")).rejects.toThrow(
      new Error(
        `cifar10: dir must hold test_batch.bin, got test_batch, the version for Python, in ${other}; unpack the binary ` +
          "version of the set there",
      ),
    );
    await writeFile(test, "");
    await rm(join(other, "data_batch_5.bin"));
    await expect(cifar10(other, "train")).rejects.toThrow(
      new Error(
        `cifar10: dir must hold data_batch_5.bin, got no such file in ${other}; unpack the binary version of the set there`,
      ),
    );
  });
});

describe("cifar100", () => {
  it("has fine and coarse labels, each with its classes", async () => {
    const [fine, coarse] = [await cifar100(dir, "train"), await cifar100(dir, "train", { labels: "coarse" })];
    expect([fine.count, fine.labels[199], coarse.labels[199]]).toEqual([50_000, 99, 19]);
    for (const [{ classes }, count] of [
      [fine, 100],
      [coarse, 20],
    ] as const) {
      expect(new Set(classes).size).toBe(count);
      expect(classes.toSorted()).toEqual(classes);
    }
    expect([fine.classes[13], coarse.classes[18]]).toEqual(["bus", "vehicles_1"]);
    expect(fine.name).toBe("cifar-100-fine-train");
  });

  it("refuses other labels", () =>
    expect(cifar100(dir, "test", { labels: "both" as "fine" })).rejects.toThrow(
      new RangeError('cifar100: labels must be "fine" or "coarse", got "both"'),
    ));

  it("refuses the files of CIFAR-10", async () => {
    const other = await temporaryFolder();
    await writeFile(join(other, "test.bin"), file([10]));
    await expect(cifar100(other, "test")).rejects.toThrow(
      `readCifar: ${join(other, "test.bin")} must hold 10000 records of 3074 bytes, got a length of 30730000 bytes`,
    );
  });
});

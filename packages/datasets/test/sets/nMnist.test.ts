import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nMnist } from "@sew/datasets";
import { describeEventDataset } from "@sew/datasets/testing";
import { describe, expect, it } from "vitest";
import { describeSampleData, describeTruncation, formatError, rowsOf, temporaryFolder } from "../support.js";

/** Two samples of each digit and split, as published: the event of sample i of a digit is at x = digit, y = i. */
async function published(): Promise<string> {
  const dir = await temporaryFolder();
  for (const split of ["Train", "Test"]) {
    for (let digit = 0; digit < 10; digit++) {
      await mkdir(join(dir, split, `${digit}`), { recursive: true });
      for (const i of [1, 2]) {
        await writeFile(join(dir, split, `${digit}`, `0000${i}.bin`), Uint8Array.of(digit, i, 0x80, 0, 9));
      }
      await writeFile(join(dir, split, `${digit}`, ".DS_Store"), "");
    }
  }
  return dir;
}

describeEventDataset("nMnist, as published", async () => nMnist(await published()));
describeTruncation(nMnist, published);

describe("nMnist", () => {
  it("takes the label from the folder, in the order of digit and name", async () => {
    const digits = nMnist(await published());
    const samples = await digits.samples("test");
    expect(samples.slice(0, 3).map(({ name, label }) => [name, label])).toEqual([
      ["0/00001", 0],
      ["0/00002", 0],
      ["1/00001", 1],
    ]);
    for (const [i, sample] of samples.entries()) {
      expect(rowsOf(await digits.events(sample))).toEqual([[9, sample.label, 1 + (i % 2), 1]]);
    }
  });

  it("reads the flat list, comments and ends of line of either kind included", async () => {
    const dir = await temporaryFolder();
    await writeFile(join(dir, "train1K.txt"), "#sample #class\r\n7\t3\r\n8 0\n\n");
    for (const id of [7, 8]) await writeFile(join(dir, `${id}.bs2`), Uint8Array.of(id, 0, 0, 0, 0));
    expect((await nMnist(dir).samples("train")).map(({ name, label }) => [name, label])).toEqual([
      ["7", 3],
      ["8", 0],
    ]);
  });

  it("says what is missing or malformed", async () => {
    const dir = await temporaryFolder();
    await expect(nMnist(dir).samples("test")).rejects.toThrow(
      new Error(
        "nMnist: dir must hold Train/<digit>/*.bin and Test/<digit>/*.bin, or train1K.txt and test100.txt, got none for train " +
          `and test in ${dir}; unpack Train.zip and Test.zip of N-MNIST there`,
      ),
    );
    for (let digit = 0; digit < 9; digit++) await mkdir(join(dir, "Train", `${digit}`), { recursive: true });
    await expect(nMnist(dir).samples("test")).rejects.toThrow(
      `got none for test in ${dir}; unpack Test.zip of N-MNIST there`,
    );
    await expect(nMnist(dir).samples("train")).rejects.toThrow(
      new Error(`nMnist: dir must hold one folder per class, got no ${join(dir, "Train", "9")}; unpack it again`),
    );
    await mkdir(join(dir, "Train", "9"));
    for (let digit = 1; digit < 10; digit++) await writeFile(join(dir, "Train", `${digit}`, "00001.bin"), "");
    await expect(nMnist(dir).samples("train")).rejects.toThrow(
      new Error(
        `nMnist: dir must hold .bin files of each class, got none in ${join(dir, "Train", "0")}; unpack it again`,
      ),
    );
    await writeFile(join(dir, "test100.txt"), "# fine\n60001 seven\n");
    await expect(nMnist(dir).samples("test")).rejects.toThrow(
      formatError(`nMnist: ${join(dir, "test100.txt")} must hold lines "<id> <digit>", got "60001 seven" at line 2`),
    );
    for (const [train, test, says] of [
      ["1 7\n", "# none\n", "list a sample, got none at line 1"],
      ["1 7\n", "\ufeff2 7\n\n2 7\n", "list each sample once, got 2 twice at line 3"],
      ["1 7\n", "1 7\n", `list each sample once, got 1 also in ${join(dir, "train1K.txt")} at line 1`],
    ] as const) {
      await writeFile(join(dir, "train1K.txt"), train);
      await writeFile(join(dir, "test100.txt"), test);
      for (const id of [1, 2]) await writeFile(join(dir, `${id}.bs2`), "");
      await expect(nMnist(dir).samples("test")).rejects.toThrow(
        formatError(`nMnist: ${join(dir, "test100.txt")} must ${says}`),
      );
    }
    await writeFile(join(dir, "test100.txt"), "60001 7\n");
    await expect(nMnist(dir).samples("test")).rejects.toThrow(
      new Error(`nMnist: dir must hold every sample of test100.txt, got no ${join(dir, "60001.bs2")}; copy it again`),
    );
    await writeFile(join(dir, "test100.txt"), "60001 7\n1 2\n60003 1\n60004 1\n60005 0\n");
    const missing = [60001, 60003, 60004].map((id) => join(dir, `${id}.bs2`)).join(", ");
    await rm(join(dir, "train1K.txt"));
    await expect(nMnist(dir).samples("test")).rejects.toThrow(
      new Error(`nMnist: dir must hold every sample of test100.txt, got no ${missing} and 1 more; copy it again`),
    );
  });
});

describeSampleData("n-mnist-small", (folder) => {
  describeEventDataset("nMnist, SLAYER's small set", async () => nMnist(folder));

  it("has 1000 and 100 samples of 1069..7152 events", async () => {
    const digits = nMnist(folder);
    const samples = [...(await digits.samples("train")), ...(await digits.samples("test"))];
    expect(samples.length).toBe(1100);
    const counts = await Promise.all(samples.map(async (sample) => (await digits.events(sample)).t.length));
    expect([Math.min(...counts), Math.max(...counts)]).toEqual([1069, 7152]);
  });
});

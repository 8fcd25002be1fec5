import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cifar10Dvs } from "@sew/datasets";
import { describeEventDataset } from "@sew/datasets/testing";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { encodeAedat2 } from "../fixtures/recordings.mjs";
import { describeTruncation, rowsOf, temporaryFolder } from "../support.js";

const classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/** `count` recordings of each class, as published. */
async function published(count: number): Promise<string> {
  const dir = await temporaryFolder();
  for (const name of classes) {
    await mkdir(join(dir, name));
    for (let n = 0; n < count; n++) {
      await writeFile(join(dir, name, `cifar10_${name}_${n}.aedat`), encodeAedat2([[1000 + n, 125, 107, 0]]));
    }
  }
  await writeFile(join(dir, "bird", ".DS_Store"), "");
  return dir;
}

describeTruncation(cifar10Dvs, () => published(1));

describe("cifar10Dvs", () => {
  let small: string;
  beforeAll(async () => {
    vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    small = await published(20);
  });

  describeEventDataset("cifar10Dvs", async () => cifar10Dvs(small));

  it("has the events of SpikingJelly: x = 127 - y_raw, y = 127 - x_raw, p = 1 - p_raw", async () => {
    const pictures = cifar10Dvs(small);
    const [first] = await pictures.samples("train");
    // The address 0x1405: x_raw 2, y_raw 20, p_raw 1.
    expect(rowsOf(await pictures.events(first!))).toEqual([[1000, 107, 125, 0]]);
  });

  it("takes as test split what the paper's code takes: the last tenth of the names as text", async () => {
    const dir = await published(0);
    const names = Array.from({ length: 1000 }, (_, n) => n);
    for (const name of classes) {
      await Promise.all(names.map((n) => writeFile(join(dir, name, `cifar10_${name}_${n}.aedat`), "")));
    }
    const pictures = cifar10Dvs(dir);
    const [train, test] = [await pictures.samples("train"), await pictures.samples("test")];
    expect([train.length, test.length]).toEqual([9000, 1000]);
    const numbers = test.filter(({ label }) => label === 3).map(({ name }) => Number(/\d+$/.exec(name)![0]));
    const expected = [...names.slice(91, 100), ...names.slice(909)];
    expect(numbers.toSorted((a, b) => a - b)).toEqual(expected);
    expect(train.slice(0, 4).map(({ name }) => name)).toEqual(
      ["0", "1", "10", "100"].map((n) => `airplane/cifar10_airplane_${n}`),
    );

    const easier = cifar10Dvs(dir, { split: "first100" });
    const first100 = (await easier.samples("test")).filter(({ label }) => label === 9);
    expect(first100.map(({ name }) => Number(/\d+$/.exec(name)![0])).toSorted((a, b) => a - b)).toEqual(
      names.slice(0, 100),
    );
    expect((await easier.samples("train")).length).toBe(9000);
    expect([pictures.name, easier.name]).toEqual(["cifar10-dvs-sew", "cifar10-dvs-first100"]);
  });

  it("warns once when a class does not have its 1000 recordings", async () => {
    const warn = vi.mocked(process.emitWarning);
    warn.mockClear();
    const pictures = cifar10Dvs(small);
    await pictures.samples("train");
    await pictures.samples("test");
    expect(warn.mock.calls).toEqual([
      [
        `cifar10Dvs: ${small} must hold 1000 recordings of each class, got 20 of airplane; its split is not the published one`,
        "IncompleteSetWarning",
      ],
    ]);
  });

  it("says what is missing, misnamed or unknown", async () => {
    expect(() => cifar10Dvs("", { split: "last" as "sew" })).toThrow(
      new TypeError('cifar10Dvs: split must be "sew" or "first100", got "last"'),
    );
    const dir = await published(1);
    await rename(join(dir, "cat", "cifar10_cat_0.aedat"), join(dir, "cat", "cifar10_dog_0.aedat"));
    await expect(cifar10Dvs(dir).samples("train")).rejects.toThrow(
      new Error(
        "cifar10Dvs: recordings must be named <class>/cifar10_<class>_<number>.aedat, got cat/cifar10_dog_0.aedat; move it away",
      ),
    );
    await rm(join(dir, "cat", "cifar10_dog_0.aedat"));
    await expect(cifar10Dvs(dir).samples("train")).rejects.toThrow(
      new Error(
        `cifar10Dvs: dir must hold .aedat files of each class, got none in ${join(dir, "cat")}; unpack it again`,
      ),
    );
    await rm(join(dir, "bird"), { recursive: true });
    await expect(cifar10Dvs(dir).samples("train")).rejects.toThrow(
      new Error(`cifar10Dvs: dir must hold one folder per class, got no ${join(dir, "bird")}; unpack it again`),
    );
  });
});

import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nCars } from "@sew/datasets";
import { describeEventDataset } from "@sew/datasets/testing";
import { describe, expect, it } from "vitest";
import { encodeDat } from "../fixtures/recordings.mjs";
import { describeTruncation, rowsOf, temporaryFolder } from "../support.js";

/** Two recordings of each class and split. */
async function published(): Promise<string> {
  const dir = await temporaryFolder();
  for (const split of ["train", "test"]) {
    for (const [label, name] of ["background", "cars"].entries()) {
      await mkdir(join(dir, split, name), { recursive: true });
      for (const i of [0, 1]) {
        await writeFile(join(dir, split, name, `obj_00${i}_td.dat`), encodeDat([[i, 119, 99, label]]));
      }
    }
  }
  return dir;
}

describeEventDataset("nCars", async () => nCars(await published()));
describeTruncation(nCars, published);

describe("nCars", () => {
  it("labels backgrounds 0 and cars 1, in folders of either name", async () => {
    const dir = await published();
    const before = await nCars(dir).samples("test");
    expect(before.map(({ name, label }) => [name, label])).toEqual([
      ["background/obj_000_td", 0],
      ["background/obj_001_td", 0],
      ["cars/obj_000_td", 1],
      ["cars/obj_001_td", 1],
    ]);
    expect(rowsOf(await nCars(dir).events(before[3]!))).toEqual([[1, 119, 99, 1]]);
    await rename(join(dir, "test"), join(dir, "n-cars_test"));
    expect((await nCars(dir).samples("test")).map(({ name }) => name)).toEqual(before.map(({ name }) => name));
  });

  it("says which folder is missing", async () => {
    const dir = await temporaryFolder();
    const says = (got: string) =>
      new Error(
        `nCars: dir must hold the folders train and test, got no ${got} in ${dir}; unpack Prophesee_Dataset_n_cars.zip there`,
      );
    await expect(nCars(dir).samples("train")).rejects.toThrow(says("train and no test"));
    await mkdir(join(dir, "n-cars_test"));
    await expect(nCars(dir).samples("train")).rejects.toThrow(says("train"));
  });
});

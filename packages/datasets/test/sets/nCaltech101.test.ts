import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nCaltech101 } from "@sew/datasets";
import { describeEventDataset } from "@sew/datasets/testing";
import { describe, expect, it } from "vitest";
import { encodeAtis } from "../fixtures/recordings.mjs";
import { describeTruncation, rowsOf, temporaryFolder } from "../support.js";

/** Eleven recordings of each class. */
async function published(): Promise<string> {
  const dir = await temporaryFolder();
  const bytes = encodeAtis([
    [1, 239, 179, 1],
    [0, 0, 240, 0],
    [2, 0, 0, 0],
  ]);
  for (const name of nCaltech101(dir).classes) {
    await mkdir(join(dir, name));
    for (let i = 1; i <= 11; i++) await writeFile(join(dir, name, `image_00${i < 10 ? "0" : ""}${i}.bin`), bytes);
  }
  return dir;
}

describeEventDataset("nCaltech101", async () => nCaltech101(await published()));
describeTruncation(nCaltech101, published);

describe("nCaltech101", () => {
  it("has the 101 classes in the order of their names as text, capitals first", () => {
    const { classes } = nCaltech101("");
    expect(classes.length).toBe(101);
    expect(classes).toEqual(classes.toSorted());
    expect(classes.slice(0, 5)).toEqual(["BACKGROUND_Google", "Faces_easy", "Leopards", "Motorbikes", "accordion"]);
  });

  it("trains on ceil(0.9 n) samples of each class and tests on the rest, where entries at row 240 are no events", async () => {
    const objects = nCaltech101(await published());
    const [train, test] = [await objects.samples("train"), await objects.samples("test")];
    expect([train.length, test.length]).toEqual([1010, 101]);
    expect(test[0]!.name).toBe("BACKGROUND_Google/image_0011");
    expect(rowsOf(await objects.events(test[0]!))).toEqual([
      [1, 239, 179, 1],
      [2 + 8192, 0, 0, 0],
    ]);
  });
});

/** @file Every reader refuses what is not a regular file, without waiting for it. */
import { execFileSync } from "node:child_process";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as datasets from "@sew/datasets";
import { dvsGesture, imageFolder, imageNet, nMnist, openFrameCache } from "@sew/datasets";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support.js";

let dir: string;
beforeAll(async () => {
  dir = await temporaryFolder();
});

/** Where each reader's file is, and the reader. */
const readers: Readonly<Record<string, readonly [file: string, read: () => Promise<unknown>]>> = {
  ...Object.fromEntries(
    Object.entries(datasets)
      .filter(([name]) => name.startsWith("read") || name === "recogniseRecording")
      .map(([name, read]) => [name, ["f", () => (read as typeof datasets.readAtis)(join(dir, "f"))] as const]),
  ),
  dvsGesture: ["trials_to_train.txt", () => dvsGesture(dir).samples("train")],
  nMnist: ["train1K.txt", () => nMnist(dir).samples("train")],
  openFrameCache: ["manifest.json", () => openFrameCache(dir)],
  imageNet: ["LOC_synset_mapping.txt", () => imageNet(dir, "val")],
  imageFolder: ["images/a/f.png", () => imageFolder(join(dir, "images"), { height: 1, width: 1 })],
};

/** Makes something that is no regular file. */
const kinds: Readonly<Record<string, (file: string) => Promise<unknown> | unknown>> = {
  "a pipe": (file) => execFileSync("mkfifo", [file]),
  "a device": (file) => symlink("/dev/zero", file),
  "a folder": (file) => mkdir(file),
};

describe.each(Object.entries(readers))("%s", (caller, [name, read]) => {
  it.each(Object.entries(kinds))("refuses %s", async (kind, make) => {
    const file = join(dir, name);
    await mkdir(join(file, ".."), { recursive: true });
    await rm(file, { recursive: true, force: true });
    await make(file);
    await expect(read()).rejects.toThrow(new RangeError(`${caller}: ${file} must be a regular file, got ${kind}`));
    await rm(file, { recursive: true });
  });
});

it("the reader of images refuses a file that became a pipe", async () => {
  const images = join(dir, "images");
  const file = join(images, "a", "f.png");
  await mkdir(join(images, "a"), { recursive: true });
  await writeFile(file, "");
  const source = await imageFolder(images, { height: 1, width: 1 });
  await rm(file);
  execFileSync("mkfifo", [file]);
  await expect(source.read([0])).rejects.toThrow(`imageFolder: ${file} must be a regular file, got a pipe`);
});

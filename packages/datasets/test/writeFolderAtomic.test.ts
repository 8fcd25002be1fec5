import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeFolderAtomic } from "../src/atomic.js";
import { temporaryFolder } from "./support.js";

describe("writeFolderAtomic", () => {
  it("replaces the folder only once the new one is whole", async () => {
    const root = await temporaryFolder();
    const path = join(root, "a");
    await writeFolderAtomic(path, (folder) => writeFile(join(folder, "old"), "1"));
    await writeFolderAtomic(path, async (folder) => {
      await writeFile(join(folder, "new"), "2");
      expect(await readdir(path)).toEqual(["old"]);
    });
    expect(await readdir(path)).toEqual(["new"]);
    expect(await readdir(root)).toEqual(["a"]);
  });

  it("leaves what was there, and nothing else, when filling fails", async () => {
    const root = await temporaryFolder();
    await mkdir(join(root, "a"));
    await writeFile(join(root, "a", "old"), "1");
    const failing = writeFolderAtomic(join(root, "a"), async (folder) => {
      await writeFile(join(folder, "new"), "2");
      throw new Error("no more");
    });
    await expect(failing).rejects.toThrow("no more");
    expect(await readdir(root)).toEqual(["a"]);
    expect(await readFile(join(root, "a", "old"), "utf8")).toBe("1");
  });

  it("removes what dead processes left of this folder, and nothing else", async () => {
    const root = await temporaryFolder();
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    const host = hostname().replaceAll(/[^A-Za-z0-9]/g, "");
    const kept = [
      `a-16.tmp-${host}-${process.pid}-00000000`, // of a process that runs
      `a-16.tmp-another.host-${pid}-00000000`,
      `b-16.tmp-${host}-${pid}-00000000`,
      `a-16.tmp-${host}-${pid}-mine`,
    ];
    for (const name of [...kept, `a-16.tmp-${host}-${pid}-0123abcd`]) await mkdir(join(root, name));
    await writeFolderAtomic(`${join(root, "a-16")}/`, async () => {});
    expect((await readdir(root)).sort()).toEqual(["a-16", ...kept].sort());
  });
});

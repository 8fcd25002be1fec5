import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeFolderAtomic } from "../src/writeFolderAtomic.js";
import { temporaryFolder } from "./support.js";

const checkReplaceable = async () => {};

describe("writeFolderAtomic", () => {
  it("replaces the folder only once the new one is complete", async () => {
    const root = await temporaryFolder();
    const path = join(root, "a");
    await writeFolderAtomic(path, { fill: (folder) => writeFile(join(folder, "old"), "1"), checkReplaceable });
    await writeFolderAtomic(path, {
      checkReplaceable,
      async fill(folder) {
        await writeFile(join(folder, "new"), "2");
        expect(await readdir(path)).toEqual(["old"]);
      },
    });
    expect(await readdir(path)).toEqual(["new"]);
    expect(await readdir(root)).toEqual(["a"]);
  });

  it("leaves the former folder, and nothing else, when filling fails", async () => {
    const root = await temporaryFolder();
    await mkdir(join(root, "a"));
    await writeFile(join(root, "a", "old"), "1");
    const failing = writeFolderAtomic(join(root, "a"), {
      checkReplaceable,
      async fill(folder) {
        await writeFile(join(folder, "new"), "2");
        throw new Error("no more");
      },
    });
    await expect(failing).rejects.toThrow("no more");
    expect(await readdir(root)).toEqual(["a"]);
    expect(await readFile(join(root, "a", "old"), "utf8")).toBe("1");
  });

  it("fills nothing when the folder must stay, and keeps a folder that changes meanwhile", async () => {
    const root = await temporaryFolder();
    const path = join(root, "a");
    await mkdir(path);
    const mustBeEmpty = async (folder: string) => {
      if ((await readdir(folder)).length > 0) throw new Error("foreign");
    };
    const late = writeFolderAtomic(path, {
      checkReplaceable: mustBeEmpty,
      fill: () => writeFile(join(path, "thesis.tex"), "1"),
    });
    await expect(late).rejects.toThrow("foreign");
    let filled = false;
    const early = writeFolderAtomic(path, {
      checkReplaceable: mustBeEmpty,
      fill: async () => {
        filled = true;
      },
    });
    await expect(early).rejects.toThrow("foreign");
    expect([filled, await readdir(root), await readdir(path)]).toEqual([false, ["a"], ["thesis.tex"]]);
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
    await writeFolderAtomic(`${join(root, "a-16")}/`, { fill: async () => {}, checkReplaceable });
    expect((await readdir(root)).sort()).toEqual(["a-16", ...kept].sort());
  });
});

import { execFile, execFileSync } from "node:child_process";
import { lstat, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { checkWritable, writeAtomic } from "@sew/files";
import { describe, expect, it } from "vitest";
import { messageOf, temporaryFolder } from "./support.js";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("writeAtomic", () => {
  it("writes all chunks in their order, over what was there", async () => {
    const file = join(await temporaryFolder(), "f");
    await writeAtomic(file, [bytes("a longer text")]);
    await writeAtomic(file, [bytes("one "), bytes(""), bytes("two")]);
    expect(await readFile(file, "utf8")).toBe("one two");
    await writeAtomic(file, []);
    expect(await readFile(file, "utf8")).toBe("");
  });

  it("leaves one whole file, and no other, when writes to one path overlap", async () => {
    const folder = await temporaryFolder();
    const texts = Array.from({ length: 6 }, (_, i) => `${i}`.repeat(100_000 + i));
    await Promise.all(texts.map((text) => writeAtomic(join(folder, "f"), [bytes(text)])));
    expect(texts).toContain(await readFile(join(folder, "f"), "utf8"));
    expect(await readdir(folder)).toEqual(["f"]);
  });

  it("leaves the earlier file, and no other, when the disk takes a part of the bytes alone", async () => {
    const folder = await temporaryFolder();
    const file = join(folder, "f");
    await writeFile(file, "earlier");
    // A limit of 8 KiB on files is a disk that is full behind them: the first write is short, the second fails.
    const program = `
      process.on("SIGXFSZ", () => {});
      const { writeAtomic } = await import(process.argv[1]);
      await writeAtomic(process.argv[2], [new Uint8Array(100_000)]).catch(({ message }) => process.stdout.write(message));
    `;
    const entry = new URL("../dist/index.js", import.meta.url).href;
    const limited = 'ulimit -f 8; exec "$0" "$@"';
    const node = [process.execPath, "--input-type=module", "-e", program, entry, file];
    const { stdout } = await promisify(execFile)("bash", ["-c", limited, ...node]);
    expect(stdout).toBe(
      `writeAtomic: ${file} must be writable, got EFBIG: file too large, write; make room or choose another folder and ` +
        "run again; an earlier file of this name is unchanged",
    );
    expect([await readdir(folder), await readFile(file, "utf8")]).toEqual([["f"], "earlier"]);
  });

  it("names the file that it cannot write", async () => {
    const file = join(await temporaryFolder(), "none", "f");
    expect(await messageOf(writeAtomic(file, [bytes("x")]))).toContain(
      `writeAtomic: ${file} must be writable, got ENOENT: no such file or directory`,
    );
  });

  it("replaces what a link leads to, and no folder, pipe or device", async () => {
    const folder = await temporaryFolder();
    const at = (name: string) => join(folder, name);
    await writeFile(at("target"), "earlier");
    await symlink(at("target"), at("link"));
    await writeAtomic(at("link"), [bytes("later")]);
    expect([await readFile(at("target"), "utf8"), (await lstat(at("link"))).isSymbolicLink()]).toEqual(["later", true]);
    await symlink("/dev/null", at("device"));
    await symlink(at("nothing"), at("lost"));
    execFileSync("mkfifo", [at("pipe")]);
    for (const [name, kind] of [
      ["device", "a device or pipe"],
      ["pipe", "a device or pipe"],
      ["lost", "a link to nothing"],
      ["", "a folder"],
    ] as const) {
      const refused = `must be a regular file or new, got ${kind}; choose another name`;
      expect(await messageOf(writeAtomic(at(name), [bytes("x")]))).toBe(`writeAtomic: ${at(name)} ${refused}`);
      expect(await messageOf(checkWritable("--json", at(name)))).toBe(`--json: ${at(name)} ${refused}`);
    }
    expect((await stat("/dev/null")).isCharacterDevice()).toBe(true);
    for (const name of [join("target", "x"), join("target", "x", "y")]) {
      const refused = `${at(name)} must be in a folder, got a path through a file; choose another name`;
      expect(await messageOf(checkWritable("--json", at(name)))).toBe(`--json: ${refused}`);
    }
    await checkWritable("--json", at(join("no", "such", "folder")));
  });
});

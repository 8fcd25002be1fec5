import { execFile } from "node:child_process";
import { readdir, readFile, readlink, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { readSafetensors, saveWeights, writeAtomic } from "@sew/checkpoints";
import { disposeModule, linear } from "@sew/layers";
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

  it("leaves one whole file, and no other, when saves to one path overlap", async () => {
    const folder = await temporaryFolder();
    const file = join(folder, "w.safetensors");
    const models = Array.from({ length: 6 }, (_, i) => linear(100 + i, 50));
    await Promise.all(models.map((model) => saveWeights(model, file)));
    const { shape } = (await readSafetensors(file)).tensors.get("weight")!;
    expect(models.map((model) => String(model.parameters!.weight!.shape))).toContain(String(shape));
    expect(await readdir(folder)).toEqual(["w.safetensors"]);
    for (const model of models) disposeModule(model);
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

  it.skipIf(process.platform === "win32")(
    "replaces the file behind a symbolic link, and nothing but files",
    async () => {
      const folder = await temporaryFolder();
      const [file, link, lost] = [join(folder, "f"), join(folder, "link"), join(folder, "lost")];
      await writeFile(file, "earlier");
      await symlink(file, link);
      await symlink(join(folder, "nothing"), lost);
      await writeAtomic(link, [bytes("later")]);
      expect([await readFile(file, "utf8"), await readlink(link)]).toEqual(["later", file]);
      const refused = (name: string, kind: string): string =>
        `writeAtomic: file must be a regular file or new, got ${kind}, ${name}; choose another name`;
      expect(await messageOf(writeAtomic(lost, []))).toBe(refused(lost, "a symbolic link to nothing"));
      expect(await messageOf(writeAtomic(folder, []))).toBe(refused(folder, "a folder"));
      expect(await messageOf(writeAtomic("/dev/null", []))).toBe(refused("/dev/null", "a device or pipe"));
    },
  );
});

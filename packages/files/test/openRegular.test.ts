import { execFileSync } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { openRegular, readRegular } from "@sew/files";
import { describe, expect, it } from "vitest";
import { messageOf, temporaryFolder } from "./support.js";

describe("openRegular", () => {
  it("opens a file, and a link to one", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "f"), "text");
    await symlink(join(folder, "f"), join(folder, "link"));
    for (const name of ["f", "link"]) {
      const handle = await openRegular("reader", join(folder, name));
      expect(await handle.readFile("utf8")).toBe("text");
      await handle.close();
    }
  });

  it("refuses folders, pipes, sockets and devices without waiting for them", async () => {
    const folder = await temporaryFolder();
    const at = (name: string) => join(folder, name);
    await mkdir(at("folder"));
    execFileSync("mkfifo", [at("pipe")]);
    const server = createServer().listen(at("socket"));
    await symlink("/dev/zero", at("device"));
    const found = ["folder", "pipe", "socket", "device"].map((kind) => messageOf(openRegular("reader", at(kind))));
    expect(await Promise.all(found)).toEqual(
      ["folder", "pipe", "socket", "device"].map((kind) => `reader: ${at(kind)} must be a regular file, got a ${kind}`),
    );
    server.close();
  });

  it("names the file that there is not", async () => {
    expect(await messageOf(openRegular("reader", "none"))).toBe(
      "reader: none must be readable, got ENOENT: no such file or directory, open 'none'",
    );
  });
});

describe("readRegular", () => {
  it("reads a whole file, and none that is too long", async () => {
    const file = join(await temporaryFolder(), "f");
    await writeFile(file, "12345");
    expect((await readRegular("reader", file, 5)).toString()).toBe("12345");
    expect(await messageOf(readRegular("reader", file, 4))).toBe(`reader: ${file} must have at most 4 bytes, got 5`);
  });
});

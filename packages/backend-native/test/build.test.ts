import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { unavailable } from "@sew/kernels/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Environment, inChild } from "./inChild.js";

const root = fileURLToPath(new URL("..", import.meta.url));

describe("a copy of the package", () => {
  let folder = "";
  let copy = "";

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sew-native-"));
    copy = join(folder, "backend-native");
    mkdirSync(copy);
    for (const part of ["dist", "src", "cc", "build.mjs", "bindings.mjs", "package.json"]) {
      cpSync(join(root, part), join(copy, part), { recursive: true });
    }
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const script = (file: string, args: string[], environment: Environment) => {
    const { status, stderr } = spawnSync(process.execPath, [file, ...args], {
      cwd: copy,
      env: { ...process.env, ...environment },
      encoding: "utf8",
    });
    return { status, stderr };
  };
  const build = (args: string[], environment: Environment) => script("build.mjs", args, environment);
  const attempt = () => inChild(copy, "say(attempt(() => native.registerNative()));")[0];

  const noCompiler = "no C++ compiler found (tried false); install g++, or set CXX";
  const failed = (why: string) => `@sew/backend-native: the addon could not be built: ${why}\n`;

  it("says so when it has not been built", () => expect(attempt()).toEqual(["Error", "it has not been built"]));

  it("cannot be built without a compiler: an error, but not of an install, which writes the reason to a file", () => {
    const [strict, install] = [build([], { CXX: "false" }), build(["--optional"], { CXX: "false" })];
    expect(strict).toEqual({ status: 1, stderr: failed(noCompiler) });
    expect(install).toEqual({ status: 0, stderr: failed(noCompiler) });
    expect(existsSync(join(copy, "build", "sew.node"))).toBe(false);
    expect(readFileSync(join(copy, "build", "failure.txt"), "utf8")).toBe(noCompiler);
  });

  it("then quotes what the build said", () => expect(attempt()).toEqual(["Error", `its build failed: ${noCompiler}`]));

  it("quotes the system when the addon is damaged", () => {
    mkdirSync(join(copy, "build"), { recursive: true });
    writeFileSync(join(copy, "build", "sew.node"), "not a library");
    expect(attempt()).toEqual(["Error", expect.stringContaining("sew.node: ")]);
    rmSync(join(copy, "build", "sew.node"));
  });

  it("leaves the addon alone when nothing has changed", ({ skip }) => {
    if (unavailable("native") !== undefined) skip(unavailable("native"));
    for (const file of ["sew.node", "stamp"]) cpSync(join(root, "build", file), join(copy, "build", file));
    expect(build([], {})).toEqual({ status: 0, stderr: "" });
    // registerNative returns nothing.
    expect(attempt()).toBe(null);
  });

  it("refuses a header in cc/kernels/ that defines no kernel", () => {
    const header = join(copy, "cc/kernels/helper.h");
    writeFileSync(header, "#pragma once\n");
    const { status, stderr } = build([], {});
    expect([status, stderr]).toEqual([
      1,
      failed("cc/kernels/helper.h must define a kernel, SEW_KERNEL(name) {...}; what kernels share is in cc/lib/"),
    ]);
    unlinkSync(header);
  });

  it("refuses a file in src/kernels/ that exports no kernels", () => {
    const binding = join(copy, "src/kernels/helper.ts");
    writeFileSync(binding, "export const helper = 1;\n");
    expect(script("bindings.mjs", [], {})).toEqual({
      status: 1,
      stderr: "bindings.mjs: src/kernels/helper.ts must export kernels, a list of KernelConfig\n",
    });
    unlinkSync(binding);
  });
});

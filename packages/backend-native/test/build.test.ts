import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
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

  it("does not load an addon that is not as it was built, or of which it does not know", ({ skip }) => {
    if (unavailable("native") !== undefined) skip(unavailable("native"));
    const [addon, stamp] = ["sew.node", "stamp"].map((file) => join(copy, "build", file)) as [string, string];
    mkdirSync(join(copy, "build"), { recursive: true });
    const damaged = ["Error", `${addon} is damaged: it is not as it was built`];
    const built = readFileSync(join(root, "build", "sew.node"));
    // Half a library would end the process with SIGBUS.
    writeFileSync(addon, built.subarray(0, built.length / 2));
    expect(attempt()).toEqual(damaged);
    cpSync(join(root, "build", "stamp"), stamp);
    expect(attempt()).toEqual(damaged);
    rmSync(addon);
    rmSync(stamp);
  });

  it("quotes the system when the addon is no library", () => {
    mkdirSync(join(copy, "build"), { recursive: true });
    const text = "not a library";
    writeFileSync(join(copy, "build", "sew.node"), text);
    writeFileSync(join(copy, "build", "stamp"), `sources\n${createHash("sha256").update(text).digest("hex")}`);
    expect(attempt()).toEqual(["Error", expect.stringContaining("sew.node: ")]);
    for (const file of ["sew.node", "stamp"]) rmSync(join(copy, "build", file));
  });

  it("leaves the addon alone when nothing has changed", ({ skip }) => {
    if (unavailable("native") !== undefined) skip(unavailable("native"));
    for (const file of ["sew.node", "stamp"]) cpSync(join(root, "build", file), join(copy, "build", file));
    expect(build([], {})).toEqual({ status: 0, stderr: "" });
    // registerNative returns nothing.
    expect(attempt()).toBe(null);
  });

  it("builds a damaged addon again", ({ skip }) => {
    if (unavailable("native") !== undefined) skip(unavailable("native"));
    truncateSync(join(copy, "build", "sew.node"), 1000);
    // The compiler that the stamp names is not asked before the build: with none the build fails, so it was tried.
    expect(build([], { CXX: "false" }).status).toBe(1);
    for (const file of ["sew.node", "stamp"]) cpSync(join(root, "build", file), join(copy, "build", file));
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

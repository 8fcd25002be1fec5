import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
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
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeNative } from "./describeNative.js";
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

  const unloadable = (why: string) => [
    "Error",
    `the C++ addon of @sew/backend-native cannot be loaded: ${why}; install g++ and build it: ` +
      "npm rebuild @sew/backend-native, with pnpm: pnpm approve-builds, then pnpm rebuild @sew/backend-native " +
      "(in a clone of its repository: npm run build)",
  ];
  const noCompiler = "no C++ compiler found (tried false); install g++, or set CXX";
  const failed = (why: string) => `@sew/backend-native: the addon could not be built: ${why}\n`;

  it("says so when it has not been built", () => expect(attempt()).toEqual(unloadable("it has not been built")));

  it("cannot be built without a compiler: an error, but not of an install, which writes the reason to a file", () => {
    const [strict, install] = [build([], { CXX: "false" }), build(["--optional"], { CXX: "false" })];
    expect(strict).toEqual({ status: 1, stderr: failed(noCompiler) });
    expect(install).toEqual({ status: 0, stderr: failed(noCompiler) });
    expect(existsSync(join(copy, "build", "sew.node"))).toBe(false);
    expect(readFileSync(join(copy, "build", "failure.txt"), "utf8")).toBe(noCompiler);
  });

  it("then quotes what the build said", () => expect(attempt()).toEqual(unloadable(`its build failed: ${noCompiler}`)));

  const addon = () => join(copy, "build", "sew.node");
  const stamp = () => join(copy, "build", "stamp.json");
  /** Makes the build a file with such contents, with the stamp that they would have. */
  function pretend(contents: string): void {
    mkdirSync(join(copy, "build"), { recursive: true });
    writeFileSync(addon(), contents);
    const sha256 = createHash("sha256").update(contents).digest("hex");
    writeFileSync(stamp(), JSON.stringify({ sources: "", bytes: contents.length, sha256 }));
  }

  it("quotes the system when the addon is none", () => {
    pretend("not a library");
    const [name, message] = attempt() as [string, string];
    expect(name).toBe("Error");
    expect(message).toContain(`cannot be loaded: ${addon()}: `);
  });

  it("does not load an addon whose build was interrupted before it was stamped", () => {
    rmSync(stamp());
    expect(attempt()).toEqual(unloadable("its build was interrupted"));
  });

  describeNative("whose addon was built", () => {
    const restore = () => {
      for (const file of ["sew.node", "stamp.json"]) cpSync(join(root, "build", file), join(copy, "build", file));
    };

    it("leaves it alone when nothing has changed", () => {
      restore();
      expect(build([], {})).toEqual({ status: 0, stderr: "" });
      // registerNative returns nothing.
      expect(attempt()).toBe(null);
    });

    // A truncated library ends the process that loads it (SIGBUS); one with a changed byte may do anything.
    it("does not load it when it is truncated at any place, or a byte of it has changed, and says so", () => {
      restore();
      const whole = readFileSync(addon());
      for (const bytes of [0, 1, 4096, whole.length >> 1, whole.length - 1]) {
        writeFileSync(addon(), whole.subarray(0, bytes));
        expect(attempt()).toEqual(
          unloadable(`${addon()} is damaged: it has ${bytes} bytes, and ${whole.length} were built`),
        );
      }
      for (const at of [0, 5000, whole.length - 1]) {
        writeFileSync(addon(), whole.with(at, whole[at]! ^ 1));
        expect(attempt()).toEqual(unloadable(`${addon()} is damaged: its bytes are not those that were built`));
      }
    });

    it.each(["truncated", "changed", "unstamped"])("builds it again when it is %s", (damage) => {
      restore();
      // Of the version that built it, with its assembler, but it compiles nothing.
      const CXX = join(copy, "c++");
      const allowed = '[ "$1" = --version ] || [ "$2" = assembler ]';
      const compile = `${allowed} && exec ${process.env.CXX ?? "c++"} "$@"`;
      writeFileSync(CXX, `#!/bin/sh\n${compile}\necho asked to compile >&2\nexit 1\n`);
      chmodSync(CXX, 0o755);
      expect(build([], { CXX })).toEqual({ status: 0, stderr: "" });
      const whole = readFileSync(addon());
      if (damage === "truncated") writeFileSync(addon(), whole.subarray(0, 4096));
      if (damage === "changed") writeFileSync(addon(), whole.with(5000, whole[5000]! ^ 1));
      if (damage === "unstamped") rmSync(stamp());
      expect(build([], { CXX })).toEqual({ status: 1, stderr: expect.stringMatching(/\nasked to compile\n\n$/) });
    });
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

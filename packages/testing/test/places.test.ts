import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { filesUnder, fromRoot, root } from "./workspace.js";

const folder = mkdtempSync(join(tmpdir(), "sew-places-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** What turns a path into a URL, or back, without escaping: it breaks where a folder's name has a space, #, %, ? or é. */
const unescaped = [
  /new URL\([^\n]*\)\s*\.(pathname|href\.slice)/,
  /import\.meta\.url\s*\.(replace|slice|substring|split)/,
  /\b(\w+\.)?(url|URL|main|worker)\.pathname\b/,
  /["'`]file:\/\/(\/?\$\{|["'`]\s*\+)/,
];

const sources = ["packages", "experiments", "consumers", "scripts"]
  .flatMap((parent) => [".ts", ".mjs", ".js"].flatMap((ending) => filesUnder(join(root, parent), ending)))
  .concat(join(root, "vitest.config.ts"));

describe("a clone in any folder", () => {
  it("has no source that makes a path of a URL, or a URL of a path, without escaping", () => {
    expect(sources.length).toBeGreaterThan(300);
    const found = sources
      .filter((file) => file !== import.meta.filename)
      .filter((file) => unescaped.some((pattern) => pattern.test(readFileSync(file, "utf8"))));
    expect(found.map(fromRoot)).toEqual([]);
  });

  it.each([
    "const root = new URL('..', import.meta.url).pathname;",
    "spawn(node, [main.pathname])",
    "import.meta.url.replace('file://', '')",
    `await import("file://" + path)`,
    "await import(`file://$" + "{path}`)",
  ])("would find %s", (line) => expect(unescaped.some((pattern) => pattern.test(line))).toBe(true));

  it("quotes the paths of its package scripts", () => {
    const scripts = filesUnder(root, "package.json").flatMap((file) =>
      Object.values((JSON.parse(readFileSync(file, "utf8")) as { scripts?: Record<string, string> }).scripts ?? {}),
    );
    expect(scripts.filter((line) => /\$(\w|\{|\()|(^| )\//.test(line))).toEqual([]);
  });
});

describe.skipIf(process.platform === "win32")("the scripts of a clone whose path URLs and shells would change", () => {
  const clone = join(folder, "a b#é?%20$x");
  mkdirSync(join(clone, "node_modules"), { recursive: true });
  cpSync(join(root, "scripts"), join(clone, "scripts"), { recursive: true });
  for (const name of ["package.json", "pnpm-lock.yaml"]) copyFileSync(join(root, name), join(clone, name));
  for (const name of ["packages", "experiments", "consumers"]) symlinkSync(join(root, name), join(clone, name));
  // In the place of npx: installs and builds nothing, and shows what it was asked for, and where.
  writeFileSync(join(folder, "npx"), '#!/bin/sh\ncase "$*" in *--version*) pwd; echo "$*" ;; esac\n', { mode: 0o755 });
  const run = (script: string, ...args: string[]) =>
    spawnSync(process.execPath, [script, ...args], {
      encoding: "utf8",
      cwd: folder,
      env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
    });

  it("find the program of pnpm conformance", () => {
    const { status, stdout, stderr } = run(join(clone, "scripts", "conformance.mjs"), "--help");
    expect([stderr, status]).toEqual(["", 0]);
    expect(stdout).toMatch(/^Usage: pnpm conformance /);
  });

  it("run pnpm in the root, also when they are called through a symbolic link", () => {
    const link = join(folder, "link");
    symlinkSync(join(clone, "scripts"), link);
    for (const scripts of [join(clone, "scripts"), link]) {
      const { status, stdout } = run(join(scripts, "turbo.mjs"), "--version");
      expect([status, stdout]).toEqual([0, expect.stringMatching(/ turbo --version$/m)]);
      expect(stdout.split("\n")[0]).toBe(realpathSync(clone));
    }
  });

  it("say why there are no tests here: Vitest cannot read the path", () => {
    const { status, stderr } = run(join(clone, "scripts", "turbo.mjs"), "test");
    expect([status, stderr]).toEqual([
      1,
      `turbo: the folder of the tests must have no #, ? or % in its path, which Vitest cannot read, got ${realpathSync(clone)}/; move the clone. All other commands run where it is\n`,
    ]);
  });
});

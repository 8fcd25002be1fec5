import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
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

describe.skipIf(process.platform === "win32")("the scripts of the root", () => {
  // In the place of npx: builds nothing, since what is built here is in use, and shows what it was asked for.
  writeFileSync(join(folder, "npx"), '#!/bin/sh\ncase "$*" in *install*) exit 1 ;; *--version*) echo "$*" ;; esac\n', {
    mode: 0o755,
  });
  const run = (script: string, ...args: string[]) =>
    spawnSync(process.execPath, [script, ...args], {
      encoding: "utf8",
      cwd: folder,
      env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
    });

  it("find the program of pnpm conformance", () => {
    const { status, stdout, stderr } = run(join(root, "scripts", "conformance.mjs"), "--help");
    expect([stderr, status]).toEqual(["", 0]);
    expect(stdout).toMatch(/^Usage: pnpm conformance /);
  });

  it("run through a symbolic link, too", () => {
    const link = join(folder, "link # é");
    symlinkSync(join(root, "scripts"), link);
    const { status, stdout } = run(join(link, "turbo.mjs"), "--version");
    expect([status, stdout]).toEqual([0, expect.stringMatching(/ turbo --version$/m)]);
  });
});

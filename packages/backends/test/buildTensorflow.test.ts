import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const script = fileURLToPath(new URL("../buildTensorflow.mjs", import.meta.url));

// The wheels, which scripts/tensorflow.mjs downloads and builds, are of this platform.
describe.runIf(process.platform === "linux" && process.arch === "x64")("sew-tensorflow", () => {
  let project = "";
  beforeEach(() => {
    project = mkdtempSync(join(tmpdir(), "sew tensorflow-"));
    mkdirSync(join(project, "node_modules/@sew/backends"), { recursive: true });
    cpSync(script, join(project, "node_modules/@sew/backends/buildTensorflow.mjs"));
    mkdirSync(join(project, "bin"));
  });
  afterEach(() => rmSync(project, { recursive: true }));

  /** Installs the npm package, without its sources. */
  function install(version: string): void {
    const folder = join(project, "node_modules/@tensorflow/tfjs-node");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "@tensorflow/tfjs-node", version }));
  }

  /** Makes a Python whose pip does this. */
  function python(download: string): void {
    const file = join(project, "bin/python3");
    writeFileSync(file, `#!/bin/sh\nPATH=/usr/bin:/bin\n[ "$3" = --version ] && exit 0\n${download}\n`);
    chmodSync(file, 0o755);
  }

  /** The status and what is printed. */
  function build(...args: string[]): unknown[] {
    const { status, stderr } = spawnSync(
      process.execPath,
      [join(project, "node_modules/@sew/backends/buildTensorflow.mjs"), "--cache", join(project, "cache"), ...args],
      { encoding: "utf8", env: { PATH: join(project, "bin") } },
    );
    return [status, stderr];
  }

  it("takes cpu or gpu", () =>
    expect(build("tpu")).toEqual([1, "sew-tensorflow: the argument must be cpu or gpu, got tpu\n"]));

  it("needs the npm package, at the version whose sources it knows", () => {
    expect(build()).toEqual([
      1,
      "sew-tensorflow: @tensorflow/tfjs-node is not installed; run: npm install --ignore-scripts @tensorflow/tfjs-node@4.22.0\n",
    ]);
    install("4.21.0");
    expect(build()).toEqual([1, "sew-tensorflow: @tensorflow/tfjs-node must be version 4.22.0, got 4.21.0\n"]);
  });

  it("needs Python with pip", () => {
    install("4.22.0");
    expect(build()).toEqual([1, "sew-tensorflow: no Python with pip found (tried python3, python)\n"]);
  });

  it("says why pip has no wheel, and leaves nothing behind", () => {
    install("4.22.0");
    python('echo "ERROR: No matching distribution" >&2; exit 1');
    expect(build()).toEqual([
      1,
      expect.stringMatching(
        /sew-tensorflow: pip cannot download tensorflow-cpu 2\.12\.1: ERROR: No matching distribution\n$/,
      ),
    ]);
    expect(readdirSync(join(project, "cache"))).toEqual([]);
  });

  it("refuses a wheel with another checksum", () => {
    install("4.22.0");
    python('while [ "$1" != --dest ]; do shift; done; printf forged >"$2/tensorflow_cpu.whl"');
    expect(build()).toEqual([
      1,
      expect.stringMatching(
        /sew-tensorflow: tensorflow_cpu\.whl must have the SHA-256 d05b8268da5b[0-9a-f]{52}, got [0-9a-f]{64}\n$/,
      ),
    ]);
    expect(readdirSync(join(project, "cache"))).toEqual([]);
  });
});

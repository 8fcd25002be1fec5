import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { importing, usage } from "./usage.js";
import { readManifest, root, workspaces } from "./workspace.js";

const { packageManager } = readManifest(root);
const packages = workspaces("packages").filter(({ manifest }) => manifest.private !== true);
const folder = mkdtempSync(join(tmpdir(), "sew-pack-"));
const tarballs = join(folder, "tarballs");
const tarballOf = (name: string, version: string) =>
  join(tarballs, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`);

const execute = promisify(execFile);

const native = packages
  .filter(({ name }) => name === "backend-native")
  .map(({ manifest }) => tarballOf(manifest.name, manifest.version))[0]!;

/** Runs a program and returns what it printed; throws with that when it fails. */
async function succeed(command: string, args: readonly string[], cwd: string): Promise<string> {
  // The workspace's own settings must not reach a project outside it.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm|pnpm)_/i.test(name)));
  try {
    return (await execute(command, args, { cwd, env, maxBuffer: 2 ** 26 })).stdout;
  } catch (error) {
    const { message, stdout } = error as Error & { stdout?: string };
    throw new Error(`${message}\n${stdout ?? ""}`);
  }
}

const pnpm = (args: readonly string[], cwd: string) => succeed("npx", ["--yes", packageManager!, ...args], cwd);
const node = (args: readonly string[], cwd: string) => succeed(process.execPath, args, cwd);

beforeAll(async () => {
  await pnpm(["--recursive", "--filter", "./packages/*", "pack", "--pack-destination", tarballs], root);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An empty project outside the workspace that has this one package, and its peers. */
function project(name: string, tarball: string, peers: Readonly<Record<string, string>>): string {
  const path = join(folder, name.replace("/", "-"));
  const tensors = "@tensorflow/tfjs-core" in peers ? { "@tensorflow/tfjs": "4.22.0" } : {};
  mkdirSync(path);
  const manifest = {
    name: "user",
    private: true,
    type: "module",
    dependencies: { [name]: `file:${tarball}`, ...peers, ...tensors },
    devDependencies: { "@types/node": "^20" },
  };
  const overrides = packages.map(
    ({ manifest: other }) => `  "${other.name}": "file:${tarballOf(other.name, other.version)}"`,
  );
  writeFileSync(join(path, "package.json"), JSON.stringify(manifest));
  writeFileSync(
    join(path, "pnpm-workspace.yaml"),
    [
      "pmOnFail: ignore",
      "autoInstallPeers: false",
      "allowBuilds:",
      "  core-js: false",
      // From the registry, the name alone would do.
      `  "@sew/backend-native@file:../tarballs/${basename(native)}": true`,
      "overrides:",
      ...overrides,
    ].join("\n"),
  );
  const compilerOptions = {
    target: "es2023",
    module: "nodenext",
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
    types: ["node"],
  };
  writeFileSync(join(path, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["main.ts"] }));
  writeFileSync(join(path, "main.ts"), usage[name] ?? importing(name));
  return path;
}

describe.each(packages.map(({ manifest }) => [manifest.name, manifest] as const))(
  "%s as npm gets it",
  (name, manifest) => {
    const tarball = tarballOf(name, manifest.version);

    it("has no fault that publint knows", async () => {
      const bytes = readFileSync(tarball);
      const data = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
      const { messages, pkg } = await publint({ pack: { tarball: data }, strict: true });
      expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
    });

    it("has types that resolve as its code does", async () => {
      await node(
        [join(root, "node_modules/@arethetypeswrong/cli/dist/index.js"), tarball, "--profile", "esm-only"],
        root,
      );
    });

    it("holds its licence, its README and its sources, and neither tests nor settings", async () => {
      const files = (await succeed("tar", ["-tzf", tarball], root)).trim().split("\n");
      for (const file of ["LICENSE", "README.md", "package.json", "dist/index.js", "dist/index.d.ts", "src/index.ts"]) {
        expect(files).toContain(`package/${file}`);
      }
      expect(files.filter((file) => /\/(test|node_modules)\/|tsconfig|typedoc|\.tsbuildinfo/.test(file))).toEqual([]);
    });

    it("installs alone into an empty project, compiles there and runs", async () => {
      const optional = Object.keys(manifest.peerDependenciesMeta ?? {});
      const peers = Object.entries(manifest.peerDependencies ?? {}).filter(([peer]) => !optional.includes(peer));
      const path = project(name, tarball, Object.fromEntries(peers));
      await pnpm(["install", "--prefer-offline", "--no-frozen-lockfile"], path);
      await node([join(root, "node_modules/typescript/bin/tsc"), "-p", path], path);
      await node(["main.js"], path);
    }, 300_000);
  },
);

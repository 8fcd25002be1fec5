/** @file The packages as tarballs, and a project outside the workspace that installs them. */
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, relative } from "node:path";

/** The repository's root. */
export const root: string = join(import.meta.dirname, "..", "..");

/** A new folder, which {@link clean} removes. */
export const folder: string = mkdtempSync(join(tmpdir(), "sew-consumers-"));

/** Removes all that was made here. */
export function clean(): void {
  rmSync(folder, { recursive: true, force: true });
}

/** The parts of a package.json that matter here. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly packageManager?: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const readManifest = (path: string) => JSON.parse(readFileSync(join(path, "package.json"), "utf8")) as Manifest;
const { packageManager, devDependencies } = readManifest(root);

/** A package as npm gets it. */
export interface Packed {
  readonly manifest: Manifest;
  readonly tarball: string;
}

/** The public packages, and where {@link pack} puts their tarballs. */
export const packages: readonly Packed[] = readdirSync(join(root, "packages"))
  .map((name) => join(root, "packages", name))
  .filter((path) => existsSync(join(path, "package.json")))
  .map(readManifest)
  .filter((manifest) => manifest.private !== true)
  .map((manifest) => ({
    manifest,
    tarball: join(folder, "tarballs", `${manifest.name.slice(1).replace("/", "-")}-${manifest.version}.tgz`),
  }));

/** What a program printed, and how it ended. */
export interface Result {
  readonly status: number;
  readonly output: string;
}

/** Runs a program outside the workspace. */
export function execute(command: string, args: readonly string[], cwd: string): Promise<Result> {
  // The workspace's own settings must not reach a project outside it.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|pnpm_|SEW_|NODE_OPTIONS)/i.test(name)),
  );
  return new Promise((resolve) => {
    execFile(command, args, { cwd, env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      const status = typeof error?.code === "number" ? error.code : error === null ? 0 : 1;
      resolve({ status, output: `${stdout}${stderr}${status !== 0 && stderr === "" ? error?.message : ""}` });
    });
  });
}

/** Runs a program and returns what it printed; throws with that when it fails. */
export async function succeed(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { status, output } = await execute(command, args, cwd);
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: status ${status}\n${output}`);
  return output;
}

const withPnpm = (args: readonly string[]) => ["--yes", packageManager!, ...args];

/** Runs the pinned pnpm. */
export function pnpm(args: readonly string[], cwd: string): Promise<Result> {
  return execute("npx", withPnpm(args), cwd);
}

/** Makes the tarballs. */
export async function pack(): Promise<void> {
  const destination = join(folder, "tarballs");
  await succeed(
    "npx",
    withPnpm(["--recursive", "--filter", "./packages/*", "pack", "--pack-destination", destination]),
    root,
  );
}

/**
 * Writes a project that has every package and what its programs need; nothing is installed yet.
 *
 * `hoist: false` gives each package only what it declares. There is no setting for build scripts: pnpm refuses them.
 */
export function writeProject(): string {
  const path = join(folder, "project");
  mkdirSync(path);
  const tfjs = devDependencies["@tensorflow/tfjs-core"]!;
  const tarballs = packages.map(({ manifest, tarball }) => [manifest.name, `file:${tarball}`] as const);
  const manifest = {
    name: "user",
    private: true,
    dependencies: { ...Object.fromEntries(tarballs), "@tensorflow/tfjs": tfjs, "@tensorflow/tfjs-core": tfjs },
    devDependencies: Object.fromEntries(
      ["@types/node", "fast-check", "vitest"].map((name) => [name, devDependencies[name]]),
    ),
  };
  writeFileSync(join(path, "package.json"), JSON.stringify(manifest));
  writeFileSync(
    join(path, "pnpm-workspace.yaml"),
    [
      "hoist: false",
      "autoInstallPeers: false",
      // The compiler is to run, not a cache of what it once made.
      "sideEffectsCache: false",
      "overrides:",
      ...tarballs.map(([name, file]) => `  "${name}": "${file}"`),
    ].join("\n"),
  );
  return path;
}

/** Name that pnpm gives a package from a tarball; from the registry the package's name alone would do. */
export function nameInPnpm({ manifest, tarball }: Packed): string {
  return `${manifest.name}@file:../${relative(folder, tarball)}`;
}

/**
 * Copies programs into a new folder of the project and adds `main.ts`, which imports them in turn.
 *
 * @param type of the folder's package.json
 * @returns the path of `main.ts`
 */
export function writePrograms(path: string, type: "module" | "commonjs", programs: readonly string[]): string {
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "package.json"), JSON.stringify({ type }));
  for (const program of programs) cpSync(program, join(path, basename(program)));
  const main = join(path, "main.ts");
  writeFileSync(main, programs.map((program) => `import "./${basename(program, ".ts")}.js";\n`).join(""));
  return main;
}

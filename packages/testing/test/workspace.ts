/** @file What the workspace tests know of the repository. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

/** The repository's root. */
export const root: string = join(import.meta.dirname, "..", "..", "..");

/** The parts of a package.json that tests look at. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly packageManager?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, object>>;
}

/** A folder of packages/ or experiments/. */
export interface Workspace {
  /** Name of the folder, such as `neurons`. */
  readonly name: string;
  readonly folder: string;
  readonly manifest: Manifest;
}

/** Reads a package.json. */
export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

/** The workspaces in `packages` or in `experiments`. */
export function workspaces(parent: "packages" | "experiments"): Workspace[] {
  return readdirSync(join(root, parent))
    .map((name) => ({ name, folder: join(root, parent, name) }))
    .filter(({ folder }) => existsSync(join(folder, "package.json")))
    .map((found) => ({ ...found, manifest: readManifest(found.folder) }));
}

/** The files under a folder with this ending, without those that were built or installed. */
export function filesUnder(folder: string, ending: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      return ["node_modules", "dist", "build", "api"].includes(entry.name) ? [] : filesUnder(path, ending);
    }
    return entry.name.endsWith(ending) ? [path] : [];
  });
}

/** The READMEs and guides. */
export function markdownFiles(): string[] {
  return [
    ...["README.md", "CONTRIBUTING.md"].map((name) => join(root, name)),
    ...filesUnder(join(root, "docs"), ".md"),
    ...["packages", "experiments"].flatMap((parent) => filesUnder(join(root, parent), "README.md")),
  ];
}

/** A path as the repository knows it. */
export function fromRoot(path: string): string {
  return relative(root, path);
}

import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { filesUnder, fromRoot, type Workspace, workspaces } from "./workspace.js";

/** Who may import whom: the table of docs/architecture.md. */
const table: Readonly<Record<string, readonly string[]>> = {
  random: [],
  surrogates: [],
  neurons: ["surrogates"],
  layers: ["neurons", "random"],
  blocks: ["layers", "neurons", "random"],
  models: ["blocks", "layers", "neurons", "random"],
  datasets: ["random"],
  checkpoints: ["layers"],
  training: ["checkpoints", "layers", "random"],
  analysis: ["layers"],
  "backend-native": [],
  testing: [
    "random",
    "surrogates",
    "neurons",
    "layers",
    "blocks",
    "models",
    "datasets",
    "checkpoints",
    "training",
    "analysis",
    "backend-native",
  ],
};
/** Who may, in addition, import the types of whom. */
const typesOnly: Readonly<Record<string, readonly string[]>> = {
  "backend-native": ["neurons", "layers", "training"],
};
const withoutTensors = ["random", "datasets"];

const core = "@tensorflow/tfjs-core";
const sew = (names: Iterable<string>) =>
  [...names].filter((name) => name.startsWith("@sew/")).map((name) => name.slice(5));

interface Import {
  readonly file: string;
  /** The package that is named, without a path inside it. */
  readonly of: string;
  readonly typeOnly: boolean;
}

/** The packages that the sources of a workspace import. */
function imports({ folder }: Workspace): Import[] {
  return filesUnder(join(folder, "src"), ".ts").flatMap((file) => {
    const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
    const found: Import[] = [];
    const visit = (node: ts.Node): void => {
      const add = (name: ts.Expression | undefined, typeOnly: boolean): void => {
        if (name === undefined || !ts.isStringLiteral(name) || name.text.startsWith(".")) return;
        const of = name.text.split("/").slice(0, name.text.startsWith("@") ? 2 : 1);
        found.push({ file: fromRoot(file), of: of.join("/"), typeOnly });
      };
      if (ts.isImportDeclaration(node)) {
        add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
      } else if (ts.isExportDeclaration(node)) {
        add(node.moduleSpecifier, node.isTypeOnly);
      } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
        add(node.arguments[0], false);
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
    return found;
  });
}

const packages = workspaces("packages");
const experiments = workspaces("experiments");

describe("the packages", () => {
  it("are those of the import table", () =>
    expect(packages.map(({ name }) => name).sort()).toEqual(Object.keys(table).sort()));

  it("are named for their folders, and only testing is private", () => {
    for (const { name, manifest } of packages) {
      expect(manifest.name).toBe(`@sew/${name}`);
      expect([name, manifest.private ?? false]).toEqual([name, name === "testing"]);
    }
  });
});

describe.each(packages.map((workspace) => [workspace.manifest.name, workspace] as const))("%s", (_, workspace) => {
  const { name, manifest } = workspace;
  const allowed = table[name] ?? [];
  const found = imports(workspace);

  it("depends only on packages that it may import", () => {
    const { dependencies = {}, peerDependencies = {}, optionalDependencies = {} } = manifest;
    const named = sew([dependencies, peerDependencies, optionalDependencies].flatMap(Object.keys));
    expect(named.filter((other) => !allowed.includes(other))).toEqual([]);
  });

  it("imports only packages that it may import", () => {
    const types = [...allowed, ...(typesOnly[name] ?? [])];
    const wrong = found.filter(
      ({ of, typeOnly }) => sew([of]).length > 0 && !(typeOnly ? types : allowed).includes(of.slice(5)),
    );
    expect(wrong).toEqual([]);
  });

  it("names in its package.json whatever its sources import", () => {
    const { dependencies = {}, peerDependencies = {}, devDependencies = {} } = manifest;
    const undeclared = found.filter(({ of, typeOnly }) => {
      if (of.startsWith("node:") || of === manifest.name) return false;
      return !(of in dependencies || of in peerDependencies || (typeOnly && of in devDependencies));
    });
    expect(undeclared).toEqual([]);
  });

  if (withoutTensors.includes(name)) {
    it("has nothing to do with TensorFlow.js", () => {
      const { dependencies = {}, peerDependencies = {} } = manifest;
      const named = [...Object.keys({ ...dependencies, ...peerDependencies }), ...found.map(({ of }) => of)];
      expect(named.filter((other) => other.startsWith("@tensorflow/"))).toEqual([]);
    });
  } else {
    it("takes tfjs-core as a peer: its registries are global, and two copies would not see each other", () => {
      expect(Object.keys(manifest.peerDependencies ?? {})).toContain(core);
      expect(Object.keys(manifest.dependencies ?? {})).not.toContain(core);
    });
  }

  it("is imported by nobody who would have to publish it, if it is private", () => {
    if (manifest.private !== true) return;
    const naming = [...packages, ...experiments].filter(({ manifest: other }) =>
      [other.dependencies, other.devDependencies, other.peerDependencies].some((d) => manifest.name in (d ?? {})),
    );
    expect(naming.map((other) => other.name)).toEqual([]);
  });

  it("imports no experiment", () => {
    const names = new Set(experiments.map((experiment) => experiment.manifest.name));
    const { dependencies = {}, devDependencies = {}, peerDependencies = {} } = manifest;
    const named = [
      ...Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies }),
      ...found.map(({ of }) => of),
    ];
    expect(named.filter((other) => names.has(other))).toEqual([]);
  });
});

describe("the experiments", () => {
  it("are private, and import no other experiment", () => {
    const names = new Set(experiments.map(({ manifest }) => manifest.name));
    for (const experiment of experiments) {
      expect([experiment.name, experiment.manifest.private]).toEqual([experiment.name, true]);
      const others = imports(experiment).filter(({ of }) => names.has(of) && of !== experiment.manifest.name);
      expect(others).toEqual([]);
    }
  });
});

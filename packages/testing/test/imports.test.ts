import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { guides } from "./guides.js";
import { filesUnder, fromRoot, root, type Workspace, workspaces } from "./workspace.js";

/** Who may import whom: the table of docs/architecture.md. */
const table: Readonly<Record<string, readonly string[]>> = {
  random: [],
  files: [],
  kernels: [],
  surrogates: ["kernels"],
  neurons: ["surrogates", "kernels"],
  layers: ["neurons", "surrogates", "kernels", "random"],
  blocks: ["layers", "neurons", "kernels", "random"],
  models: ["blocks", "layers", "neurons", "kernels", "random"],
  datasets: ["random", "files"],
  checkpoints: ["layers", "kernels", "files"],
  training: ["checkpoints", "layers", "kernels", "random", "files"],
  analysis: ["layers", "kernels", "files"],
  experiment: [
    "models",
    "blocks",
    "layers",
    "neurons",
    "surrogates",
    "datasets",
    "training",
    "checkpoints",
    "analysis",
    "backends",
    "kernels",
    "files",
  ],
  "backend-native": ["kernels"],
  backends: [],
  testing: [
    "kernels",
    "surrogates",
    "neurons",
    "layers",
    "blocks",
    "models",
    "datasets",
    "checkpoints",
    "backends",
    "files",
  ],
};
/** Who may, in addition, load whom on demand, by a dynamic import: these are optional peers. */
const lazily: Readonly<Record<string, readonly string[]>> = {
  backends: ["backend-native"],
  experiment: ["backend-native"],
};
/** Whom the contracts in src/testing may, in addition, import: these are optional peers. */
const contracts: Readonly<Record<string, readonly string[]>> = {
  backends: ["kernels", "neurons"],
};
const withoutTensors = ["random", "files", "datasets"];

const core = "@tensorflow/tfjs-core";
const sew = (names: Iterable<string>) =>
  [...names].filter((name) => name.startsWith("@sew/")).map((name) => name.slice(5));

interface Import {
  readonly file: string;
  /** The package that is named, without a path inside it. */
  readonly of: string;
  readonly how: "statically" | "on demand" | "types";
}

const guideFiles = guides().flat();

/** The packages that the sources of a workspace import, and those that the guides would add to it. */
function imports({ folder }: Workspace): Import[] {
  const source = `${fromRoot(folder)}/src/`;
  const added = guideFiles.filter(({ path }) => path.startsWith(source));
  return [
    ...filesUnder(join(folder, "src"), ".ts").flatMap((file) => importsOf(fromRoot(file), readFileSync(file, "utf8"))),
    ...added.flatMap(({ where, code }) => importsOf(where, code)),
  ];
}

/** The packages that a source imports. */
function importsOf(file: string, text: string): Import[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    const add = (name: ts.Expression | undefined, how: Import["how"]): void => {
      if (name === undefined || !ts.isStringLiteral(name) || name.text.startsWith(".")) return;
      const of = name.text.split("/").slice(0, name.text.startsWith("@") ? 2 : 1);
      found.push({ file, of: of.join("/"), how });
    };
    if (ts.isImportDeclaration(node)) {
      const isType = node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
      add(node.moduleSpecifier, isType ? "types" : "statically");
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly ? "types" : "statically");
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], "on demand");
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const packages = workspaces("packages");
const experiments = workspaces("experiments");

/** The table of docs/architecture.md: packages, and whom they may import. */
function documentedTable(): Record<string, string[]> {
  const rows = readFileSync(join(root, "docs", "architecture.md"), "utf8").matchAll(
    /^\| (?!package )([a-z][a-z-]*) \|.*\| ([^|]+) \|$/gm,
  );
  return Object.fromEntries(
    [...rows].map(([, name, allowed]) => [name!, allowed === "–" ? [] : allowed!.split(", ").sort()]),
  );
}

describe("the packages", () => {
  it("may import whom docs/architecture.md says", () => {
    const sorted = Object.entries(table).map(([name, allowed]) => [name, [...allowed].sort()] as const);
    expect(documentedTable()).toEqual(Object.fromEntries(sorted));
  });

  it("are those of the import table", () =>
    expect(packages.map(({ name }) => name).sort()).toEqual(Object.keys(table).sort()));

  it("are named for their folders, and public", () => {
    for (const { name, manifest } of packages) {
      expect([name, manifest.name, manifest.private ?? false]).toEqual([name, `@sew/${name}`, false]);
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
    const optional = [...(lazily[name] ?? []), ...(contracts[name] ?? [])];
    expect(named.filter((other) => ![...allowed, ...optional].includes(other))).toEqual([]);
    for (const other of optional) expect(manifest.peerDependenciesMeta).toHaveProperty([`@sew/${other}`]);
  });

  it("imports only packages that it may import", () => {
    const wrong = found.filter(({ file, of, how }) => {
      if (sew([of]).length === 0) return false;
      const more = [
        ...((how === "on demand" && lazily[name]) || []),
        ...((file.includes("/src/testing/") && contracts[name]) || []),
      ];
      return ![...allowed, ...more].includes(of.slice(5));
    });
    expect(wrong).toEqual([]);
  });

  it("names in its package.json whatever its sources import", () => {
    const { dependencies = {}, peerDependencies = {}, devDependencies = {} } = manifest;
    const undeclared = found.filter(({ of, how }) => {
      if (of.startsWith("node:")) return false;
      return !(of in dependencies || of in peerDependencies || (how === "types" && of in devDependencies));
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

  it("needs the test runner and fast-check only in src/testing", () => {
    const runners = ["vitest", "fast-check"];
    const wrong = found.filter(
      ({ file, of }) => runners.includes(of) && !file.startsWith(`packages/${name}/src/testing/`),
    );
    expect(wrong).toEqual([]);
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

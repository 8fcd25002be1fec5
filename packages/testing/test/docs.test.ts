import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { engine, setBackend } from "@tensorflow/tfjs-core";
import ts from "typescript";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { agree, complete, docExamples, type Example, markdownExamples, moduleOf } from "./examples.js";
import { guides, writeGuide } from "./guides.js";
import { filesUnder, fromRoot, root, workspaces } from "./workspace.js";

const packages = workspaces("packages");
const names = packages.map(({ manifest }) => manifest.name);
const core = "@tensorflow/tfjs-core";
/** Inside this package, so that imports find it and what it depends on: every package. */
const folder = join(import.meta.dirname, "..", ".examples");

const home = process.cwd();
const exported = new Map<string, ReadonlySet<string>>();
let count = 0;

/** Where the names of an example are looked for: its own package, tfjs-core, the other packages. */
function scopeOf({ of }: Example): Map<string, ReadonlySet<string>> {
  const order = new Set([...(of === undefined ? [] : [of]), core, ...names]);
  return new Map([...order].map((name) => [name, exported.get(name) ?? new Set<string>()]));
}

/** The repository's compiler options, for one file. */
function optionsFor(file: string): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(root, "tsconfig.base.json"), ts.sys.readFile) as { config: object };
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: [file] }, ts.sys, root);
  return { ...options, noEmit: true, noUnusedLocals: false };
}

/** Compiles an example; returns what the compiler objects to. */
function compile(example: Example): string[] {
  const file = join(folder, `${count++}.mts`);
  writeFileSync(file, complete(example, scopeOf(example)));
  return diagnosticsOf([file]);
}

/** What the compiler objects to in some files. */
function diagnosticsOf(files: readonly string[]): string[] {
  const program = ts.createProgram(files, optionsFor(files[0]!));
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, " "));
}

/** Runs an example in an empty folder; returns the values that are not as promised. */
async function execute(example: Example, scope = scopeOf(example)): Promise<string[]> {
  const file = join(folder, `${count++}.mjs`);
  writeFileSync(file, moduleOf(example, scope));
  const wrong: string[] = [];
  const check = (place: string, actual: unknown, expected: unknown): void => {
    if (!agree(actual, expected)) wrong.push(`${place}, but it is ${JSON.stringify(actual)}`);
  };
  Object.assign(globalThis, { check });
  const empty = mkdtempSync(join(tmpdir(), "sew-example-"));
  const quiet = vi.spyOn(console, "log").mockImplementation(() => {});
  process.chdir(empty);
  engine().startScope();
  try {
    await import(/* @vite-ignore */ pathToFileURL(file).href);
  } finally {
    engine().endScope();
    process.chdir(home);
    quiet.mockRestore();
    rmSync(empty, { recursive: true, force: true });
  }
  return wrong;
}

beforeAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of [core, ...names]) {
    exported.set(name, new Set(Object.keys((await import(/* @vite-ignore */ name)) as object)));
  }
});
beforeEach(async () => {
  await setBackend("cpu");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function holds(example: Example): void {
  if (example.runs) {
    it(`runs and has the values that it promises: ${example.where}`, async () => {
      expect(await execute(example)).toEqual([]);
    });
  } else {
    it(`compiles: ${example.where}`, () => expect(compile(example)).toEqual([]));
  }
}

describe("the examples in doc comments", () => {
  for (const example of packages.flatMap(docExamples)) holds(example);
});

describe("the code in READMEs and guides", () => {
  for (const example of markdownExamples()) holds(example);
});

describe("the files that guides show in full", () => {
  for (const [n, files] of guides().entries()) {
    const here = join(folder, `guide${n}`);
    beforeAll(() => writeGuide(files, here));
    it(`compile beside the packages that they extend: ${files[0]!.where}`, () =>
      expect(diagnosticsOf(files.map(({ path }) => join(here, path)))).toEqual([]));
    for (const { path, examples } of files) {
      it.each(examples)("have the values that their examples promise: $where", async (example) => {
        const file = join(here, path);
        const module = (await import(/* @vite-ignore */ file)) as object;
        expect(await execute(example, new Map([[file, new Set(Object.keys(module))], ...scopeOf(example)]))).toEqual(
          [],
        );
      });
    }
  }
});

/** Optional properties of the exported `…Options` in a source that say no `@defaultValue`. */
function withoutDefault(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node, options: string): void => {
    const optional = (ts.isPropertySignature(node) || ts.isMethodSignature(node)) && node.questionToken !== undefined;
    if (optional && !ts.getJSDocTags(node).some(({ tagName }) => tagName.text === "defaultValue")) {
      found.push(`${options}.${node.name.getText()}`);
    }
    ts.forEachChild(node, (child) => visit(child, options));
  };
  for (const statement of source.statements) {
    if (!ts.isInterfaceDeclaration(statement) && !ts.isTypeAliasDeclaration(statement)) continue;
    const { name, modifiers = [] } = statement;
    const isExported = modifiers.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    if (isExported && name.text.endsWith("Options")) visit(statement, name.text);
  }
  return found;
}

describe("every option shows its default", () => {
  it.each(packages)("of $manifest.name", ({ folder }) =>
    expect(filesUnder(join(folder, "src"), ".ts").flatMap(withoutDefault)).toEqual([]),
  );

  it("or is found", () => {
    const file = join(folder, "options.ts");
    const code = "export type AOptions = {\n/** @defaultValue 1 */\na?: 1; b?: 2 } & ({ c: 1 } | { d?(): void });";
    writeFileSync(file, `${code} interface BOptions { e?: 1 } export interface Result { f?: 1 }`);
    expect(withoutDefault(file)).toEqual(["AOptions.b", "AOptions.d"]);
  });
});

describe("the check of examples itself", () => {
  const example = (code: string): Example => ({ where: "here", code, of: "@sew/neurons", runs: true });

  it("finds a wrong value", async () => {
    expect(await execute(example("lif.defaults.tau; // 3"))).toEqual(["here: lif.defaults.tau; // 3, but it is 2"]);
    expect(await execute(example("tensor1d([1, 2]).arraySync(); // [1, 2.1]"))).toHaveLength(1);
    expect(await execute(example("[1, 2]; // [1]"))).toHaveLength(1);
    expect(await execute(example("console.log(1 + 1); // 2"))).toEqual([]);
    expect(await execute(example("console.log(1 + 1); // 3"))).toHaveLength(1);
  });

  it("reads a typed array as Node prints it", async () => {
    expect(await execute(example("Int32Array.of(1, 2); // Int32Array [1, 2]"))).toEqual([]);
    expect(await execute(example("Int32Array.of(1, 2); // Int32Array(2) [1, 3]"))).toHaveLength(1);
  });

  it("takes a comment that is no value for prose", async () =>
    expect(await execute(example("lif.defaults.tau; // the paper's"))).toEqual([]));

  it("fails on what does not exist", async () =>
    await expect(execute(example("norse(1);"))).rejects.toThrow("norse is not defined"));

  it("compiles what it does not run", () => {
    expect(compile(example("neuron(lif, { tau: 2 });"))).toEqual([]);
    expect(compile(example('neuron(lif, { tau: "2" });'))).toEqual([
      "Type 'string' is not assignable to type 'Parameter | undefined'.",
    ]);
  });
});

describe("every public export has a doc comment", () => {
  const entries = packages.flatMap(({ folder }) =>
    ["src/index.ts", "src/node/index.ts", "src/testing/index.ts"]
      .map((entry) => join(folder, entry))
      .filter((entry) => existsSync(entry)),
  );
  it.each(entries.map((entry) => [fromRoot(entry), entry] as const))("of %s", (_, entry) => {
    const program = ts.createProgram([entry], optionsFor(entry));
    const checker = program.getTypeChecker();
    const module = checker.getSymbolAtLocation(program.getSourceFile(entry)!);
    const silent = (module === undefined ? [] : checker.getExportsOfModule(module)).filter((symbol) => {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      return target.getDocumentationComment(checker).length === 0;
    });
    expect(silent.map((symbol) => symbol.name)).toEqual([]);
  });
});

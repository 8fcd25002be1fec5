/** @file The files that guides show in full, and how they become modules beside the packages that they extend. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";
import { type Example, examplesIn, markdownBlocks, pathOf } from "./examples.js";
import { markdownFiles, root } from "./workspace.js";

/** A file that a guide shows in full: a block of code that opens with its path. */
export interface GuideFile {
  /** Where it is, for the reader of a failing test. */
  readonly where: string;
  /** Where its reader puts it, such as `packages/neurons/src/constantLeak.ts`. */
  readonly path: string;
  readonly code: string;
  /** The package that it becomes part of. */
  readonly of: string;
  /** Its doc examples. */
  readonly examples: readonly Example[];
}

/** The files of each guide that has some. */
export function guides(): GuideFile[][] {
  return markdownFiles()
    .map((guide) =>
      markdownBlocks(guide).flatMap(({ where, code }): GuideFile[] => {
        const path = pathOf(code);
        if (path === undefined) return [];
        const [parent, folder] = path.split("/");
        const of = `${parent === "packages" ? "@sew" : "@sew-experiments"}/${folder}`;
        return [{ where, path, code, of, examples: examplesIn(code, where, of) }];
      }),
    )
    .filter((files) => files.length > 0);
}

/** Writes the files of a guide under `folder`, linked to one another and to the packages as these are. */
export function writeGuide(files: readonly GuideFile[], folder: string): void {
  for (const file of files) {
    const path = join(folder, file.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, linked(file, files));
  }
}

/** The code of a file with its imports as they are resolved once its package has the files of the guide. */
function linked({ path, code }: GuideFile, files: readonly GuideFile[]): string {
  const up = path.split("/").slice(1).fill("..").join("/");
  const placeOf = (specifier: string, name: string): string => {
    const file = files.find((file) => file.of === specifier && exportsOf(file).has(name));
    if (file !== undefined) return `${up}/${file.path.replace(/ts$/, "js")}`;
    if (!specifier.startsWith(".")) return specifier;
    const target = join(dirname(path), specifier);
    if (files.some((file) => file.path === target.replace(/js$/, "ts"))) return specifier;
    return join(root, target.replace("/src/", "/dist/"));
  };
  const source = ts.createSourceFile(path, code, ts.ScriptTarget.Latest, true);
  return source.statements
    .map((statement) => {
      if (!ts.isImportDeclaration(statement)) return statement.getFullText();
      const { importClause, moduleSpecifier } = statement;
      const { text: specifier } = moduleSpecifier as ts.StringLiteral;
      const names = importClause?.namedBindings;
      if (names === undefined || !ts.isNamedImports(names)) return statement.getFullText();
      const keyword = importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword ? "import type" : "import";
      return names.elements
        .map((name) => `\n${keyword} { ${name.getText()} } from "${placeOf(specifier, name.name.text)}";`)
        .join("");
    })
    .join("");
}

/** The names that a file exports. */
function exportsOf({ path, code }: GuideFile): Set<string> {
  const source = ts.createSourceFile(path, code, ts.ScriptTarget.Latest, true);
  const exported = source.statements.filter(
    (statement) =>
      (ts.getCombinedModifierFlags(statement as ts.Declaration & ts.Statement) & ts.ModifierFlags.Export) !== 0,
  );
  return new Set(
    exported.flatMap((statement) => {
      if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map((d) => d.name.getText());
      const { name } = statement as ts.Statement & { readonly name?: ts.Identifier };
      return name === undefined ? [] : [name.text];
    }),
  );
}

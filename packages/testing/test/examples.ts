/** @file Finding the code in doc comments, READMEs and guides, and making modules of it that check their own values. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { filesUnder, fromRoot, markdownFiles, type Workspace } from "./workspace.js";

/** A piece of code that the documentation shows. */
export interface Example {
  /** Where it is, for the reader of a failing test. */
  readonly where: string;
  readonly code: string;
  /** The package whose doc comment shows it; undefined for Markdown. */
  readonly of: string | undefined;
  /** Whether to run it. The code of a block that opens with "ts no-run" is only compiled: it needs the reader's files. */
  readonly runs: boolean;
}

const fence = /^```ts( no-run)?\n([\s\S]*?)^```/gm;

/** The code of every `@example` in the sources of a package. */
export function docExamples({ folder, manifest }: Workspace): Example[] {
  return filesUnder(join(folder, "src"), ".ts").flatMap((file) =>
    examplesIn(readFileSync(file, "utf8"), fromRoot(file), manifest.name),
  );
}

/** The code of every `@example` in a source. */
export function examplesIn(text: string, file: string, of: string): Example[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: Example[] = [];
  const visit = (node: ts.Node): void => {
    for (const tag of ts.getJSDocTags(node)) {
      // An inner declaration inherits the tags of the statement around it; only its own count.
      if (tag.tagName.text !== "example" || tag.parent.parent !== node) continue;
      const text = ts.getTextOfJSDocComment(tag.comment) ?? "";
      const line = source.getLineAndCharacterOfPosition(tag.getStart()).line + 1;
      const [block] = text.matchAll(fence);
      const at = { where: `${file}:${line}`, of };
      found.push({ ...at, code: block?.[2] ?? text, runs: block?.[1] === undefined });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** The code of every `ts` block of the READMEs and guides, but for those that are whole files; see `guideFiles`. */
export function markdownExamples(): Example[] {
  return markdownFiles()
    .flatMap(markdownBlocks)
    .filter(({ code }) => pathOf(code) === undefined);
}

/** The `ts` blocks of a README or guide. */
export function markdownBlocks(file: string): Example[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(fence)].map(({ 1: noRun, 2: code, index }) => ({
    where: `${fromRoot(file)}:${text.slice(0, index).split("\n").length}`,
    code: code!,
    of: undefined,
    runs: noRun === undefined,
  }));
}

/** The path that the code of a whole file opens with, such as `// packages/neurons/src/lif.ts`. */
export function pathOf(code: string): string | undefined {
  return /^\/\/ ((?:packages|experiments)\/\S+\.ts)\n/.exec(code)?.[1];
}

/** The names that a piece of code uses as values without declaring them. */
function freeNames(source: ts.SourceFile): Set<string> {
  const used = new Set<string>();
  const declared = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) {
      const { parent } = node;
      const isName = "name" in parent && parent.name === node;
      if (
        isName &&
        (ts.isVariableDeclaration(parent) ||
          ts.isParameter(parent) ||
          ts.isBindingElement(parent) ||
          ts.isFunctionDeclaration(parent))
      ) {
        declared.add(node.text);
      } else if (!isName || ts.isShorthandPropertyAssignment(parent)) {
        used.add(node.text);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return new Set([...used].filter((name) => !declared.has(name)));
}

/** Import lines for the names that a doc comment takes for granted: from its own package, tfjs-core, or another package. */
function importsFor(source: ts.SourceFile, exported: ReadonlyMap<string, ReadonlySet<string>>): string {
  return [...freeNames(source)]
    .flatMap((name) => {
      const from = [...exported].find(([, names]) => names.has(name))?.[0];
      return from === undefined ? [] : [`import { ${name} } from ${JSON.stringify(from)};`];
    })
    .join("\n");
}

/**
 * The value that a trailing comment promises, as an expression; undefined when the comment is prose. A typed array may
 * be written as Node prints it, `Int32Array [1, 2]`.
 */
function promised(comment: string): string | undefined {
  const literal = comment.replace(/^\w+Array(\(\d+\))? (?=\[)/, "");
  try {
    const value: unknown = new Function(`"use strict"; return (${literal});`)();
    return typeof value === "function" ? undefined : literal;
  } catch {
    return undefined;
  }
}

/** What a statement shows: the argument of `console.log`, else its own value. */
function printed(expression: ts.Expression): ts.Expression {
  if (!ts.isCallExpression(expression) || expression.expression.getText() !== "console.log") return expression;
  return expression.arguments.length === 1 ? expression.arguments[0]! : expression;
}

/** The example as TypeScript, with the imports that a doc comment takes for granted. */
export function complete({ code }: Example, exported: ReadonlyMap<string, ReadonlySet<string>>): string {
  const source = ts.createSourceFile("example.ts", code, ts.ScriptTarget.Latest, true);
  return `${source.statements.some(ts.isImportDeclaration) ? "" : importsFor(source, exported)}\n${code}\nexport {};\n`;
}

/**
 * The module that runs an example. A statement `expression; // value` becomes a check of that value, and so does
 * `console.log(expression); // value`.
 *
 * @param exported the exports of each package, in the order in which they are searched
 * @returns JavaScript; `check` is a global
 */
export function moduleOf({ code, where }: Example, exported: ReadonlyMap<string, ReadonlySet<string>>): string {
  const source = ts.createSourceFile("example.ts", code, ts.ScriptTarget.Latest, true);
  const imports = source.statements.some(ts.isImportDeclaration) ? "" : importsFor(source, exported);
  const statements = source.statements.map((statement) => {
    const [trailing] = ts.getTrailingCommentRanges(code, statement.end) ?? [];
    if (!ts.isExpressionStatement(statement) || trailing === undefined) return statement.getFullText();
    const comment = code.slice(trailing.pos + 2, trailing.end).trim();
    const value = promised(comment);
    if (value === undefined) return statement.getFullText();
    const shown = printed(statement.expression).getText();
    return `check(${JSON.stringify(`${where}: ${shown}; // ${comment}`)}, ${shown}, (${value}));`;
  });
  const { outputText } = ts.transpileModule([imports, ...statements].join("\n"), {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 },
  });
  return outputText;
}

/** Whether two values agree: numbers within 1e-6, arrays and objects part by part. */
export function agree(actual: unknown, expected: unknown): boolean {
  if (typeof actual === "number" && typeof expected === "number") {
    return Object.is(actual, expected) || Math.abs(actual - expected) <= 1e-6;
  }
  if (typeof actual !== "object" || typeof expected !== "object" || actual === null || expected === null) {
    return actual === expected;
  }
  const [a, e] = [Object.entries(actual), Object.entries(expected)];
  return a.length === e.length && e.every(([key, value]) => agree((actual as Record<string, unknown>)[key], value));
}

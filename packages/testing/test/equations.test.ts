import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { root } from "./workspace.js";

/** The rows of the table in docs/equations.md. */
const rows = readFileSync(join(root, "docs", "equations.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| "))
  .slice(2)
  .map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim().replaceAll("\\|", "|")),
  )
  .map(([place = "", says = "", symbol = "", test = ""]) => ({ place, says, symbol, test }));

/** The titles of the tests in a file: the first argument of `it(...)`, `it.each(...)(...)` and the like. */
function titlesIn(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
  const titles: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /^it\b/.test(node.expression.getText(source))) {
      const [title] = node.arguments;
      if (title !== undefined && ts.isStringLiteralLike(title)) titles.push(title.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return titles;
}

/** The equation numbers that a cell names: `Eq. 8` is 8, `Eq. 12–14` is 12, 13 and 14. */
function equationsOf(place: string): number[] {
  const [, from, to] = /Eq\. (\d+)(?:–(\d+))?/.exec(place) ?? [];
  if (from === undefined) return [];
  return Array.from({ length: Number(to ?? from) - Number(from) + 1 }, (_, i) => Number(from) + i);
}

describe("docs/equations.md", () => {
  it.each(rows)("$place, $says: names an export and a test that exist", async ({ symbol, test }) => {
    const [, of, name] = /^`([\w-]+)\/(\w+)`$/.exec(symbol) ?? [];
    expect({ symbol, exports: Object.keys((await import(`@sew/${of}`)) as object) }).toEqual({
      symbol,
      exports: expect.arrayContaining([name]),
    });
    const [, path = "", title] = /^`([^`]+)` (.+)$/.exec(test) ?? [];
    expect({ path, exists: existsSync(join(root, path)) }).toEqual({ path, exists: true });
    expect(titlesIn(join(root, path))).toContain(title);
  });

  it("has every equation of the paper, 1 to 15, and Table 1", () => {
    const found = new Set(rows.flatMap(({ place }) => equationsOf(place)));
    expect([...found].sort((a, b) => a - b)).toEqual(Array.from({ length: 15 }, (_, i) => i + 1));
    expect(rows.filter(({ place }) => place === "Table 1").map(({ symbol }) => symbol)).toEqual(
      expect.arrayContaining(["`blocks/add`", "`blocks/and`", "`blocks/iand`"]),
    );
  });
});

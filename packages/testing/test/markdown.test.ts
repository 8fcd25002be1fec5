import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { brokenLists, deadLinks } from "./markdown.js";
import { fromRoot, markdownFiles, root } from "./workspace.js";

describe.each(markdownFiles().map((file) => [fromRoot(file), file] as const))("%s", (_, file) => {
  const text = readFileSync(file, "utf8");

  it("has numbered lists that render as one list each", () => expect(brokenLists(text)).toEqual([]));

  it("links to files that exist", () => expect(deadLinks(text, file)).toEqual([]));
});

describe("the check of Markdown itself", () => {
  it("finds a list that unindented code breaks in two", () =>
    expect(brokenLists("1. a\n\n```ts\nb\n```\n\n2. c\n")).toEqual(["line 7: a list starts at 2"]));

  it("finds a list that starts again in its section", () =>
    expect(brokenLists("1. a\n\nb\n\n1. c\n")).toEqual(["line 5: the list of line 1 starts again"]));

  it("finds a number that is rendered as another", () =>
    expect(brokenLists("1. a\n2. b\n4. c\n")).toEqual(["line 3: 4 is rendered as 3"]));

  it("takes indented code, nested lists, bullets and a new section for what they are", () =>
    expect(brokenLists("1. a\n\n   ```ts\n   b\n   ```\n\n2. c\n   - d\n   1. e\n\n## f\n\n1. g\n")).toEqual([]));

  it("finds links and images without a file, and no others", () => {
    const text = "[a](no.md#b) ![c](docs/no.png) [d](README.md#e) [f](#g) [h](https://i.org/j)";
    expect(deadLinks(text, join(root, "README.md"))).toEqual(["no.md#b", "docs/no.png"]);
  });
});

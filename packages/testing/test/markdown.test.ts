import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { brokenLists, deadLinks, misnumberedDecisions, notInstalled } from "./markdown.js";
import { filesUnder, fromRoot, markdownFiles, root } from "./workspace.js";

describe.each(markdownFiles().map((file) => [fromRoot(file), file] as const))("%s", (_, file) => {
  const text = readFileSync(file, "utf8");

  it("has numbered lists that render as one list each", () => expect(brokenLists(text)).toEqual([]));

  it("links to files that exist", () => expect(deadLinks(text, file)).toEqual([]));

  it("gives decisions their own numbers", () => expect(misnumberedDecisions(text)).toEqual([]));

  it("installs what its code imports", () => expect(notInstalled(text)).toEqual([]));
});

describe("the decisions", () => {
  const files = filesUnder(join(root, "docs", "decisions"), ".md").sort();

  it("are numbered from 1 on, each once, in the name of the file as in its heading", () => {
    expect(files.map((file) => Number(basename(file).slice(0, 4)))).toEqual(files.map((_, i) => i + 1));
    for (const [i, file] of files.entries()) expect(readFileSync(file, "utf8")).toMatch(new RegExp(`^# ${i + 1}\\. `));
  });
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

  it("finds a decision under another number, and no other link", () =>
    expect(
      misnumberedDecisions("[decision 17](decisions/0018-a.md) [18](0018-a.md) [decision 18](0018-a.md) [1](b.md)"),
    ).toEqual(["[decision 17](decisions/0018-a.md)"]));

  it("finds what code imports that no line above it installs", () => {
    const code = (text: string) => `\n\`\`\`ts\n${text}\n\`\`\`\n`;
    const install = "\n```sh\nnpm install --save-dev @sew/a@1.0.0 b\n```\n";
    const used =
      'import "b/c";\nimport { d } from "@sew/a/testing";\nimport type { e } from "@sew/e";\nimport f from "node:fs";\nimport g from "./g.js";';
    expect(notInstalled(code(used))).toEqual([]);
    expect(notInstalled(install + code(used))).toEqual(["@sew/e"]);
    expect(notInstalled(`${install}\n    npm install @sew/e\n${code(used)}`)).toEqual([]);
  });

  it("finds links and images without a file, and no others", () => {
    const text = "[a](no.md#b) ![c](docs/no.png) [d](README.md#e) [f](#g) [h](https://i.org/j)";
    expect(deadLinks(text, join(root, "README.md"))).toEqual(["no.md#b", "docs/no.png"]);
  });
});

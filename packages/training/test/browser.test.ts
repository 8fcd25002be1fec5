import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";

/** The modules that a built file imports, at any place. */
function importsOf(file: string): string[] {
  return ts.preProcessFile(readFileSync(file, "utf8"), true, true).importedFiles.map(({ fileName }) => fileName);
}

/** All that a built entry reaches: our own files are followed, the packages of others are named. */
function graphOf(entry: string): { files: Set<string>; others: Set<string> } {
  const [files, others] = [new Set([entry]), new Set<string>()];
  for (const file of files) {
    for (const name of importsOf(file)) {
      if (name.startsWith(".")) files.add(join(dirname(file), name));
      else if (name.startsWith("@sew/")) files.add(createRequire(file).resolve(name));
      else others.add(name);
    }
  }
  return { files, others };
}

const dist = join(import.meta.dirname, "..", "dist");

describe("the main entry", () => {
  it("imports nothing of Node, itself or through others, so that it runs in a browser", () => {
    const { files, others } = graphOf(join(dist, "index.js"));
    expect([...others].filter((name) => name !== "@tensorflow/tfjs-core" && !name.startsWith("pure-rand/"))).toEqual(
      [],
    );
    expect([...files].some((file) => file.endsWith("training.js"))).toBe(true);
    const globals = [...files].filter((file) =>
      /\b(process|Buffer|require|__dirname)\b\./.test(readFileSync(file, "utf8")),
    );
    expect(globals).toEqual([]);
  });

  it("would be found out if it did: the entry for Node is", () => {
    const { others } = graphOf(join(dist, "node", "index.js"));
    expect([...others].filter((name) => name.startsWith("node:")).length).toBeGreaterThan(0);
    expect(others).toContain("cli-progress");
  });
});

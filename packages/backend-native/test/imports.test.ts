import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const source = fileURLToPath(new URL("../src", import.meta.url));

/** The files that each source file imports, of types too. */
const graph: ReadonlyMap<string, readonly string[]> = new Map(
  readdirSync(source, { recursive: true })
    .map(String)
    .filter((file) => file.endsWith(".ts"))
    .map((file) => {
      const text = readFileSync(join(source, file), "utf8");
      const imported = [...text.matchAll(/from "(\.[^"]+)\.js"/g)].map(([, path]) =>
        normalize(join(dirname(file), `${path}.ts`)),
      );
      return [file, imported];
    }),
);

/** A path from a file back to itself; `undefined` when there is none. */
function cycleThrough(file: string): string[] | undefined {
  const visited = new Set<string>();
  const search = (at: string, path: readonly string[]): string[] | undefined => {
    for (const next of graph.get(at)!) {
      if (next === file) return [...path, next];
      if (visited.has(next)) continue;
      visited.add(next);
      const found = search(next, [...path, next]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return search(file, [file]);
}

it("has source files that import each other in no circle", () => {
  expect(graph.get("registerNative.ts")).toContain("environment.ts");
  expect([...graph.keys()].map(cycleThrough).filter((cycle) => cycle !== undefined)).toEqual([]);
});

it("has an addon.ts that imports none of them but cores.ts, which imports none", () => {
  expect(graph.get("addon.ts")).toEqual(["cores.ts"]);
  expect(graph.get("cores.ts")).toEqual([]);
});

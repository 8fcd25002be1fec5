import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { defineConfig } from "vitest/config";
import { workspaces } from "./scripts/workspaces.mjs";

const path = (file: string) => join(import.meta.dirname, file);
const hasTensors = (folder: string) => readFileSync(path(`${folder}/package.json`), "utf8").includes("tfjs-core");

export default defineConfig({
  test: {
    projects: workspaces.map((folder) => ({
      test: {
        name: basename(folder),
        root: path(folder),
        include: ["test/**/*.test.ts"],
        setupFiles: ["seed", "temporary", ...(hasTensors(folder) ? ["backends"] : [])].map((name) =>
          path(`scripts/vitest/${name}.ts`),
        ),
        // The files of a project share one process, in which Node loads TensorFlow.js and our packages once. Not where
        // the examples of the documentation run, which change settings at will.
        isolate: folder === "packages/testing",
        server: { deps: { external: [/\/dist\//] } },
        // Only what hangs takes so long, also on a busy machine.
        testTimeout: 300_000,
        hookTimeout: 300_000,
      },
    })),
  },
});

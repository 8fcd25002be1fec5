import { basename } from "node:path";
import { defineConfig } from "vitest/config";
import { workspaces } from "./scripts/workspaces.mjs";

const path = (file: string) => new URL(file, import.meta.url).pathname;

export default defineConfig({
  test: {
    projects: workspaces.map((folder) => ({
      // Private, so that no package names it: it needs them all, and that would be a circle.
      resolve: { alias: { "@sew/testing": path("packages/testing/dist/index.js") } },
      test: {
        name: basename(folder),
        root: path(folder),
        include: ["test/**/*.test.ts"],
        setupFiles: [path("packages/testing/dist/setup.js")],
        // The files of a project share one process, in which Node loads TensorFlow.js and our packages once.
        isolate: false,
        server: { deps: { external: [/\/dist\//] } },
        testTimeout: 120_000,
        hookTimeout: 120_000,
      },
    })),
  },
});

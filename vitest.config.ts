import { readdirSync } from "node:fs";
import { defineConfig } from "vitest/config";

/** Every folder of packages/ and experiments/ is a project; adding one needs no edit here. */
const folders = ["packages", "experiments"].flatMap((parent) =>
  readdirSync(new URL(parent, import.meta.url), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => ({ root: new URL(`${parent}/${entry.name}`, import.meta.url).pathname, name: entry.name })),
);

export default defineConfig({
  test: {
    projects: folders.map(({ root, name }) => ({
      // Private, so that no package names it: it needs them all, and that would be a circle.
      resolve: {
        alias: { "@sew/testing": new URL("packages/testing/dist/index.js", import.meta.url).pathname },
      },
      test: {
        name,
        root,
        include: ["test/**/*.test.ts"],
        setupFiles: [new URL("packages/testing/dist/setup.js", import.meta.url).pathname],
        testTimeout: 120_000,
        hookTimeout: 120_000,
      },
    })),
  },
});

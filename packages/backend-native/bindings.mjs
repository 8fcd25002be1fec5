// Writes src/kernels/index.ts, which collects the `kernels` of every file in src/kernels/. It runs before tsc and is not
// committed, so that adding a kernel edits no list.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

const folder = new URL("src/kernels/", import.meta.url);
const index = new URL("index.ts", folder);

const names = readdirSync(folder)
  .filter((file) => file.endsWith(".ts") && file !== "index.ts")
  .map((file) => file.slice(0, -".ts".length))
  .sort();
for (const name of names) {
  if (!/^export const kernels\b/m.test(readFileSync(new URL(`${name}.ts`, folder), "utf8"))) {
    console.error(`bindings.mjs: src/kernels/${name}.ts must export kernels, a list of KernelConfig`);
    process.exit(1);
  }
}

const text = `// Written by bindings.mjs.
import type { KernelConfig } from "@tensorflow/tfjs-core";
${names.map((name) => `import { kernels as ${name} } from "./${name}.js";`).join("\n")}

/** The kernels that run in C++. Every other operation is the cpu backend's. */
export const nativeKernels: readonly KernelConfig[] = [
${names.map((name) => `  ...${name},`).join("\n")}
];
`;
if (!existsSync(index) || readFileSync(index, "utf8") !== text) writeFileSync(index, text);

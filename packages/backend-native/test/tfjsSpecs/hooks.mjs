/**
 * @file Lets Node import the modules of TensorFlow.js's packages one by one, with their specs, which are written for a
 * bundler: without file extensions, with `require` in places.
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);
const native = createRequire(require.resolve("@sew/backend-native/package.json"));

/** The folder `dist` of each package, and its ES module; Node would take the bundle, a second copy of the registries. */
const packages = new Map(
  ["@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-cpu"].map((name) => [
    name,
    join(dirname(native.resolve(`${name}/package.json`)), "dist"),
  ]),
);

const isTheirs = (url) => [...packages.values()].some((dist) => url.startsWith(pathToFileURL(dist).href));

/** The file of a module without its extension. */
function fileOf(path) {
  const file = [path, `${path}.js`, join(path, "index.js")].find((file) => file.endsWith(".js") && existsSync(file));
  if (file === undefined) throw new Error(`hooks.mjs: there is no module ${path}`);
  return { url: pathToFileURL(file).href, shortCircuit: true };
}

export function resolve(specifier, context, next) {
  for (const [name, dist] of packages) {
    if (specifier === name) return fileOf(join(dist, "index"));
    if (specifier.startsWith(`${name}/dist/`)) return fileOf(join(dist, specifier.slice(`${name}/dist/`.length)));
  }
  if (specifier.startsWith(".") && isTheirs(context.parentURL ?? "")) {
    return fileOf(join(dirname(fileURLToPath(context.parentURL)), specifier));
  }
  return next(specifier, context);
}

export function load(url, context, next) {
  if (!isTheirs(url)) return next(url, context);
  const prologue = `import { createRequire as createRequireOf } from "node:module"; const require = createRequireOf(${JSON.stringify(import.meta.url)});`;
  // A namespace of a CommonJS module lacks what it assigns at run time.
  const source = readFileSync(new URL(url), "utf8").replace(/^import \* as (seedrandom) from/m, "import $1 from");
  return { format: "module", source: prologue + source, shortCircuit: true };
}

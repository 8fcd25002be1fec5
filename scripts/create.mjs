// pnpm run create <kind> <name>: writes the files of a new neuron, surrogate, block, data set or experiment, which build and
// pass lint, type check and tests as they are. The files are those of the example in docs/adding-a-<kind>.md, renamed: code
// that opens with its path becomes a file; the lines of a `diff` are added to the file behind `+++`.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname } from "node:path";
import { install, pnpm } from "./pnpm.mjs";
import { workspaces } from "./workspaces.mjs";

const root = new URL("../", import.meta.url);
const require = createRequire(import.meta.url);
const read = (path) => readFileSync(new URL(path, root), "utf8");

/** The file of this path, or of one that differs in case alone: some file systems have room for one of the two. */
function fileAt(path) {
  const folder = dirname(path);
  if (!existsSync(new URL(folder, root))) return undefined;
  const wanted = basename(path).toLowerCase();
  const name = readdirSync(new URL(folder, root)).find((other) => other.toLowerCase() === wanted);
  return name && `${folder}/${name}`;
}

/**
 * What can be created. `example` is the name in the guide; `forms` are the spellings of a name in its text; `unlike` are names
 * that mean something else in the same place, and so do the entries of the files `beside`.
 */
const kinds = {
  neuron: {
    what: "a neuron model in packages/neurons",
    guide: "docs/adding-a-neuron.md",
    example: "constantLeak",
    forms: spellings,
    unlike: { must: "be no other word of the notation", names: /^(bn|dp|relu|sew|(c|fc|[am]pk)\d[\dksp]*)$/ },
    beside: ["packages/blocks/src/blocks.ts"],
    next: [
      "npm run build",
      "npx vitest run --project neurons constantLeak",
      "pnpm experiment dvs-gesture --dataset synthetic --neuron constantleak",
    ],
  },
  surrogate: {
    what: "a surrogate derivative in packages/surrogates",
    guide: "docs/adding-a-surrogate.md",
    example: "raisedCosine",
    forms: spellings,
    next: [
      "npm run build",
      "npx vitest run --project surrogates raisedCosine",
      "pnpm experiment dvs-gesture --dataset synthetic --surrogate raisedCosine",
    ],
  },
  block: {
    what: "a residual block in packages/blocks",
    guide: "docs/adding-a-block.md",
    example: "orBlock",
    forms(name) {
      const words = wordsOf(name.replace(/(?<=.)[-_]?block$/i, ""));
      const block = spellings([...words, "block"].join("-"));
      const notation = `SEW ${words.join(" ").toUpperCase()}`;
      return { ...block, notation, option: notation.toLowerCase().replaceAll(" ", "-") };
    },
    // "SEW Block" is the block that --block chooses.
    unlike: { must: "be no other word of the notation", names: /^blockblock$/ },
    next: [
      "npm run build",
      "npx vitest run --project blocks orBlock",
      "pnpm experiment dvs-gesture --dataset synthetic --block sew-or",
    ],
  },
  dataset: {
    what: "a data set of event recordings in packages/datasets",
    guide: "docs/adding-a-data-set.md",
    example: "thumbSigns",
    forms: spellings,
    unlike: { must: "be no data set of dvs-gesture's own", names: /^(synthetic|spikingjellyframes)$/ },
    next: [
      "npm run build",
      "npx vitest run --project datasets thumbSigns",
      "pnpm experiment dvs-gesture --dataset thumb-signs --data DIR",
    ],
  },
  experiment: {
    what: "an experiment in experiments",
    guide: "docs/adding-an-experiment.md",
    example: "rowOrColumn",
    forms: spellings,
    unlike: { must: "be no folder that Git ignores", names: /^(build|dist)$/ },
    next: ["npm run build", "npx vitest run --project row-or-column", "pnpm experiment row-or-column"],
  },
};

/** The words of a name such as `constantLeak` or `constant-leak`, in lower case. */
function wordsOf(name) {
  return name
    .replaceAll(/(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, "-")
    .toLowerCase()
    .split(/[-_]+/)
    .filter((word) => word !== "");
}

/** The spellings of a name: `constantLeak`, `ConstantLeak`, `constant-leak`, `constantleak`, `CONSTANTLEAK`. */
function spellings(name) {
  const words = wordsOf(name);
  const pascal = words.map((word) => word[0].toUpperCase() + word.slice(1)).join("");
  const lower = words.join("");
  return {
    camel: pascal[0].toLowerCase() + pascal.slice(1),
    pascal,
    kebab: words.join("-"),
    lower,
    upper: lower.toUpperCase(),
  };
}

/** A function that renames the example in a text. */
function renaming(from, to) {
  const pairs = Object.keys(from).map((form) => [from[form], to[form]]);
  const table = new Map(pairs);
  const longestFirst = [...table.keys()].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(longestFirst.join("|"), "g");
  return (text) => text.replaceAll(pattern, (form) => table.get(form));
}

/** The files of a guide, and the lines that it adds to others, by path. */
function changeOf(guide) {
  const files = new Map();
  const added = new Map();
  for (const [, language, code] of read(guide).matchAll(/^```(ts|ts no-run|jsonc|diff)\n([\s\S]*?)^```/gm)) {
    if (language === "diff") {
      for (const [, path, lines] of code.matchAll(/^\+\+\+ (.*)\n((?:\+(?!\+\+ ).*\n)*)/gm)) {
        added.set(path, lines.replaceAll(/^\+/gm, ""));
      }
    } else {
      const [first, path] = /^\/\/ (\S+)\n/.exec(code) ?? [""];
      if (path !== undefined) files.set(path, code.slice(first.length));
    }
  }
  return { files, added };
}

/** Where a line belongs in a file that is there. Biome sorts imports and exports. */
const places = [
  { lines: /^import /, before: /^(?=import )/m },
  { lines: /^export /, before: /$(?![\s\S])/ },
  // The end of the first table.
  { lines: /^\| /, before: /(?<=^\|.*\n)(?!\|)/m },
  // The end of the record.
  { lines: /^ {2}/, before: /^(?=\} as const)/m },
];

/** A text with more lines. */
function withLines(path, text, lines) {
  return lines.split(/(?<=\n)/).reduce((text, line) => {
    const place = places.find(({ lines }) => lines.test(line))?.before;
    if (place === undefined || !place.test(text)) throw new Error(`create: ${path} has no place for ${line.trim()}`);
    return text.replace(place, () => line);
  }, text);
}

/** The names that a source exports. */
function exportsOf(source) {
  const declared = source.matchAll(/^export (?:async |abstract )*(?:const|function|class|interface|type|enum) (\w+)/gm);
  return [...declared].map(([, name]) => name);
}

/** The names in a source, without its comments and texts. */
function namesIn(source) {
  return source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*|"[^"\n]*"|`[^`]*`/g, "").match(/[A-Za-z_$][\w$]*/g) ?? [];
}

/** The sources of all packages. */
function sources() {
  return readdirSync(new URL("packages/", root)).flatMap((name) =>
    readdirSync(new URL(`packages/${name}/src/`, root), { recursive: true })
      .filter((path) => path.endsWith(".ts"))
      .map((path) => read(`packages/${name}/src/${path}`)),
  );
}

/** Whether a module may declare a name. */
function isIdentifier(name) {
  try {
    new Function(`"use strict"; return async () => { const ${name} = 0; };`);
    return /^[\w$]+$/.test(name) && !(name in globalThis);
  } catch {
    return false;
  }
}

/**
 * What is to be written.
 *
 * @throws RangeError when the name cannot be taken
 */
async function plan(kind, name) {
  const { guide, example, forms, unlike, beside = [] } = kinds[kind];
  const refuse = (must, remedy) => {
    throw new RangeError(`create: name must ${must}, got ${JSON.stringify(name)}; ${remedy}`);
  };
  const such = `such as ${example} or ${spellings(example).kebab}`;
  if (!/^[A-Za-z][A-Za-z0-9]*([-_][A-Za-z0-9]+)*$/.test(name)) {
    refuse("be words of letters and digits that begin with a letter", `choose one ${such}`);
  }
  const [from, to] = [forms(example), forms(name)];
  if (!isIdentifier(to.camel)) refuse("be an identifier of TypeScript", `choose one ${such}`);
  if (unlike?.names.test(to.lower)) refuse(unlike.must, "choose another");

  const rename = renaming(from, to);
  // The name may be that of the example.
  const isOwn = (text) => Object.values(from).some((form) => text.includes(form));
  const { files, added } = changeOf(guide);
  const written = new Map([...files].map(([path, code]) => [rename(path), rename(code)]));
  const edited = new Map();
  for (const [path, lines] of added) {
    if (isOwn(path)) written.set(rename(path), rename(lines));
    else edited.set(path, withLines(path, read(path), rename(lines)));
  }
  const existing = [...written.keys()].map(fileAt).find((path) => path !== undefined);
  if (existing !== undefined) refuse("be new", `there is a file ${existing}`);
  // Tests are run by the names of the workspaces' folders.
  const workspace = kind === "experiment" && workspaces.find((folder) => basename(folder) === to.kebab);
  if (workspace) refuse("be new", `there is a folder ${workspace}`);
  for (const [path, lines] of added) {
    const [entry, key] = /^ {2}"?([^":]+)"?(?:: .*)?,$/m.exec(rename(lines)) ?? [];
    if (entry === undefined || !path.endsWith(".ts")) continue;
    for (const registry of [path, ...beside]) {
      const keys = [...read(registry).matchAll(/^ {2}"?([^":\n]+)"?(?:: .*)?,$/gm)].map(([, other]) => other);
      const same = keys.find((other) => other.toLowerCase() === key.toLowerCase());
      if (same !== undefined) refuse("be new", `${registry} has an entry ${same}`);
    }
  }
  const templates = [...files.values()];
  const used = new Set(templates.flatMap(namesIn).filter((other) => !isOwn(other)));
  const declared = [to.camel, ...templates.flatMap(exportsOf).filter(isOwn).map(rename)];
  if (declared.some((other) => used.has(other))) refuse("be none that its files use", "choose another");
  if (kind !== "experiment") {
    const taken = new Set([...sources().flatMap(exportsOf), ...Object.keys(require("@tensorflow/tfjs-core"))]);
    const same = declared.find((other) => taken.has(other));
    if (same !== undefined) refuse("be new", `our packages or TensorFlow.js export ${same}`);
  }
  return { written, edited, next: kinds[kind].next.map(rename) };
}

/** Writes the files of a new neuron, surrogate, block, data set or experiment. @returns the exit status */
async function create(kind, name) {
  const { written, edited, next } = await plan(kind, name);
  for (const [path, text] of [...written, ...edited]) {
    mkdirSync(new URL(`${dirname(path)}/`, root), { recursive: true });
    writeFileSync(new URL(path, root), text, { flag: edited.has(path) ? "w" : "wx" });
  }
  const list = (what, paths) => [...paths].map((path) => `${what} ${path}`);
  console.log([...list("wrote ", written.keys()), ...list("edited", edited.keys())].join("\n"));
  // Names of another length break lines elsewhere, and sort differently among imports.
  const biome = require.resolve("@biomejs/biome/bin/biome");
  const code = [...written.keys(), ...edited.keys()].filter((path) => /\.(ts|json)$/.test(path));
  const { status, stdout, stderr } = spawnSync(process.execPath, [biome, "check", "--write", ...code], { cwd: root });
  if (status !== 0) {
    process.stderr.write(Buffer.concat([stdout, stderr]));
    return 1;
  }
  if (written.has(`experiments/${spellings(name).kebab}/package.json`)) {
    const locked = pnpm(["install", "--lockfile-only", "--no-frozen-lockfile", "--prefer-offline", "--silent"]);
    if (locked !== 0) return locked;
    console.log("edited pnpm-lock.yaml");
  }
  console.log(`\nNext:\n${next.map((line) => `  ${line}\n`).join("")}${kinds[kind].guide} explains the files.`);
  return 0;
}

install();
const { Command } = await import("commander");
const program = new Command("pnpm run create")
  .description("Writes the files of a new neuron, surrogate, block, data set or experiment, which pass as they are.")
  .usage("<kind> <name>")
  .helpCommand(false)
  .showHelpAfterError("(--help lists the kinds)");
for (const [kind, { what, guide }] of Object.entries(kinds)) {
  program
    .command(kind)
    .argument("<name>", "such as fooBar or foo-bar")
    .summary(what)
    .description(`Writes ${what}, and what makes it known. ${guide} explains the files.`)
    .action(async (name) => {
      try {
        process.exitCode = await create(kind, name);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        console.error(error.message);
        process.exitCode = 1;
      }
    });
}
await program.parseAsync();

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { filesUnder, fromRoot, readManifest, root, workspaces } from "./workspace.js";

/** A copy of the repository, built and installed as this one is. */
const copy = mkdtempSync(join(tmpdir(), "sew-create-"));
afterAll(() => rmSync(copy, { recursive: true, force: true }));

/** What is no part of a repository, and what other tests may be writing at this moment. */
const left = [".git", ".turbo", ".examples", ".test-results.json", "node_modules", "runs", "api", "build"];
const addon = "packages/backend-native/build";

beforeAll(() => {
  const filter = (path: string) => !left.includes(basename(path));
  for (const name of readdirSync(root)) {
    if (filter(name)) cpSync(join(root, name), join(copy, name), { recursive: true, filter });
  }
  for (const name of ["sew.node", "stamp.json"]) cpSync(join(root, addon, name), join(copy, addon, name));
  mkdirSync(join(copy, "node_modules"));
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (name !== ".bootstrap") symlinkSync(join(root, "node_modules", name), join(copy, "node_modules", name));
  }
  // As they are, links between packages stay in the copy.
  for (const { folder } of [...workspaces("packages"), ...workspaces("experiments")]) {
    const [from, to] = [root, copy].map((root) => join(root, fromRoot(folder), "node_modules"));
    cpSync(from!, to!, { recursive: true, verbatimSymlinks: true });
  }
});

/** Links the dependencies of a new workspace of the copy, as pnpm does. */
function installDependencies(folder: string): void {
  for (const name of Object.keys(readManifest(join(copy, folder)).dependencies!)) {
    const link = join(copy, folder, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    const ours = name.startsWith("@sew/");
    symlinkSync(ours ? join(copy, "packages", name.slice(5)) : join(root, "packages/testing/node_modules", name), link);
  }
}

/** `pnpm run create` in the copy. */
function create(...args: string[]): { readonly status: number | null; readonly out: string; readonly err: string } {
  // All that the lock file names is there. Installing it again would change what the links of the copy lead to.
  const lock = readFileSync(join(copy, "pnpm-lock.yaml"));
  writeFileSync(join(copy, "node_modules/.bootstrap"), createHash("sha256").update(lock).digest("hex"));
  // npx complains of settings of the pnpm that runs these tests.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^p?npm_/i.test(name)));
  const options = { cwd: copy, encoding: "utf8", env } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["scripts/create.mjs", ...args], options);
  return { status, out: stdout, err: stderr };
}

/** Runs a program of this repository in the copy. @returns what it printed, where it failed */
function fault(program: string, ...args: string[]): Promise<string> {
  const child = spawn(process.execPath, [join(root, "node_modules", program), ...args], { cwd: copy });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve) => child.on("close", (status) => resolve(status === 0 ? "" : output)));
}

/** The files of the copy, and when they were written. */
function state(): string[] {
  return filesUnder(copy, "").map((path) => `${path} ${statSync(path).mtimeMs}`);
}

describe("pnpm run create", () => {
  it("lists the kinds", () => {
    const { status, out } = create("--help");
    expect(status).toBe(0);
    expect(out).toContain("Usage: pnpm run create <kind> <name>\n");
    const kinds = [...out.matchAll(/^ {2}(\w+) <name> {2}/gm)].map(([, kind]) => kind);
    expect(kinds).toEqual(["neuron", "surrogate", "block", "dataset", "experiment"]);
  });

  it.each([
    ["neuron", "docs/adding-a-neuron.md"],
    ["surrogate", "docs/adding-a-surrogate.md"],
    ["block", "docs/adding-a-block.md"],
    ["dataset", "docs/adding-a-data-set.md"],
    ["experiment", "docs/adding-an-experiment.md"],
  ])("names the guide of a %s, which opens with the command and lists the files", (kind, guide) => {
    expect(create(kind, "--help").out.replaceAll(/\s+/g, " ")).toContain(`${guide} explains the files.`);
    const text = readFileSync(join(root, guide), "utf8");
    const [, command] = /^```sh\n(.*)$/m.exec(text) ?? [];
    expect(command).toMatch(new RegExp(`^pnpm run create ${kind} (\\S+) +# npm run create -- ${kind} \\1$`));
    const shown = [...text.matchAll(/^(?:\/\/|\+\+\+) (\S+)$/gm)].map(([, path]) => basename(path!));
    expect(shown.length).toBeGreaterThan(4);
    const table = text.slice(0, text.indexOf("\n\n", text.indexOf("| file | what it holds |")));
    expect(shown.filter((name) => !table.includes(name))).toEqual([]);
  });

  it.each([
    [["nuron", "slowClimb"], "error: unknown command 'nuron'\n(Did you mean neuron?)\n(--help lists the kinds)"],
    [["neuron"], "error: missing required argument 'name'\n(--help lists the kinds)"],
    [
      ["neuron", "a", "b"],
      "error: too many arguments for 'neuron'. Expected 1 argument but got 2.\n(--help lists the kinds)",
    ],
    [
      ["neuron", "2fast"],
      'create: name must be words of letters and digits that begin with a letter, got "2fast"; choose one such as constantLeak or constant-leak',
    ],
    [
      ["experiment", "../a"],
      'create: name must be words of letters and digits that begin with a letter, got "../a"; choose one such as rowOrColumn or row-or-column',
    ],
    [
      ["surrogate", "delete"],
      'create: name must be an identifier of TypeScript, got "delete"; choose one such as raisedCosine or raised-cosine',
    ],
    [["neuron", "FC10"], 'create: name must be no other word of the notation, got "FC10"; choose another'],
    [["neuron", "mpk2s2"], 'create: name must be no other word of the notation, got "mpk2s2"; choose another'],
    [["neuron", "c8k3s1"], 'create: name must be no other word of the notation, got "c8k3s1"; choose another'],
    [["neuron", "ann"], 'create: name must be new, got "ann"; packages/blocks/src/blocks.ts has an entry ANN'],
    [
      ["neuron", "maskedpsn"],
      'create: name must be new, got "maskedpsn"; there is a file packages/neurons/src/maskedPsn.ts',
    ],
    [["neuron", "lif"], 'create: name must be new, got "lif"; there is a file packages/neurons/src/lif.ts'],
    [["neuron", "L-IF"], 'create: name must be new, got "L-IF"; there is a file packages/neurons/src/lif.ts'],
    [
      ["block", "sew-block"],
      'create: name must be new, got "sew-block"; there is a file packages/blocks/src/sewBlock.ts',
    ],
    [["block", "iand"], 'create: name must be new, got "iand"; packages/blocks/src/blocks.ts has an entry SEW IAND'],
    [
      ["dataset", "n-mnist"],
      'create: name must be new, got "n-mnist"; there is a file packages/datasets/src/sets/nMnist.ts',
    ],
    [
      ["dataset", "nmnist"],
      'create: name must be new, got "nmnist"; there is a file packages/datasets/src/sets/nMnist.ts',
    ],
    [
      ["dataset", "synthetic"],
      'create: name must be no data set of dvs-gesture\'s own, got "synthetic"; choose another',
    ],
    [
      ["dataset", "spikingjelly-frames"],
      'create: name must be no data set of dvs-gesture\'s own, got "spikingjelly-frames"; choose another',
    ],
    [["block", "block"], 'create: name must be no other word of the notation, got "block"; choose another'],
    [["experiment", "kernels"], 'create: name must be new, got "kernels"; there is a folder packages/kernels'],
    [["experiment", "consumers"], 'create: name must be new, got "consumers"; there is a folder consumers'],
    [["experiment", "dist"], 'create: name must be no folder that Git ignores, got "dist"; choose another'],
    [
      ["experiment", "cifar10"],
      'create: name must be new, got "cifar10"; there is a file experiments/cifar10/src/main.ts',
    ],
    [["neuron", "membrane"], 'create: name must be none that its files use, got "membrane"; choose another'],
    [["dataset", "readNpz"], 'create: name must be new, got "readNpz"; our packages or TensorFlow.js export readNpz'],
    [["surrogate", "relu6"], 'create: name must be new, got "relu6"; our packages or TensorFlow.js export relu6'],
  ])("refuses %j, and writes nothing", (args, message) => {
    const before = state();
    expect(create(...args)).toEqual({ status: 1, out: "", err: `${message}\n` });
    expect(state()).toEqual(before);
  });

  it.each([
    "neuron constantLeak",
    "surrogate raisedCosine",
    "block or",
    "block orBlock",
    "dataset thumbSigns",
    "experiment row-or-column",
    "experiment rowOrColumn",
  ])("takes the name of the guide's own example: %s", (command) => {
    const before = filesUnder(copy, "");
    const texts = before.map((path) => readFileSync(path));
    expect(create(...command.split(" "))).toMatchObject({ status: 0, err: "" });
    const again = create(...command.split(" "));
    expect([again.status, again.err]).toEqual([1, expect.stringContaining("create: name must be new, got")]);
    const written = filesUnder(copy, "").filter((path) => !before.includes(path));
    expect(written.length).toBeGreaterThan(1);
    for (const path of written) rmSync(path);
    for (const [i, path] of before.entries()) writeFileSync(path, texts[i]!);
  });

  it("writes nothing where a file has no place for a line", () => {
    const registry = join(copy, "packages/surrogates/src/surrogates.ts");
    const text = readFileSync(registry, "utf8");
    writeFileSync(registry, text.replace("} as const", "}"));
    const before = state();
    const { status, err } = create("surrogate", "softBump");
    expect([status, err]).toEqual([1, expect.stringContaining("surrogates.ts has no place for softBump,")]);
    expect(state()).toEqual(before);
    writeFileSync(registry, text);
  });
});

/** Names that no guide has, in words that are longer and shorter than the guide's. */
const created = [
  {
    kind: "neuron",
    name: "slowClimbToTheThreshold",
    files: [
      "packages/neurons/src/slowClimbToTheThreshold.ts",
      "packages/neurons/test/slowClimbToTheThreshold.test.ts",
      ".changeset/slow-climb-to-the-threshold.md",
    ],
    edited: ["packages/neurons/src/neuronModels.ts", "packages/neurons/README.md"],
    next: "pnpm experiment dvs-gesture --dataset synthetic --neuron slowclimbtothethreshold",
  },
  {
    kind: "surrogate",
    name: "hat",
    files: ["packages/surrogates/src/hat.ts", "packages/surrogates/test/hat.test.ts", ".changeset/hat.md"],
    edited: ["packages/surrogates/src/surrogates.ts", "packages/surrogates/README.md"],
    next: "pnpm experiment dvs-gesture --dataset synthetic --surrogate hat",
  },
  {
    kind: "block",
    name: "soft-max",
    files: [
      "packages/blocks/src/softMaxBlock.ts",
      "packages/blocks/test/softMaxBlock.test.ts",
      ".changeset/soft-max-block.md",
    ],
    edited: ["packages/blocks/src/blocks.ts", "packages/blocks/README.md"],
    next: "pnpm experiment dvs-gesture --dataset synthetic --block sew-soft-max",
  },
  {
    kind: "dataset",
    name: "HandSignsHD",
    files: [
      "packages/datasets/src/formats/readHandSignsHd.ts",
      "packages/datasets/src/sets/handSignsHd.ts",
      "packages/datasets/test/sets/handSignsHd.test.ts",
      ".changeset/hand-signs-hd.md",
    ],
    edited: ["packages/datasets/src/eventDatasets.ts", "packages/datasets/README.md"],
    next: "pnpm experiment dvs-gesture --dataset hand-signs-hd --data DIR",
  },
  {
    kind: "experiment",
    name: "stripes",
    files: [
      "experiments/stripes/src/main.ts",
      "experiments/stripes/src/pictures.ts",
      "experiments/stripes/test/run.test.ts",
      "experiments/stripes/package.json",
      "experiments/stripes/tsconfig.json",
      "experiments/stripes/README.md",
      ".changeset/stripes.md",
    ],
    edited: ["experiments/README.md", "pnpm-lock.yaml"],
    next: "pnpm experiment stripes",
  },
];
const paths = created.flatMap(({ files, edited }) => [...files, ...edited]);
const tests = paths.filter((path) => path.endsWith(".test.ts"));

describe("what pnpm run create writes", () => {
  it.each(created)("is, for a $kind, what it prints", ({ kind, name, files, edited, next }) => {
    const { status, out, err } = create(kind, name);
    expect([status, err]).toEqual([0, ""]);
    const printed = (what: string) => [...out.matchAll(new RegExp(`^${what} +(.*)$`, "gm"))].map(([, path]) => path);
    expect(printed("wrote").sort()).toEqual(files.toSorted());
    expect(printed("edited")).toEqual(edited);
    expect(out).toContain(`\n  ${next}\n`);
    expect(files.filter((path) => !existsSync(join(copy, path)))).toEqual([]);
  });

  it("has nothing left of the guides' examples", () => {
    const example = /constant-?leak|raised-?cosine|\bor-?block\b|SEW OR\b|thumb-?signs|row-?or-?column/i;
    const written = created.flatMap(({ files }) => files);
    expect(written.filter((path) => example.test(path + readFileSync(join(copy, path), "utf8")))).toEqual([]);
  });

  it("adds one row to each table", () => {
    for (const path of paths.filter((path) => path.endsWith("README.md") && existsSync(join(root, path)))) {
      const [before, after] = [root, copy].map((folder) => readFileSync(join(folder, path), "utf8").split("\n"));
      const added = after!.filter((line) => !before!.includes(line));
      expect([path, added]).toEqual([path, [expect.stringMatching(/^\| .* \|$/)]]);
      expect(after![after!.indexOf(added[0]!) - 1]).toMatch(/^\|/);
    }
  });

  it("builds", { timeout: 300_000 }, async () => {
    installDependencies("experiments/stripes");
    for (const name of ["surrogates", "neurons", "blocks", "datasets"]) {
      expect(await fault("typescript/bin/tsc", "-p", `packages/${name}/tsconfig.build.json`)).toBe("");
    }
    expect(await fault("typescript/bin/tsc", "-p", "experiments/stripes")).toBe("");
  });

  it("passes the type check", { timeout: 300_000 }, async () => {
    const config = { extends: "./tsconfig.base.json", compilerOptions: { noEmit: true }, files: tests };
    writeFileSync(join(copy, "tsconfig.json"), JSON.stringify(config));
    expect(await fault("typescript/bin/tsc", "-p", "tsconfig.json")).toBe("");
  });

  it("passes lint", async () => {
    const linted = paths.filter((path) => /\.(ts|json)$/.test(path));
    expect(await fault("@biomejs/biome/bin/biome", "check", "--error-on-warnings", ...linted)).toBe("");
  });

  it("passes its own tests", { timeout: 300_000 }, async () =>
    expect(await fault("vitest/vitest.mjs", "run", "--root", copy, ...tests)).toBe(""),
  );
});

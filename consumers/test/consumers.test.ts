import { cpSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromiumMissing } from "../../scripts/vitest/chromium.js";
import { bundle, train } from "./browser.js";
import { compile, moduleSettings } from "./compile.js";
import { fetchNode } from "./fetchNode.js";
import {
  clean,
  execute,
  nameInPnpm,
  pack,
  packages,
  pnpm,
  type Result,
  root,
  succeed,
  writePrograms,
  writeProject,
} from "./project.js";

let project = "";
let installed: Result;

beforeAll(async () => {
  await pack();
  project = writeProject();
  installed = await pnpm(["install", "--prefer-offline", "--no-frozen-lockfile"], project);
});
afterAll(clean);

/** A user's program, which throws when something is not as it should be. */
const programOf = (name: string) => join(root, "consumers", "programs", `${name}.ts`);
/** One for each package but testing, which runs inside vitest. */
const programs = packages
  .map(({ manifest }) => programOf(manifest.name.replace("@sew/", "")))
  .filter((program) => program !== programOf("testing"));
const compiledBy = (main: string) => main.replace(/ts$/, "js");
const withScripts = packages.filter(({ manifest }) => manifest.scripts?.install !== undefined);

describe.each(packages.map((packed) => [packed.manifest.name, packed] as const))("%s as npm gets it", (_, packed) => {
  it("has no fault that publint knows", async () => {
    const { buffer } = Uint8Array.from(readFileSync(packed.tarball));
    const { messages, pkg } = await publint({ pack: { tarball: buffer }, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
  });

  it("has types that resolve as its code does", async () => {
    const analysis = await checkPackage(createPackageFromTarballData(readFileSync(packed.tarball)));
    const problems = analysis.types === false ? [] : analysis.problems.map(({ kind }) => kind);
    // A package of ES modules: `module: node16` of TypeScript refuses to require it, and `node10` knows no exports.
    expect(problems.filter((kind) => kind !== "CJSResolvesToESM" && kind !== "NoResolution")).toEqual([]);
    expect(analysis.types).not.toBe(false);
  });

  it("holds its licence, its README and its sources, and neither tests nor settings", async () => {
    const files = (await succeed("tar", ["-tzf", packed.tarball], root)).trim().split("\n");
    for (const file of ["LICENSE", "README.md", "package.json", "dist/index.js", "dist/index.d.ts", "src/index.ts"]) {
      expect(files).toContain(`package/${file}`);
    }
    expect(files.filter((file) => /\/(test|node_modules)\/|tsconfig|typedoc|\.tsbuildinfo/.test(file))).toEqual([]);
  });
});

describe("a project of pnpm, which refuses build scripts by default", () => {
  it("has every package, and pnpm names the scripts that it did not run", () => {
    expect(installed.output).toContain("Ignored build scripts");
    // pnpm wraps its lines.
    const text = installed.output.replaceAll(/[\s│]+/g, "");
    for (const packed of withScripts) expect(text).toContain(packed.manifest.name);
    for (const { manifest } of packages) {
      expect(existsSync(join(project, "node_modules", manifest.name, "package.json"))).toBe(true);
    }
  });

  it("is refused the native backend, with what to run", async () => {
    const main = writePrograms(join(project, "refused"), "module", [programOf("backends")]);
    expect(compile(main, moduleSettings.module.nodenext)).toEqual([]);
    const { status, output } = await execute(process.execPath, [compiledBy(main)], project);
    expect(status).toBe(1);
    expect(output).toContain(
      "BackendUnavailable: useBackend: the C++ addon of @sew/backend-native cannot be loaded: it has not been built; " +
        "install g++ and build it: npm rebuild @sew/backend-native, with pnpm: pnpm approve-builds, then pnpm rebuild " +
        "@sew/backend-native (in a clone of its repository: npm run build); or choose cpu " +
        '(useBackend("cpu"), --backend cpu), which is 900 to 3,800 times slower\n',
    );
  });
});

describe("a project of pnpm whose user has approved the build scripts", () => {
  beforeAll(async () => {
    const approved = await pnpm(["approve-builds", ...withScripts.map(nameInPnpm), "!core-js"], project);
    expect(approved).toMatchObject({ status: 0 });
  }, 300_000);

  it("has the compiled addon, and installs without complaint from then on", async () => {
    expect(existsSync(join(project, "node_modules/@sew/backend-native/build/sew.node"))).toBe(true);
    expect(await pnpm(["install", "--offline"], project)).toMatchObject({ status: 0 });
  });

  describe.each(["module", "commonjs"] as const)("and whose package.json says type %s", (type) => {
    const built: string[] = [];

    it.each(Object.entries(moduleSettings[type]))(
      "compiles strictly with module %s, and runs",
      async (name, options) => {
        const main = writePrograms(join(project, type, name), type, programs);
        expect(compile(main, options)).toEqual([]);
        expect(await succeed(process.execPath, [compiledBy(main)], project)).toContain("backend native\n");
        built.push(compiledBy(main));
      },
    );

    it.for([22, 24])("runs with Node %i", async (major, { skip }) => {
      let node: string;
      try {
        node = await fetchNode(major);
      } catch (error) {
        const reason = (error as Error).message;
        console.info(`Skipped: Node ${major}: ${reason}`);
        return skip(reason);
      }
      expect(await succeed(node, ["--version"], project)).toContain(`v${major}.`);
      expect(built).not.toEqual([]);
      for (const main of built) expect(await succeed(node, [main], project)).toContain("backend native\n");
    });
  });

  it("compiles strictly without exactOptionalPropertyTypes, too", () => {
    const main = writePrograms(join(project, "optional"), "module", programs);
    expect(compile(main, { ...moduleSettings.module.nodenext, exactOptionalPropertyTypes: false })).toEqual([]);
  });

  describe("and who has a neuron of two state variables of their own", () => {
    const own = join(root, "consumers", "ownNeuron");
    const folder = () => join(project, "ownNeuron");
    const files = ["adaptive.ts", "train.ts", "commandLine.ts"].map((name) => join(own, name));
    beforeAll(() => {
      const main = writePrograms(folder(), "module", files);
      expect(compile(main, moduleSettings.module.nodenext)).toEqual([]);
      cpSync(join(own, "adaptive.test.ts"), join(folder(), "adaptive.test.ts"));
    });

    it("holds it to the contract of @sew/testing", async () => {
      const vitest = join(project, "node_modules", "vitest", "vitest.mjs");
      const output = await succeed(process.execPath, [vitest, "run", "--root", folder()], folder());
      expect(output).toMatch(/Tests .*\d+ passed/);
    });

    it("trains a network of it, which learns a parameter for each channel", async () =>
      expect(await succeed(process.execPath, [join(folder(), "train.js")], folder())).toContain("the loss fell from"));

    it("chooses it by name on a command line of its own", async () => {
      await succeed(process.execPath, [join(folder(), "commandLine.js")], folder());
    });
  });

  describe("and whose CommonJS is compiled with module node16", () => {
    const { Node16 } = ts.ModuleKind;

    it("may not import the packages statically: the Node 16 of that setting cannot", () => {
      const main = writePrograms(join(project, "commonjs", "static"), "commonjs", [programOf("neurons")]);
      expect(compile(main, { module: Node16 })).toEqual([
        expect.stringMatching(/^TS1479 neurons\.ts: .*import\("@sew/),
      ]);
    });

    it("compiles and runs with dynamic imports", async () => {
      const main = writePrograms(join(project, "commonjs", "dynamic"), "commonjs", [programOf("dynamicImport")]);
      expect(compile(main, { module: Node16 })).toEqual([]);
      await succeed(process.execPath, [compiledBy(main)], project);
    });
  });
});

describe("a page that Vite bundles", () => {
  const page = () => join(project, "browser");

  it("compiles strictly without Node's types, and bundles", async () => {
    await bundle(page());
    const options = { ...moduleSettings.module.bundler, types: [], lib: ["lib.es2023.d.ts", "lib.dom.d.ts"] };
    expect(compile(join(page(), "main.ts"), options)).toEqual([]);
  });

  it("trains in headless Chromium: the loss falls", async ({ skip }) => {
    if (chromiumMissing !== undefined) {
      console.info(`Skipped: the page in Chromium: ${chromiumMissing}`);
      return skip(chromiumMissing);
    }
    const { losses, errors } = await train(page());
    expect(errors).toEqual([]);
    expect(losses).toHaveLength(20);
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);
  });
});

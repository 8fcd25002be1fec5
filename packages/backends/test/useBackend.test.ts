import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { backendNames, useBackend } from "@sew/backends";
import { unavailable } from "@sew/kernels/testing";
import { getBackend, KernelBackend, registerBackend, setBackend } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Environment variables of a child; `undefined` removes one. */
type Environment = Readonly<Record<string, string | undefined>>;

const withoutSettings: Environment = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => name.startsWith("SEW_"))
    .map((name) => [name, undefined]),
);

/** A module that is run in a process of its own, in a folder from which `@sew/backends` can be imported. */
const child = (folder: string, lines: string, environment: Environment) => {
  const code = `
    import { getBackend, square, tensor1d } from "@tensorflow/tfjs-core";
    import { useBackend } from "@sew/backends";
    const results = [];
    const say = (value) => results.push(value);
    const attempt = async (f) => { try { return await f(); } catch (e) { return [e.name, e.message]; } };
    ${lines}
    if (results.length > 0) console.log(JSON.stringify(results));`;
  return [
    process.execPath,
    ["--input-type=module", "--eval", code],
    { cwd: folder, env: { ...process.env, ...withoutSettings, ...environment }, encoding: "utf8" },
  ] as const;
};

/** What the lines passed to `say`, in order. */
const inChild = (folder: string, lines: string, environment: Environment = {}): unknown[] =>
  JSON.parse(execFileSync(...child(folder, lines, environment)));

/** The warnings and errors on the console. */
const stderrOf = (folder: string, lines: string, environment: Environment = {}): string =>
  spawnSync(...child(folder, lines, environment)).stderr;

describe("useBackend", () => {
  it("knows these names, native first", () =>
    expect(backendNames).toEqual(["native", "cpu", "tensorflow", "tensorflow-gpu", "webgpu"]));

  it.each(["gpu", "", "Native", "toString"])('refuses the name "%s"', (name) =>
    expect(useBackend(name)).rejects.toThrow(
      new RangeError(
        "useBackend: name must be one of native, cpu, tensorflow, tensorflow-gpu, webgpu, " +
          `or that of a backend registered with TensorFlow.js, got ${name}`,
      ),
    ),
  );

  it("uses any backend that is registered with TensorFlow.js, by its name there", async () => {
    registerBackend("mine", () => new KernelBackend());
    expect(await useBackend("mine")).toBe("mine");
    expect(getBackend()).toBe("mine");
    await setBackend("cpu");
  });

  it("keeps TensorFlow.js from recommending another backend than cpu", () =>
    expect(stderrOf(root, 'await useBackend("cpu"); console.warn(getBackend()); tensor1d([1]);')).toBe("cpu\n"));

  it("makes native the current backend, which is the default", async ({ skip }) => {
    if (unavailable("native") !== undefined) skip(unavailable("native"));
    for (const [name, used] of [
      [undefined, "native"],
      ["cpu", "cpu"],
      ["native", "native"],
    ] as const) {
      expect(await useBackend(name)).toBe(used);
      expect(getBackend()).toBe(used);
    }
    await setBackend("cpu");
  });

  it("throws for a wrong setting of native, every time, instead of falling back to a slow backend", ({ skip }) => {
    if (unavailable("native") !== undefined) skip(unavailable("native"));
    const error = ["RangeError", "SEW_SPIKES=no: setSpikeStorage: storage must be auto or off, got no"];
    expect(
      inChild(root, "for (let i = 0; i < 2; i++) say(await attempt(() => useBackend()));", { SEW_SPIKES: "no" }),
    ).toEqual([error, error]);
  });
});

const fallback = (why: string) =>
  `useBackend: ${why}. Using TensorFlow.js's cpu backend instead, which is about 100 times slower.`;

/** Uses native twice, and computes with what is in use. */
const nativeTwice = `
  const warnings = [];
  for (let i = 0; i < 2; i++) say(await useBackend("native", (warning) => warnings.push(warning)));
  say(warnings);
  say(getBackend());
  say([...square(tensor1d([1, 2])).dataSync()]);`;

const fellBack = (warning: string) => ["cpu", "cpu", [warning], "cpu", [1, 4]];

const forbidden = fallback(
  "the C++ addon of @sew/backend-native could not be loaded (SEW_NATIVE=off forbids it); unset SEW_NATIVE",
);

describe("native where its addon cannot be loaded", () => {
  it("is replaced by cpu with one warning", () =>
    expect(inChild(root, nativeTwice, { SEW_NATIVE: "off" })).toEqual(fellBack(forbidden)));

  it("warns on the console by default", () =>
    expect(stderrOf(root, "await useBackend(); await useBackend(); tensor1d([1]);", { SEW_NATIVE: "off" })).toBe(
      `${forbidden}\n`,
    ));
});

describe("a project that has installed @sew/backends alone", () => {
  let project = "";
  const modules = () => join(project, "node_modules");

  beforeAll(() => {
    project = mkdtempSync(join(tmpdir(), "sew-backends-"));
    const own = join(modules(), "@sew", "backends");
    mkdirSync(own, { recursive: true });
    for (const part of ["dist", "package.json"]) cpSync(join(root, part), join(own, part), { recursive: true });
    // What its installation brings along.
    mkdirSync(join(modules(), "@tensorflow"));
    for (const name of ["tfjs-core", "tfjs-backend-cpu"]) {
      symlinkSync(join(root, "node_modules", "@tensorflow", name), join(modules(), "@tensorflow", name));
    }
  });
  afterAll(() => rmSync(project, { recursive: true }));

  const attempts = (name: string) => inChild(project, `say(await attempt(() => useBackend("${name}")));`)[0];

  it("runs on cpu, with one warning that says how to install native", () =>
    expect(inChild(project, nativeTwice)).toEqual(
      fellBack(fallback("@sew/backend-native is not installed; run: npm install @sew/backend-native")),
    ));

  const webgpuPackages = "webgpu@0.6.2 @tensorflow/tfjs-backend-webgpu@4.22.0";
  const packages = [
    {
      name: "tensorflow",
      missing: "@tensorflow/tfjs-node",
      install: "@tensorflow/tfjs-node@4.22.0",
      needs: "its native library for this platform; its install script downloads it",
    },
    {
      name: "tensorflow-gpu",
      missing: "@tensorflow/tfjs-node-gpu",
      install: "@tensorflow/tfjs-node-gpu@4.22.0",
      needs: "CUDA 11.2, cuDNN 8.1 and x86-64; its install script downloads the rest",
    },
    { name: "webgpu", missing: "webgpu", install: webgpuPackages, needs: "a Vulkan, Metal or D3D12 driver" },
  ];

  it.each(packages)("says what to install for $name", ({ name, missing, install }) =>
    expect(attempts(name)).toEqual([
      "BackendUnavailable",
      `useBackend: ${missing} is not installed; run: npm install ${install}`,
    ]),
  );

  it("needs no Dawn where the browser has WebGPU", () =>
    expect(
      inChild(
        project,
        `Object.defineProperty(globalThis, "navigator", { value: { gpu: {} }, configurable: true });
         say(await attempt(() => useBackend("webgpu")));`,
      ),
    ).toEqual([
      [
        "BackendUnavailable",
        `useBackend: @tensorflow/tfjs-backend-webgpu is not installed; run: npm install ${webgpuPackages}`,
      ],
    ]));

  describe("and then others", () => {
    /** Installs a package that consists of this code. */
    function install(name: string, code: string): void {
      const folder = join(modules(), name);
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "package.json"), JSON.stringify({ name, type: "module", main: "index.js" }));
      writeFileSync(join(folder, "index.js"), code);
    }
    const registering = (factory: string) =>
      `import { KernelBackend, registerBackend } from "@tensorflow/tfjs-core"; registerBackend("tensorflow", ${factory});`;

    it.each(packages)("says what $name needs when $missing fails to load", ({ name, missing, needs }) => {
      install(missing, 'throw new Error("no such device");');
      expect(attempts(name)).toEqual([
        "BackendUnavailable",
        `useBackend: ${missing} is installed but could not be loaded (it needs ${needs}): no such device`,
      ]);
    });

    it("does not call a package missing that lacks a file of its own", () => {
      install("@tensorflow/tfjs-node", 'import "a-part-of-it";');
      const [name, message] = attempts("tensorflow") as [string, string];
      expect(name).toBe("BackendUnavailable");
      expect(message).toContain("@tensorflow/tfjs-node is installed but could not be loaded (it needs its native");
      expect(message).toContain("Cannot find package 'a-part-of-it'");
    });

    it("uses the backend that @tensorflow/tfjs-node registers", () => {
      install("@tensorflow/tfjs-node", registering("() => new KernelBackend()"));
      expect(inChild(project, 'say(await useBackend("tensorflow")); say(getBackend());')).toEqual([
        "tensorflow",
        "tensorflow",
      ]);
    });

    it("says when a backend does not start", () => {
      install("@tensorflow/tfjs-node", registering('async () => { throw new Error("no"); }'));
      expect(attempts("tensorflow")).toEqual([
        "BackendUnavailable",
        "useBackend: tensorflow could not be initialised; TensorFlow.js's message is above",
      ]);
    });

    it("says how to build the addon of @sew/backend-native when it has none", () => {
      install("@sew/backend-native", 'export function registerNative() { throw new Error("it has not been built"); }');
      const remedy =
        "install g++ and run: npm rebuild @sew/backend-native, or with pnpm: pnpm approve-builds " +
        "(in a clone: pnpm --filter @sew/backend-native build)";
      expect(inChild(project, nativeTwice)).toEqual(
        fellBack(
          fallback(`the C++ addon of @sew/backend-native could not be loaded (it has not been built); ${remedy}`),
        ),
      );
    });
  });
});

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
    import { getBackend, tensor1d } from "@tensorflow/tfjs-core";
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

const chooseCpu = 'or choose cpu (useBackend("cpu"), --backend cpu), which is 900 to 3,800 times slower';

describe("native where its addon cannot be loaded", () => {
  it("is refused, every time", () => {
    const error = [
      "BackendUnavailable",
      "useBackend: the C++ addon of @sew/backend-native cannot be loaded: SEW_NATIVE=off forbids it; " +
        `unset SEW_NATIVE; ${chooseCpu}`,
    ];
    const twice = "for (let i = 0; i < 2; i++) say(await attempt(() => useBackend()));";
    expect(inChild(root, twice, { SEW_NATIVE: "off" })).toEqual([error, error]);
  });
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

  it("runs on cpu", () => expect(attempts("cpu")).toBe("cpu"));

  it("says how to install native", () =>
    expect(attempts("native")).toEqual([
      "BackendUnavailable",
      `useBackend: @sew/backend-native is not installed; run: npm install @sew/backend-native; ${chooseCpu}`,
    ]));

  const webgpuPackages = "webgpu@0.6.2 @tensorflow/tfjs-backend-webgpu@4.22.0";
  const installWebgpu = `npm install ${webgpuPackages} (in a clone of this repository: node scripts/pnpm.mjs add -w ${webgpuPackages})`;
  const drivers = "it needs a Vulkan loader and driver (on Debian: libvulkan1 and that of your GPU), Metal or D3D12";
  const packages = [
    {
      name: "tensorflow",
      missing: "@tensorflow/tfjs-node",
      install: "npm install --ignore-scripts @tensorflow/tfjs-node@4.22.0 && npx sew-tensorflow",
      repair: "build its binding: npx sew-tensorflow (in a clone of this repository: npm run tensorflow)",
    },
    {
      name: "tensorflow-gpu",
      missing: "@tensorflow/tfjs-node-gpu",
      install: "npm install --ignore-scripts @tensorflow/tfjs-node-gpu@4.22.0 && npx sew-tensorflow gpu",
      repair: "build its binding: npx sew-tensorflow gpu (in a clone of this repository: npm run tensorflow -- gpu)",
    },
    { name: "webgpu", missing: "webgpu", install: installWebgpu, repair: drivers },
  ];

  it.each(packages)("says what to install for $name", ({ name, missing, install }) =>
    expect(attempts(name)).toEqual(["BackendUnavailable", `useBackend: ${missing} is not installed; run: ${install}`]),
  );

  it("needs no Dawn where the browser has WebGPU", () =>
    expect(
      inChild(
        project,
        `const gpu = { requestAdapter: async () => ({}) };
         Object.defineProperty(globalThis, "navigator", { value: { gpu }, configurable: true });
         say(await attempt(() => useBackend("webgpu")));`,
      ),
    ).toEqual([
      ["BackendUnavailable", `useBackend: @tensorflow/tfjs-backend-webgpu is not installed; run: ${installWebgpu}`],
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
    /** What a package of TensorFlow registers: a backend with these properties, and the kernels of cpu. */
    const registering = (properties: object) => `
      import "@tensorflow/tfjs-backend-cpu";
      import { getKernelsForBackend, KernelBackend, registerBackend, registerKernel } from "@tensorflow/tfjs-core";
      for (const kernel of getKernelsForBackend("cpu")) registerKernel({ ...kernel, backendName: "tensorflow" });
      registerBackend("tensorflow", () => Object.assign(new KernelBackend(), ${JSON.stringify(properties)}));`;
    const cpuPackage = registering({ isGPUPackage: false, isUsingGpuDevice: false });

    it.each(packages)("says how to repair $name when $missing fails to load", ({ name, missing, repair }) => {
      install(missing, 'throw new Error("no such device\\nand more");');
      expect(attempts(name)).toEqual([
        "BackendUnavailable",
        `useBackend: ${missing} is installed but could not be loaded: no such device; ${repair}`,
      ]);
    });

    it("does not call a package missing that lacks a file of its own", () => {
      install("@tensorflow/tfjs-node", 'import "a-part-of-it";');
      const [name, message] = attempts("tensorflow") as [string, string];
      expect(name).toBe("BackendUnavailable");
      expect(message).toContain(
        "@tensorflow/tfjs-node is installed but could not be loaded: Cannot find package 'a-part-of-it'",
      );
    });

    it("uses the backend that @tensorflow/tfjs-node registers", () => {
      install("@tensorflow/tfjs-node", cpuPackage);
      expect(inChild(project, 'say(await useBackend("tensorflow")); say(getBackend());')).toEqual([
        "tensorflow",
        "tensorflow",
      ]);
    });

    it("restores the functions of node:util that @tensorflow/tfjs-node calls and Node 23 removed", () => {
      install(
        "@tensorflow/tfjs-node",
        `import util from "node:util";
         if (!util.isNullOrUndefined(undefined) || util.isNullOrUndefined(0)) throw new Error("isNullOrUndefined");
         if (!util.isArray([]) || util.isArray({})) throw new Error("isArray");
         ${cpuPackage}`,
      );
      const removed = 'import util from "node:util"; delete util.isArray; delete util.isNullOrUndefined;';
      expect(inChild(project, `${removed} say(await attempt(() => useBackend("tensorflow")));`)).toEqual([
        "tensorflow",
      ]);
    });

    it.each([
      { isUsingGpuDevice: true, warnings: [] },
      {
        isUsingGpuDevice: false,
        warnings: [
          "useBackend: tensorflow-gpu has found no GPU and computes on the CPU; it needs NVIDIA's driver, CUDA 11.8 and cuDNN 8.6",
        ],
      },
    ])("warns once where tensorflow-gpu has no GPU: $isUsingGpuDevice", ({ isUsingGpuDevice, warnings }) => {
      install("@tensorflow/tfjs-node-gpu", registering({ isGPUPackage: true, isUsingGpuDevice }));
      const lines = `
        const warnings = [];
        for (let i = 0; i < 2; i++) say(await useBackend("tensorflow-gpu", (warning) => warnings.push(warning)));
        say(warnings);`;
      expect(inChild(project, lines)).toEqual(["tensorflow-gpu", "tensorflow-gpu", warnings]);
    });

    it.each([
      { name: "tensorflow-gpu", other: "tensorflow", isGPUPackage: false },
      { name: "tensorflow", other: "tensorflow-gpu", isGPUPackage: true },
    ])("refuses $name in a process that has loaded $other", ({ name, other, isGPUPackage }) => {
      for (const missing of ["@tensorflow/tfjs-node", "@tensorflow/tfjs-node-gpu"]) {
        install(missing, registering({ isGPUPackage, isUsingGpuDevice: true }));
      }
      const lines = `say(await useBackend("${other}")); say(await attempt(() => useBackend("${name}")));`;
      expect(inChild(project, lines)).toEqual([
        other,
        [
          "BackendUnavailable",
          `useBackend: ${name} cannot be used in a process that has loaded ${other}, because TensorFlow.js has one name for both; start another process`,
        ],
      ]);
    });

    it("says when a backend does not start", () => {
      install(
        "@tensorflow/tfjs-node",
        `import { registerBackend } from "@tensorflow/tfjs-core";
         registerBackend("tensorflow", async () => { throw new Error("no"); });`,
      );
      expect(attempts("tensorflow")).toEqual([
        "BackendUnavailable",
        "useBackend: tensorflow could not be initialised; TensorFlow.js's message is above",
      ]);
    });

    it("says what webgpu needs where there is no GPU", () => {
      install(
        "webgpu",
        "export const globals = {}; export const create = () => ({ requestAdapter: async () => null });",
      );
      expect(attempts("webgpu")).toEqual(["BackendUnavailable", `useBackend: webgpu has found no GPU; ${drivers}`]);
    });

    it("says how to build the addon of @sew/backend-native when it has none", () => {
      install("@sew/backend-native", 'export function registerNative() { throw new Error("not built; build it"); }');
      expect(attempts("native")).toEqual(["BackendUnavailable", `useBackend: not built; build it; ${chooseCpu}`]);
    });
  });
});

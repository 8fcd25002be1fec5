import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BackendName, backendNames, instructionSets, useBackend } from "@sew/backend-native";
import { unavailable } from "@sew/kernels/testing";
import { getBackend, setBackend } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeNative } from "./describeNative.js";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Environment variables for a child; undefined removes one. */
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Runs lines of a module in a process of their own, in a package's folder, where the package can import itself. What
 * they `say` comes back, in order.
 */
function inChild(folder: string, lines: string, environment: Environment = {}): unknown[] {
  const code = `
    import { getBackend, tensor1d } from "@tensorflow/tfjs-core";
    import * as native from "@sew/backend-native";
    const said = [];
    const say = (value) => said.push(value);
    const attempt = async (f) => { try { return await f(); } catch (e) { return [e.name, e.message]; } };
    ${lines}
    console.log(JSON.stringify(said));`;
  const clean = {
    ...process.env,
    SEW_NATIVE: undefined,
    SEW_THREADS: undefined,
    SEW_ISA: undefined,
    SEW_SPIKES: undefined,
    ...environment,
  };
  const stdout = execFileSync(process.execPath, ["--input-type=module", "--eval", code], {
    cwd: folder,
    env: clean,
    encoding: "utf8",
    stdio: "pipe",
  });
  return JSON.parse(stdout) as unknown[];
}

/** What such a process writes to the console as warnings and errors. */
function stderrOf(lines: string, environment: Environment = {}): string {
  const imports = `import { getBackend, tensor1d } from "@tensorflow/tfjs-core";
    import { useBackend } from "@sew/backend-native";`;
  return spawnSync(process.execPath, ["--input-type=module", "--eval", `${imports} ${lines}`], {
    cwd: root,
    env: {
      ...process.env,
      SEW_NATIVE: undefined,
      SEW_THREADS: undefined,
      SEW_ISA: undefined,
      SEW_SPIKES: undefined,
      ...environment,
    },
    encoding: "utf8",
  }).stderr;
}

const warning = (reason: string, remedy: string) =>
  `@sew/backend-native: the C++ addon could not be loaded (${reason}). ` +
  `Everything works on TensorFlow.js's cpu backend instead, about 100 times slower. ${remedy}`;

const rebuild =
  "To build it, install g++ and run: npm rebuild @sew/backend-native, or with pnpm: pnpm approve-builds " +
  "(in a clone: pnpm --filter @sew/backend-native build).";

/** Uses the native backend twice with a collected warning, and computes with what it got. */
const twice = `
  import { square } from "@tensorflow/tfjs-core";
  const warnings = [];
  for (let i = 0; i < 2; i++) say(await native.useBackend("native", (w) => warnings.push(w)));
  say(warnings);
  say(getBackend());
  say([...square(tensor1d([1, 2])).dataSync()]);`;

const twiceOn = (folder: string, environment: Environment = {}) => inChild(folder, twice, environment);

const gaveWay = (text: string) => ["cpu", "cpu", [text], "cpu", [1, 4]];

describe("useBackend", () => {
  it("knows these names, native first", () =>
    expect(backendNames).toEqual(["native", "cpu", "tensorflow", "tensorflow-gpu", "webgpu"]));

  it.each(["gpu", "", "Native", "toString"])('refuses the name "%s"', (name) =>
    expect(useBackend(name as BackendName)).rejects.toThrow(
      new RangeError(`useBackend: name must be one of native, cpu, tensorflow, tensorflow-gpu, webgpu, got ${name}`),
    ),
  );

  it("makes cpu the current backend, and has TensorFlow.js advise nothing", () =>
    expect(stderrOf('await useBackend("cpu"); console.warn(getBackend()); tensor1d([1]);')).toBe("cpu\n"));

  it.each([
    { name: "tensorflow", missing: "@tensorflow/tfjs-node", install: "@tensorflow/tfjs-node@4.22.0" },
    { name: "tensorflow-gpu", missing: "@tensorflow/tfjs-node-gpu", install: "@tensorflow/tfjs-node-gpu@4.22.0" },
    { name: "webgpu", missing: "webgpu", install: "webgpu@0.6.2 @tensorflow/tfjs-backend-webgpu@4.22.0" },
  ])("says of $name what to install when $missing is not there", ({ name, missing, install }) => {
    expect(inChild(root, `say(await attempt(() => native.useBackend("${name}")));`)).toEqual([
      ["BackendUnavailable", `useBackend: ${missing} is not installed; run: npm install ${install}`],
    ]);
  });
});

describeNative("useBackend with the addon", () => {
  it("makes native the current backend, and is native without a name", async () => {
    await setBackend("cpu");
    expect(await useBackend()).toBe("native");
    expect(getBackend()).toBe("native");
    expect(await useBackend("cpu")).toBe("cpu");
    expect(getBackend()).toBe("cpu");
    expect(await useBackend("native")).toBe("native");
    expect(getBackend()).toBe("native");
  });

  it("gives all cores to the kernels, or as many as SEW_THREADS says", () => {
    const lines = `import { availableParallelism } from "node:os";
      say(await native.useBackend()); say(native.threads() === availableParallelism()); say(native.threads());`;
    expect(inChild(root, lines).slice(0, 2)).toEqual(["native", true]);
    expect(inChild(root, lines, { SEW_THREADS: "3" })).toEqual(["native", expect.any(Boolean), 3]);
  });

  it.each([
    { value: "0", got: "0" },
    { value: "1.5", got: "1.5" },
    { value: "257", got: "257" },
    { value: "many", got: "NaN" },
    { value: "", got: "0" },
  ])('refuses SEW_THREADS="$value", every time, rather than to compute slowly', ({ value, got }) => {
    const message = `SEW_THREADS=${value}: setThreads: count must be an integer from 1 to 256, got ${got}`;
    expect(
      inChild(root, "for (let i = 0; i < 2; i++) say(await attempt(() => native.useBackend()));", {
        SEW_THREADS: value,
      }),
    ).toEqual([
      ["RangeError", message],
      ["RangeError", message],
    ]);
  });

  it("runs the instruction set that SEW_ISA names", () => {
    for (const set of instructionSets()) {
      expect(inChild(root, "say(native.instructionSet());", { SEW_ISA: set })).toEqual([set]);
    }
  });

  it("refuses an SEW_ISA that is none of this machine's", () => {
    const sets = instructionSets().join(", ");
    const message = `SEW_ISA=mmx: setInstructionSet: name must be one of ${sets} on this machine, got mmx`;
    expect(inChild(root, "say(await attempt(() => native.useBackend()));", { SEW_ISA: "mmx" })).toEqual([
      ["RangeError", message],
    ]);
  });

  it("stores spikes as SEW_SPIKES says", () => {
    const lines = "await native.useBackend(); say(native.spikeStorage());";
    expect(inChild(root, lines)).toEqual(["auto"]);
    expect(inChild(root, lines, { SEW_SPIKES: "off" })).toEqual(["off"]);
    expect(inChild(root, "say(await attempt(() => native.useBackend()));", { SEW_SPIKES: "no" })).toEqual([
      ["RangeError", "SEW_SPIKES=no: setSpikeStorage: storage must be auto or off, got no"],
    ]);
  });

  it("convolves spikes as SEW_SPIKE_CONVOLUTION says", () => {
    const lines = "await native.useBackend(); say(native.spikeConvolution());";
    for (const way of ["auto", "on", "off"])
      expect(inChild(root, lines, { SEW_SPIKE_CONVOLUTION: way })).toEqual([way]);
    expect(inChild(root, "say(await attempt(() => native.useBackend()));", { SEW_SPIKE_CONVOLUTION: "no" })).toEqual([
      ["RangeError", "SEW_SPIKE_CONVOLUTION=no: setSpikeConvolution: convolution must be auto, on or off, got no"],
    ]);
  });

  it("gives way to cpu with one warning when SEW_NATIVE=off forbids it", () =>
    expect(twiceOn(root, { SEW_NATIVE: "off" })).toEqual(
      gaveWay(warning("SEW_NATIVE=off forbids it", "To have it back, unset SEW_NATIVE.")),
    ));

  it("warns on the console unless told where, and TensorFlow.js advises nothing", () =>
    expect(stderrOf("await useBackend(); await useBackend(); tensor1d([1]);", { SEW_NATIVE: "off" })).toBe(
      `${warning("SEW_NATIVE=off forbids it", "To have it back, unset SEW_NATIVE.")}\n`,
    ));
});

describe("a copy of the package", () => {
  let folder = "";
  let copy = "";

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sew-native-"));
    copy = join(folder, "backend-native");
    mkdirSync(copy);
    for (const part of ["dist", "cc", "build.mjs", "package.json"]) {
      cpSync(join(root, part), join(copy, part), { recursive: true });
    }
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const build = (args: string[], environment: Environment) =>
    spawnSync(process.execPath, ["build.mjs", ...args], {
      cwd: copy,
      env: { ...process.env, ...environment },
      encoding: "utf8",
    });

  const noCompiler = "no C++ compiler found (tried false); install g++, or set CXX";
  const couldNot = `@sew/backend-native: the addon could not be built: ${noCompiler}\n`;

  it("runs on cpu and says so when it has not been built", () =>
    expect(twiceOn(copy)).toEqual(gaveWay(warning("it has not been built", rebuild))));

  it("cannot be built without a compiler: an error, but not for an install, which leaves the reason behind", () => {
    const [strict, install] = [build([], { CXX: "false" }), build(["--optional"], { CXX: "false" })];
    expect([strict.status, strict.stderr]).toEqual([1, couldNot]);
    expect([install.status, install.stderr]).toEqual([0, couldNot]);
    expect(existsSync(join(copy, "build", "sew.node"))).toBe(false);
    expect(readFileSync(join(copy, "build", "failure.txt"), "utf8")).toBe(noCompiler);
  });

  it("then runs on cpu and quotes what the build said", () =>
    expect(twiceOn(copy)).toEqual(gaveWay(warning(`its build failed: ${noCompiler}`, rebuild))));

  it("runs on cpu and quotes the system when the addon is damaged", () => {
    mkdirSync(join(copy, "build"), { recursive: true });
    writeFileSync(join(copy, "build", "sew.node"), "not a library");
    const [first, second, warnings, current, squares] = twiceOn(copy) as [string, string, string[], string, number[]];
    expect([first, second, current, squares]).toEqual(["cpu", "cpu", "cpu", [1, 4]]);
    expect(warnings).toHaveLength(1);
    const [before, after] = warning("§", rebuild).split("§") as [string, string];
    expect(warnings[0]!.startsWith(before) && warnings[0]!.endsWith(after)).toBe(true);
    expect(warnings[0]).toContain("sew.node: ");
    rmSync(join(copy, "build", "sew.node"));
  });

  it("leaves the addon alone when nothing has changed", ({ skip }) => {
    if (unavailable("native") !== undefined) skip(unavailable("native"));
    for (const file of ["sew.node", "stamp"]) cpSync(join(root, "build", file), join(copy, "build", file));
    const { status, stderr } = build([], {});
    expect([status, stderr]).toEqual([0, ""]);
    expect(twiceOn(copy)).toEqual(["native", "native", [], "native", [1, 4]]);
  });

  /** Puts a package of that name where the copy finds it. */
  function install(name: string, code: string): void {
    const at = join(folder, "node_modules", name);
    mkdirSync(at, { recursive: true });
    writeFileSync(
      join(at, "package.json"),
      JSON.stringify({ name, version: "0.0.0", type: "module", main: "index.js" }),
    );
    writeFileSync(join(at, "index.js"), code);
  }

  const attempts = (name: BackendName) => inChild(copy, `say(await attempt(() => native.useBackend("${name}")));`);

  it.each([
    {
      name: "tensorflow" as const,
      package: "@tensorflow/tfjs-node",
      needs: "its native library for this platform; its install script downloads it",
    },
    {
      name: "tensorflow-gpu" as const,
      package: "@tensorflow/tfjs-node-gpu",
      needs: "CUDA 11.2, cuDNN 8.1 and x86-64; its install script downloads the rest",
    },
    { name: "webgpu" as const, package: "webgpu", needs: "a Vulkan, Metal or D3D12 driver" },
  ])("says of $name what it needs when $package is there but fails to load", ({ name, package: of, needs }) => {
    install(of, 'throw new Error("no such device");');
    expect(attempts(name)).toEqual([
      [
        "BackendUnavailable",
        `useBackend: ${of} is installed but could not be loaded (it needs ${needs}): no such device`,
      ],
    ]);
  });

  it("does not call a package missing that lacks a part of its own", () => {
    install("@tensorflow/tfjs-node", 'import "a-part-of-it";');
    const [[name, message]] = attempts("tensorflow") as [[string, string]];
    expect(name).toBe("BackendUnavailable");
    expect(message).toContain("@tensorflow/tfjs-node is installed but could not be loaded (it needs its native");
    expect(message).toContain("Cannot find package 'a-part-of-it'");
  });

  it("uses what @tensorflow/tfjs-node registers", () => {
    const core = join(folder, "node_modules", "@tensorflow", "tfjs-core");
    symlinkSync(join(root, "node_modules", "@tensorflow", "tfjs-core"), core);
    install(
      "@tensorflow/tfjs-node",
      'import { KernelBackend, registerBackend } from "@tensorflow/tfjs-core"; registerBackend("tensorflow", () => new KernelBackend());',
    );
    expect(inChild(copy, 'say(await native.useBackend("tensorflow")); say(getBackend());')).toEqual([
      "tensorflow",
      "tensorflow",
    ]);
  });

  it("says when a backend is there but does not start", () => {
    install(
      "@tensorflow/tfjs-node",
      'import { registerBackend } from "@tensorflow/tfjs-core"; registerBackend("tensorflow", async () => { throw new Error("no"); });',
    );
    expect(attempts("tensorflow")).toEqual([
      ["BackendUnavailable", "useBackend: tensorflow could not be initialised; TensorFlow.js's message is above"],
    ]);
  });
});

/** @file By which kernel spikes are convolved, and where a machine keeps from which density on. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import os, { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type BreakEvens,
  breakEvens,
  type ConvolutionKind,
  hasBfloat16,
  instructionSet,
  instructionSets,
  type NativeBackend,
  type NativeMemory,
  precisions,
  setBreakEvens,
  setPrecision,
  setSpikeConvolution,
} from "@sew/backend-native";
import { read, scoped } from "@sew/kernels/testing";
import { integrateAndFire, neuron, unroll } from "@sew/neurons";
import {
  add,
  backend,
  conv2d,
  grad,
  memory,
  relu,
  reshape,
  type Tensor,
  type Tensor4D,
  tensor,
  tidy,
} from "@tensorflow/tfjs-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { loadAddon } from "../src/addon.js";
import { convolutionKinds, EVERY_DENSITY, isEventDriven, kindOf } from "../src/breakEven.js";
import { machineBreakEvens, writeBreakEvens } from "../src/breakEvenFile.js";
import { breakEvenOf } from "../src/calibrate.js";
import { describeNative, withDefaultSettings, withThreads } from "./describeNative.js";
import { floats, integers, sizeOf } from "./values.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const all = (density: number) =>
  Object.fromEntries(convolutionKinds.map((kind) => [kind, density])) as Record<ConvolutionKind, number>;

describe("the choice of a kernel", () => {
  it("takes 3x3 convolutions at stride 1 apart from all others, bfloat16 from float32, and no kind is missing", () => {
    const geometry = ([height, width, strideHeight, strideWidth]: number[]) => ({
      filterHeight: height!,
      filterWidth: width!,
      strideHeight: strideHeight!,
      strideWidth: strideWidth!,
    });
    expect(kindOf("forward", geometry([3, 3, 1, 1]), "bits", "float32")).toBe("forward, 3x3, bits");
    expect(kindOf("filter gradient", geometry([3, 3, 1, 1]), "counts", "bf16")).toBe(
      "filter gradient, 3x3, counts, bf16",
    );
    for (const other of [
      [1, 3, 1, 1],
      [3, 1, 1, 1],
      [3, 3, 2, 1],
      [3, 3, 1, 2],
      [1, 1, 1, 1],
      [5, 5, 1, 1],
    ])
      expect(kindOf("forward", geometry(other), "counts", "float32")).toBe("forward, other, counts");
    const kinds = (["forward", "filter gradient"] as const).flatMap((product) =>
      [3, 1].flatMap((k) =>
        (["bits", "counts"] as const).flatMap((storage) =>
          precisions.map((precision) => kindOf(product, geometry([k, k, 1, 1]), storage, precision)),
        ),
      ),
    );
    expect([...convolutionKinds].sort()).toEqual(kinds.sort());
  });

  it("is event-driven up to the break-even of its kind, and not above", () => {
    const given = { ...all(0), "forward, 3x3, counts": 0.25 };
    for (const { events, expected } of [
      { events: 0, expected: true },
      { events: 250, expected: true },
      { events: 251, expected: false },
    ])
      expect(isEventDriven("forward, 3x3, counts", { events, size: 1000 }, given)).toBe(expected);
    expect(isEventDriven("forward, 3x3, bits", { events: 1, size: 1000 }, given)).toBe(false);
    expect(isEventDriven("forward, 3x3, bits", { events: 0, size: 0 }, given)).toBe(true);
    // A byte of eight ones is as dense as there is.
    expect(isEventDriven("forward, 3x3, bits", { events: 8000, size: 1000 }, all(EVERY_DENSITY))).toBe(true);
  });

  it.each([
    { why: "nothing was timed", timed: [], expected: 0 },
    { why: "no density pays", timed: [[0.1, 1.1] as const, [0.5, 2] as const], expected: 0 },
    { why: "all densities pay", timed: [[0.5, 0.9] as const, [0.1, 0.2] as const], expected: EVERY_DENSITY },
    {
      why: "the last ones do not pay",
      timed: [[0.4, 1.5] as const, [0.1, 0.3] as const, [0.2, 0.9] as const],
      expected: 0.2,
    },
    {
      why: "one in between was disturbed",
      timed: [[0.1, 0.3] as const, [0.2, 1.2] as const, [0.3, 0.6] as const, [0.4, 1.5] as const],
      expected: 0.3,
    },
    {
      why: "what pays above costs less than what does not",
      timed: [[0.1, 0.3] as const, [0.2, 1.6] as const, [0.3, 0.9] as const, [0.4, 1.5] as const],
      expected: 0.1,
    },
  ])("is calibrated to $expected where $why", ({ timed, expected }) =>
    expect(breakEvenOf(timed.map(([density, ratio]) => ({ density, ratio })))).toBe(expected),
  );

  it.each([-0.1, Number.NaN, Number.POSITIVE_INFINITY])("refuses %d as a density, alone and of one kind", (density) => {
    const refusal = (kind: ConvolutionKind) =>
      new RangeError(`setBreakEvens: densities must be finite and at least 0, got ${density} for "${kind}"`);
    expect(() => setBreakEvens(density)).toThrow(refusal(convolutionKinds[0]!));
    const kind = "filter gradient, other, counts";
    expect(() => setBreakEvens({ ...all(0), [kind]: density })).toThrow(refusal(kind));
    const { [kind]: _, ...fewer } = all(0);
    expect(() => setBreakEvens(fewer as BreakEvens)).toThrow(
      new RangeError(`setBreakEvens: densities must be finite and at least 0, got undefined for "${kind}"`),
    );
  });
});

describe("the file of a machine", () => {
  const folder = mkdtempSync(join(tmpdir(), "sew-break-even-"));
  const file = join(folder, "sew", "break-even-avx2.json");
  const given = { ...all(0.5), "forward, 3x3, bits": 8 };
  const warn = vi.spyOn(console, "warn").mockReturnValue();
  beforeEach(() => {
    vi.stubEnv("XDG_CACHE_HOME", folder);
    warn.mockClear();
  });
  afterEach(() => rmSync(join(folder, "sew"), { recursive: true, force: true }));
  afterAll(() => {
    vi.unstubAllEnvs();
    warn.mockRestore();
    rmSync(folder, { recursive: true });
  });

  const found = () => machineBreakEvens("avx2", convolutionKinds);
  /** The file as it is written, with some of it changed. */
  const changed = (change: object) => JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), ...change });

  it("has what was written, and nothing is left beside it", () => {
    expect(writeBreakEvens("avx2", given)).toBe(file);
    expect(writeBreakEvens("avx2", given)).toBe(file);
    expect(found()).toEqual(given);
    expect(readdirSync(join(folder, "sew"))).toEqual(["break-even-avx2.json"]);
    expect(warn).not.toHaveBeenCalled();
  });

  it("need not be there", () => {
    expect(found()).toBeUndefined();
    expect(warn).not.toHaveBeenCalled();
  });

  it("is in ~/.cache unless XDG_CACHE_HOME is an absolute path", () => {
    vi.stubEnv("HOME", folder);
    for (const cache of [undefined, "", "relative"]) {
      vi.stubEnv("XDG_CACHE_HOME", cache);
      expect(writeBreakEvens("avx2", given)).toBe(join(folder, ".cache", "sew", "break-even-avx2.json"));
    }
  });

  it("is taken as missing, without a warning, where the home directory is a file", () => {
    vi.stubEnv("XDG_CACHE_HOME", undefined);
    vi.stubEnv("HOME", "/dev/null");
    expect(found()).toBeUndefined();
    expect(warn).not.toHaveBeenCalled();
    expect(() => writeBreakEvens("avx2", given)).toThrow(
      /^calibrateBreakEvens: \/dev\/null\/\.cache\/sew\/break-even-avx2\.json cannot be written \(.+\); set XDG_CACHE_HOME to another folder$/,
    );
  });

  it("asks for another folder where there is no home directory", () => {
    vi.stubEnv("XDG_CACHE_HOME", undefined);
    const home = vi.spyOn(os, "homedir").mockImplementation(() => {
      throw new Error("uv_os_homedir returned ENOENT");
    });
    syncBuiltinESMExports();
    try {
      expect(found()).toBeUndefined();
      expect(warn).not.toHaveBeenCalled();
      expect(() => writeBreakEvens("avx2", given)).toThrow(
        "calibrateBreakEvens: the file of this machine cannot be written (uv_os_homedir returned ENOENT); set XDG_CACHE_HOME to another folder",
      );
    } finally {
      home.mockRestore();
      syncBuiltinESMExports();
    }
  });

  const noNumber = 'it has no number of at least 0 for "forward, 3x3, bits"';
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const broken: readonly { name: string; text: () => string; why: string }[] = [
    { name: "empty", text: () => "", why: "it is not JSON" },
    { name: "cut off", text: () => readFileSync(file, "utf8").slice(0, -4), why: "it is not JSON" },
    { name: "of noise", text: () => "\u0000\u001b[2J\ufffd".repeat(99), why: "it is not JSON" },
    { name: "too large", text: () => changed({ padding: "x".repeat(1 << 16) }), why: "it is larger than 65536 bytes" },
    ...["null", "[]", "7", '"x"', "{}", '{"breakEvens":null}', '{"breakEvens":[8,8,8,8,8,8,8,8]}'].map((text) => ({
      name: text,
      text: () => text,
      why: noNumber,
    })),
    ...["-1", "1e999", '"8"', "null", "[8]", "true"].map((density) => ({
      name: `with a density of ${density}`,
      text: () => readFileSync(file, "utf8").replace('bits": 8', `bits": ${density}`),
      why: noNumber,
    })),
    {
      name: "with densities in a prototype",
      text: () =>
        changed({ breakEvens: 0 }).replace('"breakEvens":0', `"breakEvens":{"__proto__":${JSON.stringify(given)}}`),
      why: noNumber,
    },
    {
      name: "of another processor",
      text: () => changed({ cpu: "\u001b[2J" }),
      why: `it was made for another cpu than ${cpus()[0]!.model}`,
    },
    {
      name: "of another instruction set",
      text: () => changed({ instructionSet: "avx512" }),
      why: "it was made for another instructionSet than avx2",
    },
    {
      name: "of another version",
      text: () => changed({ version: 1 }),
      why: `it was made for another version than ${version}`,
    },
  ];

  const warning = (why: string) =>
    `@sew/backend-native: ${file} is ignored: ${why}. Convolutions of spikes use the built-in break-evens. ` +
    "Delete the file, or write a new one with calibrateBreakEvens() or pnpm bench --calibrate.";

  it.each(broken)("is ignored with one warning when it is $name", ({ text, why }) => {
    writeBreakEvens("avx2", given);
    writeFileSync(file, text());
    expect(found()).toBeUndefined();
    expect(warn.mock.calls).toEqual([[warning(why)]]);
  });

  it.each([
    { name: "a folder", make: () => mkdirSync(file, { recursive: true }) },
    {
      name: "a pipe that nobody writes to",
      make: () => {
        mkdirSync(join(folder, "sew"));
        execFileSync("mkfifo", [file]);
      },
    },
  ])("is ignored with one warning when it is $name", ({ make }) => {
    make();
    expect(found()).toBeUndefined();
    expect(warn.mock.calls).toEqual([[warning("it is not a regular file")]]);
  });

  it("says where it cannot be written, and what to do", () => {
    writeFileSync(join(folder, "sew"), "");
    expect(() => writeBreakEvens("avx2", given)).toThrow(
      /^calibrateBreakEvens: .*break-even-avx2\.json cannot be written \(.+\); set XDG_CACHE_HOME to another folder$/,
    );
  });
});

/** Bits of a tenth of the elements and counts of three such, `[2, 6, 5, 32]`. */
function spikesOf(storage: "bits" | "counts"): Tensor4D {
  const shape: [number, number, number, number] = [2, 6, 5, 32];
  const fired = (seed: number) => {
    const next = integers(seed);
    const values = Float32Array.from({ length: sizeOf(shape) }, () => (next() % 10 === 0 ? 1 : 0));
    return unroll(neuron(integrateAndFire), tensor(values, [1, values.length])).spikes;
  };
  return tidy(() => {
    const parts = [1, 2, 3].slice(0, storage === "bits" ? 1 : 3).map(fired);
    return reshape(
      parts.reduce((a, b) => add(a, b)),
      shape,
    );
  });
}

const native = () => backend() as NativeBackend;

describeNative("convolutions of spikes by density", () => {
  beforeAll(() => vi.stubEnv("XDG_CACHE_HOME", join(root, "no such folder")));
  withDefaultSettings();
  beforeEach(() => setPrecision("float32"));
  afterAll(() => {
    setPrecision("float32");
    vi.unstubAllEnvs();
  });

  /** The kernels of the addon with such names that a computation runs. */
  function kernelsOf(compute: () => void, named: RegExp): string[] {
    const addon = loadAddon();
    const run = vi.spyOn(addon, "run");
    compute();
    const names = run.mock.calls.map(([kernel]) => addon.kernels[kernel]!);
    run.mockRestore();
    return names.filter((name) => named.test(name));
  }

  const numbers = (shape: [number, number, number, number]) => {
    const data = floats(shape, 2, "reals").data as Float32Array;
    return tensor(data, shape) as Tensor4D;
  };
  const convolve = (x: Tensor4D, filter: Tensor) => conv2d(x, filter as Tensor4D, 1, "same");
  const products = {
    forward: (x: Tensor4D, kernel: number) => convolve(x, numbers([kernel, kernel, 32, 40])),
    "filter gradient": (x: Tensor4D, kernel: number) =>
      grad((filter: Tensor) => convolve(x, filter))(numbers([kernel, kernel, 32, 40]), numbers([2, 6, 5, 40])),
  };
  const convolutions = convolutionKinds.map((kind) => {
    const [product, filter, storage, bf16] = kind.split(", ") as [
      keyof typeof products,
      string,
      "bits" | "counts",
      "bf16"?,
    ];
    return { kind, product, kernel: filter === "3x3" ? 3 : 1, storage, precision: bf16 ?? "float32" } as const;
  });

  it.for(convolutions)("have of $kind the kernel that the density calls for", (of, { skip }) => {
    const { kind, product, kernel, storage, precision } = of;
    if (precision === "bf16" && !hasBfloat16()) skip("this instruction set multiplies no bfloat16");
    setPrecision(precision);
    return scoped(() => {
      const x = spikesOf(storage);
      const { events, size } = native().spikes(x)!;
      const [eventDriven, dense, named] = {
        forward: ["spikeConv2d", "conv2d", /onv2d$/] as const,
        "filter gradient": ["spikeConv2dFilterGrad", "conv2dFilterGrad", /FilterGrad$/] as const,
      }[product];
      const result = () => kernelsOf(() => tidy(() => void products[product](x, kernel)), named);
      const forced = (way: "on" | "off") => {
        setSpikeConvolution(way);
        const values = result();
        setSpikeConvolution("auto");
        return values;
      };
      const [on, off] = [forced("on"), forced("off")];
      expect([on, off]).toEqual([[eventDriven], [dense]]);
      setBreakEvens({ ...all(0), [kind]: events / size });
      expect(result()).toEqual(on);
      setBreakEvens({ ...all(EVERY_DENSITY), [kind]: (events - 0.5) / size });
      expect(result()).toEqual(off);
      // Whatever the densities say.
      expect([forced("on"), forced("off")]).toEqual([on, off]);
    });
  });

  it("have the same bits on 1 thread and on 2, and every time, above and below the break-evens", () =>
    scoped(() => {
      for (const density of [undefined, 0, 0.2, EVERY_DENSITY]) {
        setBreakEvens(density);
        const results = [1, 2, 1].map((threads) =>
          withThreads(threads, () =>
            convolutions.map(({ product, kernel, storage }) =>
              tidy(() => read(products[product](spikesOf(storage), kernel)).join()),
            ),
          ),
        );
        expect(results[1]).toEqual(results[0]);
        expect(results[2]).toEqual(results[0]);
      }
    }));

  it.each(convolutions.filter((of) => of.precision === "float32"))(
    "leave no float32 form of the spikes behind, dense and of $kind",
    (of) => {
      const liveBytes = () => (memory() as unknown as NativeMemory).liveBytes;
      setSpikeConvolution("off");
      scoped(() => {
        const x = spikesOf(of.storage);
        const before = liveBytes();
        tidy(() => {
          products[of.product](x, of.kernel);
        });
        expect(liveBytes()).toBe(before);
        // What another kernel had unpacked is used, and stays.
        relu(x).dispose();
        const unpacked = liveBytes();
        expect(unpacked).toBe(before + 4 * x.size);
        tidy(() => {
          products[of.product](x, of.kernel);
        });
        expect(liveBytes()).toBe(unpacked);
      });
    },
  );

  it("go by built-in break-evens on every instruction set of a machine that has no own", () => {
    for (const set of instructionSets()) expect(Object.keys(breakEvens(set))).toEqual([...convolutionKinds]);
  });

  it("go by what was set until that is taken back", () => {
    const before = breakEvens(instructionSet());
    setBreakEvens(0.5);
    expect(breakEvens(instructionSet())).toEqual(all(0.5));
    setBreakEvens({ ...all(0), "forward, 3x3, bits": 1 });
    expect(breakEvens(instructionSet())).toEqual({ ...all(0), "forward, 3x3, bits": 1 });
    setBreakEvens(undefined);
    expect(breakEvens(instructionSet())).toEqual(before);
  });
});

describeNative("what a process goes by", () => {
  const folder = mkdtempSync(join(tmpdir(), "sew-break-even-"));
  const file = join(folder, "sew", `break-even-${instructionSet()}.json`);
  afterEach(() => rmSync(join(folder, "sew"), { recursive: true, force: true }));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Runs lines in a process of their own; what it prints, and its warnings. */
  function child(lines: string, breakEven?: string): { said: unknown; errors: string } {
    const code = `import * as native from "@sew/backend-native"; ${lines}`;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", code], {
      cwd: root,
      env: { ...process.env, XDG_CACHE_HOME: folder, SEW_BREAK_EVEN: breakEven },
      encoding: "utf8",
    });
    return { said: stdout === "" ? undefined : JSON.parse(stdout), errors: stderr };
  }

  const inUse = "native.registerNative(); console.log(JSON.stringify(native.breakEvens(native.instructionSet())));";

  it("is what the machine was calibrated to by another one, read once", () => {
    const { said, errors } = child(
      "native.registerNative(); const { file, breakEvens } = native.calibrateBreakEvens();" +
        "console.log(JSON.stringify([file, breakEvens, native.breakEvens(native.instructionSet())]));",
    );
    expect(errors).toBe("");
    const [written, found, used] = said as [string, BreakEvens, BreakEvens];
    expect(written).toBe(file);
    expect(used).toEqual(found);
    expect(Object.keys(found)).toEqual([...convolutionKinds]);
    for (const density of Object.values(found)) {
      expect(density).toBeGreaterThanOrEqual(0);
      expect(density).toBeLessThanOrEqual(EVERY_DENSITY);
    }
    const rewrite = `import { writeFileSync } from "node:fs"; native.registerNative(); const first = native.breakEvens(native.instructionSet());
      writeFileSync(${JSON.stringify(file)}, "");
      console.log(JSON.stringify([first, native.breakEvens(native.instructionSet())]));`;
    expect(child(rewrite)).toEqual({ said: [found, found], errors: "" });
  }, 300_000);

  it("warns of an invalid file once", () => {
    mkdirSync(join(folder, "sew"));
    writeFileSync(file, "{");
    const { said, errors } = child(inUse + inUse.replace("console.log", "void "));
    expect(Object.keys(said as object)).toEqual([...convolutionKinds]);
    expect(errors.match(/is ignored: it is not JSON/g)).toHaveLength(1);
  });

  it("is the number of SEW_BREAK_EVEN, or the file that it names, of whatever machine", () => {
    expect(child(inUse, "0.125")).toEqual({ said: all(0.125), errors: "" });
    const other = join(folder, "other.json");
    writeFileSync(other, JSON.stringify({ cpu: "another", breakEvens: all(0.75) }));
    expect(child(inUse, other)).toEqual({ said: all(0.75), errors: "" });
  });

  const neither = "it must be a number of at least 0, or a file that calibrateBreakEvens wrote";
  it.each([
    { text: "-1", why: 'setBreakEvens: densities must be finite and at least 0, got -1 for "forward, 3x3, bits"' },
    { text: "", why: `${neither}: ENOENT: no such file or directory, open ''` },
    { text: "/no/such/file", why: `${neither}: ENOENT: no such file or directory, open '/no/such/file'` },
    { text: root, why: `${neither}: it is not a regular file` },
  ])('refuses SEW_BREAK_EVEN="$text"', ({ text, why }) => {
    const { said } = child(
      "try { native.registerNative(); } catch (e) { console.log(JSON.stringify([e.name, e.message])); }",
      text,
    );
    expect(said).toEqual(["RangeError", `SEW_BREAK_EVEN=${text}: ${why}`]);
  });
});

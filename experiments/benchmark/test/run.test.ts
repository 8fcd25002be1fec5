import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { instructionSet } from "@sew/backend-native";
import { unavailable } from "@sew/kernels/testing";
import { InvalidArgumentError } from "commander";
import { afterAll, describe, expect, it, vi } from "vitest";
import { commands } from "../src/commands.js";
import { ofSweep, ofTable } from "../src/measurements.js";
import { atLeastOne, jsonFile, matching, nearest, parseOptions, threadCount } from "../src/options.js";

// Built, as the process that it starts must be.
const { inOwnProcess }: typeof import("../src/ownProcess.js") = await import(
  new URL("../dist/src/ownProcess.js", import.meta.url).href
);
const main = fileURLToPath(new URL("../dist/src/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sew-benchmark-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs `pnpm bench` with one thread. */
async function bench(...args: string[]): Promise<{ status: number | null; out: string; errors: string }> {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: folder,
    env: { ...process.env, SEW_THREADS: "1", XDG_CACHE_HOME: folder },
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { status: await ended, out, errors };
}

describe("the options", () => {
  it("measure everything but the sweep 7 times unless told", () => {
    expect(parseOptions([])).toEqual({
      names: [...ofTable.keys()],
      runs: 7,
      sweep: false,
      calibrate: false,
      json: "runs/benchmark/results.json",
    });
    expect(parseOptions(["--sweep", "--runs", "2"])).toEqual({
      names: [...ofSweep.keys()],
      runs: 2,
      sweep: true,
      json: "runs/benchmark/density-sweep.json",
      calibrate: false,
    });
  });

  it("measure nothing else where the machine is calibrated", () => {
    expect(parseOptions(["--calibrate", "--isa", "avx2"])).toMatchObject({ names: [], calibrate: true, isa: "avx2" });
  });

  it("take the rows whose names contain the filter, in any case", () => {
    const { names, ...rest } = parseOptions([
      "--filter",
      "resnet-18",
      "--threads",
      "2",
      "--isa",
      "avx2",
      "--json",
      "x.json",
    ]);
    expect(names).toEqual([
      "SEW-ResNet-18 T=4 N=4 224x224, train step",
      "SEW-ResNet-18 T=4 N=4 224x224, train step, bf16",
      "SEW-ResNet-18 T=4 N=4 224x224, forward",
    ]);
    expect(rest).toEqual({ runs: 7, sweep: false, calibrate: false, threads: 2, isa: "avx2", json: "x.json" });
  });

  it.each([
    ["renet-18", "SEW-ResNet-18, forward"],
    ["7BNet", "7B-Net, forward"],
    ["SEW-ResNet-18 T=4 N=4, forward", "SEW-ResNet-18, forward"],
  ])("tell the nearest row for %s", (text, nearest) =>
    expect(() => matching(["7B-Net, forward", "SEW-ResNet-18, forward"], text, "row")).toThrow(
      new InvalidArgumentError(`It must be part of the name of a row. The nearest is "${nearest}".`),
    ),
  );

  it.each(["0", "1.5", "", "x", "1e999"])("refuse %j as a count", (text) =>
    expect(() => atLeastOne(text)).toThrow(new InvalidArgumentError("It must be an integer of at least 1.")),
  );
});

describe("a number of threads", () => {
  it.each(["1", "256"])("may be %s", (text) => expect(threadCount(text)).toBe(Number(text)));

  it.each(["0", "257", "1.5", "", "x"])("is not %j", (text) =>
    expect(() => threadCount(text)).toThrow(new InvalidArgumentError("It must be an integer from 1 to 256.")),
  );
});

describe("a file for figures", () => {
  it("ends in .json, and is no folder", () => {
    mkdirSync(join(folder, "folder.json"));
    expect(jsonFile(join(folder, "none", "a.json"))).toBe(join(folder, "none", "a.json"));
    for (const name of ["README.md", "json", "a.JSON"]) {
      expect(() => jsonFile(name)).toThrow(new InvalidArgumentError("It must end in .json."));
    }
    expect(() => jsonFile(join(folder, "folder.json"))).toThrow(
      new InvalidArgumentError("It must be a file, not a folder."),
    );
  });

  it.each(Object.keys(commands))("is checked by %s before anything is measured", async (command) => {
    const { status, out, errors } = await bench(command, "--json", "README.md");
    expect([status, out]).toEqual([1, ""]);
    expect(errors).toContain("error: option '--json <file>' argument 'README.md' is invalid. It must end in .json.\n");
  });
});

describe("the nearest name", () => {
  it.each([
    ["8B-Net", "7B-Net"],
    ["sew-resnet50", "SEW-ResNet-50"],
    ["Wide7BNet", "Wide-7B-Net"],
  ])("to %s is %s", (text, name) =>
    expect(nearest(["7B-Net", "Wide-7B-Net", "SEW-ResNet-18", "SEW-ResNet-50"], text)).toBe(name),
  );
});

describe("pnpm bench", () => {
  it("lists its commands in its help", async () => {
    const { status, out } = await bench("--help");
    expect(status).toBe(0);
    for (const [name, description] of Object.entries(commands)) {
      expect(out).toMatch(new RegExp(`\\n  ${name} +${description}\\n`));
    }
  });

  it("suggests the nearest command for one that there is not, and takes commands from the first place alone", async () => {
    const unknown = await bench("convs");
    expect([unknown.status, unknown.out]).toEqual([1, ""]);
    expect(unknown.errors).toBe(
      "error: command-argument value 'convs' is invalid for argument 'command'. It must be one of conv, data, explain, " +
        "neurons, peers. The nearest is conv.\n(--help lists the options)\n",
    );
    expect((await bench("--runs", "1", "conv")).errors).toContain(
      "value 'conv' is invalid for argument 'command'. It must be the first word.",
    );
  });

  it("refuses a filter that no row has, and says which are near", async () => {
    const { status, out, errors } = await bench("--filter", "renet-18");
    expect([status, out]).toEqual([1, ""]);
    expect(errors).toBe(
      "error: option '--filter <text>' argument 'renet-18' is invalid. It must be part of the name of a row. " +
        'The nearest is "SEW-ResNet-18 T=4 N=4 224x224, train step".\n(--help lists the options)\n',
    );
  });

  it("does not measure anything besides a calibration", async () => {
    const { status, out, errors } = await bench("--calibrate", "--sweep");
    expect([status, out]).toEqual([1, ""]);
    expect(errors).toContain("error: option '--calibrate' cannot be used with option '--sweep'\n");
  });

  it("lists every row in its help", async () => {
    const { status, out } = await bench("--help");
    expect(status).toBe(0);
    for (const name of [...ofTable.keys(), ...ofSweep.keys()]) expect(out).toContain(`\n  ${name}\n`);
  });
});

describe.skipIf(unavailable("native") !== undefined)("pnpm bench on the native backend", () => {
  it("measures a row in a process of its own, and writes its figures and a table", async () => {
    const name = "7B-Net T=16 N=2 128x128, forward";
    const { status, out, errors } = await bench("--runs", "1", "--filter", name, "--json", "figures.json");
    expect([status, errors]).toEqual([0, `1 of 1: ${name}\n`]);
    const { machine, runs, peak, networks } = JSON.parse(readFileSync(join(folder, "figures.json"), "utf8"));
    expect([machine.threads, runs]).toEqual([1, 1]);
    expect(peak).toBeGreaterThan(0);
    expect(networks).toHaveLength(1);
    const [row] = networks;
    expect(row).toMatchObject({ name, newBuffers: 0 });
    expect(row.seconds).toHaveLength(1);
    expect(row.peakResident).toBeGreaterThan(row.peakTensors);
    // Running statistics are the batch's: at their initial ones hardly a neuron fires in the blocks.
    const rates = Object.values<number>(row.firingRates);
    expect(rates).toHaveLength(15);
    expect(Math.min(...rates)).toBeGreaterThan(0.01);
    expect(readFileSync(join(folder, "figures.md"), "utf8")).toContain(`| ${name} | `);
    expect(out).toContain("every figure: figures.md, figures.json");
  });

  it("finds this machine's break-evens, and says where it keeps them", async () => {
    const { status, out, errors } = await bench("--calibrate");
    expect([status, errors]).toEqual([0, ""]);
    const file = join(folder, "sew", `break-even-${instructionSet()}.json`);
    expect(out).toMatch(/│ 'filter gradient, other, counts' +│ '(always|\d\.\d\d)' +│/);
    expect(out).toContain(`every figure: ${file}\n`);
    expect(Object.keys(JSON.parse(readFileSync(file, "utf8")).breakEvens)).toHaveLength(16);
  }, 300_000);

  it.each([["conv"], ["explain", "7B-Net"]])("does not call float32 bf16: %s", async (...command) => {
    const { status, out, errors } = await bench(...command, "--precision", "bf16", "--isa", "baseline");
    expect([status, out]).toEqual([1, ""]);
    expect(errors).toBe(
      "error: precision: bf16 must have an instruction set with AVX512-BF16 or AMX, got baseline; " +
        "leave --precision and SEW_PRECISION out, or name another --isa\n",
    );
  });

  it("explains a network by its name in any case, with its settings in the head and the figures", async () => {
    const { status, out, errors } = await bench(
      "explain",
      "7b-net",
      "--frames",
      "1",
      "--batch",
      "1",
      "--json",
      "e.json",
    );
    expect([status, errors]).toEqual([0, ""]);
    expect(out).toContain("\n7B-Net of [1,1,128,128,2], float32\n");
    expect(JSON.parse(readFileSync(join(folder, "e.json"), "utf8"))).toMatchObject({
      network: "7B-Net",
      shape: [1, 1, 128, 128, 2],
      precision: "float32",
    });
  });

  it("says which instruction sets there are when it is given another", async () => {
    const { status, errors } = await bench("--isa", "mmx");
    expect(status).toBe(1);
    expect(errors).toMatch(
      /^error: setInstructionSet: name must be one of .*baseline, amx-emulated on this machine, got mmx\n$/,
    );
  });

  it("tells of a process that ends without figures", async () => {
    vi.stubEnv("SEW_NATIVE", "off");
    await expect(inOwnProcess("7B-Net T=16 N=2 128x128, forward", 1)).rejects.toThrow(
      "7B-Net T=16 N=2 128x128, forward: its process ended with status 1, and without figures",
    );
    vi.unstubAllEnvs();
  });
});

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { instructionSet } from "@sew/backend-native";
import { unavailable } from "@sew/kernels/testing";
import { InvalidArgumentError } from "commander";
import { afterAll, describe, expect, it, vi } from "vitest";
import { ofSweep, ofTable } from "../src/measurements.js";
import { atLeastOne, matching, parseOptions } from "../src/options.js";

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
      "x",
    ]);
    expect(names).toEqual([
      "SEW-ResNet-18 T=4 N=4 224x224, train step",
      "SEW-ResNet-18 T=4 N=4 224x224, train step, bf16",
      "SEW-ResNet-18 T=4 N=4 224x224, forward",
    ]);
    expect(rest).toEqual({ runs: 7, sweep: false, calibrate: false, threads: 2, isa: "avx2", json: "x" });
  });

  it.each([
    ["renet-18", "SEW-ResNet-18, forward"],
    ["7BNet", "7B-Net, forward"],
    ["SEW-ResNet-18 T=4 N=4, forward", "SEW-ResNet-18, forward"],
  ])("tell the nearest row for %s", (text, nearest) =>
    expect(() => matching(["7B-Net, forward", "SEW-ResNet-18, forward"], text)).toThrow(
      new InvalidArgumentError(`It must be part of the name of a row. The nearest is "${nearest}".`),
    ),
  );

  it.each(["0", "1.5", "", "x", "1e999"])("refuse %j as a count", (text) =>
    expect(() => atLeastOne(text)).toThrow(new InvalidArgumentError("It must be an integer of at least 1.")),
  );
});

describe("pnpm bench", () => {
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

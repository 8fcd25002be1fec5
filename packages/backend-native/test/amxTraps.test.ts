/** @file The addon's own AMX instructions, on machines without AMX: they trap, and amxTraps.cc computes them. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { instructionSets } from "@sew/backend-native";
import { unavailable } from "@sew/kernels/testing";
import { afterAll, describe, expect, it } from "vitest";
import { inChild } from "./inChild.js";
import { addonCalls } from "./kernelCases.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const addon = join(root, "build", process.env.SEW_SANITIZER ?? ".", "sew.node");
const folder = mkdtempSync(join(tmpdir(), "sew-amx-"));
const traps = join(folder, "traps.so");
afterAll(() => rmSync(folder, { recursive: true }));

/** Addresses in the addon, in hexadecimal. */
function addressesOf(...names: readonly string[]): readonly (string | undefined)[] {
  const symbols = spawnSync("nm", [addon], { encoding: "utf8" }).stdout ?? "";
  return names.map((name) => symbols.match(`([0-9a-f]+) \\w ${name}\n`)?.[1]);
}

const symbols = addressesOf("napi_register_module_v1", "_ZN3sew14supported_setsEv", "_ZN3sewL?7amx_setE");

/** Builds the traps. @returns why they cannot be used here, or `undefined` */
function reason(): string | undefined {
  if (unavailable("native") !== undefined) return unavailable("native");
  if (process.platform !== "linux" || process.arch !== "x64") return "these traps are for Linux on x86-64";
  if (instructionSets().includes("amx")) return "this machine has AMX, and tests it like every instruction set";
  if (!instructionSets().includes("avx512")) return "this machine has no AVX-512";
  if (process.env.SEW_SANITIZER === "thread") return "ThreadSanitizer has handlers of signals of its own";
  if (symbols.includes(undefined)) return "the addon was built without AMX, or there is no nm";
  const flags = ["-std=c++17", "-O2", "-mavx512f", "-shared", "-fPIC", "-fvisibility=hidden"];
  const built = spawnSync("c++", [...flags, join(root, "test/amxTraps.cc"), "-o", traps, "-ldl"], { encoding: "utf8" });
  if (built.error !== undefined) return "there is no C++ compiler";
  if (built.status !== 0) throw new Error(built.stderr);
  return undefined;
}

const why = reason();

if (why !== undefined) it("AMX's instructions", ({ skip }) => skip(why));
else
  describe("AMX's instructions", () => {
    it("compute in every kernel, bit for bit, what the emulation does, on 1 thread and on 2", () => {
      const environment = { SEW_TEST_ADDON: addon, SEW_TEST_SYMBOLS: symbols.join(" ") };
      const lines = `process.dlopen({ exports: {} }, ${JSON.stringify(traps)}); await import("./test/amxRun.mjs").then(({ run }) => say(run()));`;
      const [calls] = inChild(root, lines, environment) as [Record<string, readonly string[]>];
      const kernels = Object.keys(addonCalls).filter((name) => name.startsWith("matrix"));
      expect(new Set(Object.keys(calls).map((call) => call.split(" ")[0]))).toEqual(new Set(kernels));
      for (const [call, [emulated, ...results]] of Object.entries(calls))
        expect(results, call).toEqual([emulated, emulated]);
    });

    const configured = (change: string) => {
      const { signal, stderr } = spawnSync("true", { env: { LD_PRELOAD: traps, SEW_TEST_TILES: change } });
      return [signal, stderr.toString()];
    };

    it("run with tiles that are whole", () => expect(configured("48 16")).toEqual([null, ""]));

    // So that a wrong configuration or a product of tiles that do not fit would end the kernels' test.
    it.each([
      { change: "0 2", fault: "LDTILECFG: #GP, palette" },
      { change: "2 1", fault: "LDTILECFG: #GP, reserved bytes" },
      { change: "32 64", fault: "LDTILECFG: #GP, colsb of a ninth tile" },
      { change: "56 16", fault: "LDTILECFG: #GP, rows of a ninth tile" },
      { change: "16 65", fault: "LDTILECFG: #GP, colsb over the limit" },
      { change: "48 17", fault: "LDTILECFG: #GP, rows over the limit" },
      { change: "48 0", fault: "LDTILECFG: #GP, rows without colsb" },
      { change: "0 0", fault: "TILELOADD: #UD, the tile is not configured" },
      { change: "48 8", fault: "TDPBF16PS: #UD, dimensions disagree" },
      { change: "18 62", fault: "TDPBF16PS: #UD, colsb is no multiple of 4" },
    ])("end the process where the processor raises $fault", ({ change, fault }) =>
      expect(configured(change)).toEqual([fault.includes("#GP") ? "SIGSEGV" : "SIGILL", `${fault}\n`]),
    );
  });

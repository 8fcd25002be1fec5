import { fileURLToPath } from "node:url";
import { instructionSets } from "@sew/backend-native";
import { describe, expect, it } from "vitest";
import { cores } from "../src/cores.js";
import { describeNative } from "./describeNative.js";
import { type Environment, inChild } from "./inChild.js";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What `expression` is after the backend was registered. */
const registered = (expression: string, environment: Environment) =>
  inChild(root, `native.registerNative(); say(${expression});`, environment)[0];

/** The errors of two attempts to register the backend. */
const refused = (environment: Environment) =>
  inChild(root, "for (let i = 0; i < 2; i++) say(attempt(() => native.registerNative()));", environment);

describeNative("environment variables", () => {
  it("set the number of threads: SEW_THREADS", () => {
    expect(registered("native.threads()", {})).toBe(Math.min(cores(), 256));
    expect(registered("native.threads()", { SEW_THREADS: "3" })).toBe(3);
  });

  it("set the instruction set: SEW_ISA", () => {
    for (const set of instructionSets()) expect(registered("native.instructionSet()", { SEW_ISA: set })).toBe(set);
  });

  it.each([
    { variable: "SEW_SPIKES", getter: "spikeStorage", values: ["auto", "off"] },
    { variable: "SEW_SPIKE_CONVOLUTION", getter: "spikeConvolution", values: ["auto", "on", "off"] },
    { variable: "SEW_PRECISION", getter: "precision", values: ["float32", "bf16"] },
  ])("set $getter, whose default is the first value: $variable", ({ variable, getter, values }) => {
    expect(registered(`native.${getter}()`, {})).toBe(values[0]);
    for (const value of values) expect(registered(`native.${getter}()`, { [variable]: value })).toBe(value);
  });

  it("set one break-even for all convolutions: SEW_BREAK_EVEN", () =>
    expect(
      registered("[...new Set(Object.values(native.breakEvens(native.instructionSet())))]", { SEW_BREAK_EVEN: "0.5" }),
    ).toEqual([0.5]));

  it("override what was set before the backend is registered, and give way to what is set after", () => {
    const lines = (before: number, after: number) =>
      `native.setThreads(${before}); native.registerNative(); say(native.threads());
       native.setThreads(${after}); native.registerNative(); say(native.threads());`;
    expect(inChild(root, lines(2, 4), { SEW_THREADS: "3" })).toEqual([3, 4]);
    expect(inChild(root, lines(2, 4))).toEqual([2, 4]);
  });

  const sets = instructionSets().join(", ");
  it.each([
    { variable: "SEW_THREADS", value: "0", why: "setThreads: count must be an integer from 1 to 256, got 0" },
    { variable: "SEW_THREADS", value: "1.5", why: "setThreads: count must be an integer from 1 to 256, got 1.5" },
    { variable: "SEW_THREADS", value: "257", why: "setThreads: count must be an integer from 1 to 256, got 257" },
    { variable: "SEW_THREADS", value: "many", why: "setThreads: count must be an integer from 1 to 256, got NaN" },
    { variable: "SEW_THREADS", value: "", why: "setThreads: count must be an integer from 1 to 256, got 0" },
    {
      variable: "SEW_ISA",
      value: "mmx",
      why: `setInstructionSet: name must be one of ${sets} on this machine, got mmx`,
    },
    { variable: "SEW_SPIKES", value: "no", why: "setSpikeStorage: storage must be auto or off, got no" },
    { variable: "SEW_PRECISION", value: "no", why: "setPrecision: precision must be float32 or bf16, got no" },
    {
      variable: "SEW_SPIKE_CONVOLUTION",
      value: "no",
      why: "setSpikeConvolution: convolution must be auto, on or off, got no",
    },
  ])("are refused, every time, with a wrong value: $variable=$value", ({ variable, value, why }) => {
    const error = ["RangeError", `${variable}=${value}: ${why}`];
    expect(refused({ [variable]: value })).toEqual([error, error]);
  });
});

describe("SEW_NATIVE=off", () => {
  it("keeps the addon from being loaded", () => {
    const error = [
      "Error",
      "the C++ addon of @sew/backend-native cannot be loaded: SEW_NATIVE=off forbids it; unset SEW_NATIVE",
    ];
    expect(refused({ SEW_NATIVE: "off" })).toEqual([error, error]);
  });
});

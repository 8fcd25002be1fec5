/** @file A process that times a work our way, and says what `messages.ts` lists. */
import "@tensorflow/tfjs";
import { readFileSync } from "node:fs";
import { instructionSet } from "@sew/backend-native";
import { useBackend } from "@sew/backends";
import { evaluation, namedParameters, run } from "@sew/layers";
import { tensor, tidy } from "@tensorflow/tfjs-core";
import { forward, training } from "../network.js";
import { usePrecision } from "../precision.js";
import { WARM_UP } from "../timing.js";
import type { Message } from "./messages.js";
import { works } from "./works.js";

const say = (message: Partial<Message>) => process.stdout.write(`${JSON.stringify(message)}\n`);

const [name, way, runs] = process.argv.slice(2) as [string, string, string];
const row = works.get(name)!;
const words = way.split("+");
try {
  await useBackend("native");
  say({ versions: { instructionSet: instructionSet() } });
  usePrecision(words.includes("bf16") ? "bf16" : "float32", `leave ${way} out of --ways`);
  const net = row.build(row.shape, { ...(words.includes("recompute") && { recompute: true }) });
  say({ layers: layersOf([...namedParameters(net)].map(([path, { size }]) => [path, size])) });
  const values = row.input(row.shape);
  const x = tensor(values, [...row.shape]);
  say({ output: tidy(() => run(net, x, evaluation)).shape });
  const step = row.pass === "train" ? training(net, row, values) : forward(net, x);
  for (let call = 0; call < WARM_UP + Number(runs); call++) {
    const start = performance.now();
    await step(call);
    const seconds = (performance.now() - start) / 1000;
    say(call < WARM_UP ? { warmUp: seconds } : { seconds });
  }
  say({ peak: peak() });
} catch (error) {
  say({ failed: (error as Error).message });
  process.exitCode = 1;
}

/** Parameters of each layer: of the parameters by path, those that differ in the last word alone are one layer's. */
function layersOf(parameters: readonly (readonly [string, number])[]): number[] {
  const layers = new Map<string, number>();
  for (const [path, size] of parameters) {
    const layer = path.replace(/[^.]*$/, "");
    layers.set(layer, (layers.get(layer) ?? 0) + size);
  }
  return [...layers.values()];
}

/** The largest resident size of this process, in bytes. */
function peak(): number {
  try {
    const [, kilobytes] = /VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))!;
    return 1024 * Number(kilobytes);
  } catch {
    return 1024 * process.resourceUsage().maxRSS;
  }
}

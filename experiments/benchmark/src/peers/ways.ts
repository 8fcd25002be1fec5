/** @file The ways to run a work. The words of a name are what differs from eager float32, or from ours in float32. */
import { InvalidArgumentError } from "commander";
import type { Row } from "../rows.js";

/** A way to run a work. */
export interface Way {
  readonly name: string;
  readonly side: "ours" | "peer";
  /** The passes that it is for. @defaultValue both */
  readonly pass?: Row["pass"];
}

const ours = (name: string, pass?: Row["pass"]): Way => ({ name, side: "ours", ...(pass && { pass }) });
const peer = (name: string, pass?: Row["pass"]): Way => ({ name, side: "peer", ...(pass && { pass }) });

/** The peer in float32 as its documentation starts: what ratios to eager float32 are taken to. */
export const EAGER = "eager";

/**
 * Ours, and the ways to run SpikingJelly on a CPU. `channels-last` is the memory format, `bf16` autocast, `compile`
 * `torch.compile`, `fused` the norms in the convolutions' weights, `memopt` checkpoints with compressed spikes, and `malloc` a C
 * library that keeps freed memory, as PyTorch's tuning guide advises.
 */
export const ways: readonly Way[] = [
  ours("ours"),
  ours("ours+bf16"),
  ours("ours+recompute", "train"),
  peer(EAGER),
  peer("channels-last"),
  peer("bf16"),
  peer("channels-last+bf16"),
  peer("channels-last+bf16+malloc"),
  peer("bf16+malloc"),
  peer("memopt", "train"),
  peer("fused+channels-last+bf16", "forward"),
  peer("compile"),
  peer("compile+channels-last"),
  peer("compile+bf16"),
  peer("compile+bf16+malloc"),
  peer("compile+channels-last+bf16"),
  peer("compile+channels-last+bf16+malloc"),
];

/** What the environment of a way's process adds. */
export function environmentOf({ name }: Way): Record<string, string> {
  if (!name.split("+").includes("malloc")) return {};
  return { MALLOC_MMAP_MAX_: "0", MALLOC_TRIM_THRESHOLD_: String(2 ** 40), MALLOC_TOP_PAD_: String(2 ** 26) };
}

/**
 * The ways of a list of names with commas between, in the order of {@link ways}.
 *
 * @throws InvalidArgumentError when there is no such way
 */
export function waysOf(text: string): readonly Way[] {
  const chosen = new Set(text.split(",").map((name) => name.trim()));
  const names = ways.map(({ name }) => name);
  for (const name of chosen) {
    if (!names.includes(name)) throw new InvalidArgumentError(`"${name}" is none of ${names.join(", ")}.`);
  }
  return ways.filter(({ name }) => chosen.has(name));
}

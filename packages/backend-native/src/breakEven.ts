/** @file Break-even densities: up to which a convolution of spikes is faster event-driven than dense. */
import type { backend_util } from "@tensorflow/tfjs-core";
import { machineBreakEvens, readBreakEvens } from "./breakEvenFile.js";
import type { Precision } from "./precision.js";
import type { Spikes } from "./spikes.js";

/** Products with spikes as an operand. */
export type SpikeProduct = "forward" | "filter gradient";

/**
 * Convolutions that share a break-even: by product; by filter, since 3x3 at stride 1 has a dense kernel of its own; by
 * storage of the spikes; and by precision of the dense kernel.
 */
export type ConvolutionKind = `${SpikeProduct}, ${"3x3" | "other"}, ${Spikes["kind"]}${"" | ", bf16"}`;

/**
 * For each kind of convolution the largest density at which it is event-driven. Density is events per element, where an
 * event is a one in an element's binary digits; for bits it is the firing rate.
 */
export type BreakEvens = Readonly<Record<ConvolutionKind, number>>;

/** A break-even that no density exceeds: counts have 8 binary digits. */
export const EVERY_DENSITY = 8;

type Geometry = Pick<backend_util.Conv2DInfo, "filterHeight" | "filterWidth" | "strideHeight" | "strideWidth">;

/** Whether a convolution is 3x3 at stride 1. */
export function is3x3(g: Geometry): boolean {
  return g.filterHeight === 3 && g.filterWidth === 3 && g.strideHeight === 1 && g.strideWidth === 1;
}

/**
 * The kind of a convolution.
 *
 * @param precision of the dense kernel
 */
export function kindOf(
  product: SpikeProduct,
  g: Geometry,
  storage: Spikes["kind"],
  precision: Precision,
): ConvolutionKind {
  return `${product}, ${is3x3(g) ? "3x3" : "other"}, ${storage}${precision === "bf16" ? ", bf16" : ""}`;
}

/** Whether the spikes are at most as dense as the break-even of that kind. */
export function isEventDriven(
  kind: ConvolutionKind,
  { events, size }: Pick<Spikes, "events" | "size">,
  breakEvens: BreakEvens,
): boolean {
  return events <= breakEvens[kind] * size;
}

type Float32Kind = Exclude<ConvolutionKind, `${string}, bf16`>;

/** Adds the kinds of bfloat16, whose densities default to those of float32. */
function withBfloat16(
  float32: Readonly<Record<Float32Kind, number>>,
  bf16: Readonly<Partial<Record<Float32Kind, number>>> = {},
): BreakEvens {
  const ofBfloat16 = Object.entries({ ...float32, ...bf16 }).map(([kind, density]) => [`${kind}, bf16`, density]);
  return { ...float32, ...Object.fromEntries(ofBfloat16) } as BreakEvens;
}

/**
 * On a matrix unit a convolution costs the same at every density: at a firing rate of 0.15, of the time of an event-driven one,
 * 0.23 to 0.53 (3x3) or 0.31 to 0.93 (1x1) in a prototype on a Granite Rapids Xeon. At a rate of 0.02 event-driven ones still
 * take 0.34 to 0.51 (3x3) or 0.51 to 0.99 (1x1) of their time at 0.15, on an AMD EPYC (Zen 5).
 */
const matrixUnit = withBfloat16({
  "forward, 3x3, bits": 0,
  "forward, 3x3, counts": 0,
  "forward, other, bits": 0,
  "forward, other, counts": 0,
  "filter gradient, 3x3, bits": 0,
  "filter gradient, 3x3, counts": 0,
  "filter gradient, other, bits": 0,
  "filter gradient, other, counts": 0,
});

/**
 * Typical of several runs of `calibrateBreakEvens` on an AMD EPYC: Zen 5 for AVX-512, Zen 4 for the others. That of filter
 * gradients of 3x3 bits in bfloat16 is typical of the layers of ResNet-18 in batches of 16 images.
 */
const builtIn: Readonly<Record<string, BreakEvens>> = {
  amx: matrixUnit,
  "amx-emulated": matrixUnit,
  avx512: withBfloat16(
    {
      "forward, 3x3, bits": 8,
      "forward, 3x3, counts": 0.2,
      "forward, other, bits": 8,
      "forward, other, counts": 0.5,
      "filter gradient, 3x3, bits": 8,
      "filter gradient, 3x3, counts": 0.28,
      "filter gradient, other, bits": 8,
      "filter gradient, other, counts": 0.19,
    },
    {
      "forward, 3x3, bits": 0.2,
      "forward, 3x3, counts": 0.12,
      "forward, other, counts": 0.12,
      "filter gradient, 3x3, bits": 0.22,
      "filter gradient, 3x3, counts": 0.19,
      "filter gradient, other, counts": 0.06,
    },
  ),
  avx2: withBfloat16({
    "forward, 3x3, bits": 8,
    "forward, 3x3, counts": 0.28,
    "forward, other, bits": 8,
    "forward, other, counts": 0.2,
    "filter gradient, 3x3, bits": 8,
    "filter gradient, 3x3, counts": 0.6,
    "filter gradient, other, bits": 8,
    "filter gradient, other, counts": 0.2,
  }),
  baseline: withBfloat16({
    "forward, 3x3, bits": 8,
    "forward, 3x3, counts": 1,
    "forward, other, bits": 8,
    "forward, other, counts": 8,
    "filter gradient, 3x3, bits": 8,
    "filter gradient, 3x3, counts": 1.2,
    "filter gradient, other, bits": 8,
    "filter gradient, other, counts": 1.2,
  }),
};

/** Every kind of convolution. */
export const convolutionKinds = Object.keys(builtIn.baseline!) as readonly ConvolutionKind[];

/** Set by {@link setBreakEvens}. */
let override: BreakEvens | undefined;

/** By instruction set. Read once, so that the rounding of a run does not change when the file does. */
const ofMachine = new Map<string, BreakEvens>();

/**
 * The break-evens in use with an instruction set: those of {@link setBreakEvens}; else those of this machine, if it has
 * been calibrated; else the built-in ones.
 *
 * @example
 * breakEvens(instructionSet())["forward, 3x3, counts"] > 0; // true
 */
export function breakEvens(instructionSet: string): BreakEvens {
  if (override !== undefined) return override;
  let densities = ofMachine.get(instructionSet);
  if (densities === undefined) {
    densities = machineBreakEvens(instructionSet, convolutionKinds) ?? builtIn[instructionSet]!;
    ofMachine.set(instructionSet, densities);
  }
  return densities;
}

/** Replaces the break-evens of this machine. */
export function useCalibrated(instructionSet: string, calibrated: BreakEvens): void {
  ofMachine.set(instructionSet, calibrated);
}

/**
 * Sets the density up to which convolutions of spikes are event-driven. The environment variable `SEW_BREAK_EVEN` sets it
 * at the start, to a number or to those in a file that {@link calibrateBreakEvens} wrote on any machine.
 *
 * @param densities events per element, finite and at least 0: one for all kinds, or one for each. @defaultValue those of
 * this machine; `undefined` restores them
 * @throws RangeError when a density is negative or not finite
 *
 * @example
 * setBreakEvens(0.5);
 * breakEvens(instructionSet())["filter gradient, other, bits"]; // 0.5
 */
export function setBreakEvens(densities: number | BreakEvens | undefined): void {
  const ofKind = (kind: ConvolutionKind) => (typeof densities === "object" ? densities[kind] : densities);
  for (const kind of densities === undefined ? [] : convolutionKinds) {
    const density = ofKind(kind);
    if (!Number.isFinite(density) || density! < 0) {
      throw new RangeError(`setBreakEvens: densities must be finite and at least 0, got ${density} for "${kind}"`);
    }
  }
  override =
    typeof densities === "number"
      ? (Object.fromEntries(convolutionKinds.map((kind) => [kind, densities])) as Record<ConvolutionKind, number>)
      : densities;
}

/** Sets the break-evens from a text: a number, or the path of a file. */
export function setBreakEvensFrom(text: string): void {
  const number = text.trim() === "" ? Number.NaN : Number(text);
  setBreakEvens(Number.isNaN(number) ? breakEvensIn(text) : number);
}

function breakEvensIn(file: string): BreakEvens {
  try {
    return readBreakEvens(file, convolutionKinds).breakEvens;
  } catch (error) {
    const why = (error as Error).message;
    throw new RangeError(`it must be a number of at least 0, or a file that calibrateBreakEvens wrote: ${why}`);
  }
}

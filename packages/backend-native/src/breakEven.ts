/** @file Up to which density a convolution of spikes is quicker event-driven than dense. */
import type { backend_util } from "@tensorflow/tfjs-core";
import { machineBreakEvens, readBreakEvens } from "./breakEvenFile.js";
import type { Precision } from "./precision.js";
import type { Spikes } from "./spikes.js";

/** The products that spikes take part in. */
export type SpikeProduct = "forward" | "filter gradient";

/**
 * Convolutions that share a break-even: 3x3 ones at stride 1, whose dense kernel is another, and all others; and those
 * whose dense kernel multiplies bfloat16.
 */
export type ConvolutionKind = `${SpikeProduct}, ${"3x3" | "other"}, ${Spikes["kind"]}${"" | ", bf16"}`;

/**
 * For each kind of convolution the largest density at which it is event-driven: events for each element, which for
 * bits is the fraction that is set. An event is a one in an element's binary digits.
 */
export type BreakEvens = Readonly<Record<ConvolutionKind, number>>;

/** No density is above: a count has as many binary digits. */
export const EVERY_DENSITY = 8;

type Geometry = Pick<backend_util.Conv2DInfo, "filterHeight" | "filterWidth" | "strideHeight" | "strideWidth">;

/** Whether a convolution is 3x3 at stride 1. */
export function is3x3(g: Geometry): boolean {
  return g.filterHeight === 3 && g.filterWidth === 3 && g.strideHeight === 1 && g.strideWidth === 1;
}

/** The kind of a convolution; `precision` is that in which it would be dense. */
export function kindOf(
  product: SpikeProduct,
  g: Geometry,
  storage: Spikes["kind"],
  precision: Precision,
): ConvolutionKind {
  return `${product}, ${is3x3(g) ? "3x3" : "other"}, ${storage}${precision === "bf16" ? ", bf16" : ""}`;
}

/** Whether spikes are few enough for a convolution of that kind to be event-driven. */
export function isEventDriven(
  kind: ConvolutionKind,
  { events, size }: Pick<Spikes, "events" | "size">,
  breakEvens: BreakEvens,
): boolean {
  return events <= breakEvens[kind] * size;
}

type Float32Kind = Exclude<ConvolutionKind, `${string}, bf16`>;

/** With those of bfloat16; unless given they are those of float32. */
function withBfloat16(
  float32: Readonly<Record<Float32Kind, number>>,
  bf16: Readonly<Partial<Record<Float32Kind, number>>> = {},
): BreakEvens {
  const named = Object.entries({ ...float32, ...bf16 }).map(([kind, density]) => [`${kind}, bf16`, density]);
  return { ...float32, ...Object.fromEntries(named) } as BreakEvens;
}

/**
 * Amid what `calibrateBreakEvens` found in several runs on an AMD EPYC of the Zen 4 generation; those of bfloat16 amid what
 * the layers of ResNet-18 took there in batches of 16 images, to which they owe more than to small ones.
 */
const builtIn: Readonly<Record<string, BreakEvens>> = {
  avx512: withBfloat16(
    {
      "forward, 3x3, bits": 8,
      "forward, 3x3, counts": 0.3,
      "forward, other, bits": 8,
      "forward, other, counts": 0.9,
      "filter gradient, 3x3, bits": 8,
      "filter gradient, 3x3, counts": 0.36,
      "filter gradient, other, bits": 8,
      "filter gradient, other, counts": 0.6,
    },
    {
      "forward, 3x3, bits": 0.25,
      "forward, 3x3, counts": 0.16,
      "forward, other, counts": 0.25,
      "filter gradient, 3x3, bits": 0.22,
      "filter gradient, 3x3, counts": 0.2,
      "filter gradient, other, counts": 0.5,
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

let wanted: BreakEvens | undefined;

/** This machine's, by instruction set: read once, since a choice that changed would change a run's rounding. */
const ofMachine = new Map<string, BreakEvens>();

/**
 * The break-evens in use with an instruction set: those that were set; else those of this machine, if it has been
 * calibrated; else the built-in ones.
 *
 * @example
 * breakEvens(instructionSet())["forward, 3x3, counts"] > 0; // true
 */
export function breakEvens(instructionSet: string): BreakEvens {
  if (wanted !== undefined) return wanted;
  let found = ofMachine.get(instructionSet);
  if (found === undefined) {
    found = machineBreakEvens(instructionSet, convolutionKinds) ?? builtIn[instructionSet]!;
    ofMachine.set(instructionSet, found);
  }
  return found;
}

/** Takes what this machine has been calibrated to into use. */
export function useCalibrated(instructionSet: string, calibrated: BreakEvens): void {
  ofMachine.set(instructionSet, calibrated);
}

/**
 * Sets the density up to which convolutions of spikes are event-driven, for all kinds alike or for each, as the
 * environment variable `SEW_BREAK_EVEN` does with a number or the path of a file that {@link calibrateBreakEvens}
 * wrote, on whatever machine. `undefined` goes back to this machine's own.
 *
 * @throws RangeError when one of them is negative, or no finite number
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
      throw new RangeError(`setBreakEvens: densities must be numbers from 0 on, got ${density} for "${kind}"`);
    }
  }
  wanted =
    typeof densities === "number"
      ? (Object.fromEntries(convolutionKinds.map((kind) => [kind, densities])) as Record<ConvolutionKind, number>)
      : densities;
}

/** Sets them from a text: a number, or the path of a file. */
export function setBreakEvensFrom(text: string): void {
  const number = text.trim() === "" ? Number.NaN : Number(text);
  setBreakEvens(Number.isNaN(number) ? readBreakEvens(text, convolutionKinds).breakEvens : number);
}

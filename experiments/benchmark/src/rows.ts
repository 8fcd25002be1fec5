/** @file The networks that are measured, one row of the table for each pass through one of them. */
import type { Module } from "@sew/layers";
import { families, type ResNetDepth, resNet, resNetDepths, sevenBNet, wideSevenBNet } from "@sew/models";
import { eventLike, type InputShape, imageLike } from "./inputs.js";

/** What may differ from an ordinary run of a network. */
interface Variant {
  /** Whether the backward pass computes the blocks' intermediate tensors again. @defaultValue false */
  readonly recompute?: true;
  /** The numbers of the convolutions' products. @defaultValue float32 */
  readonly precision?: "bf16";
}

/** A network, and what it is given. */
export interface Subject {
  readonly network: string;
  readonly shape: InputShape;
  readonly classes: number;
  readonly input: (shape: InputShape) => Float32Array;
  readonly build: (shape: InputShape, options: Pick<Variant, "recompute">) => Module;
}

export interface Row extends Subject, Variant {
  /** A training step, batch in, weights updated, loss read; or a forward pass in evaluation, scores read. */
  readonly pass: "train" | "forward";
}

const sevenB: Subject = {
  network: "7B-Net",
  shape: [16, 2, 128, 128, 2],
  classes: 11,
  input: eventLike,
  build: ([, , height, width, inChannels], options) =>
    sevenBNet({ classes: 11, height, width, inChannels, ...options }),
};

const wideSevenB: Subject = {
  ...sevenB,
  network: "Wide-7B-Net",
  classes: 10,
  build: ([, , height, width, inChannels], options) =>
    wideSevenBNet({ classes: 10, height, width, inChannels, ...options }),
};

/** SEW-ResNet with ADD, the stem at every step. */
const sewResNet = (depth: ResNetDepth, batch: number): Subject => ({
  network: `SEW-ResNet-${depth}`,
  shape: [4, batch, 224, 224, 3],
  classes: 1000,
  input: imageLike,
  build: ([, , , , inChannels], options) => resNet(depth, { ...families["sew-add"], inChannels, ...options }),
});

const batches = { 18: 4, 34: 4, 50: 2, 101: 1, 152: 1 } as const satisfies Record<ResNetDepth, number>;
const resNets = resNetDepths.map((depth) => sewResNet(depth, batches[depth]));

/** The networks of the paper's experiments. */
export const subjects: readonly Subject[] = [sevenB, wideSevenB, ...resNets];

const [resNet18, , resNet50, , resNet152] = resNets as [Subject, Subject, Subject, Subject, Subject];

export const rows: readonly Row[] = [
  { ...sevenB, pass: "train" },
  { ...sevenB, pass: "train", recompute: true },
  { ...sevenB, pass: "train", precision: "bf16" },
  { ...sevenB, pass: "forward" },
  { ...resNet18, pass: "train" },
  { ...resNet18, pass: "train", precision: "bf16" },
  { ...resNet18, pass: "forward" },
  { ...resNet50, pass: "train" },
  { ...resNet50, pass: "forward" },
  { ...resNet152, pass: "train" },
  { ...resNet152, pass: "train", recompute: true },
];

/** What a row is called, such as `7B-Net T=16 N=2 128x128, train step`. */
export function nameOf({ network, shape, pass, recompute, precision }: Row): string {
  const [steps, batch, height, width] = shape;
  const work = pass === "train" ? "train step" : "forward";
  const variant = [recompute ? "recompute" : undefined, precision].filter((word) => word !== undefined);
  return [`${network} T=${steps} N=${batch} ${height}x${width}`, work, ...variant].join(", ");
}

/** The name of the ordinary row that a variant is held against; `undefined` for an ordinary one. */
export function ordinaryOf(row: Row): string | undefined {
  const { recompute, precision, ...same } = row;
  return recompute || precision ? nameOf(same) : undefined;
}

/** @file The networks of Figs. 5 to 8: four families, with and without zero-init, at three settings of their neurons. */
import { type NeuronFactory, neurons } from "@sew/layers";
import { type FamilyName, families, type ResNet, type ResNetDepth, resNet } from "@sew/models";
import { integrateAndFire } from "@sew/neurons";
import { atan } from "@sew/surrogates";

/** The families that are compared, by the names that tables and charts have for them. */
export const compared = {
  Spiking: "spiking",
  "SEW ADD": "sew-add",
  "SEW AND": "sew-and",
  "SEW IAND": "sew-iand",
} as const satisfies Record<string, FamilyName>;
export type ComparedFamily = keyof typeof compared;

/** The neurons of a figure: V_th, and α of the ArcTan surrogate. */
export interface NeuronSetting {
  readonly vThreshold: number;
  readonly alpha: number;
}

/** The settings by the figure that shows the gradients of their networks. */
export const figures = {
  6: { vThreshold: 1, alpha: 2 },
  7: { vThreshold: 0.5, alpha: 2 },
  8: { vThreshold: 1, alpha: 3 },
} as const satisfies Record<number, NeuronSetting>;
export type Figure = keyof typeof figures;

/** One of the networks. */
export interface Network {
  readonly figure: Figure;
  readonly family: ComparedFamily;
  readonly zeroInit: boolean;
}

/** The 8 networks of each figure. */
export function networksOf(chosen: readonly Figure[]): Network[] {
  return chosen.flatMap((figure) =>
    [true, false].flatMap((zeroInit) =>
      (Object.keys(compared) as ComparedFamily[]).map((family): Network => ({ figure, family, zeroInit })),
    ),
  );
}

/** What tables, charts and statements call the setting of a figure. */
export function settingOf(figure: Figure): string {
  const { vThreshold, alpha } = figures[figure];
  return `V_th = ${vThreshold}, α = ${alpha}`;
}

/** What progress calls a network. */
export function nameOf({ figure, family, zeroInit }: Network): string {
  return `${family}, ${settingOf(figure)}${zeroInit ? ", zero-init" : ""}`;
}

/** The neurons of the networks of a figure. */
export function neuronsOf(figure: Figure): NeuronFactory {
  const { vThreshold, alpha } = figures[figure];
  return neurons(integrateAndFire, { vThreshold }, atan({ alpha }));
}

/** What all networks have in common. */
export interface Size {
  readonly depth: ResNetDepth;
  /** Time-steps T for which a network sees its images. */
  readonly steps: number;
  /** Seed of the initial weights, which all networks share. */
  readonly seed: number;
}

/**
 * The network before training. With zero-init the last norm of each block has weight 0, and a bias that makes the block an
 * identity: 0 for Spiking, ADD and IAND, V_th for AND, whose last neurons then fire at every step.
 */
export function build({ figure, family, zeroInit }: Network, { depth, steps, seed }: Size): ResNet {
  return resNet(depth, {
    block: families[compared[family]].block,
    neurons: neuronsOf(figure),
    stemOnceFor: steps,
    recompute: true,
    zeroInit,
    seed,
  });
}

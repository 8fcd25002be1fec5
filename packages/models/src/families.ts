/** @file The families of residual networks that the paper compares. */
import { type BlockFactory, blocks } from "@sew/blocks";
import { type ActivationFactory, type NormFactory, neurons, relus, tdNorms } from "@sew/layers";
import { integrateAndFire } from "@sew/neurons";

/** What distinguishes one family of networks from another. */
export interface Family {
  /** Makes each block. */
  readonly block: BlockFactory;
  /** Makes each layer of neurons (or of ReLU). */
  readonly neurons: ActivationFactory;
  /** Makes each norm. @defaultValue batch norm */
  readonly norm?: NormFactory;
}

/** The name of a block on command lines: `"SEW ADD"` is `"sew-add"`. */
type Hyphenated<S extends string> = S extends `${infer A} ${infer B}`
  ? `${Lowercase<A>}-${Hyphenated<B>}`
  : Lowercase<S>;

/** The name of a family: that of its block on command lines, or `td-bn`. */
export type FamilyName = Hyphenated<keyof typeof blocks & string> | "td-bn";

/**
 * A family for each block, with the paper's neurons: IF, V_th = 1, hard detached reset, ArcTan α = 2; ReLU in the ANNs
 * (`ann` and `rba`). `td-bn` is `spiking` with threshold-dependent batch norm, in the shortcuts too (Zheng et al., AAAI
 * 2021). Command lines take these names.
 *
 * @example
 * Object.keys(families)[0]; // "sew-add"
 */
export const families = {
  ...Object.fromEntries(
    Object.entries(blocks).map(([name, block]): [string, Family] => [
      name.toLowerCase().replaceAll(" ", "-"),
      { block, neurons: neurons(integrateAndFire) },
    ]),
  ),
  ann: { block: blocks.ANN, neurons: relus() },
  rba: { block: blocks.RBA, neurons: relus() },
  "td-bn": { block: blocks.Spiking, neurons: neurons(integrateAndFire), norm: tdNorms() },
} as unknown as Readonly<Record<FamilyName, Family>>;

/** @file Signs that a network does not learn, each with a remedy. */
import type { FiringRates } from "@sew/analysis";
import type { EpochMetrics } from "@sew/training";

/** A sign that a network does not learn. */
export interface Alarm {
  readonly kind: "silent" | "always fires" | "gradients vanish" | "gradients explode" | "loss at chance";
  /** Path of the block or of the layer of neurons; empty for the whole network. */
  readonly place: string;
  /** Counted from 0. */
  readonly epoch: number;
  /** What was seen, and what to try. */
  readonly text: string;
}

/** What is known of a run: the alarms so far, and the blocks and layers that have once been in order, as `kind place`. */
export interface Known {
  readonly alarms: readonly Alarm[];
  readonly inOrder: readonly string[];
}

/** What is measured of a network after an epoch. */
export interface Measured {
  /** With the rates of neurons. */
  readonly rates: FiringRates;
  /** Gradient norms of the blocks, from the input on. */
  readonly norms: Readonly<Record<string, number>>;
}

/** What decides which signs count. */
export interface Expected {
  readonly classes: number;
  /** Whether blocks start as identities, so that they may be silent, or always fire, until they have learned. */
  readonly zeroInit: boolean;
  /** Epochs of linear warm-up, in which the loss may stay at chance. */
  readonly warmup: number;
}

/** Share of a layer's neurons that may fire in every time-step of every sample. */
const ALWAYS = 0.5;

/** Ratio between the gradient norms of the first and the last block, or its inverse. */
const RATIO = 1e3;

/** Epochs behind the warm-up after which a loss should have left chance, and how many of the last ones must show it. */
const [PATIENCE, STILL] = [5, 3];

/** A loss above this part of ln(classes), that of guessing, is at chance. */
const CHANCE = 0.99;

/**
 * What is known after one more epoch. Each alarm is raised once per kind and place.
 *
 * @param history the metrics of all epochs so far
 * @param measured undefined where nothing was measured after the last of them
 */
export function alarmsAfter(
  known: Known,
  history: readonly EpochMetrics[],
  measured: Measured | undefined,
  expected: Expected,
): Known {
  const { epoch } = history.at(-1)!;
  const alarms = [...known.alarms];
  const inOrder = new Set(known.inOrder);
  const raise = (kind: Alarm["kind"], place: string, text: string): void => {
    if (alarms.some((alarm) => alarm.kind === kind && alarm.place === place)) return;
    alarms.push({ kind, place, epoch, text });
  };
  const raiseUnless = (fine: boolean, kind: Alarm["kind"], place: string, text: string): void => {
    if (fine) inOrder.add(`${kind} ${place}`);
    else if (!expected.zeroInit || inOrder.has(`${kind} ${place}`)) raise(kind, place, text);
  };
  for (const [block, { residual = 0, output }] of Object.entries(measured?.rates.blocks ?? {})) {
    const text =
      `${block} is silent: neither its residual path nor its output fires, and nothing behind it learns; lower the ` +
      "learning rate (--learning-rate), clip the gradients (--clip-norm 1), or start blocks as identities (--zero-init)";
    raiseUnless(residual > 0 || output > 0, "silent", block, text);
  }
  for (const [layer, { neurons = [] }] of Object.entries(measured?.rates.layers ?? {})) {
    let always = 0;
    for (const rate of neurons) if (rate >= 1) always++;
    const share = always / Math.max(1, neurons.length);
    const text =
      `${layer} is saturated: ${Math.round(100 * share)} % of its neurons fire in every time-step of every sample, which ` +
      "carries no information; lower the learning rate (--learning-rate), or that of learned neuron parameters (--neuron-rate 0.1)";
    raiseUnless(share < ALWAYS, "always fires", layer, text);
  }
  const norms = Object.entries(measured?.norms ?? {});
  if (norms.length > 1) {
    const [[first, near], [last, far]] = [norms[0]!, norms.at(-1)!];
    const from = `from ${far.toPrecision(3)} at ${last} to ${near.toPrecision(3)} at ${first}`;
    if (!(near / far >= 1 / RATIO) && !(near > far)) {
      const text =
        `gradient norms vanish, ${from}: the first blocks learn nothing; use the block sew-add (--block), start blocks as ` +
        "identities (--zero-init), or choose another surrogate (--surrogate)";
      raise("gradients vanish", "", text);
    } else if (!(near / far <= RATIO)) {
      const text =
        `gradient norms explode, ${from}; use the block sew-add (--block), clip the gradients (--clip-norm 1), or choose a ` +
        "surrogate with a lower slope (--surrogate)";
      raise("gradients explode", "", text);
    }
  }
  const guessing = Math.log(expected.classes);
  const stuck = history.slice(-STILL).every(({ trainLoss }) => trainLoss >= CHANCE * guessing);
  if (stuck && history.length >= PATIENCE + expected.warmup) {
    const loss = history.at(-1)!.trainLoss.toFixed(3);
    const text =
      `the training loss is at chance after ${history.length} epochs: ${loss}, where guessing among ${expected.classes} ` +
      `classes has ${guessing.toFixed(3)}; change the learning rate (--learning-rate), use fewer blocks or the block sew-add, ` +
      "or check the labels";
    raise("loss at chance", "", text);
  }
  return { alarms, inOrder: [...inOrder] };
}

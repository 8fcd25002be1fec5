/** @file Signs that a network does not learn, each with a remedy. */
import type { FiringRates } from "@sew/analysis";
import type { FamilyName } from "@sew/models";
import type { EpochMetrics } from "@sew/training";

/** A sign that a network does not learn. */
export interface Alarm {
  readonly kind:
    | "silent"
    | "always fires"
    | "gradients vanish"
    | "gradients explode"
    | "loss at chance"
    | "loss above chance";
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
  readonly block: FamilyName;
  /** Whether blocks start as identities, so that they may be silent, or always fire, until they have learned. */
  readonly zeroInit: boolean;
  /** Whether neurons learn parameters. */
  readonly learns: boolean;
  /** Epochs of linear warm-up, in which the loss may stay at chance. */
  readonly warmup: number;
}

/** Share of a layer's neurons that may fire in every time-step of every sample. */
const ALWAYS = 0.5;

/** Ratio between the gradient norms of the first and the last block, or its inverse. */
const RATIO = 1e3;

/**
 * Gradient norm of a block that explodes whatever the others have: a thousand times what it can be at the logits, where
 * ‖softmax(z) − y‖ is √2 at most.
 */
const GREATEST = 1e3 * Math.SQRT2;

/** Epochs behind the warm-up after which a loss should have left chance, and how many of the last ones must show it. */
const [PATIENCE, STILL] = [5, 3];

/** A loss above this part of ln(classes), that of guessing, is at chance. */
const CHANCE = 0.99;

/**
 * Multiple of ln(classes) from which on the mean loss of an epoch is far above chance: the right class then has, in geometric mean,
 * the probability 1/classes², less than a network gives it that has learned nothing. Wrong certainty alone does that, of weights
 * that have grown too large.
 */
const ABOVE = 2;

/** The loss of guessing where the last epoch's is far above it; undefined otherwise. */
export function guessingBelow(history: readonly EpochMetrics[], classes: number): number | undefined {
  const guessing = Math.log(classes);
  return (history.at(-1)?.trainLoss ?? 0) > ABOVE * guessing ? guessing : undefined;
}

/** What is said of a loss that is far above chance. */
export function aboveChance(loss: number, guessing: number, classes: number): string {
  return (
    `the training loss is ${loss.toPrecision(4)}, far above that of guessing among ${classes} classes, ` +
    `${guessing.toFixed(3)}: the weights have grown too large; lower the learning rate (--learning-rate), or clip the ` +
    "gradients (--clip-norm 1)"
  );
}

/** Remedies in a sentence; those that do not apply are left out. */
function remedies(...each: readonly (string | false)[]): string {
  const all = each.filter((remedy) => remedy !== false);
  return all.length === 1 ? all[0]! : `${all.slice(0, -1).join(", ")}, or ${all.at(-1)}`;
}

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
  const { block: family, zeroInit, learns, classes } = expected;
  const identities = !zeroInit && family !== "plain" && "start blocks as identities (--zero-init)";
  const add = family !== "sew-add" && "use the block sew-add (--block)";
  for (const [block, { residual = 0, output }] of Object.entries(measured?.rates.blocks ?? {})) {
    const remedy = remedies(
      "lower the learning rate (--learning-rate)",
      "clip the gradients (--clip-norm 1)",
      identities,
    );
    const text = `${block} is silent: neither its residual path nor its output fires, and nothing behind it learns; ${remedy}`;
    raiseUnless(residual > 0 || output > 0, "silent", block, text);
  }
  for (const [layer, { neurons = [] }] of Object.entries(measured?.rates.layers ?? {})) {
    let always = 0;
    for (const rate of neurons) if (rate >= 1) always++;
    const share = always / Math.max(1, neurons.length);
    const remedy = remedies(
      "lower the learning rate (--learning-rate)",
      learns && "that of learned neuron parameters (--neuron-rate 0.1)",
    );
    const text =
      `${layer} is saturated: ${Math.round(100 * share)} % of its neurons fire in every time-step of every sample, which ` +
      `carries no information; ${remedy}`;
    raiseUnless(share < ALWAYS, "always fires", layer, text);
  }
  const norms = Object.entries(measured?.norms ?? {});
  if (norms.length > 0) {
    const [[first, near], [last, far]] = [norms[0]!, norms.at(-1)!];
    const from = `from ${far.toPrecision(3)} at ${last} to ${near.toPrecision(3)} at ${first}`;
    const [greatest, most] = norms.reduce((a, b) => (b[1] > a[1] ? b : a));
    const several = norms.length > 1;
    if (several && !(near / far >= 1 / RATIO) && !(near > far)) {
      const remedy = remedies(add, identities, "choose another surrogate (--surrogate)");
      raise("gradients vanish", "", `gradient norms vanish, ${from}: the first blocks learn nothing; ${remedy}`);
    } else if ((several && !(near / far <= RATIO)) || most > GREATEST) {
      const where = several && !(near / far <= RATIO) ? from : `${most.toPrecision(3)} at ${greatest}`;
      const remedy = remedies(
        add,
        "lower the learning rate (--learning-rate)",
        "clip the gradients (--clip-norm 1)",
        "choose a surrogate with a lower slope (--surrogate)",
      );
      raise("gradients explode", "", `gradient norms explode, ${where}; ${remedy}`);
    }
  }
  const above = guessingBelow(history, classes);
  if (above !== undefined) raise("loss above chance", "", aboveChance(history.at(-1)!.trainLoss, above, classes));
  const guessing = Math.log(classes);
  const stuck = history
    .slice(-STILL)
    .every(({ trainLoss }) => trainLoss >= CHANCE * guessing && trainLoss <= ABOVE * guessing);
  if (stuck && history.length >= PATIENCE + expected.warmup) {
    const loss = history.at(-1)!.trainLoss.toFixed(3);
    const remedy = remedies(
      "change the learning rate (--learning-rate)",
      `use fewer blocks${add === false ? "" : " or the block sew-add"}`,
      "check the labels",
    );
    const text =
      `the training loss is at chance after ${history.length} epochs: ${loss}, where guessing among ${classes} ` +
      `classes has ${guessing.toFixed(3)}; ${remedy}`;
    raise("loss at chance", "", text);
  }
  return { alarms, inOrder: [...inOrder] };
}

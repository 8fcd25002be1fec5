import type { BlockFactory } from "@sew/blocks";
import { shown } from "@sew/kernels";
import {
  type ActivationFactory,
  avgPool2d,
  checkInteger,
  conv2d,
  convNorm,
  convNormNeuron,
  disposeModule,
  dropout,
  flatten,
  linear,
  type Module,
  maxPool2d,
  recomputing,
  run,
  type Sequential,
  type Stretch,
  seeded,
  sequential,
  voting,
} from "@sew/layers";
import { checkSeed, random } from "@sew/random";
import type { Tensor } from "@tensorflow/tfjs-core";
import {
  checkVocabulary,
  type Item,
  parseNotation,
  refusal,
  refusedLayer,
  type Vocabulary,
  vocabulary,
} from "./notation.js";

/** Options of {@link network}. */
export interface NetworkOptions {
  /** Height and width of the frames, in pixels. */
  readonly height: number;
  readonly width: number;
  /** Channels of the frames. @defaultValue 2, the polarities */
  readonly inChannels?: number;
  /**
   * Neurons of your own by their name in the notation, or other ones for a name that it has, such as
   * `{ LIF: neurons(lif, { tau: 4 }) }`. @defaultValue those of `neuronModels` and
   * `parallelNeuronModels`, and ReLU
   */
  readonly neurons?: Readonly<Record<string, ActivationFactory>>;
  /**
   * Blocks of your own by their name in the notation, or other ones for a name that it has.
   * @defaultValue those of `blocks`, and SEW for SEW ADD
   */
  readonly blocks?: Readonly<Record<string, BlockFactory>>;
  /** Whether every block starts as an identity; see the blocks. @defaultValue false */
  readonly zeroInit?: boolean;
  /** T, the time-steps of a sequence, for which PSN and MASKEDPSN have weights. @defaultValue none: these two are refused */
  readonly steps?: number;
  /** The chance of `DP` to drop a feature, in [0, 1). @defaultValue 0.5 */
  readonly dropout?: number;
  /** Seed of the initial weights. @defaultValue 0 */
  readonly seed?: number;
  /**
   * Whether the backward pass computes all but the spikes again: the same gradients for less memory and more time.
   * @defaultValue false
   */
  readonly recompute?: boolean;
}

/** The most weights of a network, and the most values of a layer's output for one sample and step: 1 GiB of float32. */
const MOST_VALUES = 2 ** 28;

/**
 * The network of a notation of the paper, such as `c32k3s1-BN-PLIF-{SEW Block(c32)-MPk2s2}*7-FC11`.
 *
 * | item | layer |
 * | --- | --- |
 * | `c32k3s1` | convolution to 32 channels; k3, s1 and the padding p⌊k/2⌋ may be left out. It has a bias unless BN follows |
 * | `BN` | batch norm of the convolution before it |
 * | `IF`, `LIF`, `PLIF`, `KLIF`, `PSN`, `ReLU`, … | neurons, see `neuronModels` and `parallelNeuronModels` |
 * | `SEW Block(c32)`, `SEW(c32)`, `SEW` | a block of 32 channels, or of those of its input; its neurons are of the kind before it |
 * | `SEW ADD(c32)`, `SEW AND(c32)`, `SEW IAND(c32)`, `Spiking(c32)`, `Plain(c32)`, … | a block of that kind, see `blocks`; `Block` may follow |
 * | `MPk2s2`, `APk2s2` | max and average pooling; the default stride is k |
 * | `DP` | dropout |
 * | `FC10` | linear layer, after flattening |
 * | `APk10s10` behind an `FC` | voting, at the end |
 * | `{...}*7` | repetition |
 *
 * Frames `[T, N, height, width, inChannels] → [T, N, features]`, or `[T, N, H, W, C]` where nothing is flattened.
 *
 * Names of your own stand for what `neurons` and `blocks` of the options say.
 *
 * Children, by kind and order: `unit0`, `unit1`, … (convolution, norm and neurons), `conv0` (a convolution without norm),
 * `neuron0`, `block0`, `pool0`, `dropout0`, `flatten`, `linear0`, `classifier` (the last linear layer), `voting`.
 *
 * @throws RangeError when the notation has an error, an item does not fit what comes before it, the frames are too small,
 * or the network would have more than 1000 items, 2²⁸ weights or 2²⁸ outputs of a layer; it shows the place
 *
 * @example
 * const net = network("c4k3s1-BN-PLIF-{SEW Block(c4)-MPk2s2}*2-FC3", { height: 8, width: 8 });
 * Object.keys(net.children); // ["unit0", "block0", "pool0", "block1", "pool1", "flatten", "classifier"]
 * net.forward(zeros([2, 1, 8, 8, 2]), evaluation).shape; // [2, 1, 3]
 */
export function network(notation: string, options: NetworkOptions): Sequential {
  const { height, width, inChannels = 2, dropout: chance = 0.5, seed = 0 } = options;
  const { zeroInit = false, recompute = false } = options;
  for (const [name, value] of Object.entries({ height, width, inChannels })) {
    checkInteger("network", name, value, 1);
  }
  if (!(typeof chance === "number" && chance >= 0 && chance < 1)) {
    throw new RangeError(`network: dropout must be at least 0 and below 1, got ${shown(chance)}`);
  }
  if (height * width * inChannels > MOST_VALUES) {
    throw new RangeError(
      `network: height x width x inChannels must be at most ${MOST_VALUES}, got ${height} x ${width} x ${inChannels}`,
    );
  }
  checkSeed("network", seed);
  if (options.steps !== undefined) checkInteger("network", "steps", options.steps, 1);
  const usual = vocabulary(options.steps);
  const names: Vocabulary = {
    neurons: { ...usual.neurons, ...options.neurons },
    blocks: { ...usual.blocks, ...options.blocks },
  };
  checkVocabulary(names, options);
  const rng = random(seed);
  const items = parseNotation(notation, names);
  const lastLinear = items.findLastIndex(({ kind }) => kind === "linear");

  // Nothing is made before all is known to fit.
  const plan: [name: string, make: () => Module, item: Item][] = [];
  const count: Record<string, number> = {};
  const push = (kind: string, item: Item, make: () => Module): void => {
    const index = count[kind] ?? 0;
    count[kind] = index + 1;
    plan.push([`${kind}${index}`, make, item]);
  };

  /** What the next item gets: channels of an image of this size, or features where there is none. */
  let channels = inChannels;
  let image: readonly [height: number, width: number] | undefined = [height, width];
  let neurons: ActivationFactory | undefined;
  let weights = 0;
  /** Layers from one with weights to the neurons behind it, recomputed together, and where the next such start. */
  const stretches: { readonly from: number; readonly to: number }[] = [];
  let open: number | undefined;

  const refuse = ({ at, text }: Item, must: string, got = shown(text), remedy?: string): RangeError =>
    refusal(notation, at, must, got, remedy);
  const imageOf = (item: Item): readonly [number, number] => {
    if (image !== undefined) return image;
    throw refuse(item, "what needs rows and columns must come before the first FC");
  };
  const slide = (item: Item, size: number, stride: number, padding: number): void => {
    const [rows, columns] = imageOf(item);
    if (Math.min(rows, columns) + 2 * padding < size) {
      const got = `${rows} x ${columns} there`;
      const must = `height and width must leave ${size} x ${size} for ${shown(item.text)}`;
      throw refuse(item, must, got, "give larger frames or fewer poolings");
    }
    const slid = (length: number) => Math.floor((length + 2 * padding - size) / stride) + 1;
    image = [slid(rows), slid(columns)];
  };
  const fill = (item: Item): void => {
    const [rows, columns] = imageOf(item);
    if (rows * columns * channels > MOST_VALUES) {
      const got = `${rows} x ${columns} x ${channels} there`;
      throw refuse(item, `a layer must have at most ${MOST_VALUES} outputs`, got);
    }
  };
  const weigh = (item: Item, more: number): void => {
    weights += more;
    if (weights > MOST_VALUES) {
      throw refuse(item, `the network must have at most ${MOST_VALUES} weights`, `${weights}`);
    }
  };

  for (let i = 0; i < items.length; i++) {
    const item = items[i]!;
    const from = channels;
    switch (item.kind) {
      case "conv": {
        const { channels: to, kernel, stride, padding } = item;
        slide(item, kernel, stride, padding);
        weigh(item, kernel * kernel * from * to);
        channels = to;
        fill(item);
        const shape = { kernel, stride, padding, random: rng };
        const [norm, next] = [items[i + 1], items[i + 2]];
        if (norm?.kind !== "norm") {
          open ??= plan.length;
          push("conv", item, () => conv2d(from, to, { ...shape, bias: true }));
        } else if (next?.kind !== "neurons") {
          open ??= plan.length;
          push("unit", item, () => convNorm(from, to, shape));
          i += 1;
        } else {
          const made = names.neurons[next.name]!;
          open = undefined;
          push("unit", next, () => convNormNeuron(from, to, made, { ...shape, recompute }));
          neurons = made;
          i += 2;
        }
        break;
      }
      case "norm":
        throw refuse(item, "BN must follow a convolution");
      case "neurons": {
        const factory = names.neurons[item.name]!;
        const size = channels;
        neurons = factory;
        push("neuron", item, () => factory(size));
        if (open !== undefined) stretches.push({ from: open, to: plan.length });
        open = undefined;
        break;
      }
      case "block": {
        imageOf(item);
        const { channels: to = from, name } = item;
        const made = neurons;
        if (made === undefined) {
          const must = "a block must have neurons before it, whose kind it takes";
          throw refuse(item, must, undefined, "put c32-BN-PLIF first");
        }
        if (to !== from) {
          const remedy = `put c${to}k3s1-BN-PLIF before it`;
          throw refuse(item, `a block must have the ${from} channels of its input`, `${to}`, remedy);
        }
        weigh(item, 18 * from * from);
        open = undefined;
        push("block", item, () =>
          names.blocks[name]!({ channels: from, neurons: made, random: rng, zeroInit, recompute }),
        );
        break;
      }
      case "maxPool":
      case "avgPool": {
        const { kind, size, stride } = item;
        if (image === undefined && kind === "avgPool") {
          if (stride !== size) throw refuse(item, "voting must have a stride of its size", `k${size}s${stride}`);
          if (from % size !== 0) throw refuse(item, `voting must divide the ${from} features`, `k${size}`);
          if (i < items.length - 1) throw refuse(item, "voting must come last");
          plan.push(["voting", () => voting(size), item]);
          break;
        }
        slide(item, size, stride, 0);
        const pool = kind === "maxPool" ? maxPool2d : avgPool2d;
        push("pool", item, () => pool(size, { stride }));
        break;
      }
      case "dropout":
        push("dropout", item, () => dropout(chance, { random: rng }));
        break;
      case "linear": {
        const { features: to } = item;
        if (image !== undefined) {
          channels *= image[0] * image[1];
          image = undefined;
          plan.push(["flatten", flatten, item]);
        }
        open ??= plan.length;
        const flat = channels;
        weigh(item, flat * to);
        channels = to;
        const make = () => linear(flat, to, { random: rng });
        if (i === lastLinear) plan.push(["classifier", make, item]);
        else push("linear", item, make);
        break;
      }
    }
  }
  const layers: Record<string, Module> = {};
  // Neurons and blocks of one's own may make layers without `random`.
  seeded(seed, () => {
    for (const [name, make, { at }] of plan) {
      try {
        layers[name] = make();
      } catch (error) {
        for (const layer of Object.values(layers)) disposeModule(layer);
        throw error instanceof RangeError ? refusedLayer(notation, at, error) : error;
      }
    }
  });
  if (!recompute) return sequential(layers);
  const steps: Stretch<readonly [Tensor]>[] = Object.values(layers).map(
    (layer) =>
      ([x], context) =>
        run(layer, x, context),
  );
  for (const { from, to } of stretches.toReversed()) {
    const stretch = sequential(Object.fromEntries(Object.entries(layers).slice(from, to)));
    steps.splice(
      from,
      to - from,
      recomputing([stretch], ([x], context) => stretch.forward(x, context)),
    );
  }
  return { children: layers, forward: (x, context) => steps.reduce((y, step) => step([y], context), x) };
}

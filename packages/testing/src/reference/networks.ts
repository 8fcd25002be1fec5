/** @file The cases of networks.json. */

import { shown } from "@sew/kernels";
import { difference, read, type Tolerance } from "@sew/kernels/testing";
import {
  type ActivationFactory,
  countParameters,
  disposeModule,
  type Module,
  namedParameters,
  relus,
  run,
} from "@sew/layers";
import { cifar10Net, type ResNetDepth, resNet, type SevenBNetOptions, sevenBNet, wideSevenBNet } from "@sew/models";
import {
  losses,
  mean,
  oneHot,
  type Scalar,
  sum,
  type Tensor,
  tensor1d,
  tidy,
  variableGrads,
} from "@tensorflow/tfjs-core";
import * as z from "zod";
import { assignHashed, compareGradients, type Matched, mismatches } from "./assign.js";
import { type Family, familyBlock, spikes } from "./blocks.js";
import { type ReferenceCase, report } from "./case.js";
import { caseNeurons, type Probe } from "./caseNeurons.js";
import { gradients, neuronFields, numbers, size } from "./fields.js";
import { fromTorch, sizeOf } from "./hashed.js";
import { type NetworkInput, networkInput } from "./networkInput.js";
import { eventNetLayers, resNetLayers } from "./peerLayers.js";

/** A case of networks.json. */
export const networkSchema = z
  .looseObject({
    ...neuronFields,
    smooth: z.boolean().nullish(),
    tag: z.string(),
    network: z.string(),
    connect: z.string().nullish(),
    T: size,
    N: size,
    classes: size,
    input: z.string(),
    target: z.array(z.number().int().nonnegative()),
    logits: numbers,
    loss: z.number(),
    firingRates: z.record(z.string(), z.number()),
    spikes: z.record(z.string(), z.base64()).optional(),
    parameters: z.number(),
    grads: gradients,
  })
  .refine(({ target, N, classes }) => target.length === N && target.every((label) => label < classes), {
    path: ["target"],
    error: "must have N values below classes",
  })
  .refine(({ logits, N, classes }) => logits.length === N * classes, {
    path: ["logits"],
    error: "must have N * classes values",
  });
type NetworkCase = z.infer<typeof networkSchema>;

const exact: Tolerance = { relative: 0, absolute: 0 };
/** Spikes are thresholds: a few flip between float64 and float32, and the difference spreads. */
const spiking = {
  firingRate: { relative: 0, absolute: 0.003 },
  loss: { relative: 0.01, absolute: 0 },
  gradient: { relative: 0.03, absolute: 0 },
  // Of the largest. The layout names none: this one tells classes and samples apart, the loss does the rest.
  logit: 0.1,
} as const;
/** Smooth neurons round and do not flip: three times and more what PyTorch's float32 is off its float64 in the fixtures. */
const smooth = {
  firingRate: { relative: 0, absolute: 2e-6 },
  loss: { relative: 1e-4, absolute: 0 },
  gradient: { relative: 1e-3, absolute: 0 },
  logit: 1e-4,
} as const;

/** The networks whose keys are positions, by name. */
const eventNets: readonly (readonly [RegExp, (options: SevenBNetOptions) => Module, "PLIF" | "IF"])[] = [
  [/^7b-?net$/i, sevenBNet, "PLIF"],
  [/^wide-?7b-?net$/i, wideSevenBNet, "PLIF"],
  [/^(cifar-?10(-?net)?|c32k3s1-bn-if-\{\{sew( ?block)?\(c32\)\}\*2-mpk2s2\}\*5-fc\d+)$/i, cifar10Net, "IF"],
];

/** The family of an event network's blocks: a connect function means SEW; where there is none, the keys tell. */
function eventFamily({ connect }: NetworkCase, keys: readonly string[]): Family {
  const name = connect?.toLowerCase();
  if (name === "spiking" || name === "plain") return name;
  if (name !== undefined) return "sew";
  return keys.some((key) => /^\d+\.sn\b/.test(key)) ? "spiking" : "plain";
}

function eventNet(c: NetworkCase, { shape }: NetworkInput, probe?: Probe): Matched | undefined {
  const [, build, usual] = eventNets.find(([name]) => name.test(c.network)) ?? [];
  if (build === undefined) return undefined;
  const keys = [...Object.keys(c.grads), ...Object.keys(c.firingRates)];
  const [, , inChannels, height, width] = shape;
  const module = build({
    classes: c.classes,
    inChannels,
    height,
    width,
    block: familyBlock(eventFamily(c, keys), c.connect),
    neurons: caseNeurons(c, usual, probe),
    stemKernel: Object.entries(c.grads).find(([key]) => /^\d+\.0\.weight$/.test(key))?.[1].shape[2] ?? 3,
  });
  return { module, layers: eventNetLayers(module, Object.keys(c.grads)) };
}

function anyResNet(c: NetworkCase, { shape }: NetworkInput, probe?: Probe): Matched | undefined {
  const [, name, depth] = /^(sew|spiking|plain|ann|rba)-?resnet-?(18|34|50|101|152)$/i.exec(c.network) ?? [];
  if (name === undefined) return undefined;
  const family = name.toLowerCase() as Family;
  const neurons: ActivationFactory = spikes(family) ? caseNeurons(c, "IF", probe) : relus();
  const module = resNet(Number(depth) as ResNetDepth, {
    block: familyBlock(family, c.connect),
    neurons,
    classes: c.classes,
    inChannels: shape[2],
  });
  return { module, layers: resNetLayers(module) };
}

/** The case as something to run. */
export function networkCase(c: NetworkCase): ReferenceCase {
  const connect = c.connect ? ` ${c.connect}` : "";
  const neuron = c.neuron ? `, ${c.smooth ? "smooth " : ""}${c.neuron}` : "";
  return {
    name: `${c.network}${connect}${neuron}, T = ${c.T}, N = ${c.N}`,
    run() {
      const { lines, flipped } = withNet(c, undefined, (net, input) => compare(c, net, input));
      return flipped === undefined ? lines : [firstDifference(c, flipped), ...lines];
    },
  };
}

/** Makes the network of a case for the length of `use`. */
function withNet<R>(c: NetworkCase, probe: Probe | undefined, use: (net: Matched, input: NetworkInput) => R): R {
  const input = networkInput(c);
  const net = eventNet(c, input, probe) ?? anyResNet(c, input, probe);
  if (net === undefined) {
    throw new RangeError(
      "networkCase: network must be 7B-Net, Wide-7B-Net, CIFAR-10, or sew, spiking, plain, ann or rba and " +
        `Resnet18, 34, 50, 101 or 152, such as sewResnet18, got ${shown(c.network)}`,
    );
  }
  try {
    let result: R | undefined;
    tidy(() => {
      result = use(net, input);
    });
    return result as R;
  } finally {
    disposeModule(net.module);
  }
}

/** The first layer that does not fire as in the case. */
interface Flipped {
  readonly key: string;
  /** What differs, in words. */
  readonly what: string;
  /** Its first neuron that differs, [t,n,h,w,c]. @defaultValue not known: the case has the layer's rate alone */
  readonly at?: readonly number[];
}

/** Where a layer does not fire as in the case. */
function flippedIn(c: NetworkCase, key: string, y: Tensor): Flipped | undefined {
  const packed = c.spikes?.[key];
  if (packed !== undefined) {
    const expected = unpackSpikes(packed, y.shape);
    const different = read(y).flatMap((spike, i) => (spike === expected[i] ? [] : [i]));
    if (different.length === 0) return undefined;
    const what = `differs in ${different.length} of ${y.size} spikes`;
    return { key, what, at: placeOf(different[0]!, y.shape) };
  }
  const here = tidy(() => read(sum(y)))[0]!;
  const expected = Math.round(c.firingRates[key]! * y.size);
  if (here === expected) return undefined;
  const count = Math.abs(here - expected);
  const spikes = `${count} ${count === 1 ? "spike" : "spikes"} ${here > expected ? "more" : "fewer"}`;
  return { key, what: `has ${spikes} than the ${expected} of the case` };
}

/** The spikes of a layer in a case, base64 of bits from the lowest on in PyTorch's order of axes, in the order used here. */
function unpackSpikes(text: string, shape: readonly number[]): number[] {
  const bytes = Buffer.from(text, "base64");
  const [t, n, h, w, c] = shape as [number, number, number, number, number];
  const bits = Array.from({ length: sizeOf(shape) }, (_, i) => ((bytes[i >> 3] ?? 0) >> (i & 7)) & 1);
  return tidy(() => read(fromTorch(bits, [t, n, c, h, w])));
}

/** The indices of the i-th value of a tensor of this shape. */
function placeOf(i: number, shape: readonly number[]): number[] {
  const place: number[] = [];
  let rest = i;
  for (const length of shape.toReversed()) {
    place.unshift(rest % length);
    rest = Math.floor(rest / length);
  }
  return place;
}

/**
 * Says where a case and this code part, and how far from its threshold the neuron there is.
 *
 * Of a case with rates alone that is the neuron nearest to its threshold, of all layers up to the first that differs: one
 * that fires a step late does not change the rate of its own layer.
 */
function firstDifference(c: NetworkCase, { key, what, at }: Flipped): string {
  let nearest: { readonly u: number; readonly at: readonly number[]; readonly key: string } | undefined;
  probeUpTo(c, key, (layer, t, u) => {
    if (at !== undefined) {
      if (layer !== key || t !== at[0]) return;
      const index = at.slice(1).reduce((i, place, axis) => i * u.shape[axis]! + place, 0);
      nearest = { u: u.dataSync()[index]!, at, key };
      return;
    }
    for (const [i, value] of u.dataSync().entries()) {
      if (Math.abs(value) >= Math.abs(nearest?.u ?? Infinity)) continue;
      nearest = { u: value, at: [t, ...placeOf(i, u.shape)], key: layer };
    }
  });
  const { u, at: place, key: layer } = nearest!;
  const neuron = at === undefined ? `the neuron nearest to its threshold up to there` : "its first neuron that does";
  const distance = `${Math.abs(u).toExponential(1)} ${u < 0 ? "below" : "above"} the threshold`;
  return `first layer that differs: ${key} ${what}; ${neuron} is [t,n,h,w,c] = [${place}] of ${layer}, ${distance}`;
}

/** Runs a case once more, and shows the H − V_th of every layer and step until a layer is done. */
function probeUpTo(c: NetworkCase, last: string, show: (key: string, t: number, u: Tensor) => void): void {
  const done = new Error("the last layer is done");
  const steps = new Map<Module, number>();
  const keys = new Map<Module, string>();
  const probe: Probe = (layer, u) => {
    const t = steps.get(layer) ?? 0;
    steps.set(layer, t + 1);
    const key = keys.get(layer);
    if (key === undefined) return;
    show(key, t, u);
    if (key === last && t === c.T - 1) throw done;
  };
  try {
    withNet(c, probe, (net, input) => {
      for (const key of Object.keys(c.firingRates)) keys.set(net.layers.get(key)!, key);
      assignHashed(c.tag, net, c.grads);
      run(net.module, input.values(), { training: true });
    });
  } catch (error) {
    if (error !== done) throw error;
  }
}

function compare(c: NetworkCase, net: Matched, input: NetworkInput): { lines: string[]; flipped?: Flipped } {
  const { module, layers } = net;
  const tolerances = c.smooth ? smooth : spiking;
  const parameters = ["parameters", difference([countParameters(module)], [c.parameters], exact)] as const;
  const different = mismatches(net, c.grads);
  // Without the case's weights every other number would differ too.
  if (different.length > 0) return { lines: [...report([parameters]), ...different] };
  assignHashed(c.tag, net, c.grads);
  const x = input.values();
  const target = oneHot(tensor1d([...c.target], "int32"), c.classes);
  const keys = new Map(Object.keys(c.firingRates).map((key) => [layers.get(key), key]));
  const rates = new Map<Module, number>();
  let flipped: Flipped | undefined;
  const observe = (layer: Module, y: Tensor) => {
    const key = keys.get(layer);
    if (key === undefined) return;
    rates.set(layer, tidy(() => read(mean(y)))[0]!);
    if (!c.smooth) flipped ??= flippedIn(c, key, y);
  };
  let logits: number[] = [];
  const { value, grads } = variableGrads(() => {
    const scores = mean(run(module, x, { training: true, observe }), 0);
    logits = read(scores);
    return losses.softmaxCrossEntropy(target, scores) as Scalar;
  }, [...namedParameters(module).values()]);
  const largest = c.logits.reduce((most, logit) => Math.max(most, Math.abs(logit)), 0);
  const lines = report([
    parameters,
    ["logits", difference(logits, c.logits, { relative: 0, absolute: tolerances.logit * largest })],
    ["loss", difference(read(value), [c.loss], tolerances.loss)],
    ...Object.entries(c.firingRates).map(([key, rate]) => {
      const layer = layers.get(key);
      const here = layer && rates.get(layer);
      const found =
        here === undefined ? "there is no such layer here" : difference([here], [rate], tolerances.firingRate);
      return [`firing rate of ${key}`, found] as const;
    }),
    ...compareGradients(c.grads, grads, net, tolerances.gradient),
  ]);
  return lines.length > 0 && flipped !== undefined ? { lines, flipped } : { lines };
}

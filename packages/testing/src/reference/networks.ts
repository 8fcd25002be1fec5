/** @file The cases of networks.json. */

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
import { losses, mean, oneHot, type Scalar, type Tensor, tensor1d, tidy, variableGrads } from "@tensorflow/tfjs-core";
import * as z from "zod";
import { assignHashed, compareGradients, type Matched, mismatches } from "./assign.js";
import { type Family, familyBlock, spikes } from "./blocks.js";
import { type ReferenceCase, report } from "./case.js";
import { caseNeurons } from "./caseNeurons.js";
import { gradients, neuronFields, numbers, size } from "./fields.js";
import { type NetworkInput, networkInput } from "./networkInput.js";
import { eventNetLayers, resNetLayers } from "./peerLayers.js";

/** A case of networks.json. */
export const networkSchema = z
  .looseObject({
    ...neuronFields,
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
const tolerances = {
  firingRate: { relative: 0, absolute: 0.003 },
  loss: { relative: 0.01, absolute: 0 },
  gradient: { relative: 0.03, absolute: 0 },
  // Of the largest. The layout names none: this one tells classes and samples apart, the loss does the rest.
  logit: 0.1,
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

function eventNet(c: NetworkCase, { shape }: NetworkInput): Matched | undefined {
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
    neurons: caseNeurons(c, usual),
    stemKernel: Object.entries(c.grads).find(([key]) => /^\d+\.0\.weight$/.test(key))?.[1].shape[2] ?? 3,
  });
  return { module, layers: eventNetLayers(module, Object.keys(c.grads)) };
}

function anyResNet(c: NetworkCase, { shape }: NetworkInput): Matched | undefined {
  const [, name, depth] = /^(sew|spiking|plain|ann|rba)-?resnet-?(18|34|50|101|152)$/i.exec(c.network) ?? [];
  if (name === undefined) return undefined;
  const family = name.toLowerCase() as Family;
  const neurons: ActivationFactory = spikes(family) ? caseNeurons(c, "IF") : relus();
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
  const neuron = c.neuron ? `, ${c.neuron}` : "";
  return {
    name: `${c.network}${connect}${neuron}, T = ${c.T}, N = ${c.N}`,
    run() {
      const input = networkInput(c);
      const net = eventNet(c, input) ?? anyResNet(c, input);
      if (net === undefined) {
        throw new RangeError(
          "networkCase: network must be 7B-Net, Wide-7B-Net, CIFAR-10, or sew, spiking, plain, ann or rba and " +
            `Resnet18, 34, 50, 101 or 152, such as sewResnet18, got ${JSON.stringify(c.network)}`,
        );
      }
      try {
        return tidy(() => compare(c, net, input));
      } finally {
        disposeModule(net.module);
      }
    },
  };
}

function compare(c: NetworkCase, net: Matched, input: NetworkInput): string[] {
  const { module, layers } = net;
  const parameters = ["parameters", difference([countParameters(module)], [c.parameters], exact)] as const;
  const different = mismatches(net, c.grads);
  // Without the case's weights every other number would differ too.
  if (different.length > 0) return [...report([parameters]), ...different];
  assignHashed(c.tag, net, c.grads);
  const x = input.values();
  const target = oneHot(tensor1d([...c.target], "int32"), c.classes);
  const wanted = new Set(Object.keys(c.firingRates).map((key) => layers.get(key)));
  const rates = new Map<Module, number>();
  const observe = (layer: Module, y: Tensor) => {
    if (wanted.has(layer)) rates.set(layer, tidy(() => read(mean(y)))[0]!);
  };
  let logits: number[] = [];
  const { value, grads } = variableGrads(() => {
    const scores = mean(run(module, x, { training: true, observe }), 0);
    logits = read(scores);
    return losses.softmaxCrossEntropy(target, scores) as Scalar;
  }, [...namedParameters(module).values()]);
  const largest = c.logits.reduce((most, logit) => Math.max(most, Math.abs(logit)), 0);
  return report([
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
}

/** @file The cases of networks.json. */
import { sew, spikingBlock } from "@sew/blocks";
import { disposeModule, type Module, namedModules, namedParameters, run } from "@sew/layers";
import { sevenBNet } from "@sew/models";
import { losses, mean, oneHot, type Scalar, type Tensor, tensor1d, tidy, variableGrads } from "@tensorflow/tfjs-core";
import { difference, read, type Tolerance } from "../close.js";
import { assignHashed, compareGradients, finder, type GradientSummary } from "./assign.js";
import { connects } from "./blocks.js";
import { type ReferenceCase, report, type UnsupportedCase } from "./case.js";
import { fromTorch, uniforms } from "./hashed.js";

/** A case of networks.json. */
export interface NetworkCase {
  readonly tag: string;
  readonly network: string;
  readonly connect: "ADD" | "AND" | "IAND" | "spiking" | null;
  readonly T: number;
  readonly N: number;
  readonly classes: number;
  readonly target: readonly number[];
  readonly logits: readonly number[];
  readonly loss: number;
  readonly firingRates: Readonly<Record<string, number>>;
  readonly parameters: number;
  readonly grads: Readonly<Record<string, GradientSummary>>;
}

/** Spikes are thresholds: a few flip between float64 and float32, and the difference spreads. */
const tolerances = {
  firingRate: { relative: 0, absolute: 0.003 },
  loss: { relative: 0.01, absolute: 0 },
  gradient: { relative: 0.03, absolute: 0 },
} as const satisfies Record<string, Tolerance>;

/** The case as something to run. */
export function networkCase(c: NetworkCase): ReferenceCase | UnsupportedCase {
  const name = `${c.network}${c.connect === null ? "" : ` ${c.connect}`}, T = ${c.T}, N = ${c.N}`;
  if (c.network !== "7B-Net") return { name, unsupported: `there is no ${c.network}` };
  return {
    name,
    run() {
      const block = c.connect === "spiking" || c.connect === null ? spikingBlock : sew(connects[c.connect]);
      const net = sevenBNet({ classes: c.classes, height: 128, width: 128, block });
      try {
        return tidy(() => compare(c, net));
      } finally {
        disposeModule(net);
      }
    },
  };
}

/** Where the peer's position-numbered layer is in 7B-Net here: `3.a.1` is `block1.a.norm`. */
function pathOf(key: string, spiking: boolean): string {
  const [position, ...rest] = key.split(".") as [string, ...string[]];
  const layer = Number(position);
  const unit = ["conv", "norm", "neuron"];
  if (layer === 0) return `unit0.${unit[Number(rest[0])]}`;
  if (rest.length === 0) return "classifier";
  const block = `block${(layer - 1) / 2}`;
  if (rest[0] === "sn") return `${block}.neuron`;
  const part = unit[Number(rest[1])];
  return `${block}.${rest[0]}.${part}`;
}

function compare(c: NetworkCase, net: Module): string[] {
  const path = (key: string) => pathOf(key, c.connect === "spiking");
  const byName = finder(net);
  const find = (key: string) => {
    const dot = key.lastIndexOf(".");
    return byName(`${path(key.slice(0, dot))}${key.slice(dot)}`);
  };
  assignHashed(c.tag, c.grads, find);
  const shape = [c.T, c.N, 2, 128, 128];
  const counts = uniforms(`${c.tag}.x`, c.T * c.N * 2 * 128 * 128).map((u) => (u < 0.12 ? Math.floor(u * 40) : 0));
  const x = fromTorch(counts, shape);
  const target = oneHot(tensor1d([...c.target], "int32"), c.classes);
  const names = new Map([...namedModules(net)].map(([name, module]) => [module, name]));
  const rates = new Map<string, number>();
  let logits: number[] = [];
  const observe = (module: Module, y: Tensor) => {
    rates.set(names.get(module)!, tidy(() => read(mean(y)))[0]!);
  };
  const { value, grads } = variableGrads(() => {
    const scores = mean(run(net, x, { training: true, observe }), 0);
    logits = read(scores);
    return losses.softmaxCrossEntropy(target, scores) as Scalar;
  }, [...namedParameters(net).values()]);
  const largest = Math.max(...c.logits.map(Math.abs));
  return report([
    ["parameters", difference([[...namedParameters(net).values()].reduce((n, p) => n + p.size, 0)], [c.parameters])],
    ["logits", difference(logits, c.logits, { relative: 0.01, absolute: 0.01 * largest })],
    ["loss", difference(read(value), [c.loss], tolerances.loss)],
    ...Object.entries(c.firingRates).map(
      ([key, rate]) =>
        [`firing rate of ${key}`, difference([rates.get(path(key))!], [rate], tolerances.firingRate)] as const,
    ),
    ...compareGradients(c.grads, grads, find, tolerances.gradient),
  ]);
}

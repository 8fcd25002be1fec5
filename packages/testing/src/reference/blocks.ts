/** @file The cases of blocks.json. */
import { add, and, type BlockFactory, iand, sew, spikingBlock } from "@sew/blocks";
import {
  disposeModule,
  ifNeurons,
  lifNeurons,
  type Module,
  namedParameters,
  plifNeurons,
  run,
  type SpikingFactory,
} from "@sew/layers";
import { mul, sum, tidy, variable, variableGrads } from "@tensorflow/tfjs-core";
import { difference } from "../close.js";
import { assignHashed, compareGradients, finder, type GradientSummary } from "./assign.js";
import { type ReferenceCase, report, type UnsupportedCase } from "./case.js";
import { fromTorch, hashed, toTorch, uniforms } from "./hashed.js";

/** A case of blocks.json. */
export interface BlockCase {
  readonly tag: string;
  readonly block: "sewBasic" | "sewBottleneck" | "spikingBasic";
  readonly connect: "ADD" | "AND" | "IAND" | null;
  readonly inChannels: number;
  readonly planes: number;
  readonly stride: number;
  readonly neuron: "IF" | "LIF" | "PLIF";
  readonly T: number;
  readonly N: number;
  readonly H: number;
  readonly y: readonly number[];
  readonly yShape: readonly number[];
  readonly gradX: readonly number[];
  readonly grads: Readonly<Record<string, GradientSummary>>;
  readonly buffers: Readonly<Record<string, readonly number[]>>;
}

/** The connect functions by the paper's names. */
export const connects = { ADD: add, AND: and, IAND: iand } as const;

const neurons: Readonly<Record<BlockCase["neuron"], () => SpikingFactory>> = {
  IF: ifNeurons,
  LIF: lifNeurons,
  PLIF: plifNeurons,
};

/** Where the peer's layers are in a block here. */
const sewPaths: Readonly<Record<string, string>> = {
  conv1: "a.conv",
  bn1: "a.norm",
  sn1: "a.neuron",
  conv2: "b.conv",
  bn2: "b.norm",
  sn2: "b.neuron",
};
const spikingPaths: Readonly<Record<string, string>> = { ...sewPaths, sn2: "neuron" };
const leaves: Readonly<Record<string, string>> = { running_mean: "runningMean", running_var: "runningVar" };

/** The case as something to run. */
export function blockCase(c: BlockCase): ReferenceCase | UnsupportedCase {
  const connect = c.connect === null ? "" : ` ${c.connect}`;
  const name = `${c.block}${connect}, ${c.neuron}, ${c.inChannels} → ${c.planes} channels, stride ${c.stride}`;
  if (c.block === "sewBottleneck") return { name, unsupported: "there is no bottleneck block" };
  if (c.stride !== 1 || c.planes !== c.inChannels) return { name, unsupported: "blocks have no downsample shortcut" };
  const factory: BlockFactory = c.block === "sewBasic" ? sew(connects[c.connect!]) : spikingBlock;
  const paths = c.block === "sewBasic" ? sewPaths : spikingPaths;
  return {
    name,
    run() {
      const block = factory({ channels: c.planes, neurons: neurons[c.neuron]() });
      try {
        return tidy(() => compare(c, block, paths));
      } finally {
        disposeModule(block);
      }
    },
  };
}

function compare(c: BlockCase, block: Module, paths: Readonly<Record<string, string>>): string[] {
  const byName = finder(block);
  const find = (key: string) => {
    const [layer, leaf] = key.split(".") as [string, string];
    return byName(`${paths[layer]}.${leaves[leaf] ?? leaf}`);
  };
  assignHashed(c.tag, c.grads, find);
  const xShape = [c.T, c.N, c.inChannels, c.H, c.H];
  const size = xShape.reduce((a, b) => a * b);
  const x = variable(
    fromTorch(
      uniforms(`${c.tag}.x`, size).map((u) => (u < 0.4 ? 1 : 0)),
      xShape,
    ),
  );
  const dy = fromTorch(hashed(`${c.tag}.g`, c.y.length, -1, 1), c.yShape);
  let y: number[] = [];
  const { grads } = variableGrads(() => {
    const out = run(block, x, { training: true });
    y = toTorch(out);
    return sum(mul(out, dy));
  }, [x, ...namedParameters(block).values()]);
  const scale = c.gradX.reduce((largest, g) => Math.max(largest, Math.abs(g)), 0);
  const comparisons = report([
    ["y", difference(y, c.y, { relative: 0, absolute: 0 })],
    ["gradX", difference(toTorch(grads[x.name]!), c.gradX, { relative: 1e-5, absolute: 1e-5 * scale })],
    ...compareGradients(c.grads, grads, find, { relative: 1e-5, absolute: 1e-4 }),
    ...Object.entries(c.buffers).map(([key, values]) => [key, difference(toTorch(find(key)), values)] as const),
  ]);
  x.dispose();
  return comparisons;
}

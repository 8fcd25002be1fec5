/** @file The cases of blocks.json. */
import { add, and, annBlock, type BlockFactory, iand, plainBlock, rbaBlock, sew, spikingBlock } from "@sew/blocks";
import { difference, read } from "@sew/kernels/testing";
import { disposeModule, type Initializer, namedParameters, relus, run } from "@sew/layers";
import { mul, sum, tidy, variable, variableGrads, zeros } from "@tensorflow/tfjs-core";
import * as z from "zod";
import { assignHashed, compareGradients, type Matched, mismatches } from "./assign.js";
import { type ReferenceCase, report } from "./case.js";
import { caseNeurons } from "./caseNeurons.js";
import { channels, gradients, neuronFields, numbers, size } from "./fields.js";
import { fromTorch, hashed, sizeOf, toTorch, uniforms } from "./hashed.js";
import { blockLayers, findVariable } from "./peerLayers.js";

/** A case of blocks.json. */
export const blockSchema = z
  .looseObject({
    ...neuronFields,
    tag: z.string(),
    block: z.string(),
    connect: z.string().nullish(),
    inChannels: channels,
    planes: channels,
    stride: size,
    T: size,
    N: size,
    H: size,
    W: size.optional(),
    y: numbers,
    yShape: z.array(size).length(5),
    gradX: numbers,
    grads: gradients,
    buffers: z.record(z.string(), numbers),
  })
  .refine(({ y, yShape }) => y.length === sizeOf(yShape), { path: ["y"], error: "must have as many values as yShape" })
  .refine(({ gradX, T, N, inChannels, H, W = H }) => gradX.length === T * N * inChannels * H * W, {
    path: ["gradX"],
    error: "must have T * N * inChannels * H * W values",
  });
type BlockCase = z.infer<typeof blockSchema>;

const connects = { ADD: add, AND: and, IAND: iand } as const;

/** A family of residual blocks, with or without spikes. */
export type Family = "sew" | "spiking" | "plain" | "ann" | "rba";

/** The case's weights take the place of the initial ones: drawing 60 million for ResNet-152 would take half a minute. */
const undrawn: Initializer = (shape) => zeros([...shape]);

/** Makes the blocks of a family. Only those of SEW have a g; the others leave `connect` unread. */
export function familyBlock(family: Family, connect: string | null | undefined): BlockFactory {
  const make = drawnBlock(family, connect);
  return (options) => make({ ...options, init: undrawn });
}

function drawnBlock(family: Family, connect: string | null | undefined): BlockFactory {
  switch (family) {
    case "sew": {
      const name = connect?.toUpperCase() ?? "";
      if (Object.hasOwn(connects, name)) return sew(connects[name as keyof typeof connects]);
      throw new RangeError(
        `familyBlock: connect must be ADD, AND or IAND in SEW blocks, got ${JSON.stringify(connect)}`,
      );
    }
    case "spiking":
      return spikingBlock;
    case "plain":
      return plainBlock;
    case "ann":
      return annBlock;
    case "rba":
      return rbaBlock;
  }
}

/** Whether a family has neurons that spike. */
export function spikes(family: Family): boolean {
  return family !== "ann" && family !== "rba";
}

/** The parts of a block's name, such as `sewBottleneck` or `plain`. */
function parse(block: string): { family: Family; path: "basic" | "bottleneck" } {
  const [, family, path = "basic"] = /^(sew|spiking|plain|ann|rba)(basic|bottleneck)?$/i.exec(block) ?? [];
  if (family !== undefined) return { family: family.toLowerCase() as Family, path: path.toLowerCase() as "basic" };
  throw new RangeError(
    `blockCase: block must be sew, spiking, plain, ann or rba and Basic or Bottleneck, such as sewBasic, got ${JSON.stringify(block)}`,
  );
}

/** The case as something to run. */
export function blockCase(c: BlockCase): ReferenceCase {
  const connect = c.connect ? ` ${c.connect}` : "";
  const neuron = c.neuron ? `, ${c.neuron}` : "";
  return {
    name: `${c.block}${connect}${neuron}, ${c.inChannels} channels, ${c.planes} planes, stride ${c.stride}`,
    run() {
      const { family, path } = parse(c.block);
      const outChannels = c.planes * (path === "bottleneck" ? 4 : 1);
      const { T, N, H, W = H, stride } = c;
      const shape = [T, N, outChannels, Math.ceil(H / stride), Math.ceil(W / stride)];
      if (String(shape) !== String(c.yShape))
        return [`y: its shape is [${shape}] here, where [${c.yShape}] is expected`];
      const block = familyBlock(
        family,
        c.connect,
      )({
        channels: c.inChannels,
        outChannels,
        stride,
        path,
        neurons: spikes(family) ? caseNeurons(c) : relus(),
      });
      try {
        return tidy(() => compare(c, { module: block, layers: blockLayers(block) }, spikes(family)));
      } finally {
        disposeModule(block);
      }
    },
  };
}

const largest = (values: readonly number[]) => values.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
/** Float32: 1e-5 of the value, or of the largest in its tensor. */
const near = (values: readonly number[]) => ({ relative: 1e-5, absolute: 1e-5 * largest(values) });

function compare(c: BlockCase, block: Matched, spiking: boolean): string[] {
  const { module, layers } = block;
  const different = mismatches(block, c.grads);
  // Without the case's weights every other number would differ too.
  if (different.length > 0) return different;
  assignHashed(c.tag, block, c.grads);
  const xShape = [c.T, c.N, c.inChannels, c.H, c.W ?? c.H];
  const inputs = uniforms(`${c.tag}.x`, sizeOf(xShape)).map((u) => (u < 0.4 ? 1 : 0));
  const x = variable(fromTorch(inputs, xShape));
  try {
    const dy = fromTorch(hashed(`${c.tag}.g`, c.y.length, -1, 1), c.yShape);
    let y: number[] = [];
    const { grads } = variableGrads(() => {
      const out = run(module, x, { training: true });
      y = toTorch(out);
      return sum(mul(out, dy));
    }, [x, ...namedParameters(module).values()]);
    return report([
      ["y", difference(y, c.y, spiking ? { relative: 0, absolute: 0 } : near(c.y))],
      ["gradX", difference(toTorch(grads[x.name]!), c.gradX, near(c.gradX))],
      ...compareGradients(c.grads, grads, block, { relative: 1e-5 }),
      ...Object.entries(c.buffers).map(([key, values]) => {
        const buffer = findVariable(layers, key);
        return [key, buffer ? difference(read(buffer), values) : "there is no such buffer here"] as const;
      }),
    ]);
  } finally {
    x.dispose();
  }
}

/** @file Firing rates and gradient norms of a network at initialisation. */
import { firingRateProbe, gradientNormProbe, measure as measureWith } from "@sew/analysis";
import { disposeModule, type Module } from "@sew/layers";
import { crossEntropy } from "@sew/training";
import { type Tensor, type Tensor3D, tensor1d } from "@tensorflow/tfjs-core";
import type { Network } from "./networks.js";

/** What is measured of block l. */
export interface BlockMeasurement {
  /** `stage1.block0`, … */
  readonly path: string;
  /** Whether the block changes the shape, by the convolution of its shortcut; all others are identities at zero-init. */
  readonly downsample: boolean;
  /** Firing rate of A^l, the last neurons of the residual path; none in Spiking ResNets, where they come behind the sum. */
  readonly residual?: number;
  /** Firing rate of the output O^l: with ADD a mean of sums, which may exceed 1. */
  readonly output: number;
  /** ‖∂L/∂S^l‖, the gradient by the block's input. */
  readonly gradient: number;
}

/** What is measured of a network. */
export interface Measurement extends Network {
  /** From the input on. */
  readonly blocks: readonly BlockMeasurement[];
  /** ‖∂L/∂O‖ of the last block. */
  readonly lastGradient: number;
  readonly seconds: number;
  /** The most memory that the process had until then, resident, in GiB. */
  readonly gibibytes: number;
}

/**
 * Measures a network, and frees it.
 *
 * Batch norm uses the statistics of the batch, as in the first training step. The loss is the cross-entropy of the mean output.
 *
 * @param make builds the network
 * @param images `[1, N, H, W, 3]`
 * @param labels `[N]`
 */
export async function measure(
  network: Network,
  make: () => Module,
  images: Tensor,
  labels: readonly number[],
): Promise<Measurement> {
  const started = performance.now();
  const model = make();
  const targets = tensor1d([...labels], "int32");
  try {
    const probes = { rates: firingRateProbe({ shares: false }), norms: gradientNormProbe() };
    const loss = (scores: Tensor) => crossEntropy(scores as Tensor3D, targets);
    const { rates, norms } = await measureWith(model, images, probes, { training: true, loss });
    const gradients = Object.values(norms);
    return {
      ...network,
      blocks: Object.entries(rates.blocks).map(([path, { residual, output }], l) => ({
        path,
        downsample: hasShortcut(model, path),
        ...(residual !== undefined && { residual }),
        output,
        gradient: gradients[l]!.input!.norm,
      })),
      lastGradient: gradients.at(-1)!.output.norm,
      seconds: (performance.now() - started) / 1000,
      gibibytes: process.resourceUsage().maxRSS / 2 ** 20,
    };
  } finally {
    targets.dispose();
    disposeModule(model);
  }
}

function hasShortcut(model: Module, path: string): boolean {
  const block = path.split(".").reduce((module, name) => module.children![name]!, model);
  return block.children?.shortcut !== undefined;
}

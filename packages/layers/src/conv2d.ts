import { conv2dOfSequence } from "@sew/kernels";
import type { Random } from "@sew/random";
import {
  add,
  concat,
  conv2d as convolve,
  depthwiseConv2d,
  pad,
  reshape,
  slice,
  split,
  type Tensor,
  type Tensor4D,
  zeros,
} from "@tensorflow/tfjs-core";
import { checkInteger } from "./check.js";
import { checkSequence, foldTimeIntoBatch } from "./foldTimeIntoBatch.js";
import { fanInUniform, type Initializer } from "./initializers.js";
import type { WeightAndBias } from "./linear.js";
import type { Module } from "./module.js";
import { nextRandom } from "./seeded.js";
import { variableFrom } from "./variableFrom.js";

/** Options of {@link conv2d}. */
export interface Conv2dOptions<Bias extends boolean = boolean> {
  /** Height and width of the kernel, in pixels; 1 or more. @defaultValue 3 */
  readonly kernel?: number;
  /** Pixels between two positions of the kernel; 1 or more. @defaultValue 1 */
  readonly stride?: number;
  /**
   * Zeros added on every side, in pixels; 0 or more. @defaultValue half the dilated kernel, which keeps the size at stride 1
   */
  readonly padding?: number;
  /** Pixels from one tap of the kernel to the next; 1 or more. @defaultValue 1 */
  readonly dilation?: number;
  /**
   * Groups of channels that are convolved apart; a divisor of both channel counts. As many as `inChannels` make the
   * convolution depthwise. @defaultValue 1
   */
  readonly groups?: number;
  /** Whether to add a bias; a batch norm after the convolution makes it superfluous. @defaultValue false */
  readonly bias?: Bias;
  /** Random numbers of the initial weights. @defaultValue a stream of its own; see {@link seeded} */
  readonly random?: Random;
  /** Draws the initial weights. @defaultValue {@link fanInUniform} */
  readonly init?: Initializer;
}

/** Where the kernel of a convolution lies, in pixels; see {@link Conv2dOptions}. */
export type ConvGeometry = Readonly<Record<"kernel" | "stride" | "padding" | "dilation" | "groups", number>>;

/** A convolution. */
export interface Conv2d<Bias extends boolean = false> extends Module {
  readonly geometry: ConvGeometry;
  /** Throws unless `x` is a sequence that it convolves. */
  check(x: Tensor): void;
  readonly parameters: WeightAndBias<Bias>;
}

/**
 * 2-D convolution of every time-step: `[T, N, H, W, inChannels] → [T, N, H', W', outChannels]` with
 * `H' = ⌊(H + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1`.
 *
 * Parameters: `weight` `[kernel, kernel, inChannels / groups, outChannels]`, and, with `bias`, `bias` `[outChannels]` (0
 * at the start). Output channels `g·outChannels/groups …` see the input channels of group g alone.
 *
 * @throws RangeError when a size is out of its range, and, when called, when x is no such sequence or smaller than the kernel
 *
 * @example
 * const conv = conv2d(2, 8, { kernel: 3, stride: 2 });
 * conv.forward(zeros([4, 1, 16, 16, 2]), evaluation).shape; // [4, 1, 8, 8, 8]
 * conv2d(4, 4, { groups: 4 }).parameters.weight.shape; // [3, 3, 1, 4]
 */
export function conv2d<Bias extends boolean = false>(
  inChannels: number,
  outChannels: number,
  options: Conv2dOptions<Bias> = {},
): Conv2d<Bias> {
  const { kernel = 3, stride = 1, dilation = 1, groups = 1 } = options;
  const { bias: withBias = false, random: rng = nextRandom(), init = fanInUniform } = options;
  for (const [name, value] of Object.entries({ inChannels, outChannels, kernel, stride, dilation, groups })) {
    checkInteger("conv2d", name, value, 1);
  }
  const extent = dilation * (kernel - 1) + 1;
  const { padding = Math.floor(extent / 2) } = options;
  checkInteger("conv2d", "padding", padding, 0);
  if (inChannels % groups !== 0 || outChannels % groups !== 0) {
    throw new RangeError(
      `conv2d: groups must divide inChannels ${inChannels} and outChannels ${outChannels}, got ${groups}`,
    );
  }
  const weight = variableFrom(init([kernel, kernel, inChannels / groups, outChannels], rng));
  const bias = withBias ? variableFrom(zeros([outChannels])) : undefined;
  const apply = (images: Tensor4D): Tensor => {
    const w = dilate(weight as Tensor as Tensor4D, dilation);
    if (groups === 1) return convolve(images, w, stride, padding);
    if (groups === inChannels) {
      const perChannel = reshape(w, [extent, extent, inChannels, outChannels / inChannels]) as Tensor4D;
      return depthwiseConv2d(images, perChannel, stride, padding);
    }
    const [xs, ws] = [split(images, groups, 3), split(w, groups, 3)];
    return concat(
      xs.map((x, g) => convolve(x as Tensor4D, ws[g] as Tensor4D, stride, padding)),
      3,
    );
  };
  const conv: Conv2d<Bias> = {
    geometry: { kernel, stride, padding, dilation, groups },
    parameters: (bias === undefined ? { weight } : { weight, bias }) as WeightAndBias<Bias>,
    check(x) {
      checkSequence("conv2d", x, inChannels);
      const smallest = Math.min(x.shape[2]!, x.shape[3]!) + 2 * padding;
      if (smallest < extent) {
        throw new RangeError(
          `conv2d: x must be at least ${extent} x ${extent} with its padding, got [${x.shape}] with a padding of ${padding}`,
        );
      }
    },
    forward(x) {
      conv.check(x);
      const ofSequence = groups === 1 && dilation === 1 ? conv2dOfSequence(x, weight, stride, padding) : undefined;
      const y = ofSequence ?? foldTimeIntoBatch(x, apply);
      return bias === undefined ? y : add(y, bias);
    },
  };
  return conv;
}

/**
 * The kernel with `dilation − 1` zeros between its taps.
 *
 * TensorFlow.js has no gradient of dilated convolutions (4.22); the convolution by this kernel is the same and has one.
 */
function dilate(weight: Tensor4D, dilation: number): Tensor4D {
  if (dilation === 1) return weight;
  const [kernel, , inputs, outputs] = weight.shape;
  const zerosBehind: [number, number] = [0, dilation - 1];
  const taps = reshape(weight, [kernel, 1, kernel, 1, inputs * outputs]);
  const spread = pad(taps, [[0, 0], zerosBehind, [0, 0], zerosBehind, [0, 0]]);
  const extent = dilation * (kernel - 1) + 1;
  const whole = reshape(spread, [kernel * dilation, kernel * dilation, inputs, outputs]);
  return slice(whole, [0, 0, 0, 0], [extent, extent, inputs, outputs]) as Tensor4D;
}

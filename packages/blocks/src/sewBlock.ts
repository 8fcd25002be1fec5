import { convNormNeuron, type Module, run, seeded } from "@sew/layers";
import type { BlockFactory, BlockOptions } from "./block.js";
import type { Connect } from "./connect.js";

/**
 * The Spike-Element-Wise block: `O[t] = g(A[t], S[t])` with `A[t] = SN(F(S[t]))` (Eq. 9), where F is
 * conv3x3-BN-SN-conv3x3-BN.
 *
 * `[T, N, H, W, channels] → [T, N, H, W, channels]`. Children: `a` and `b`, the two conv-norm-neuron units; A is the
 * output of `b`.
 *
 * @param connect g: `add`, `and`, `iand`, or a function of your own
 *
 * @example
 * const block = sewBlock(add, { channels: 4, neurons: ifNeurons() });
 * block.forward(ones([2, 1, 8, 8, 4]), evaluation).shape; // [2, 1, 8, 8, 4]
 */
export function sewBlock(connect: Connect, { channels, neurons, random = seeded(0) }: BlockOptions): Module {
  const a = convNormNeuron(channels, channels, neurons, { random });
  const b = convNormNeuron(channels, channels, neurons, { random });
  return {
    children: { a, b },
    forward: (s, context) => connect(run(b, run(a, s, context), context), s),
  };
}

/** SEW blocks with the given g, for a model that takes a {@link BlockFactory}. */
export function sew(connect: Connect): BlockFactory {
  return (options) => sewBlock(connect, options);
}

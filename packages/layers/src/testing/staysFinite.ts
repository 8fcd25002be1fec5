import { read } from "@sew/kernels/testing";
import type { Tensor } from "@tensorflow/tfjs-core";
import type { Context, Module } from "../module.js";
import { stream } from "../stream.js";

/**
 * Whether all state of a network stays numbers whose squares float32 holds: the precondition of laws about gradients.
 *
 * With a soft reset the potentials of EIF may run off to infinity. Their slopes do, too, and a path of weight 0 then has the
 * gradient 0 · ∞.
 */
export function staysFinite(net: Module, s: Tensor, context: Context): boolean {
  const { state } = stream(net, s, undefined, context);
  const variables = Object.values(state).flatMap((own) => Object.values(own));
  return variables.every((variable) => read(variable).every((value) => Math.abs(value) < 2 ** 64));
}

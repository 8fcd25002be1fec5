import type { Tensor } from "@tensorflow/tfjs-core";
import { type Module, run } from "./module.js";

/** Modules one after another, by their names. */
export interface Sequential<Children extends Readonly<Record<string, Module>> = Readonly<Record<string, Module>>>
  extends Module {
  readonly children: Children;
}

/**
 * Modules one after another: `y = f_k(... f_2(f_1(x)))`. Their order is the order of the record.
 *
 * @example
 * const head = sequential({ flatten: flatten(), classifier: linear(8, 3) });
 * head.forward(zeros([4, 2, 2, 2, 2]), evaluation).shape; // [4, 2, 3]
 * head.children.classifier.parameters.weight.shape; // [8, 3]
 */
export function sequential<Children extends Readonly<Record<string, Module>>>(
  children: Children,
): Sequential<Children> {
  const order = Object.values(children);
  return {
    children,
    forward: (x, context) => order.reduce<Tensor>((y, module) => run(module, y, context), x),
  };
}

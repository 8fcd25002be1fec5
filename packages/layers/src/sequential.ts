import type { Tensor } from "@tensorflow/tfjs-core";
import { type Module, run } from "./module.js";

/**
 * Modules one after another: `y = f_k(... f_2(f_1(x)))`. Their order is the order of the record.
 *
 * @example
 * const head = sequential({ flatten: flatten(), classifier: linear(8, 3) });
 * head.forward(zeros([4, 2, 2, 2, 2]), evaluation).shape; // [4, 2, 3]
 */
export function sequential(children: Readonly<Record<string, Module>>): Module {
  const order = Object.values(children);
  return {
    children,
    forward: (x, context) => order.reduce<Tensor>((y, module) => run(module, y, context), x),
  };
}

import { shown } from "@sew/kernels";
import { clone, type Tensor } from "@tensorflow/tfjs-core";
import { type Module, run } from "./module.js";

/** Modules one after another, by their names. */
export interface Sequential<Children extends Readonly<Record<string, Module>> = Readonly<Record<string, Module>>>
  extends Module {
  readonly children: Children;
}

/**
 * Modules one after another: `y = f_k(... f_2(f_1(x)))`. Their order is the order of the record; of no modules, `y = x`.
 *
 * A module may be there twice: then its two places share their parameters.
 *
 * @param children modules by name. Names become parts of paths, such as `stem.conv.weight`
 * @throws RangeError when a name is empty or has a dot, a `#` or a character that does not print, or when some names are
 * numbers, which JavaScript moves to the front of a record, and are not 0, 1, … of all modules; TypeError when a child is no
 * module
 *
 * @example
 * const head = sequential({ flatten: flatten(), classifier: linear(8, 3) });
 * head.forward(zeros([4, 2, 2, 2, 2]), evaluation).shape; // [4, 2, 3]
 * head.children.classifier.parameters.weight.shape; // [8, 3]
 */
export function sequential<Children extends Readonly<Record<string, Module>>>(
  children: Children,
): Sequential<Children> {
  for (const [name, child] of Object.entries(children)) checkChild(name, child);
  checkNumbers(Object.keys(children));
  const order = Object.values(children);
  return {
    children,
    forward: (x, context) =>
      order.length === 0 ? clone(x) : order.reduce<Tensor>((y, module) => run(module, y, context), x),
  };
}

function checkChild(name: string, child: Module): void {
  if (name === "" || /[.#\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(name)) {
    throw new RangeError(`sequential: names must be printable texts without "." and "#", got ${shown(name)}`);
  }
  if (typeof child?.forward !== "function") {
    throw new TypeError(`sequential: ${name} must be a module, got ${shown(child)}`);
  }
}

/** JavaScript puts whole numbers first, in rising order, whatever the order of a record was. */
function checkNumbers(names: readonly string[]): void {
  const numbers = names.filter((name) => /^\d+$/.test(name));
  if (numbers.length > 0 && numbers.length < names.length) {
    throw new RangeError(
      `sequential: names must be all numbers or none, got ${names.slice(0, 8).join(", ")}; write layer${numbers[0]} for ${numbers[0]}`,
    );
  }
  const gap = numbers.find((name, i) => name !== String(i));
  if (gap !== undefined) {
    throw new RangeError(
      `sequential: names that are numbers must be 0, 1, …, got ${gap}; write layer${gap} for ${gap}`,
    );
  }
}

/** @file Modules and parameters: plain objects that hold tensors by name and know nothing of the mode they run in. */
import { type Tensor, tidy, type Variable } from "@tensorflow/tfjs-core";

/** What one forward pass is told. It goes down with every call, so that no module has to remember a mode. */
export interface Context {
  /** Whether batch norm uses (and updates) batch statistics and dropout drops. */
  readonly training: boolean;
  /** Where the pass's random choices start; a new one for each training step. */
  readonly seed?: number;
  /**
   * Called with every module's output, from the inside out. The output is disposed when the module around it is done;
   * keep what you need.
   */
  readonly observe?: (module: Module, output: Tensor) => void;
}

/** The context of evaluation: running statistics, no dropout. */
export const evaluation: Context = { training: false };

/**
 * A part of a network: a function of a sequence `[T, N, ...]`, with the tensors that it trains and keeps.
 *
 * A module is a plain object. To vary one, wrap it; there is nothing to inherit.
 */
export interface Module {
  /** What it computes. Call it through {@link run}, which frees what is left over. */
  forward(x: Tensor, context: Context): Tensor;
  /** What training changes. */
  readonly parameters?: Readonly<Record<string, Variable>>;
  /** What a forward pass in training updates, such as running statistics. */
  readonly buffers?: Readonly<Record<string, Variable>>;
  /** The modules it is made of; a parameter's full name is the path to it, joined by dots. */
  readonly children?: Readonly<Record<string, Module>>;
}

/**
 * Runs a module, frees all but its output, and shows that to the context's observer. Modules run their children with it.
 *
 * @example
 * run(flatten(), zeros([4, 2, 2, 2, 32]), evaluation).shape; // [4, 2, 128]
 */
export function run(module: Module, x: Tensor, context: Context): Tensor {
  const y = tidy(() => module.forward(x, context));
  context.observe?.(module, y);
  return y;
}

/** Every module inside `module`, itself included under the name `""`, outer before inner. */
export function* namedModules(module: Module, prefix = ""): Generator<[string, Module]> {
  yield [prefix, module];
  for (const [name, child] of Object.entries(module.children ?? {})) {
    yield* namedModules(child, prefix === "" ? name : `${prefix}.${name}`);
  }
}

function collect(module: Module, kind: "parameters" | "buffers"): Map<string, Variable> {
  const found = new Map<string, Variable>();
  for (const [path, { [kind]: own = {} }] of namedModules(module)) {
    for (const [name, variable] of Object.entries(own)) found.set(path === "" ? name : `${path}.${name}`, variable);
  }
  return found;
}

/**
 * The parameters of a module and all inside it, by their full names.
 *
 * @example
 * [...namedParameters(linear(2, 3)).keys()]; // ["weight", "bias"]
 */
export function namedParameters(module: Module): Map<string, Variable> {
  return collect(module, "parameters");
}

/** The buffers of a module and all inside it, by their full names. */
export function namedBuffers(module: Module): Map<string, Variable> {
  return collect(module, "buffers");
}

/**
 * How many numbers training changes.
 *
 * @example
 * countParameters(linear(2, 3)); // 9
 */
export function countParameters(module: Module): number {
  return [...namedParameters(module).values()].reduce((sum, p) => sum + p.size, 0);
}

/** Frees the parameters and buffers of a module and all inside it. */
export function disposeModule(module: Module): void {
  for (const variable of [...namedParameters(module).values(), ...namedBuffers(module).values()]) variable.dispose();
}

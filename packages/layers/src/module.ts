/** @file Modules and parameters: plain objects that hold tensors by name and know nothing of the mode they run in. */
import { shown } from "@sew/kernels";
import { type Tensor, tidy, type Variable } from "@tensorflow/tfjs-core";
import type { StateMemory } from "./stream.js";

/** What {@link Context.observe} is. */
export interface Observer {
  (module: Module, output: Tensor, input: () => Tensor): void;
  /** Receives each module before it runs, and the context that it runs in. @defaultValue none */
  readonly before?: (module: Module, context: Context) => void;
}

/** Options of one forward pass. Each call passes them on, so that no module has to remember a mode. */
export interface Context {
  /** Whether batch norm uses (and updates) batch statistics and dropout drops. */
  readonly training: boolean;
  /** Seed of the pass's random choices; a new one for each training step. @defaultValue none: dropout asks for one in training */
  readonly seed?: number;
  /**
   * Receives every module's output, from the inside out, and a function that returns its input. Both are disposed when the
   * module around it is done; keep what you need. The same kernels run as without it: where a fused kernel leaves a norm's
   * output out, the norm is not shown, and the function computes the input of the neurons behind it. @defaultValue none
   */
  readonly observe?: Observer;
  /** Where neuron layers find their state before the pass and leave it afterwards; see `stream`. @defaultValue none: they start at rest */
  readonly memory?: StateMemory;
}

/** The context of evaluation: running statistics, no dropout. */
export const evaluation: Context = { training: false };

/**
 * A part of a network: a function of a sequence `[T, N, ...]`, with the tensors that it trains and keeps.
 *
 * A module is a plain object. To vary one, wrap it; there is nothing to inherit. Layers have types of their own, such as
 * `Linear`, that name their parameters.
 */
export interface Module {
  /** The function that it computes. Call it through {@link run}, which frees intermediate tensors. */
  forward(x: Tensor, context: Context): Tensor;
  /** Variables that training changes. @defaultValue none */
  readonly parameters?: Readonly<Record<string, Variable>>;
  /** The least value of a parameter, by its name: an update that goes below ends there. @defaultValue none */
  readonly lowerBounds?: Readonly<Record<string, number>>;
  /** Variables that a forward pass in training updates, such as running statistics. @defaultValue none */
  readonly buffers?: Readonly<Record<string, Variable>>;
  /** The modules it consists of; a parameter's full name is the path to it, joined by dots. @defaultValue none */
  readonly children?: Readonly<Record<string, Module>>;
}

/**
 * Runs a module, frees all but its output, and shows it to the context's observer, before and after. Modules run their children with it.
 *
 * @example
 * run(flatten(), zeros([4, 2, 2, 2, 32]), evaluation).shape; // [4, 2, 128]
 */
export function run(module: Module, x: Tensor, context: Context): Tensor {
  context.observe?.before?.(module, context);
  const y = tidy(() => module.forward(x, context));
  context.observe?.(module, y, () => x);
  return y;
}

/** Every module inside `module`, itself included under the name `""`, outer before inner. */
export function* namedModules(module: Module, prefix = ""): Generator<[string, Module]> {
  yield [prefix, module];
  for (const [name, child] of Object.entries(module.children ?? {})) {
    yield* namedModules(child, prefix === "" ? name : `${prefix}.${name}`);
  }
}

/**
 * Every module inside `module` once, by the first of its paths: a shared module is one layer.
 *
 * @internal
 */
export function distinctModules(module: Module): Map<Module, string> {
  const paths = new Map<Module, string>();
  for (const [path, inner] of namedModules(module)) if (!paths.has(inner)) paths.set(inner, path);
  return paths;
}

/** The variables of one kind by their full names. One that the model holds twice has the first of its names. */
function collect(module: Module, kind: "parameters" | "buffers"): Map<string, Variable> {
  const named = new Map<string, Variable>();
  const seen = new Set<Variable>();
  for (const [path, { [kind]: own = {} }] of namedModules(module)) {
    for (const [name, variable] of Object.entries(own)) {
      if (seen.has(variable)) continue;
      seen.add(variable);
      const full = path === "" ? name : `${path}.${name}`;
      if (named.has(full)) {
        throw new RangeError(
          `namedParameters: module must have one variable of each name, got two called ${shown(full)}; ` +
            "put no dot into the names of children and parameters",
        );
      }
      named.set(full, variable);
    }
  }
  return named;
}

/**
 * The parameters of a module and all inside it, by their full names. A parameter that is there twice has the first name.
 *
 * @example
 * [...namedParameters(linear(2, 3)).keys()]; // ["weight", "bias"]
 */
export function namedParameters(module: Module): Map<string, Variable> {
  return collect(module, "parameters");
}

/**
 * The lower bounds of a module's parameters and of all inside it, by the variable.
 *
 * @internal
 */
export function lowerBoundsOf(module: Module): Map<Variable, number> {
  const bounds = new Map<Variable, number>();
  for (const [, { parameters = {}, lowerBounds = {} }] of namedModules(module)) {
    for (const [name, bound] of Object.entries(lowerBounds)) {
      const variable = parameters[name];
      if (variable !== undefined) bounds.set(variable, bound);
    }
  }
  return bounds;
}

/** The buffers of a module and all inside it, by their full names. A buffer that is there twice has the first name. */
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

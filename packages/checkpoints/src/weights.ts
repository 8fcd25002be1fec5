/** @file A model's parameters and buffers, to and from a file. */
import { printable } from "@sew/kernels";
import { type Module, namedBuffers, namedParameters } from "@sew/layers";
import { tensor, tidy, type Variable } from "@tensorflow/tfjs-core";
import type { TensorValues } from "./dtypes.js";
import { readSafetensors, writeSafetensors } from "./safetensors.js";

/** Options of {@link loadWeights}. */
export interface LoadOptions {
  /**
   * Load these parts of the model alone, such as `["stem", "stage1.block0"]`: parameters, buffers, or modules with all
   * inside them.
   * @defaultValue the whole model
   */
  readonly only?: readonly string[];
  /** Leave these parts of the model as they are, such as `["classifier"]`. @defaultValue none */
  readonly except?: readonly string[];
  /**
   * Load what fits: the tensors whose name and shape are the same in the file and the model. Otherwise all of the model
   * that `only` and `except` leave must be in the file, with equal shapes, and nothing else.
   * @defaultValue `false`
   */
  readonly partial?: boolean;
}

/** What {@link loadWeights} did, by full names. */
export interface LoadedWeights {
  /** Parameters and buffers of the model that have the file's values now. */
  readonly taken: readonly string[];
  /** Parameters and buffers of the model that stayed as they were. */
  readonly kept: readonly string[];
  /** Tensors of the file that were not used. */
  readonly unused: readonly string[];
  /** Texts in the file's header. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Writes a model's parameters and buffers to a safetensors file, atomically.
 *
 * @param metadata texts to put in the file's header
 * @throws Error when the file cannot be written, or a value is not finite: an earlier file is then unchanged
 *
 * @example
 * await saveWeights(linear(2, 3), "linear.safetensors");
 */
export async function saveWeights(
  model: Module,
  file: string,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeSafetensors(file, await weightsOf(model, "saveWeights"), metadata);
}

/**
 * Loads the parameters and buffers of a safetensors file into a model; into a part of it with `only`, `except` or
 * `partial`.
 *
 * The optimiser's state in a training checkpoint is passed over.
 *
 * @returns which tensors were taken, kept and unused, and the file's metadata
 * @throws RangeError when the file is damaged, names or shapes differ, a value is not finite, a part is neither in the model
 * nor in the file, or nothing is left to load; the model is then unchanged
 *
 * @example
 * await saveWeights(sequential({ stem: linear(2, 4), classifier: linear(4, 3) }), "three.safetensors");
 * const model = sequential({ stem: linear(2, 4), classifier: linear(4, 10) });
 * const { taken, kept } = await loadWeights(model, "three.safetensors", { except: ["classifier"] });
 * taken; // ["stem.weight", "stem.bias"]
 * kept; // ["classifier.weight", "classifier.bias"]
 */
export async function loadWeights(model: Module, file: string, options: LoadOptions = {}): Promise<LoadedWeights> {
  let chosen: Omit<LoadedWeights, "metadata"> | undefined;
  const { tensors, metadata } = await readSafetensors(file, (shapes) => {
    chosen = chooseWeights(model, shapes, file, options, "loadWeights");
    return chosen.taken;
  });
  assign(model, tensors, chosen!.taken, file, "loadWeights");
  return { ...chosen!, metadata };
}

/**
 * The values of a model's parameters and buffers by their full names.
 *
 * @throws Error when a value is not finite
 *
 * @example
 * [...(await weightsOf(linear(2, 3))).keys()]; // ["weight", "bias"]
 */
export async function weightsOf(model: Module, caller = "weightsOf"): Promise<Map<string, TensorValues>> {
  const weights = new Map<string, TensorValues>();
  for (const [name, variable] of variablesOf(model)) {
    const values = await variable.data<"float32">();
    const wrong = notFinite(values);
    if (wrong !== undefined) {
      throw new Error(
        `${caller}: ${name} must be finite to be saved, got ${wrong}; lower the learning rate and start from an earlier file`,
      );
    }
    weights.set(name, { shape: variable.shape, values });
  }
  return weights;
}

/**
 * Loads tensors into a model as {@link loadWeights} does.
 *
 * @param source what the errors call the tensors, such as their file
 *
 * @example
 * const [one, other] = [linear(2, 3), linear(2, 3)];
 * assignWeights(other, await weightsOf(one), "one").taken; // ["weight", "bias"]
 */
export function assignWeights(
  model: Module,
  tensors: ReadonlyMap<string, TensorValues>,
  source: string,
  options: LoadOptions = {},
  caller = "loadWeights",
): Omit<LoadedWeights, "metadata"> {
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
  const chosen = chooseWeights(model, shapes, source, options, caller);
  assign(model, tensors, chosen.taken, source, caller);
  return chosen;
}

/** Which of a source's tensors to load into a model, by their shapes. */
function chooseWeights(
  model: Module,
  shapes: ReadonlyMap<string, readonly number[]>,
  source: string,
  { only, except = [], partial = false }: LoadOptions,
  caller: string,
): Omit<LoadedWeights, "metadata"> {
  const variables = variablesOf(model);
  // A full name of a model joins its parts by dots; what a checkpoint holds besides the model has a slash.
  const all = new Set([...variables.keys(), ...[...shapes.keys()].filter((name) => !name.includes("/"))]);
  for (const [option, parts] of Object.entries({ only: only ?? [], except })) {
    const unknown = parts.find((part) => ![...all].some((name) => isIn(name, part)));
    if (unknown !== undefined) {
      throw new RangeError(
        `${caller}: ${option} must name parts of the model or of ${source}, got ${printable(JSON.stringify(unknown))}`,
      );
    }
  }
  const selected = [...all].filter(
    (name) => (only ?? [name]).some((part) => isIn(name, part)) && !except.some((part) => isIn(name, part)),
  );
  const compared = selected.map((name) => {
    const [inFile, inModel] = [shown(shapes.get(name)), shown(variables.get(name)?.shape)];
    return { name, same: inFile === inModel, text: `${name} is ${inFile} in the file and ${inModel} in the model` };
  });
  const differences = partial ? [] : compared.filter(({ same }) => !same).map(({ text }) => text);
  if (differences.length > 0) {
    const more = differences.length > 3 ? `, and ${differences.length - 3} more differ` : "";
    throw new RangeError(
      `${caller}: ${source} must hold the parameters of this model, got others: ${printable(differences.slice(0, 3).join(", "))}${more}; ` +
        "build the model with the settings that the file was made with, or load a part of it",
    );
  }
  const taken = compared.filter(({ same }) => same).map(({ name }) => name);
  if (taken.length === 0 && variables.size > 0) {
    throw new RangeError(`${caller}: ${source} must hold a tensor to load into this model, got none that fits`);
  }
  const loaded = new Set(taken);
  const without = (names: Iterable<string>): string[] => [...names].filter((name) => !loaded.has(name));
  return { taken, kept: without(variables.keys()), unused: without(shapes.keys()) };
}

/** Loads the tensors of these names. Throws before anything is changed where a value is not finite. */
function assign(
  model: Module,
  tensors: ReadonlyMap<string, TensorValues>,
  names: readonly string[],
  source: string,
  caller: string,
): void {
  for (const name of names) {
    const wrong = notFinite(tensors.get(name)!.values);
    if (wrong === undefined) continue;
    throw new RangeError(`${caller}: ${source} must hold finite values, got ${wrong} for ${name}; use an earlier file`);
  }
  const variables = variablesOf(model);
  tidy(() => {
    for (const name of names) {
      const { values, shape } = tensors.get(name)!;
      variables.get(name)!.assign(tensor(Float32Array.from(values), [...shape]));
    }
  });
}

/** The first value that is NaN or infinite. @internal */
export function notFinite(values: TensorValues["values"]): number | undefined {
  // 0 times a finite value is 0, and NaN otherwise.
  let zero = 0;
  for (let i = 0; i < values.length; i++) zero += values[i]! * 0;
  return zero === 0 ? undefined : values.find((value) => !Number.isFinite(value));
}

/** Whether a parameter or buffer is this part of a model, or inside it. */
function isIn(name: string, part: string): boolean {
  return name === part || name.startsWith(`${part}.`);
}

function shown(shape: readonly number[] | undefined): string {
  return shape === undefined ? "absent" : `[${shape}]`;
}

function variablesOf(model: Module): Map<string, Variable> {
  return new Map([...namedParameters(model), ...namedBuffers(model)]);
}

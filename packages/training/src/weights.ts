/** @file A model's parameters and buffers in a file. */
import { type Module, namedBuffers, namedParameters } from "@sew/layers";
import { tensor, tidy, type Variable } from "@tensorflow/tfjs-core";
import { readSafetensors, type Safetensors, type TensorValues, writeSafetensors } from "./safetensors.js";

/** What names of tensors that are no part of the model begin with. */
export const OPTIMIZER_PREFIX = "optimizer/";

/**
 * Writes a model's parameters and buffers to a safetensors file, whole or not at all.
 *
 * @param metadata texts to put in the file's header
 * @throws Error when the file cannot be written, or a value is not finite
 *
 * @example
 * await saveWeights(linear(2, 3), "linear.safetensors");
 */
export async function saveWeights(
  model: Module,
  file: string,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeSafetensors(file, await weightsOf("saveWeights", model), metadata);
}

/**
 * Puts the parameters and buffers of a safetensors file into a model, and returns the file's metadata.
 *
 * @throws RangeError when the file is damaged, or is of a model with other names or shapes
 *
 * @example
 * await saveWeights(linear(2, 3), "linear.safetensors", { note: "as drawn" });
 * const model = linear(2, 3);
 * (await loadWeights(model, "linear.safetensors")).note; // "as drawn"
 */
export async function loadWeights(model: Module, file: string): Promise<Readonly<Record<string, string>>> {
  const content = await readSafetensors(file);
  assignWeights("loadWeights", model, content, file);
  return content.metadata;
}

/** The values of a model's parameters and buffers by their full names. Throws when one is not finite. */
export async function weightsOf(where: string, model: Module): Promise<Map<string, TensorValues>> {
  const weights = new Map<string, TensorValues>();
  for (const [name, variable] of variablesOf(model)) {
    const values = await variable.data<"float32">();
    const wrong = values.find((value) => !Number.isFinite(value));
    if (wrong !== undefined) {
      throw new Error(
        `${where}: ${name} must be finite to be saved, got ${wrong}; lower the learning rate and start from an earlier file`,
      );
    }
    weights.set(name, { shape: variable.shape, values });
  }
  return weights;
}

/** Puts the tensors of a file into a model. Throws, having changed nothing, when names or shapes differ. */
export function assignWeights(where: string, model: Module, { tensors }: Safetensors, file: string): void {
  const variables = variablesOf(model);
  const names = new Set([
    ...variables.keys(),
    ...[...tensors.keys()].filter((name) => !name.startsWith(OPTIMIZER_PREFIX)),
  ]);
  const differences = [...names]
    .map((name) => ({ name, inFile: shown(tensors.get(name)), inModel: shown(variables.get(name)) }))
    .filter(({ inFile, inModel }) => inFile !== inModel)
    .map(({ name, inFile, inModel }) => `${name} is ${inFile} in the file and ${inModel} in the model`);
  if (differences.length > 0) {
    const more = differences.length > 3 ? `, and ${differences.length - 3} more differ` : "";
    throw new RangeError(
      `${where}: ${file} must hold the parameters of this model, got others: ${differences.slice(0, 3).join(", ")}${more}; ` +
        "build the model with the settings that the file was made with",
    );
  }
  tidy(() => {
    for (const [name, variable] of variables) variable.assign(tensor(tensors.get(name)!.values, variable.shape));
  });
}

function shown(tensor: { readonly shape: readonly number[] } | undefined): string {
  return tensor === undefined ? "absent" : `[${tensor.shape}]`;
}

function variablesOf(model: Module): Map<string, Variable> {
  return new Map([...namedParameters(model), ...namedBuffers(model)]);
}

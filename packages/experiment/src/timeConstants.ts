/** @file The time constants that neurons have learned. */
import { type Module, type NeuronLayer, namedModules } from "@sew/layers";

/** What 1/τ = sigmoid(w) is learned by. */
const byRate = new Set(["plif", "cplif"]);

/**
 * The time constant τ of each layer of neurons that learns one, by its path, in time-steps: the mean over its channels. `1 + exp(−w)`
 * of PLIF, the parameter `tau` of others. Those that are not finite are left out.
 */
export function timeConstantsOf(model: Module): Record<string, number> {
  return Object.fromEntries(
    [...namedModules(model)].flatMap(([path, module]) => {
      const tau = "neuron" in module ? timeConstantOf(module as NeuronLayer) : undefined;
      return tau !== undefined && Number.isFinite(tau) ? [[path, tau]] : [];
    }),
  );
}

function timeConstantOf({ neuron, parameters }: NeuronLayer): number | undefined {
  const { w, tau } = parameters as Partial<typeof parameters>;
  if (byRate.has(neuron.model) && w !== undefined) return mean([...w.dataSync()].map((each) => 1 + Math.exp(-each)));
  return tau && mean([...tau.dataSync()]);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** @file Where the time of a pass goes. */
import {
  batchNormTrainingKernel,
  moveStatisticsKernel,
  multiStepNeuronKernel,
  normNeuronKernel,
  normNeuronTrainingKernel,
  normParallelNeuronKernel,
  normParallelNeuronTrainingKernel,
  parallelNeuronKernel,
} from "@sew/kernels";
import {
  Conv2D,
  Conv2DBackpropFilter,
  Conv2DBackpropInput,
  FusedBatchNorm,
  getBackend,
  getKernelsForBackend,
} from "@tensorflow/tfjs-core";

/** The contracts of the fused kernels of norms and neurons. */
const fused = [
  batchNormTrainingKernel,
  moveStatisticsKernel,
  normNeuronKernel,
  normNeuronTrainingKernel,
  normParallelNeuronKernel,
  normParallelNeuronTrainingKernel,
  multiStepNeuronKernel,
  parallelNeuronKernel,
];
const fusedNames = fused.flatMap(({ name, gradient }) => (gradient === undefined ? [name] : [name, gradient.name]));

/** The kernels that are told apart. All else is the rest: pooling, sums, the classifier, the optimiser, JavaScript. */
const kernels = {
  "conv forward": [Conv2D],
  "input gradient": [Conv2DBackpropInput],
  "filter gradient": [Conv2DBackpropFilter],
  "norm + neuron": [FusedBatchNorm, ...fusedNames],
} as const satisfies Record<string, readonly string[]>;

export type Part = keyof typeof kernels | "rest";

/** Seconds of each part; together, those of the pass. */
export type Breakdown = Readonly<Record<Part, number>>;

export const parts: readonly Part[] = [...(Object.keys(kernels) as (keyof typeof kernels)[]), "rest"];

/** The part that a kernel belongs to. */
export function partOf(kernelName: string): Part {
  const found = Object.entries<readonly string[]>(kernels).find(([, names]) => names.includes(kernelName));
  return found === undefined ? "rest" : (found[0] as Part);
}

/** How the time of `step` divides: the median of `steps` calls, by watching the current backend's kernels meanwhile. */
export async function breakdown(step: (call: number) => unknown, steps: number): Promise<Breakdown> {
  const none: Breakdown = { "conv forward": 0, "input gradient": 0, "filter gradient": 0, "norm + neuron": 0, rest: 0 };
  let spent: Record<Part, number> = { ...none };
  const watched = getKernelsForBackend(getBackend()).filter(({ kernelName }) => partOf(kernelName) !== "rest");
  const unwatched = watched.map(({ kernelFunc }) => kernelFunc);
  for (const [i, kernel] of watched.entries()) {
    kernel.kernelFunc = (call) => {
      const start = performance.now();
      const result = unwatched[i]!(call);
      spent[partOf(kernel.kernelName)] += (performance.now() - start) / 1000;
      return result;
    };
  }
  const found: { readonly total: number; readonly spent: Breakdown }[] = [];
  try {
    for (let call = 0; call < steps; call++) {
      spent = { ...none };
      const start = performance.now();
      await step(call);
      const total = (performance.now() - start) / 1000;
      const kernelTime = parts.reduce((sum, part) => sum + spent[part], 0);
      found.push({ total, spent: { ...spent, rest: total - kernelTime } });
    }
  } finally {
    for (const [i, kernel] of watched.entries()) kernel.kernelFunc = unwatched[i]!;
  }
  return found.toSorted((a, b) => a.total - b.total)[steps >> 1]!.spent;
}

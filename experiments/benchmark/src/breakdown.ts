/** @file Where the time of a pass goes. */
import { kernelSeconds } from "@sew/backend-native";
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

/** The kernels of each part. All other C++ kernels form the rest: pooling, sums, the classifier, the optimiser. */
const kernels = {
  "conv forward": [Conv2D],
  "input gradient": [Conv2DBackpropInput],
  "filter gradient": [Conv2DBackpropFilter],
  "norm + neuron": [FusedBatchNorm, ...fusedNames],
} as const satisfies Record<string, readonly string[]>;

/** JavaScript is what is spent in no C++ kernel: TensorFlow.js, conversions, copies, allocation, garbage collection. */
export type Part = keyof typeof kernels | "rest" | "JavaScript";

/** Seconds of each part; together, those of the pass without what it waits for. */
export type Breakdown = Readonly<Record<Part, number>>;

export const parts: readonly Part[] = [...(Object.keys(kernels) as (keyof typeof kernels)[]), "rest", "JavaScript"];

/** The part that a kernel belongs to. */
export function partOf(kernelName: string): Exclude<Part, "JavaScript"> {
  const found = Object.entries<readonly string[]>(kernels).find(([, names]) => names.includes(kernelName));
  return found === undefined ? "rest" : (found[0] as keyof typeof kernels);
}

const none: Breakdown = {
  "conv forward": 0,
  "input gradient": 0,
  "filter gradient": 0,
  "norm + neuron": 0,
  rest: 0,
  JavaScript: 0,
};

/**
 * How the time of `step` divides: the median of `steps` calls, by watching the native backend's kernels meanwhile.
 *
 * @param warmUp calls before those: V8 compiles what runs often, and training is many steps. @defaultValue 0
 */
export async function breakdown(step: (call: number) => unknown, steps: number, warmUp = 0): Promise<Breakdown> {
  let spent: Record<Part, number> = { ...none };
  const watched = getKernelsForBackend(getBackend()).filter(({ kernelName }) => partOf(kernelName) !== "rest");
  const unwatched = watched.map(({ kernelFunc }) => kernelFunc);
  for (const [i, kernel] of watched.entries()) {
    const part = partOf(kernel.kernelName);
    kernel.kernelFunc = (call) => {
      const before = kernelSeconds();
      const result = unwatched[i]!(call);
      spent[part] += kernelSeconds() - before;
      return result;
    };
  }
  const found: { readonly total: number; readonly spent: Breakdown }[] = [];
  try {
    for (let call = 0; call < warmUp + steps; call++) {
      spent = { ...none };
      const waiting = performance.eventLoopUtilization();
      const [start, inKernels] = [performance.now(), kernelSeconds()];
      await step(call);
      const native = kernelSeconds() - inKernels;
      const total = (performance.now() - start - performance.eventLoopUtilization(waiting).idle) / 1000;
      const rest = native - parts.reduce((sum, part) => sum + spent[part], 0);
      if (call >= warmUp) found.push({ total, spent: { ...spent, rest, JavaScript: total - native } });
    }
  } finally {
    for (const [i, kernel] of watched.entries()) kernel.kernelFunc = unwatched[i]!;
  }
  return found.toSorted((a, b) => a.total - b.total)[steps >> 1]!.spent;
}

/** @file MultiStepNeuron: a neuron's program over all T steps in one pass, and the gradient. */
import {
  type FusedKernelConfig,
  type KernelAttrs,
  multiStepNeuronKernel,
  type NeuronFormula,
  type NeuronProgram,
} from "@sew/kernels";
import type { KernelConfig, TensorInfo } from "@tensorflow/tfjs-core";
import { type KernelArray, runFinite, runNative } from "../addon.js";
import type { NativeBackend } from "../backend.js";
import { floatKernel, type Run, sizeOf } from "../kernel.js";
import { lowered, refusalOf } from "../lowering.js";
import { spikeStorage } from "../spikeStorage.js";
import { countOf, MOST_COUNT, newCount } from "../spikes.js";
import { because } from "../trace.js";

/** A neuron over a sequence, as the C++ kernels take it. */
export interface NeuronCall {
  readonly program: NeuronProgram;
  /** The shape of its spikes, `[T, ..., C]`. */
  readonly shape: number[];
  /** Length of the code, steps, neurons, and values of a parameter per channel. */
  readonly numbers: readonly number[];
  readonly code: Int32Array;
}

/** The call of a neuron over a sequence of currents of the shape `[T, ..., C]`. */
export function neuronCall(shape: number[], { program }: Pick<NeuronFormula, "program">): NeuronCall {
  if (program === undefined) throw new TypeError("neuronCall: the neuron must have a program, got one without");
  const code = lowered(program);
  const channels = shape.length > 1 ? Math.max(1, shape.at(-1)!) : 1;
  return { program, shape, numbers: [code.length, shape[0]!, sizeOf(shape.slice(1)), channels], code };
}

/**
 * Runs a kernel that fires, with its other outputs in `more`. Spikes are stored as bits or counts where they can be: a word
 * of bits must not belong to two steps, since two threads would write to it.
 */
export function runFiring(
  kernel: string,
  numbers: readonly number[],
  { code, shape, program: { spikes } }: NeuronCall,
  backend: NativeBackend,
  inputs: readonly KernelArray[],
  more: readonly KernelArray[] = [],
): TensorInfo {
  // A count of at most 1 may be NaN, which no bit is.
  const most = spikes.kind === "bits" ? 1 : spikes.kind === "counts" ? Math.max(2, spikes.most) : MOST_COUNT + 1;
  const sharesWords = most === 1 && shape[0] !== 1 && sizeOf(shape.slice(1)) % 32 !== 0;
  if (spikeStorage() !== "off" && most <= MOST_COUNT && !sharesWords) {
    const [info, packed] = backend.outputSpikes(shape, most);
    const events = newCount();
    // Where a count is none, such as NaN, it is stored as float32.
    if (runFinite(kernel, numbers, code, ...inputs, packed.packed, ...more, events)) {
      packed.events = countOf(events);
      return info;
    }
    backend.disposeIntermediateTensorInfo(info);
    because(() => "a spike is none, such as NaN, so that all are stored as float32");
  } else {
    because(() => {
      if (spikeStorage() === "off") return "spikes are stored as float32; call setSpikeStorage with auto";
      if (!sharesWords) return "what the neurons emit is no count of at most 255 and is stored as float32";
      const perStep = sizeOf(shape.slice(1));
      return `its ${perStep} neurons a step are no multiple of 32, a word of spikes, so that spikes are stored as float32; use more channels or samples`;
    });
  }
  const [info, values] = backend.output(shape);
  runNative(kernel, numbers, code, ...inputs, values, ...more);
  return info;
}

/** A kernel that fires neurons; it refuses those that the interpreter has no room for. */
export function firingKernel<A extends NeuronFormula>(name: string, run: Run<TensorInfo[], A>): FusedKernelConfig<A> {
  const refuses = ({ program }: A) => program && refusalOf(program);
  return { ...floatKernel<TensorInfo[], A>(name, run), refuses };
}

const multiStepNeuronConfig = firingKernel<KernelAttrs<typeof multiStepNeuronKernel>>(
  multiStepNeuronKernel.name,
  (tensors, attrs, backend) => {
    const [x, ...others] = Object.values(tensors) as [TensorInfo, ...TensorInfo[]];
    const call = neuronCall(x.shape, attrs);
    const after = others.slice(0, call.program.state.length).map(({ shape }) => backend.output(shape));
    const states = after.map(([, values]) => values);
    const spikes = backend.lendFloats(x, (currents) => {
      const arrays = [currents, ...others.map((t) => backend.floats(t))];
      return runFiring("multiStepNeuron", call.numbers, call, backend, arrays, states);
    });
    return [spikes, ...after.map(([info]) => info)];
  },
);

const multiStepNeuronGradConfig: KernelConfig = floatKernel<TensorInfo[], KernelAttrs<typeof multiStepNeuronKernel>>(
  multiStepNeuronKernel.gradient!.name,
  (tensors, attrs, backend) => {
    const [x, ...others] = Object.values(tensors) as [TensorInfo, ...TensorInfo[]];
    const { program, numbers, code } = neuronCall(x.shape, attrs);
    const differentiated = [x, ...others.slice(0, program.state.length + program.parameters.length)];
    const outputs = differentiated.map(({ shape }) => backend.output(shape));
    const arrays = [...others.map((t) => backend.floats(t)), ...outputs.map(([, values]) => values)];
    backend.lendFloats(x, (currents) => runNative("multiStepNeuronGrad", numbers, code, currents, ...arrays));
    return outputs.map(([info]) => info);
  },
);

export const kernels: readonly KernelConfig[] = [multiStepNeuronConfig, multiStepNeuronGradConfig];

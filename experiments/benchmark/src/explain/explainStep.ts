/** @file Which kernel ran each part of a training step, and why no faster one did, as the backend itself reports it. */
import { type KernelTrace, type PathTaken, traceKernels } from "@sew/backend-native";
import { type FusedKernelConfig, multiStepNeuronKernel, type NeuronFormula, parallelNeuronKernel } from "@sew/kernels";
import { type Conv2d, type Module, namedModules, neuronOf, type Observer, tapGradient } from "@sew/layers";
import { momentum, type Optimizer, optimizer as optimizerOf, trainStep } from "@sew/training";
import { getBackend, getKernel, type Tensor } from "@tensorflow/tfjs-core";

/** A part of a training step: the kernels of one kind and path in one layer. */
export interface Explained {
  /** Path of the layer in the model; `"(loss)"`, `"(checks)"` and `"(update)"` for what is in none. */
  readonly layer: string;
  /** What was computed, such as `"filter gradient"`. */
  readonly work: string;
  /** The C++ kernels, with the paths inside them; `"JavaScript"`; `"shares memory"`; `"did not run"` for a missing gradient. */
  readonly path: string;
  /** Kernels of TensorFlow.js that ran. */
  readonly kernels: readonly string[];
  readonly seconds: number;
  /** Why there was no faster path, and the remedy; a sentence each. */
  readonly reasons: readonly string[];
}

/** A training step in parts. */
export interface Explanation {
  /** In the order of the forward pass, the gradients of a layer behind its forward pass. */
  readonly parts: readonly Explained[];
  /** Time of the whole step, which the report of the kernels makes a little longer. */
  readonly seconds: number;
  /** The paths of all kernels, with their operations. */
  readonly paths: readonly PathTaken[];
}

/** Training steps before the one that is explained. */
const WARM_UP = 3;

/**
 * Runs training steps of a model on the native backend, and explains the last one.
 *
 * @param model whose children run through `run`
 * @param shape `[T, N, H, W, C]`
 * @param x the values of the input
 */
export async function explainStep(model: Module, shape: readonly number[], x: Float32Array): Promise<Explanation> {
  const optimizer = optimizerOf(model, momentum());
  const batch = { x, shape, labels: new Int32Array(shape[1]!) };
  const options = (seed: number) => ({ learningRate: 0.001, seed });
  try {
    for (let call = 0; call < WARM_UP; call++) await trainStep(model, optimizer, batch, options(call));
    const recorder = new Recorder(model);
    traceKernels((trace) => recorder.record(trace));
    const start = performance.now();
    await trainStep(model, recorder.watch(optimizer), batch, { ...options(WARM_UP), observe: recorder.observe });
    const seconds = (performance.now() - start) / 1000;
    return { parts: recorder.parts(), seconds, paths: recorder.paths() };
  } finally {
    traceKernels(undefined);
    optimizer.dispose();
  }
}

/** A kernel that ran, and where. */
interface Recorded {
  readonly trace: KernelTrace;
  readonly isBackward: boolean;
  layer: string;
}

/** Follows a step from layer to layer. */
class Recorder {
  readonly #model: Module;
  readonly #paths = new Map<Module, string>();
  readonly #recorded: Recorded[] = [];
  /** The modules that run, from the outside in. */
  readonly #running: Module[] = [];
  /** The kernels before the last start or end of a module. */
  #settled = 0;
  #layer = "(input)";
  #isBackward = false;

  constructor(model: Module) {
    this.#model = model;
    for (const [path, module] of namedModules(model)) if (!this.#paths.has(module)) this.#paths.set(module, path);
  }

  record(trace: KernelTrace): void {
    this.#recorded.push({ trace, isBackward: this.#isBackward, layer: this.#layer });
  }

  readonly observe: Observer = Object.assign(
    (module: Module, output: Tensor) => {
      const layer = this.#pathOf(module);
      if (this.#running.at(-1) === module) this.#running.pop();
      // A fused kernel ran it in the place of the module around it.
      else for (const each of this.#recorded.slice(this.#settled)) each.layer = layer;
      const around = this.#running.at(-1);
      this.#moveTo(around === undefined ? "(loss)" : this.#pathOf(around));
      // Until the gradient of the next layer's output, all kernels of the backward pass are this layer's.
      tapGradient(output, () => {
        this.#isBackward = true;
        this.#moveTo(layer);
      });
    },
    {
      before: (module: Module) => {
        this.#running.push(module);
        this.#moveTo(this.#pathOf(module));
      },
    },
  );

  /** The same optimiser, whose updates are recorded as such. */
  watch(optimizer: Optimizer): Optimizer {
    return {
      ...optimizer,
      gradients: (loss) => {
        const result = optimizer.gradients(loss);
        this.#isBackward = false;
        this.#moveTo("(checks)");
        return result;
      },
      apply: (gradients, rate) => {
        this.#moveTo("(update)");
        optimizer.apply(gradients, rate);
        this.#moveTo("(checks)");
      },
    };
  }

  #pathOf(module: Module): string {
    return module === this.#model ? "(model)" : (this.#paths.get(module) ?? "(model)");
  }

  #moveTo(layer: string): void {
    this.#layer = layer;
    this.#settled = this.#recorded.length;
  }

  paths(): PathTaken[] {
    return this.#recorded.flatMap(({ trace }) => trace.paths);
  }

  parts(): Explained[] {
    const layers = new Map<string, Map<string, Recorded[]>>();
    for (const each of this.#recorded) {
      const works = layers.get(each.layer) ?? new Map<string, Recorded[]>();
      layers.set(each.layer, works);
      const key = `${workOf(each)} ${callsOf([each.trace])}`;
      works.set(key, [...(works.get(key) ?? []), each]);
    }
    const modules = new Map([...this.#paths].map(([module, path]) => [path, module]));
    return [...layers].flatMap(([layer, works]) => {
      const module = modules.get(layer);
      const parts = [...works.values()].map((recorded) => explained(layer, recorded));
      const reasons = module === undefined ? [] : reasonsOf(module);
      const main = Math.max(
        0,
        parts.findIndex(({ work }) => work === "forward"),
      );
      parts[main] = { ...parts[main]!, reasons: [...reasons, ...parts[main]!.reasons] };
      return [...parts, ...missingGradients(layer, parts)];
    });
  }
}

function explained(layer: string, recorded: readonly Recorded[]): Explained {
  const [first] = recorded as [Recorded];
  return {
    layer,
    work: workOf(first),
    path: pathOf(recorded.map(({ trace }) => trace)),
    kernels: recorded.map(({ trace }) => trace.kernelName),
    seconds: recorded.reduce((sum, { trace }) => sum + trace.seconds, 0),
    reasons: [...new Set(recorded.flatMap(({ trace }) => trace.reasons))],
  };
}

/** What the kernels of convolutions, norms and neurons compute. Others are called by their names. */
const works: Readonly<Record<string, string>> = {
  Conv2D: "forward",
  DepthwiseConv2dNative: "forward",
  Conv2DBackpropInput: "input gradient",
  DepthwiseConv2dNativeBackpropInput: "input gradient",
  Conv2DBackpropFilter: "filter gradient",
  DepthwiseConv2dNativeBackpropFilter: "filter gradient",
};

function workOf({ trace: { kernelName }, isBackward }: Recorded): string {
  return works[kernelName] ?? `${kernelName}${isBackward && !/Grad$/.test(kernelName) ? ", backward" : ""}`;
}

/** The C++ kernels that were called, and JavaScript where it computed; empty where nothing was computed. */
const callsOf = (traces: readonly KernelTrace[]) => {
  const names = traces.flatMap(({ calls, inJavaScript }) => [
    ...calls.map(({ name }) => name),
    ...(inJavaScript ? ["JavaScript"] : []),
  ]);
  return [...new Set(names)].join(" + ");
};

/** The C++ kernels, and the paths inside them by their share of the operations. */
export function pathOf(traces: readonly KernelTrace[]): string {
  const calls = callsOf(traces) || "shares memory";
  const operations = new Map<string, number>();
  for (const path of traces.flatMap(({ paths }) => paths)) {
    operations.set(path.name, path.operations + (operations.get(path.name) ?? 0));
  }
  const total = [...operations.values()].reduce((a, b) => a + b, 0);
  const inside = [...operations]
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, count]) => (operations.size === 1 ? name : `${name} ${((100 * count) / total).toFixed(0)} %`));
  return inside.length === 0 ? calls : `${calls} (${inside.join(", ")})`;
}

/** What a layer makes of its kernels by itself, and the remedy. */
function reasonsOf(module: Module): string[] {
  const { groups = 1, dilation = 1 } = (module as Partial<Conv2d>).geometry ?? {};
  const composed = composedReason(module);
  return [
    ...(groups > 1 ? [`its ${groups} groups are convolved apart; use groups: 1`] : []),
    ...(dilation > 1
      ? [`its dilation of ${dilation} fills the filter with zeros, which are multiplied; use dilation: 1`]
      : []),
    ...(composed === undefined ? [] : [composed]),
  ];
}

/** Why a layer of neurons runs as composed operations; undefined where it does not, and for other modules. */
function composedReason(module: Module): string | undefined {
  const neuron = neuronOf(module);
  if (neuron === undefined) return undefined;
  const isParallel = !("stateNames" in neuron);
  const formula: NeuronFormula | undefined = isParallel ? neuron.formula : neuron;
  if (formula.program === undefined) {
    return `composed operations run the neuron: ${formula.untraced ?? "it is wrapped in composed, which hides its program"}`;
  }
  const { name } = isParallel ? parallelNeuronKernel : multiStepNeuronKernel;
  const kernel: FusedKernelConfig<NeuronFormula> | undefined = getKernel(name, getBackend());
  const refusal = kernel?.refuses?.(formula);
  return refusal && `composed operations run the neuron: ${refusal}`;
}

/** The gradients of a convolution that did not run. */
function missingGradients(layer: string, parts: readonly Explained[]): Explained[] {
  const ran = (work: string) => parts.some((part) => part.work === work);
  if (!ran("forward")) return [];
  const missing = (work: string, reason: string): Explained[] =>
    ran(work) ? [] : [{ layer, work, path: "did not run", kernels: [], seconds: 0, reasons: [reason] }];
  return [
    ...missing("input gradient", "nothing before this layer needs a gradient"),
    ...missing(
      "filter gradient",
      "no gradient reaches the weight: the layer's output is detached, or the weight is not trained",
    ),
  ];
}

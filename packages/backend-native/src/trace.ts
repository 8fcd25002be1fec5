/** @file Reports of the kernels that ran, how, and why no faster: they come from the code that decides. */
import type { NamedTensorInfoMap, TensorInfo } from "@tensorflow/tfjs-core";
import { loadAddon, setAround } from "./addon.js";

/** A call of the C++ addon. */
export interface NativeCall {
  /** The name of the C++ kernel. */
  readonly name: string;
  readonly seconds: number;
}

/** A path inside a C++ kernel, such as `"Winograd tiles"` or `"event-driven list"`. */
export interface PathTaken {
  readonly name: string;
  /** Multiply-adds; of event-driven paths, additions. */
  readonly operations: number;
  /** Lists of spikes that the additions are in; 0 on other paths. */
  readonly lists: number;
}

/** A step of a C++ kernel that its operations leave out, such as `"transforms of inputs"`. */
export interface StepTaken {
  readonly name: string;
  /** The time of all threads together. */
  readonly seconds: number;
}

/** A kernel of this backend that ran. */
export interface KernelTrace {
  /** TensorFlow.js's name. */
  readonly kernelName: string;
  readonly inputs: NamedTensorInfoMap;
  readonly outputs: readonly TensorInfo[];
  /** Time from its call to its result, in seconds. Less that of `calls` it is the time in JavaScript. */
  readonly seconds: number;
  /** Its calls of the C++ addon, in order. */
  readonly calls: readonly NativeCall[];
  /** Whether TensorFlow.js's cpu kernel computed it, in JavaScript. */
  readonly inJavaScript: boolean;
  readonly paths: readonly PathTaken[];
  readonly steps: readonly StepTaken[];
  /** Why it took no faster path, and the remedy; a sentence each. */
  readonly reasons: readonly string[];
}

/** The report of the running kernel. */
interface Open {
  readonly calls: NativeCall[];
  readonly paths: PathTaken[];
  readonly steps: StepTaken[];
  readonly reasons: Set<string>;
  inJavaScript: boolean;
}

let receiver: ((trace: KernelTrace) => void) | undefined;
let open: Open | undefined;
/** The kernels that made the tensors of this trace, by their data. */
let makers = new WeakMap<object, string>();

/**
 * Reports every kernel of the backend from now on, after it ran. Without a receiver, the default, nothing is recorded, and
 * kernels pay one comparison.
 *
 * @param receive receives the reports; undefined ends the trace. One that throws ends the operation that ran the kernel
 *
 * @example
 * await setBackend("native");
 * const names: string[] = [];
 * traceKernels(({ kernelName }) => names.push(kernelName));
 * relu(tensor1d([-1]));
 * traceKernels(undefined);
 * names; // ["Relu"]
 */
export function traceKernels(receive: ((trace: KernelTrace) => void) | undefined): void {
  receiver = receive;
  makers = new WeakMap();
  loadAddon().trace(receive !== undefined);
  setAround(receive && timeCall);
}

/** Runs a call of the addon, and records its time and what it reports. */
function timeCall(name: string, call: () => number): number {
  const start = performance.now();
  const status = call();
  const seconds = (performance.now() - start) / 1000;
  const reported = loadAddon().traced();
  open?.calls.push({ name, seconds });
  for (let i = 0; i < reported.length; i += 4) {
    const [name, operations, lists, stepSeconds] = reported.slice(i, i + 4) as [string, number, number, number];
    if (operations < 0) open?.reasons.add(name);
    else if (stepSeconds > 0) open?.steps.push({ name, seconds: stepSeconds });
    else open?.paths.push({ name, operations, lists });
  }
  return status;
}

/** Runs a kernel, and reports it where a trace is on. */
export function traced<R extends TensorInfo | TensorInfo[]>(
  kernelName: string,
  inputs: NamedTensorInfoMap,
  run: () => R,
): R {
  if (receiver === undefined) return run();
  const outer = open;
  const current: Open = { calls: [], paths: [], steps: [], reasons: new Set(), inJavaScript: false };
  open = current;
  const start = performance.now();
  try {
    const result = run();
    const seconds = (performance.now() - start) / 1000;
    const outputs = [result].flat() as TensorInfo[];
    const shared = new Set(Object.values(inputs).flatMap((tensor) => tensor?.dataId ?? []));
    for (const { dataId } of outputs) if (!shared.has(dataId)) makers.set(dataId, kernelName);
    receiver({ kernelName, inputs, outputs, seconds, ...current, reasons: [...current.reasons] });
    return result;
  } finally {
    open = outer;
  }
}

/**
 * Tells a trace why the running kernel takes no faster path, and the remedy.
 *
 * @param reason is called only where a trace is on
 * @returns undefined, for the path that is not taken
 */
export function because(reason: () => string): undefined {
  open?.reasons.add(reason());
}

/** Outputs of more values are worth a C++ kernel. */
const FEW = 4096;

/** Tells a trace that TensorFlow.js's cpu kernel computes the running kernel, and, where its output is large, why. */
export function inJavaScript<R extends TensorInfo | TensorInfo[]>(why: () => string, run: () => R): R {
  const result = run();
  if (open === undefined) return result;
  open.inJavaScript = true;
  const size = [result].flat().reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  if (size > FEW) open.reasons.add(`JavaScript computes it: ${why()}`);
  return result;
}

/** Where the values of a tensor come from, for {@link because}. */
export function originOf({ dataId }: TensorInfo): string {
  const maker = makers.get(dataId);
  return maker === undefined ? "it comes from outside, as frames do" : `${maker} made it`;
}

/** @file The tests of one kernel, and how to run it on a backend without making that the current one. */
import type { runNative } from "@sew/backend-native";
import { type BackendValues, findBackend, getKernel, type KernelBackend, type TensorInfo } from "@tensorflow/tfjs-core";
import type * as fc from "fast-check";
import { sizeOf, type Values } from "./values.js";

/** Arguments of a kernel. */
export interface Call {
  readonly inputs: Readonly<Record<string, Values>> | readonly Values[];
  readonly attrs: object;
}

/** A result in exact arithmetic, or nearly so, and how far float32 arithmetic may be from each of its numbers. */
export interface Expected {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
  /** Largest difference. @defaultValue 0: equal, where +0 equals -0 */
  readonly within?: ArrayLike<number> | number;
  /** Whether +0 and -0 differ. */
  readonly signedZeros?: boolean;
}

/** A kernel, what it is called with, and what it must give. */
export interface KernelCase {
  readonly kernel: string;
  readonly calls: fc.Arbitrary<Call>;
  /** The slow, obvious way. */
  readonly expected: (call: Call) => readonly Expected[];
  /** Whether TensorFlow.js's cpu backend computes the same. @defaultValue true; where false, a comment says why */
  readonly onCpu?: (call: Call) => boolean;
}

/** A valid call of a kernel of the addon with the smallest sizes: every array is exactly as long as it must be. */
export interface AddonCall {
  readonly numbers: readonly number[];
  readonly arrays: readonly KernelArray[];
  /** The first and the last of the numbers that are sizes. */
  readonly sizes: readonly [first: number, last: number];
}

type KernelArray = Parameters<typeof runNative>[2];

export const float32s = (length: number) => new Float32Array(length);
/** Words of bits, or a number of spikes. */
export const words = (length: number) => new Int32Array(length);
export const counts = (length: number) => new Uint8Array(length);

/** A case whose calls have inputs of known names. */
export function kernelCase<N extends string, A extends object>(c: {
  readonly kernel: string;
  readonly calls: fc.Arbitrary<{ readonly inputs: Readonly<Record<N, Values>>; readonly attrs: A }>;
  readonly expected: (inputs: Readonly<Record<N, Values>>, attrs: A) => readonly Expected[];
  readonly onCpu?: (inputs: Readonly<Record<N, Values>>, attrs: A) => boolean;
}): KernelCase {
  type Own = { inputs: Readonly<Record<N, Values>>; attrs: A };
  return {
    kernel: c.kernel,
    calls: c.calls,
    expected: (call) => c.expected((call as Own).inputs, (call as Own).attrs),
    onCpu: (call) => c.onCpu?.((call as Own).inputs, (call as Own).attrs) ?? true,
  };
}

/** The part of a backend that the calls below need; both backends here are TensorFlow.js's MathBackendCPU. */
interface Storage extends KernelBackend {
  makeTensorInfo(shape: number[], dtype: string, values: BackendValues): TensorInfo;
}

/** Runs a kernel on a backend, and leaves nothing there. */
export function runKernelOn(backendName: "cpu" | "native", kernel: string, { inputs, attrs }: Call): Values[] {
  const backend = findBackend(backendName) as Storage;
  const put = ({ shape, dtype, data }: Values) => backend.makeTensorInfo([...shape], dtype, data.slice());
  const infos = Array.isArray(inputs)
    ? (inputs as Values[]).map(put)
    : Object.fromEntries(Object.entries(inputs).map(([name, values]) => [name, put(values)]));
  const found = getKernel(kernel, backendName).kernelFunc({
    inputs: infos as Record<string, TensorInfo>,
    attrs: attrs as Record<string, never>,
    backend,
  });
  const outputs = (Array.isArray(found) ? found : [found]) as TensorInfo[];
  const results = outputs.map(({ dataId, shape, dtype }) => ({
    shape,
    dtype: dtype as Values["dtype"],
    data: (backend.readSync(dataId) as Float32Array).slice(),
  }));
  for (const { dataId } of [...outputs, ...(Object.values(infos) as TensorInfo[])]) backend.disposeData(dataId);
  return results;
}

/** What is wrong with the results, in words; `undefined` when nothing is. */
export function fault(actual: readonly Values[], expected: readonly Expected[]): string | undefined {
  if (actual.length !== expected.length) return `${actual.length} results instead of ${expected.length}`;
  for (const [o, { shape, data, within = 0, signedZeros = false }] of expected.entries()) {
    const found = actual[o]!;
    const where = expected.length === 1 ? "" : `result ${o}: `;
    if (String(found.shape) !== String(shape) || found.data.length !== sizeOf(shape)) {
      return `${where}shape [${found.shape}] of ${found.data.length} values instead of [${shape}]`;
    }
    for (let i = 0; i < data.length; i++) {
      const [a, e] = [found.data[i]!, data[i]!];
      const bound = typeof within === "number" ? within : within[i]!;
      const near = Object.is(a, e) || (Math.abs(a - e) <= bound && !(signedZeros && a === 0 && e === 0));
      if (!near) return `${where}[${i}] is ${a} instead of ${e} ± ${bound}`;
    }
  }
  return undefined;
}

/** Whether two results are the same bits. */
export function sameBits(a: readonly Values[], b: readonly Values[]): boolean {
  const bytes = ({ data }: Values) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return a.length === b.length && a.every((values, i) => bytes(values).equals(bytes(b[i]!)));
}

/** Rounding error of float32 sums of `terms` products: every term passes through at most so many roundings. */
export const sumError = (terms: number): number => (terms + 2) * 2 ** -24;

import { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";
import type { BackendValues, DataType, TensorInfo } from "@tensorflow/tfjs-core";
import { scratchBytes } from "./addon.js";
import { BufferPool, type PoolStatistics } from "./bufferPool.js";
import { Spikes } from "./spikes.js";

/** The name under which the backend is registered. */
export const NATIVE = "native";

/** What `tf.memory()` adds on this backend. */
export interface NativeMemory extends PoolStatistics {
  readonly unreliable: false;
  readonly reasons: string[];
  /** Bytes that the kernels' threads keep between calls. */
  readonly scratchBytes: number;
}

/** The record of a tensor whose values are spikes. Code that knows of none reads `values`, as of any other. */
class SpikeData {
  readonly dtype = "float32";
  refCount = 1;
  readonly spikes: Spikes;
  readonly #pool: BufferPool;
  #dense: Float32Array | undefined;

  constructor(spikes: Spikes, pool: BufferPool) {
    this.spikes = spikes;
    this.#pool = pool;
  }

  /** As float32: unpacked on first use, since what asked once will ask again on the way back, and kept to the end. */
  get values(): Float32Array {
    if (this.#dense === undefined) {
      this.#dense = this.#pool.take(this.spikes.size, Float32Array);
      this.spikes.unpack(this.#dense);
    }
    return this.#dense;
  }

  /** Calls `f` with them as float32, unpacked for this call alone unless they have been before. */
  lend<R>(f: (values: Float32Array) => R): R {
    if (this.#dense !== undefined) return f(this.#dense);
    const dense = this.#pool.take(this.spikes.size, Float32Array);
    try {
      this.spikes.unpack(dense);
      return f(dense);
    } finally {
      this.#pool.give(dense);
    }
  }

  /** Gives all memory back. */
  release(): void {
    this.#pool.give(this.spikes.packed);
    if (this.#dense !== undefined) this.#pool.give(this.#dense);
  }
}

/**
 * Storage of the native backend: TensorFlow.js's CPU backend with float32 tensors in pooled, aligned memory,
 * those of spikes as bits or bytes.
 *
 * Extending the CPU backend makes every operation work; kernels in `kernels/` replace the hot ones. It knows no kernel.
 */
export class NativeBackend extends MathBackendCPU {
  readonly #pool = new BufferPool();

  constructor() {
    super();
    // The CPU backend would advise to install another one.
    (this as unknown as { firstUse: boolean }).firstUse = false;
  }

  /** A new float32 tensor, contents undefined, and its memory: what a kernel writes its result to. */
  output(shape: number[]): [info: TensorInfo, values: Float32Array] {
    const values = this.#pool.take(
      shape.reduce((a, b) => a * b, 1),
      Float32Array,
    );
    return [{ dataId: super.write(values, shape, "float32") as object, shape, dtype: "float32" }, values];
  }

  /**
   * Where a kernel writes what takes the place of `given`, a tensor whose values its owner will not read again: that
   * tensor's own memory where nobody else holds it, as a clone would, and otherwise a new tensor's.
   */
  outputOver(given: TensorInfo): [info: TensorInfo, values: Float32Array] {
    const { dataId, shape } = given;
    if (this.refCount(dataId) > 1 || this.spikes(given) !== undefined) return this.output(shape);
    const values = this.floats(given);
    // What is not the pool's is an array that somebody made a tensor of, and may still read.
    if (!this.#pool.owns(values)) return this.output(shape);
    this.incRef(dataId);
    return [{ dataId, shape, dtype: "float32" }, values];
  }

  /**
   * A new float32 tensor of spikes, contents undefined, and what a kernel writes them to: bits when no value is above
   * `most` = 1, otherwise counts, of which 255 is the most.
   */
  outputSpikes(shape: number[], most: number): [info: TensorInfo, spikes: Spikes] {
    const size = shape.reduce((a, b) => a * b, 1);
    const packed = most === 1 ? this.#pool.take(Math.ceil(size / 32), Int32Array) : this.#pool.take(size, Uint8Array);
    const spikes = new Spikes(packed, size, most);
    const dataId = {};
    this.data.set(dataId, new SpikeData(spikes, this.#pool));
    return [{ dataId, shape, dtype: "float32" }, spikes];
  }

  /** The spikes of a tensor that is stored as such; `undefined` when it has float32 alone. */
  spikes({ dataId }: TensorInfo): Spikes | undefined {
    const data = this.data.get(dataId);
    return data instanceof SpikeData ? data.spikes : undefined;
  }

  /** The memory of a float32 tensor. The CPU backend casts integers by name only: theirs is converted here. */
  floats({ dataId }: TensorInfo): Float32Array {
    const { values } = this.data.get(dataId);
    return values instanceof Float32Array ? values : Float32Array.from(values as Int32Array);
  }

  /**
   * Calls `f` with the values of a float32 tensor. Those of spikes are unpacked for this call alone, unless `floats`
   * has before: for kernels that take a tensor many times the size of its spikes, and seldom the same one twice.
   */
  lendFloats<R>(t: TensorInfo, f: (values: Float32Array) => R): R {
    const data = this.data.get(t.dataId);
    return data instanceof SpikeData ? data.lend(f) : f(this.floats(t));
  }

  /**
   * Takes values from outside. Those of float32 tensors are copied: so the array may be changed, or be a view into
   * another tensor's memory, as the CPU backend's slice makes it, and it is garbage once its owner has no use for it.
   */
  override write(values: BackendValues, shape: number[], dtype: DataType): object {
    if (dtype !== "float32" || !(values instanceof Float32Array)) return super.write(values, shape, dtype) as object;
    const [{ dataId }, copy] = this.output(shape);
    copy.set(values);
    return dataId;
  }

  /** A copy of a tensor's values: its memory is reused when the tensor is disposed, the caller's array must not be. */
  override readSync(dataId: object): BackendValues {
    const data = this.data.get(dataId);
    if (data instanceof SpikeData) {
      const copy = new Float32Array(data.spikes.size);
      data.spikes.unpack(copy);
      return copy;
    }
    const values = super.readSync(dataId);
    return ArrayBuffer.isView(values) && this.#pool.owns(values) ? (values as Float32Array).slice() : values;
  }

  override async read(dataId: object): Promise<BackendValues> {
    return this.readSync(dataId);
  }

  override disposeData(dataId: object, force = false): boolean {
    if (!this.data.has(dataId)) return true;
    const data = this.data.get(dataId);
    const gone = super.disposeData(dataId, force);
    if (gone && data instanceof SpikeData) data.release();
    else if (gone && ArrayBuffer.isView(data.values)) this.#pool.give(data.values);
    return gone;
  }

  override disposeIntermediateTensorInfo({ dataId }: TensorInfo): void {
    this.disposeData(dataId);
  }

  override memory(): NativeMemory {
    return { unreliable: false, reasons: [], ...this.#pool.statistics(), scratchBytes: scratchBytes() };
  }
}

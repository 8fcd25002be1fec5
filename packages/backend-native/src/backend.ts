import { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";
import { type BackendValues, type DataType, engine, type TensorInfo } from "@tensorflow/tfjs-core";
import { type KernelArray, runNative, scratchBytes } from "./addon.js";
import { BufferPool, type PoolStatistics } from "./bufferPool.js";
import { Spikes } from "./spikes.js";
import { because } from "./trace.js";

/** The name under which the backend is registered. */
export const NATIVE = "native";

/** What `tf.memory()` returns on this backend, besides the numbers of tensors. */
export interface NativeMemory extends PoolStatistics {
  readonly unreliable: false;
  readonly reasons: string[];
  /** Bytes that the kernels' threads keep between calls. */
  readonly scratchBytes: number;
}

/** The data of a float32 tensor that is stored in fewer bits. Code without support for these reads `values`, as of any tensor. */
abstract class PackedData {
  readonly dtype = "float32";
  refCount = 1;
  readonly #pool: BufferPool;
  #dense: Float32Array | undefined;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** Number of elements. */
  abstract readonly size: number;
  /** What the elements are stored as. */
  abstract readonly kind: string;
  /** What the kernels read. */
  abstract readonly packed: KernelArray;
  abstract unpack(to: Float32Array): void;

  /** As float32. Unpacked on first use and kept, since the backward pass will read it again. */
  get values(): Float32Array {
    if (this.#dense === undefined) {
      because(() => `it unpacks ${this.size} ${this.kind} to float32, which stay in memory`);
      const dense = this.#pool.take(this.size, Float32Array);
      this.unpack(dense);
      this.#dense = dense;
    }
    return this.#dense;
  }

  /** Calls `f` with the values as float32, which are unpacked for this call only unless they already are. */
  lend<R>(f: (values: Float32Array) => R): R {
    if (this.#dense !== undefined) return f(this.#dense);
    because(() => `it unpacks ${this.size} ${this.kind} to float32 for this call`);
    const dense = this.#pool.take(this.size, Float32Array);
    try {
      this.unpack(dense);
      return f(dense);
    } finally {
      this.#pool.give(dense);
    }
  }

  /** Returns all memory to the pool. */
  release(): void {
    this.#pool.give(this.packed);
    if (this.#dense !== undefined) this.#pool.give(this.#dense);
  }
}

class SpikeData extends PackedData {
  readonly spikes: Spikes;

  constructor(spikes: Spikes, pool: BufferPool) {
    super(pool);
    this.spikes = spikes;
  }

  get size(): number {
    return this.spikes.size;
  }

  get kind(): string {
    return this.spikes.kind;
  }

  get packed(): KernelArray {
    return this.spikes.packed;
  }

  unpack(to: Float32Array): void {
    this.spikes.unpack(to);
  }
}

/** Values as bfloat16. */
class Bfloat16Data extends PackedData {
  readonly kind = "bfloat16";
  readonly packed: Uint16Array;

  constructor(packed: Uint16Array, pool: BufferPool) {
    super(pool);
    this.packed = packed;
  }

  get size(): number {
    return this.packed.length;
  }

  unpack(to: Float32Array): void {
    runNative("unpackBfloat16", [this.size], this.packed, to);
  }
}

/** The mean and the biased variance of each channel of a tensor `[..., C]`. */
export interface Statistics {
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}

/** What a running kernel holds. */
interface Held {
  /** New data. */
  readonly taken: object[];
  /** Data of others, once for each reference to it. */
  readonly shared: object[];
}

/**
 * Storage of the native backend: TensorFlow.js's cpu backend with float32 tensors in pooled, aligned memory, tensors of
 * spikes as bits or bytes, and, under {@link setPrecision} `bf16`, outputs of event-driven convolutions as bfloat16.
 *
 * Since it extends the cpu backend, every operation works; the kernels in `kernels/` replace the hot ones.
 */
export class NativeBackend extends MathBackendCPU {
  readonly #pool = new BufferPool();
  /** By the data of a tensor; see {@link NativeBackend.statistics}. */
  readonly #statistics = new WeakMap<object, Statistics>();
  /** What the running kernel must give back if it fails; `undefined` outside kernels. */
  #held: Held | undefined;

  constructor() {
    super();
    // The cpu backend would recommend installing another one.
    (this as unknown as { firstUse: boolean }).firstUse = false;
  }

  /**
   * Runs a kernel. Where it throws, as when memory runs out half-way, what it has taken is released.
   *
   * TensorFlow.js releases tensors alone, and results become tensors when the kernel has returned.
   */
  releasingOnError<R>(kernel: () => R): R {
    const outer = this.#held;
    const held: Held = { taken: [], shared: [] };
    this.#held = held;
    try {
      return kernel();
    } catch (error) {
      this.#held = undefined;
      for (const dataId of held.shared) this.disposeData(dataId);
      // A kernel that calls operations has tensors, too: those are TensorFlow.js's.
      const { tensorInfo } = engine().state;
      for (const dataId of held.taken) if (!tensorInfo.has(dataId)) this.disposeData(dataId);
      throw error;
    } finally {
      this.#held = outer;
    }
  }

  /** Counts data as taken by the running kernel. */
  #take(dataId: object): object {
    this.#held?.taken.push(dataId);
    return dataId;
  }

  override incRef(dataId: object): void {
    super.incRef(dataId);
    this.#held?.shared.push(dataId);
  }

  /** A new float32 tensor for a kernel's result, and its memory, contents undefined. */
  output(shape: number[]): [info: TensorInfo, values: Float32Array] {
    const values = this.#pool.take(
      shape.reduce((a, b) => a * b, 1),
      Float32Array,
    );
    const dataId = this.#take(super.write(values, shape, "float32") as object);
    return [{ dataId, shape, dtype: "float32" }, values];
  }

  /**
   * A tensor for the result of a kernel that works in place, and its memory: that of `input`, which the caller will not read
   * again, where no other tensor shares it, and otherwise new memory.
   */
  outputOver(input: TensorInfo): [info: TensorInfo, values: Float32Array] {
    const { dataId, shape } = input;
    if (this.refCount(dataId) > 1 || this.data.get(dataId) instanceof PackedData) return this.output(shape);
    const values = this.floats(input);
    // Memory outside the pool is an array of the user's, who may still read it.
    if (!this.#pool.owns(values)) return this.output(shape);
    this.#statistics.delete(dataId);
    return [this.share(input), values];
  }

  /** Remembers the statistics that a kernel has taken of its output while this was in the caches. */
  setStatistics({ dataId }: TensorInfo, statistics: Statistics): void {
    this.#statistics.set(dataId, statistics);
  }

  /** The statistics that the kernel which wrote a tensor has taken; `undefined` where it has not, or a later one wrote over it. */
  statistics({ dataId }: TensorInfo): Statistics | undefined {
    return this.#statistics.get(dataId);
  }

  /** A tensor of the same values, which share the memory. */
  share({ dataId, shape, dtype }: TensorInfo): TensorInfo {
    this.incRef(dataId);
    return { dataId, shape, dtype };
  }

  /**
   * A new float32 tensor that is stored as spikes, and its memory, contents undefined.
   *
   * @param most upper bound of the values: 1 for bits, up to 255 for counts
   */
  outputSpikes(shape: number[], most: number): [info: TensorInfo, spikes: Spikes] {
    const size = shape.reduce((a, b) => a * b, 1);
    const packed = most === 1 ? this.#pool.take(Math.ceil(size / 32), Int32Array) : this.#pool.take(size, Uint8Array);
    const spikes = new Spikes(packed, size, most);
    const dataId = {};
    this.data.set(dataId, new SpikeData(spikes, this.#pool));
    return [{ dataId: this.#take(dataId), shape, dtype: "float32" }, spikes];
  }

  /** A new float32 tensor that is stored as bfloat16, and its memory, contents undefined. */
  outputBfloat16(shape: number[]): [info: TensorInfo, values: Uint16Array] {
    const packed = this.#pool.take(
      shape.reduce((a, b) => a * b, 1),
      Uint16Array,
    );
    const dataId = {};
    this.data.set(dataId, new Bfloat16Data(packed, this.#pool));
    return [{ dataId: this.#take(dataId), shape, dtype: "float32" }, packed];
  }

  /** The values of a tensor for a kernel that reads bfloat16 as well: as they are stored. Spikes are unpacked. */
  floatsOrBfloat16(t: TensorInfo): KernelArray {
    const data = this.data.get(t.dataId);
    return data instanceof Bfloat16Data ? data.packed : this.floats(t);
  }

  /** The spikes of a tensor; `undefined` when it is stored as float32. */
  spikes({ dataId }: TensorInfo): Spikes | undefined {
    const data = this.data.get(dataId);
    return data instanceof SpikeData ? data.spikes : undefined;
  }

  /** The values of a float32 tensor. Where the cpu backend has cast integers by name only, they are converted here. */
  floats({ dataId }: TensorInfo): Float32Array {
    const { values } = this.data.get(dataId);
    return values instanceof Float32Array ? values : Float32Array.from(values as Int32Array);
  }

  /**
   * Calls `f` with the values of a float32 tensor. Packed ones are unpacked for this call only, unless they already are: for
   * kernels that seldom read the same tensor twice.
   */
  lendFloats<R>(t: TensorInfo, f: (values: Float32Array) => R): R {
    const data = this.data.get(t.dataId);
    return data instanceof PackedData ? data.lend(f) : f(this.floats(t));
  }

  /**
   * Stores values from outside. Those of float32 tensors are copied: the array may change later, or be a view into another
   * tensor's memory, as the cpu backend's slice makes it.
   */
  override write(values: BackendValues, shape: number[], dtype: DataType): object {
    if (dtype !== "float32" || !(values instanceof Float32Array)) {
      return this.#take(super.write(values, shape, dtype) as object);
    }
    const [{ dataId }, copy] = this.output(shape);
    copy.set(values);
    return dataId;
  }

  /** A copy of a tensor's values, since their memory is reused when the tensor is disposed. */
  override readSync(dataId: object): BackendValues {
    const data = this.data.get(dataId);
    if (data instanceof PackedData) {
      const copy = new Float32Array(data.size);
      data.unpack(copy);
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
    const reference = this.#held?.shared.lastIndexOf(dataId) ?? -1;
    if (reference >= 0) this.#held!.shared.splice(reference, 1);
    const data = this.data.get(dataId);
    const gone = super.disposeData(dataId, force);
    if (gone && data instanceof PackedData) data.release();
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

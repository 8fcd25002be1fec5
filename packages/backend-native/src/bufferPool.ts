import { allocate } from "./addon.js";

/** Buffers are handed out in multiples of this, a cache line. */
const GRAIN = 64;

/** What a pool holds and has done. */
export interface PoolStatistics {
  /** Bytes of the tensors that are alive. */
  readonly liveBytes: number;
  /** Bytes kept for reuse. */
  readonly freeBytes: number;
  /** The most bytes that were alive at one time. */
  readonly peakBytes: number;
  /** Buffers taken from the system so far; constant in the steady state of training. */
  readonly allocations: number;
}

/**
 * Memory for tensors, kept by size: what one training step gives back, the next one takes.
 *
 * When it has to ask the system for more, it first drops the sizes that were longest unused until all it holds is at most
 * twice what was alive at the peak: a change of batch size does not leave both sizes behind, and a program that repeats
 * its steps asks no more.
 */
export class BufferPool {
  readonly #free = new Map<number, ArrayBuffer[]>();
  /** The buffers in use; `Float32Array`s of others are not the pool's to recycle. */
  readonly #live = new Set<ArrayBufferLike>();
  #liveBytes = 0;
  #freeBytes = 0;
  #peakBytes = 0;
  #allocations = 0;

  /** An array of `length` numbers, contents undefined. */
  take(length: number): Float32Array {
    return new Float32Array(this.takeBytes(4 * length), 0, length);
  }

  /** A buffer of at least as many bytes, contents undefined. */
  takeBytes(least: number): ArrayBuffer {
    const bytes = Math.max(GRAIN, Math.ceil(least / GRAIN) * GRAIN);
    const kept = this.#free.get(bytes);
    let buffer = kept?.pop();
    if (buffer === undefined) {
      this.#makeRoom(bytes);
      buffer = allocate(bytes);
      this.#allocations++;
    } else {
      this.#freeBytes -= bytes;
      // Sizes in use stay at the end of the map, so that its first is the longest unused.
      this.#free.delete(bytes);
      this.#free.set(bytes, kept as ArrayBuffer[]);
    }
    this.#live.add(buffer);
    this.#liveBytes += bytes;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes);
    return buffer;
  }

  /** Whether the array lies in a buffer that the pool handed out and has not got back. */
  owns(array: ArrayBufferView): boolean {
    return this.#live.has(array.buffer);
  }

  /** Takes a buffer back for reuse. Arrays that it did not hand out are left alone. */
  give(array: ArrayBufferView): void {
    const buffer = array.buffer as ArrayBuffer;
    if (!this.#live.delete(buffer)) return;
    const bytes = buffer.byteLength;
    this.#liveBytes -= bytes;
    this.#freeBytes += bytes;
    const kept = this.#free.get(bytes);
    if (kept === undefined) this.#free.set(bytes, [buffer]);
    else kept.push(buffer);
  }

  #makeRoom(bytes: number): void {
    const live = this.#liveBytes + bytes;
    const most = 2 * Math.max(this.#peakBytes, live);
    for (const [size, kept] of this.#free) {
      while (live + this.#freeBytes > most && kept.pop() !== undefined) this.#freeBytes -= size;
      if (kept.length === 0) this.#free.delete(size);
    }
  }

  statistics(): PoolStatistics {
    return {
      liveBytes: this.#liveBytes,
      freeBytes: this.#freeBytes,
      peakBytes: this.#peakBytes,
      allocations: this.#allocations,
    };
  }
}

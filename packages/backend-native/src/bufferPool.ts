import { type KernelArray, loadAddon } from "./addon.js";

/** Arrays start at multiples of this, a cache line. */
const GRAIN = 64;

/** Smallest piece of address space to reserve, in bytes. */
const SLAB = 2 ** 30;

/** The same under a limit of address space, of which JavaScript needs some. */
const SMALL_SLAB = 2 ** 26;

/**
 * Arrays of fewer bytes are placed at low addresses, others at high ones, so that long-lived parameters and statistics do
 * not fragment the space between activations.
 */
const SMALL = 2 ** 18;

/**
 * Pages that stay idle while the pool hands out this many times its own size, and this many slabs, are returned to the
 * system. A training step takes a few times the pool's size, so what every tenth step needs is kept.
 */
const PATIENCE = 64;

/**
 * Pages to grant when so many are needed: an eighth more, because the addresses of weights that are replaced in every step
 * vary. Unused pages take no memory.
 */
const withSpare = (pages: number) => Math.ceil((pages * 9) / 8);

/** Memory of a pool. */
export interface PoolStatistics {
  /** Bytes of the live tensors. */
  readonly liveBytes: number;
  /** Bytes kept for reuse. With `liveBytes` they are all memory that the pool has from the system. */
  readonly freeBytes: number;
  /** Largest `liveBytes` so far. */
  readonly peakBytes: number;
  /** Number of requests for more memory so far; constant in the steady state of training. */
  readonly allocations: number;
}

/** The constructor of a typed array. */
interface ArrayType<A> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer, offset: number, length: number): A;
}

/** A piece of address space, and its start among the pool's addresses. */
interface Slab {
  readonly start: number;
  readonly buffer: ArrayBuffer;
}

/**
 * Memory for tensors, of a size that follows the live tensors.
 *
 * Address space costs nothing: the pool reserves it by the gigabyte, and an array takes the first gap that it fits in,
 * small ones from below, large ones from above. A page of 2 MiB is backed by memory when it is first used. When a page
 * without memory is needed and another page has memory but no array, the memory is remapped from one to the other: the
 * system changes its page tables, and no byte is copied. So fragmentation takes no memory, and a program that repeats its
 * steps requests no more.
 *
 * Memory that only a large batch needed is later returned to the system, see PATIENCE. Systems other than Linux neither
 * remap memory nor take back part of it: there a page keeps its memory.
 */
export class BufferPool {
  readonly #slabs: Slab[] = [];
  readonly #startOf = new Map<ArrayBufferLike, number>();
  /** The free ranges by address, no two of which touch. */
  readonly #gapStarts: number[] = [];
  readonly #gapSizes: number[] = [];
  /** Bytes of the ranges in use, by address. */
  readonly #live = new Map<number, number>();
  /** By page: bytes in use, and whether it is backed by memory. */
  readonly #used: number[] = [];
  readonly #backed: boolean[] = [];
  readonly #pageBytes = loadAddon().pageBytes;
  /** Pages with memory, and those of them without a live array. */
  #backedPages = 0;
  #idlePages = 0;
  /** No page before it is idle. */
  #firstIdle = 0;
  /** Pages that may have memory before the next allocation is counted. */
  #grantedPages = 0;
  /** Since idle pages were last returned to the system: the most pages in use at one time, and the bytes taken. */
  #busiestPages = 0;
  #takenBytes = 0;
  #liveBytes = 0;
  #peakBytes = 0;
  #allocations = 0;

  /**
   * An array of `length` elements, contents undefined.
   *
   * @throws RangeError when the system has no memory left, or the length is negative
   */
  take<A extends KernelArray>(length: number, type: ArrayType<A>): A {
    if (length < 0) throw new RangeError(`native: a tensor must have at least 0 elements, got ${length}`);
    const bytes = Math.max(GRAIN, Math.ceil((length * type.BYTES_PER_ELEMENT) / GRAIN) * GRAIN);
    const isSmall = bytes < SMALL;
    const fits = (size: number) => size >= bytes;
    let gap = isSmall ? this.#gapSizes.findIndex(fits) : this.#gapOfLarge(bytes);
    if (gap < 0) gap = this.#reserve(bytes);
    const address = this.#gapStarts[gap]! + (isSmall ? 0 : this.#gapSizes[gap]! - bytes);
    this.#back(address, bytes);
    this.#gapSizes[gap]! -= bytes;
    if (isSmall) this.#gapStarts[gap]! += bytes;
    if (this.#gapSizes[gap] === 0) {
      this.#gapStarts.splice(gap, 1);
      this.#gapSizes.splice(gap, 1);
    }
    this.#live.set(address, bytes);
    this.#liveBytes += bytes;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes);
    const { buffer, start } = this.#slabOf(address);
    return new type(buffer, address - start, length);
  }

  /** Whether the array lies in memory of the pool. */
  owns(array: ArrayBufferView): boolean {
    return this.#startOf.has(array.buffer);
  }

  /** Takes an array back for reuse. Ignores arrays that it did not hand out, and parts of arrays. */
  give(array: ArrayBufferView): void {
    const start = this.#startOf.get(array.buffer);
    if (start === undefined) return;
    const address = start + array.byteOffset;
    const bytes = this.#live.get(address);
    if (bytes === undefined) return;
    this.#live.delete(address);
    this.#liveBytes -= bytes;
    this.#forEachPage(address, bytes, (page, part) => {
      this.#used[page]! -= part;
      if (this.#used[page] !== 0) return;
      this.#idlePages++;
      this.#firstIdle = Math.min(this.#firstIdle, page);
    });
    this.#addGap(address, bytes);
  }

  statistics(): PoolStatistics {
    return {
      liveBytes: this.#liveBytes,
      freeBytes: this.#backedPages * this.#pageBytes - this.#liveBytes,
      peakBytes: this.#peakBytes,
      allocations: this.#allocations,
    };
  }

  /** The index of the highest of the gaps at whose end an array lacks the fewest pages: to move a page takes as long as a small kernel. */
  #gapOfLarge(bytes: number): number {
    let [best, fewest] = [-1, Infinity];
    for (let gap = this.#gapSizes.length - 1; gap >= 0 && fewest > 0; gap--) {
      const size = this.#gapSizes[gap]!;
      if (size < bytes) continue;
      const end = this.#gapStarts[gap]! + size;
      let missing = 0;
      for (let page = Math.floor((end - bytes) / this.#pageBytes); page * this.#pageBytes < end; page++) {
        if (!this.#backed[page]) missing++;
      }
      if (missing < fewest) [best, fewest] = [gap, missing];
    }
    return best;
  }

  /** Reserves address space for a range, and returns the index of the new gap. */
  #reserve(bytes: number): number {
    const least = Math.ceil(bytes / this.#pageBytes);
    const { reserve } = loadAddon();
    let pages = 0;
    let buffer: ArrayBuffer | null = null;
    for (const slab of [SLAB, SMALL_SLAB, 0]) {
      pages = Math.max(least, slab / this.#pageBytes);
      buffer = reserve(pages);
      if (buffer !== null) break;
    }
    if (buffer === null) {
      throw new RangeError(
        `native: the system has no memory left for a tensor of ${bytes} bytes; use a smaller batch or fewer time-steps`,
      );
    }
    // An unused page lies between two slabs, so that their gaps never touch.
    for (let page = 0; page <= pages; page++) {
      this.#used.push(0);
      this.#backed.push(false);
    }
    const start = (this.#used.length - pages) * this.#pageBytes;
    this.#slabs.push({ start, buffer });
    this.#startOf.set(buffer, start);
    this.#addGap(start, pages * this.#pageBytes);
    return this.#gapStarts.length - 1;
  }

  #slabOf(address: number): Slab {
    return this.#slabs.findLast(({ start }) => start <= address)!;
  }

  /** Adds a free range, merged with the gaps that it touches. */
  #addGap(address: number, bytes: number): void {
    const [starts, sizes] = [this.#gapStarts, this.#gapSizes];
    let [above, end] = [0, starts.length];
    while (above < end) {
      const middle = (above + end) >> 1;
      if (starts[middle]! < address) above = middle + 1;
      else end = middle;
    }
    const below = above - 1;
    const touchesBelow = below >= 0 && starts[below]! + sizes[below]! === address;
    const touchesAbove = starts[above] === address + bytes;
    const start = touchesBelow ? starts[below]! : address;
    const size = bytes + (touchesBelow ? sizes[below]! : 0) + (touchesAbove ? sizes[above]! : 0);
    const first = touchesBelow ? below : above;
    const merged = Number(touchesBelow) + Number(touchesAbove);
    starts.splice(first, merged, start);
    sizes.splice(first, merged, size);
  }

  /** Calls `visit` for each page of a range, with the number of its bytes in the range. */
  #forEachPage(address: number, bytes: number, visit: (page: number, part: number) => void): void {
    const end = address + bytes;
    for (let from = address; from < end; ) {
      const page = Math.floor(from / this.#pageBytes);
      const to = Math.min(end, (page + 1) * this.#pageBytes);
      visit(page, to - from);
      from = to;
    }
  }

  /** Counts a range as in use, and backs all its pages with memory. */
  #back(address: number, bytes: number): void {
    const missing: number[] = [];
    this.#forEachPage(address, bytes, (page, part) => {
      if (!this.#backed[page]) missing.push(page);
      else if (this.#used[page] === 0) this.#idlePages--;
      this.#used[page]! += part;
    });
    const moved = missing.findIndex((page) => !this.#moveIdleTo(page));
    const fresh = moved < 0 ? [] : missing.slice(moved);
    for (const page of missing) this.#backed[page] = true;
    this.#backedPages += fresh.length;
    if (this.#backedPages > this.#grantedPages) {
      this.#allocations++;
      this.#grantedPages = withSpare(this.#backedPages);
    }
    this.#busiestPages = Math.max(this.#busiestPages, this.#backedPages - this.#idlePages);
    this.#takenBytes += bytes;
    if (this.#takenBytes > PATIENCE * Math.max(SLAB, this.#backedPages * this.#pageBytes)) this.#returnIdlePages();
  }

  /** The lowest page with memory and no live array, where there is one. High pages are reused first. */
  #lowestIdle(): number {
    while (!this.#backed[this.#firstIdle] || this.#used[this.#firstIdle] !== 0) this.#firstIdle++;
    return this.#firstIdle;
  }

  #moveIdleTo(page: number): boolean {
    if (this.#idlePages === 0) return false;
    const idle = this.#lowestIdle();
    if (!loadAddon().movePage(...this.#pageOf(page), ...this.#pageOf(idle))) return false;
    this.#backed[idle] = false;
    this.#idlePages--;
    return true;
  }

  /** Returns to the system the pages that have been idle since the last call. */
  #returnIdlePages(): void {
    while (this.#backedPages > this.#busiestPages) {
      const idle = this.#lowestIdle();
      if (!loadAddon().dropPage(...this.#pageOf(idle))) break;
      this.#backed[idle] = false;
      this.#idlePages--;
      this.#backedPages--;
    }
    this.#grantedPages = Math.min(this.#grantedPages, withSpare(this.#backedPages));
    this.#busiestPages = 0;
    this.#takenBytes = 0;
  }

  /** The arguments by which the addon identifies a page. */
  #pageOf(page: number): [buffer: ArrayBuffer, index: number] {
    const { buffer, start } = this.#slabOf(page * this.#pageBytes);
    return [buffer, page - start / this.#pageBytes];
  }
}

import * as fc from "fast-check";
import { expect, it } from "vitest";
import { BufferPool } from "../src/bufferPool.js";
import { describeNative } from "./describeNative.js";

/** Numbers in a page of memory, and in the address space that a pool reserves at a time. */
const PAGE = 2 ** 19;
const SLAB = 2 ** 28;

/** Lengths about the 16 numbers of a cache line and about pages, few enough different ones to meet again. */
const lengths = fc.constantFrom(0, 1, 15, 16, 17, 33, 1000, 4096, PAGE - 16, PAGE, PAGE + 16, 3 * PAGE + 40);

/** Takes an array of that length, or gives back the one at that place (of those still in use). */
const steps = fc.array(
  fc.oneof(
    lengths.map((take) => ({ take })),
    fc.nat(20).map((give) => ({ give })),
  ),
  {
    maxLength: 60,
  },
);

type Step = { take: number } | { give: number };

const take = (pool: BufferPool, length: number) => pool.take(length, Float32Array);

/** Does the steps on a pool, and shows the arrays in use after each; returns those that are left. */
function play(pool: BufferPool, all: readonly Step[], check: (used: readonly Float32Array[]) => void = () => {}) {
  const used: Float32Array[] = [];
  for (const step of all) {
    if ("take" in step) used.push(take(pool, step.take));
    else if (used.length > 0) pool.give(used.splice(step.give % used.length, 1)[0]!);
    check(used);
  }
  return used;
}

/** What an array takes of a pool: whole cache lines, at least one. */
const bytesOf = (array: Float32Array) => Math.max(64, Math.ceil(array.byteLength / 64) * 64);
const total = (arrays: readonly Float32Array[]) => arrays.reduce((sum, array) => sum + bytesOf(array), 0);

/** How many pages of one slab the arrays lie in. */
function pagesOf(arrays: readonly Float32Array[]): number {
  const pages = new Set<number>();
  for (const array of arrays) {
    const last = Math.floor((array.byteOffset + bytesOf(array) - 1) / (4 * PAGE));
    for (let page = Math.floor(array.byteOffset / (4 * PAGE)); page <= last; page++) pages.add(page);
  }
  return pages.size;
}

/** Where an array has a number in each of its pages. */
function* places({ length }: Float32Array): Generator<number> {
  for (let i = 0; i < length; i += PAGE) yield i;
  if (length > 0) yield length - 1;
}

/** A test of what only Linux does: there memory moves and goes back. */
function onLinux(title: string, test: () => void): void {
  it(title, ({ skip }) => {
    skip(process.platform !== "linux", "memory is moved on Linux alone");
    test();
  });
}

describeNative("BufferPool", () => {
  it("hands out arrays of the length asked for, on cache lines, of which no two overlap", () =>
    fc.assert(
      fc.property(fc.array(lengths, { maxLength: 30 }), steps, (wanted, all) => {
        const pool = new BufferPool();
        for (const length of wanted) expect(take(pool, length).length).toBe(length);
        play(pool, all, (used) => {
          const sorted = used.toSorted((a, b) => a.byteOffset - b.byteOffset);
          for (const [i, array] of sorted.entries()) {
            expect(array.byteOffset % 64).toBe(0);
            expect(array.buffer === sorted[0]!.buffer).toBe(true);
            const next = sorted[i + 1]?.byteOffset ?? array.buffer.byteLength;
            expect(array.byteOffset + bytesOf(array)).toBeLessThanOrEqual(next);
          }
        });
      }),
    ));

  it("leaves what is written to an array alone, wherever memory moves", () =>
    fc.assert(
      fc.property(steps, (all) => {
        const written = new Map<Float32Array, number>();
        play(new BufferPool(), all, (used) => {
          const last = used.at(-1);
          if (last !== undefined && !written.has(last)) {
            written.set(last, written.size + 1);
            for (const i of places(last)) last[i] = written.size;
          }
          for (const array of used) {
            for (const i of places(array)) expect(array[i]).toBe(written.get(array));
          }
        });
      }),
      { numRuns: 50 },
    ));

  it("counts the bytes in use, and the most that ever were", () =>
    fc.assert(
      fc.property(steps, (all) => {
        const pool = new BufferPool();
        let peak = 0;
        play(pool, all, (used) => {
          peak = Math.max(peak, total(used));
          expect(pool.statistics()).toMatchObject({ liveBytes: total(used), peakBytes: peak });
        });
      }),
    ));

  it("loses no byte: all that was given back is one range again", () =>
    fc.assert(
      fc.property(steps, (all) => {
        const pool = new BufferPool();
        const first = take(pool, 1);
        for (const array of [first, ...play(pool, all)]) pool.give(array);
        const whole = take(pool, SLAB);
        expect(whole.buffer === first.buffer).toBe(true);
        expect(whole.byteOffset).toBe(0);
      }),
    ));

  onLinux("has no more memory than was in use at the peak, in whole pages", () =>
    fc.assert(
      fc.property(steps, (all) => {
        const pool = new BufferPool();
        let most = 0;
        play(pool, all, (used) => {
          most = Math.max(most, pagesOf(used));
          const { liveBytes, freeBytes } = pool.statistics();
          expect(liveBytes + freeBytes).toBe(4 * PAGE * most);
        });
      }),
    ),
  );

  onLinux("moves the memory of free ranges to where it is needed", () => {
    const pool = new BufferPool();
    const resident = () => process.memoryUsage.rss() / (4 * PAGE);
    const first = take(pool, 64 * PAGE).fill(1);
    const neighbour = take(pool, PAGE);
    const before = resident();
    pool.give(first);
    const larger = take(pool, 80 * PAGE).fill(1);
    expect(larger.byteOffset).toBeLessThan(neighbour.byteOffset);
    // 16 pages are new. Without the others it would be 80.
    expect(resident() - before).toBeLessThan(48);
  });

  it("asks the system no more once a program repeats its steps", () =>
    fc.assert(
      fc.property(steps, (all) => {
        const pool = new BufferPool();
        const round = () => {
          for (const array of play(pool, all)) pool.give(array);
          return pool.statistics().allocations;
        };
        const [first, ...later] = Array.from({ length: 5 }, round);
        for (const count of later) expect(count).toBe(first);
      }),
    ));

  onLinux("gives the system what a large batch needed once, and keeps what every step needs", () => {
    const pool = new BufferPool();
    const use = (pages: number) => pool.give(take(pool, pages * PAGE));
    use(256);
    expect(pool.statistics().freeBytes).toBe(256 * 4 * PAGE);
    const steps = (count: number) => {
      for (let i = 0; i < count; i++) for (const pages of [8, 64, 1]) use(pages);
    };
    // 64 slabs of 512 pages, and a second time: the large batch was within the first.
    steps(Math.ceil((2 * 64 * 512) / 73));
    expect(pool.statistics()).toMatchObject({ liveBytes: 0, freeBytes: 64 * 4 * PAGE });
    const { allocations } = pool.statistics();
    steps(1000);
    expect(pool.statistics().allocations).toBe(allocations);
  });

  it("reserves more address space when a gigabyte does not do", () => {
    const pool = new BufferPool();
    const [half, whole, small] = [take(pool, SLAB / 2), take(pool, SLAB), take(pool, 1)];
    expect([whole.buffer === half.buffer, small.buffer === half.buffer]).toEqual([false, true]);
    for (const array of [half, whole, small]) pool.give(array);
    // Ranges of two slabs are never one: this fits into neither.
    const larger = take(pool, SLAB + 1);
    expect([whole.buffer, half.buffer].includes(larger.buffer)).toBe(false);
    expect(pool.statistics().liveBytes).toBe(4 * SLAB + 64);
  });

  it("takes back only what it handed out, and that once", () => {
    const pool = new BufferPool();
    const own = take(pool, 32);
    expect([pool.owns(own), pool.owns(own.subarray(1)), pool.owns(new Float32Array(4))]).toEqual([true, true, false]);
    pool.give(new Float32Array(4));
    pool.give(own.subarray(16));
    expect(pool.statistics().liveBytes).toBe(128);
    pool.give(own);
    pool.give(own);
    expect(pool.statistics().liveBytes).toBe(0);
    expect(take(pool, 4).byteOffset).not.toBe(take(pool, 4).byteOffset);
  });

  it("says how many bytes there were no memory for, and what to do", () => {
    const pool = new BufferPool();
    const before = pool.statistics();
    expect(() => take(pool, 2 ** 39)).toThrow(
      new RangeError(
        "native: the system has no memory left for a tensor of 2199023255552 bytes; use a smaller batch or fewer time-steps",
      ),
    );
    expect(pool.statistics()).toEqual(before);
  });
});

import * as fc from "fast-check";
import { expect, it } from "vitest";
import { BufferPool } from "../src/bufferPool.js";
import { describeNative } from "./describeNative.js";

/** Lengths about the 16 numbers of a cache line, few enough different ones to meet again. */
const lengths = fc.constantFrom(0, 1, 15, 16, 17, 32, 33, 100, 1000, 4096);

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

/** Does the steps on a new pool, and shows the pool and the arrays in use after each. */
function play(all: readonly Step[], check: (pool: BufferPool, used: readonly Float32Array[]) => void): void {
  const pool = new BufferPool();
  const used: Float32Array[] = [];
  for (const step of all) {
    if ("take" in step) used.push(pool.take(step.take));
    else if (used.length > 0) pool.give(used.splice(step.give % used.length, 1)[0]!);
    check(pool, used);
  }
}

const bytesOf = (array: Float32Array) => array.buffer.byteLength;
const total = (arrays: readonly Float32Array[]) => arrays.reduce((sum, array) => sum + bytesOf(array), 0);

describeNative("BufferPool", () => {
  it("hands out arrays of the length asked for, on cache lines, of which no two share memory", () =>
    fc.assert(
      fc.property(steps, (all) =>
        play(all, (_, used) => {
          expect(new Set(used.map(({ buffer }) => buffer)).size).toBe(used.length);
          for (const array of used) {
            expect(bytesOf(array) % 64).toBe(0);
            expect(array.byteOffset).toBe(0);
            expect(bytesOf(array)).toBeGreaterThanOrEqual(4 * array.length);
          }
        }),
      ),
    ));

  it("has the length that was asked for, whatever is reused", () =>
    fc.assert(
      fc.property(fc.array(lengths, { maxLength: 30 }), (all) => {
        const pool = new BufferPool();
        for (const length of all) {
          const array = pool.take(length);
          expect(array.length).toBe(length);
          pool.give(array);
        }
        // One at a time: one buffer for each size in cache lines.
        const sizes = new Set(all.map((length) => Math.max(1, Math.ceil(length / 16))));
        expect(pool.statistics().allocations).toBeGreaterThanOrEqual(sizes.size);
      }),
    ));

  it("counts the bytes in use, and the most that ever were", () =>
    fc.assert(
      fc.property(steps, (all) => {
        let peak = 0;
        play(all, (pool, used) => {
          peak = Math.max(peak, total(used));
          expect(pool.statistics()).toMatchObject({ liveBytes: total(used), peakBytes: peak });
        });
      }),
    ));

  it("never holds more than twice what was in use at the peak", () =>
    fc.assert(
      fc.property(steps, (all) =>
        play(all, (pool) => {
          const { liveBytes, freeBytes, peakBytes } = pool.statistics();
          expect(freeBytes).toBeGreaterThanOrEqual(0);
          expect(liveBytes + freeBytes).toBeLessThanOrEqual(2 * peakBytes);
        }),
      ),
    ));

  it("asks the system no more once a program repeats its steps, if its buffers fit into twice its peak", () =>
    fc.assert(
      fc.property(steps, (all) => {
        const most = new Map<number, number>();
        let peak = 0;
        play(all, (_, used) => {
          peak = Math.max(peak, total(used));
          for (const size of used.map(bytesOf)) {
            const alike = used.filter((array) => bytesOf(array) === size).length;
            most.set(size, Math.max(most.get(size) ?? 0, alike));
          }
        });
        fc.pre([...most].reduce((sum, [size, alike]) => sum + size * alike, 0) <= 2 * peak);
        const pool = new BufferPool();
        const round = () => {
          const used: Float32Array[] = [];
          for (const step of all) {
            if ("take" in step) used.push(pool.take(step.take));
            else if (used.length > 0) pool.give(used.splice(step.give % used.length, 1)[0]!);
          }
          for (const array of used) pool.give(array);
          return pool.statistics().allocations;
        };
        const [, , third, ...later] = Array.from({ length: 8 }, round);
        for (const count of later) expect(count).toBe(third);
      }),
    ));

  it("drops the sizes that were longest unused when it has to ask for another", () => {
    const pool = new BufferPool();
    const use = (...all: number[]) => {
      for (const array of all.map((length) => pool.take(length))) pool.give(array);
    };
    use(1600, 1600); // 12,800 bytes at the peak
    use(800, 800, 800, 800); // as many, of another size
    expect(pool.statistics()).toEqual({ liveBytes: 0, freeBytes: 25_600, peakBytes: 12_800, allocations: 6 });
    use(16);
    // One of the older size went, for the 64 bytes of the new one.
    expect(pool.statistics()).toEqual({ liveBytes: 0, freeBytes: 19_264, peakBytes: 12_800, allocations: 7 });
    use(800, 800, 800, 800);
    expect(pool.statistics().allocations).toBe(7);
  });

  it("takes back only what it handed out, and that once", () => {
    const pool = new BufferPool();
    const own = pool.take(4);
    expect([pool.owns(own), pool.owns(own.subarray(1)), pool.owns(new Float32Array(4))]).toEqual([true, true, false]);
    pool.give(new Float32Array(4));
    expect(pool.statistics().liveBytes).toBe(64);
    pool.give(own);
    pool.give(own);
    expect(pool.owns(own)).toBe(false);
    expect(pool.statistics()).toMatchObject({ liveBytes: 0, freeBytes: 64 });
    expect(pool.take(4).buffer).not.toBe(pool.take(4).buffer);
  });

  it("says how many bytes there were no memory for, and what to do", () => {
    const pool = new BufferPool();
    const before = pool.statistics();
    expect(() => pool.take(2 ** 39)).toThrow(
      new RangeError(
        "native: the system has no memory left for a tensor of 2199023255552 bytes; use a smaller batch or fewer time-steps",
      ),
    );
    expect(pool.statistics()).toEqual(before);
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { unpackLz4 } from "../../src/formats/lz4.js";
import { xxHash32 } from "../../src/formats/xxHash32.js";

/** Literals, then a match of `length` bytes from `distance` bytes back. */
interface Sequence {
  readonly literals: number[];
  readonly distance: number;
  readonly length: number;
}

const sequence: fc.Arbitrary<Sequence> = fc.record({
  literals: fc.oneof(
    fc.array(fc.nat(255), { maxLength: 4 }),
    fc.constantFrom(14, 15, 16, 269, 270, 271, 600).map((n) => Array.from({ length: n }, (_, i) => i & 255)),
  ),
  distance: fc.nat(),
  length: fc.oneof(fc.integer({ min: 4, max: 40 }), fc.constantFrom(18, 19, 20, 273, 274, 275, 600)),
});

/** A length over 15 goes on in bytes of its own. */
const rest = (length: number): number[] =>
  length < 15 ? [] : [...new Array(Math.floor((length - 15) / 255)).fill(255), (length - 15) % 255];

const u32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 255);

/** Writes blocks of sequences to a frame, and says what they unpack to, by the definition. */
function frameOf(blocks: readonly Sequence[][], stored: boolean): { frame: Uint8Array; expected: number[] } {
  const expected: number[] = [];
  const frame = [...u32(0x184d2204), 0x40, 0x40, 0];
  for (const block of blocks) {
    const before = expected.length;
    const bytes: number[] = [];
    for (const { literals, distance, length } of block) {
      expected.push(...literals);
      if (expected.length === 0) continue;
      const back = 1 + (distance % Math.min(65535, expected.length));
      bytes.push((Math.min(15, literals.length) << 4) | Math.min(15, length - 4), ...rest(literals.length));
      bytes.push(...literals, back & 255, back >> 8, ...rest(length - 4));
      for (let i = 0; i < length; i++) expected.push(expected[expected.length - back]!);
    }
    bytes.push(0x50, 1, 2, 3, 4, 5);
    expected.push(1, 2, 3, 4, 5);
    if (stored) frame.push(...u32(0x80000000 | (expected.length - before)), ...expected.slice(before));
    else frame.push(...u32(bytes.length), ...bytes);
  }
  return { frame: Uint8Array.from([...frame, ...u32(0)]), expected };
}

describe("unpackLz4", () => {
  it("unpacks literals and matches of any length, matches into earlier blocks and into themselves", () =>
    fc.assert(
      fc.property(fc.array(fc.array(sequence, { maxLength: 6 }), { maxLength: 4 }), fc.boolean(), (blocks, stored) => {
        const { frame, expected } = frameOf(blocks, stored);
        expect([...unpackLz4(frame, 2 ** 20)]).toEqual(expected);
      }),
    ));

  it("never unpacks to more than it may, and refuses what is damaged, whatever the damage", () =>
    fc.assert(
      fc.property(
        fc.array(sequence, { minLength: 1, maxLength: 6 }),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }),
        fc.nat(),
        (block, mutations, cut) => {
          const { frame } = frameOf([block], false);
          for (const [at, value] of mutations) frame[at % frame.length] = value;
          const bytes = mutations.length === 0 ? frame.subarray(0, cut % frame.length) : frame;
          try {
            expect(unpackLz4(bytes, 1000).length).toBeLessThanOrEqual(1000);
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
          }
        },
      ),
      { numRuns: 2000 },
    ));

  it.each([
    ["block", 0x50],
    ["frame", 0x44],
  ])("refuses what differs from the checksum of its %s", (_, flags) => {
    const block = [0x50, 1, 2, 3, 4, 5];
    const checksum = (bytes: readonly number[]) => u32(xxHash32(Uint8Array.from(bytes)));
    const start = [...u32(0x184d2204), flags, 0x40, 0, ...u32(block.length)];
    const end = flags === 0x50 ? [...checksum(block), ...u32(0)] : [...u32(0), ...checksum([1, 2, 3, 4, 5])];
    const frame = Uint8Array.from([...start, ...block, ...end]);
    expect([...unpackLz4(frame, 100)]).toEqual([1, 2, 3, 4, 5]);
    for (let i = 0; i < 5 * 8; i++) {
      const damaged = Uint8Array.from(frame);
      damaged[start.length + 1 + (i >> 3)]! ^= 1 << (i & 7);
      expect(() => unpackLz4(damaged, 100)).toThrow(/^an LZ4 (block|frame) with the checksum \d+ instead of \d+$/);
    }
    expect(() => unpackLz4(frame.subarray(0, -1), 100)).toThrow(RangeError);
  });

  it("refuses a match that starts before the first byte, and one at distance 0", () => {
    for (const distance of [0, 4]) {
      // One sequence: three literals, and a match of four bytes.
      const block = [0x30, 1, 2, 3, distance, 0];
      const frame = Uint8Array.from([...u32(0x184d2204), 0x40, 0x40, 0, ...u32(block.length), ...block, ...u32(0)]);
      expect(() => unpackLz4(frame, 100)).toThrow(new RangeError(`an LZ4 match at distance ${distance} of 3 bytes`));
    }
  });

  it("grows its memory with what it unpacks: a small frame may become large", () => {
    const { frame, expected } = frameOf([[{ literals: [7], distance: 0, length: 2_000_000 }]], false);
    expect(frame.length).toBeLessThan(8000);
    expect(unpackLz4(frame, 2 ** 22).length).toBe(expected.length);
    expect(() => unpackLz4(frame, 2 ** 20)).toThrow(new RangeError("an LZ4 frame of more than 1048576 bytes"));
  });
});

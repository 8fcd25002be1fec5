import { expect, it } from "vitest";
import { xxHash32 } from "../../src/formats/xxHash32.js";

const sequence = (length: number) => Uint8Array.from({ length }, (_, i) => (7 * i + 3) & 255);

/** Hashes of the reference implementation, xxhash 0.8. */
it.each([
  [0, 46947589],
  [1, 565077562],
  [3, 3443335746],
  [4, 1918138866],
  [5, 2791746402],
  [15, 2194917453],
  [16, 2286244989],
  [17, 1158569860],
  [31, 527684551],
  [32, 3918056631],
  [63, 200131319],
  [100, 1929976397],
  [1000, 3361362258],
])("is that of the reference implementation: %i bytes", (length, hash) =>
  expect(xxHash32(sequence(length))).toBe(hash),
);

it("takes bytes at any offset of their buffer", () =>
  expect(xxHash32(sequence(40).subarray(3))).toBe(xxHash32(Uint8Array.from(sequence(40).subarray(3)))));

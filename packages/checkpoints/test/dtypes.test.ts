import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readSafetensors } from "@sew/checkpoints";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { messageOf, temporaryFolder } from "./support.js";

/** Writes a file with one tensor of a dtype, whose values fill the bytes. */
async function fileOf(dtype: string, bytes: Uint8Array, count: number): Promise<string> {
  const file = join(await temporaryFolder(), "w.safetensors");
  const header = JSON.stringify({ w: { dtype, shape: [count], data_offsets: [0, bytes.length] } });
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  await writeFile(file, Buffer.concat([length, Buffer.from(header), bytes]));
  return file;
}

/** The values of a file that holds these, stored as they are in the typed array. */
async function read(dtype: string, stored: ArrayBufferView & { readonly length: number }) {
  const bytes = new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
  return (await readSafetensors(await fileOf(dtype, bytes, stored.length))).tensors.get("w")!.values;
}

describe("the dtypes of a safetensors file", () => {
  const one = { minLength: 1, maxLength: 8 };
  it.each([
    ["F32", (values: number[]) => Float32Array.from(values), fc.float({ noNaN: true })],
    ["I32", (values: number[]) => Int32Array.from(values), fc.integer()],
    ["I16", (values: number[]) => Int16Array.from(values), fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 })],
    ["I8", (values: number[]) => Int8Array.from(values), fc.integer({ min: -128, max: 127 })],
    ["U32", (values: number[]) => Uint32Array.from(values), fc.nat()],
    ["U16", (values: number[]) => Uint16Array.from(values), fc.nat(2 ** 16 - 1)],
    ["U8", (values: number[]) => Uint8Array.from(values), fc.nat(255)],
    ["I64", (values: number[]) => BigInt64Array.from(values, BigInt), fc.integer()],
    ["U64", (values: number[]) => BigUint64Array.from(values, BigInt), fc.nat()],
    ["BOOL", (values: number[]) => Uint8Array.from(values), fc.nat(1)],
  ] as const)("are read exactly: %s", async (dtype, store, value) => {
    await fc.assert(
      fc.asyncProperty(fc.array(value as fc.Arbitrary<number>, one), async (values) => {
        const got = await read(dtype, store(values));
        expect(got).toBeInstanceOf(dtype === "F32" ? Float32Array : Int32Array);
        expect([...got]).toEqual(values);
      }),
      { numRuns: 20 },
    );
  });

  it("round F64 to the nearest float32, infinities and NaN included", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.double({ min: -3e38, max: 3e38 }), one), async (values) => {
        expect([...(await read("F64", Float64Array.from(values)))]).toEqual(values.map(Math.fround));
      }),
      { numRuns: 20 },
    );
    const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0];
    expect([...(await read("F64", Float64Array.from(special)))]).toEqual(special);
  });

  it("read half precision: zeros, subnormals, powers, the largest, infinities and NaN", async () => {
    const bits = [0, 0x8000, 1, 0x3ff, 0x400, 0x3c00, 0xbc00, 0x3555, 0x7bff, 0x7c00, 0xfc00, 0x7e00];
    const { POSITIVE_INFINITY: infinity, NaN: nan } = Number;
    expect([...(await read("F16", Uint16Array.from(bits)))]).toEqual([
      ...[0, -0, 2 ** -24, 1023 * 2 ** -24, 2 ** -14, 1, -1, 0.333251953125, 65504, infinity, -infinity, nan],
    ]);
  });

  it.each([
    // Zero, the least and the largest subnormal, the least normal number, 1, the largest, infinity, NaN.
    [
      "F8_E5M2",
      [0, 0x80, 1, 3, 4, 0x3c, 0x7b, 0xfc, 0x7f],
      [0, -0, 2 ** -16, 3 * 2 ** -16, 2 ** -14, 1, 57344, -Infinity, NaN],
    ],
    ["F8_E4M3", [0, 0x80, 1, 7, 8, 0x38, 0x7e, 0xfe, 0xff], [0, -0, 2 ** -9, 7 * 2 ** -9, 2 ** -6, 1, 448, -448, NaN]],
    ["F8_E8M0", [0, 1, 127, 128, 254, 255], [2 ** -127, 2 ** -126, 1, 2, 2 ** 127, NaN]],
  ])("read %s", async (dtype, bits, expected) => {
    expect([...(await read(dtype, Uint8Array.from(bits)))]).toEqual(expected);
  });

  it("read bfloat16 as the upper half of a float32", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.float({ noNaN: true }), one), async (values) => {
        const upper = Uint32Array.from(new Uint32Array(Float32Array.from(values).buffer), (bits) => bits >>> 16);
        const expected = new Float32Array(upper.map((half) => half << 16).buffer);
        expect(await read("BF16", Uint16Array.from(upper))).toEqual(expected);
      }),
      { numRuns: 20 },
    );
  });

  it.each([
    ["F64", Float64Array.of(0, 1e39), "float32", "1e+39", 8],
    ["I64", BigInt64Array.of(0n, 2n ** 31n), "int32", "2147483648", 8],
    ["I64", BigInt64Array.of(0n, -(2n ** 31n) - 1n), "int32", "-2147483649", 8],
    ["U64", BigUint64Array.of(0n, 2n ** 64n - 1n), "int32", "18446744073709551615", 8],
    ["U32", Uint32Array.of(0, 2 ** 31), "int32", "2147483648", 4],
  ])("refuse a value of %s beyond the range, and say where it is", async (dtype, stored, range, value, size) => {
    const bytes = new Uint8Array(stored.buffer);
    const file = await fileOf(dtype, bytes, 2);
    const begin = 8 + JSON.stringify({ w: { dtype, shape: [2], data_offsets: [0, bytes.length] } }).length;
    expect(await messageOf(readSafetensors(file))).toContain(
      `readSafetensors: ${file} must have values within ${range} for w, got ${value} at byte ${begin + size};`,
    );
  });
});

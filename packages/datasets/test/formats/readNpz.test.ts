import { readNpz } from "@sew/datasets";
import { describe, expect, it } from "vitest";
import { encodeNpz, npyOf, zipOf } from "../fixtures/recordings.mjs";
import { formatError, type Row, rowsOf } from "../support.js";
import { describeFormat } from "./describeFormat.js";

describeFormat({
  format: "NPZ",
  read: readNpz,
  encode: encodeNpz,
  maxTime: Number.MAX_SAFE_INTEGER,
  maxX: 65535,
  maxY: 65535,
  cuttable: false,
});

const rows: Row[] = [
  [1, 2, 3, 1],
  [4, 5, 6, 0],
];
const column = (i: number): number[] => rows.map((row) => row[i]!);

/** The columns of `rows` in these types, the way NumPy saves them. */
function archive(types: readonly [string, (values: number[]) => ArrayBufferView], deflated = false): Uint8Array {
  const [descr, make] = types;
  const files = ["t", "x", "y", "p"].map((name, i) => [`${name}.npy`, npyOf(descr, [2], make(column(i)))]);
  return zipOf(Object.fromEntries(files), { deflated });
}

describe("readNpz", () => {
  it.each([
    ["|u1", (values: number[]) => Uint8Array.from(values)],
    ["|i1", (values: number[]) => Int8Array.from(values)],
    ["<u2", (values: number[]) => Uint16Array.from(values)],
    ["<i2", (values: number[]) => Int16Array.from(values)],
    ["<u4", (values: number[]) => Uint32Array.from(values)],
    ["<i4", (values: number[]) => Int32Array.from(values)],
    ["<u8", (values: number[]) => BigUint64Array.from(values, BigInt)],
    ["<i8", (values: number[]) => BigInt64Array.from(values, BigInt)],
    ["<f8", (values: number[]) => Float64Array.from(values)],
  ] as const)("reads columns of type %s, stored and deflated", async (descr, make) => {
    for (const deflated of [false, true]) expect(rowsOf(await readNpz(archive([descr, make], deflated)))).toEqual(rows);
  });

  const u4 = (shape: number[], ...values: number[]): Uint8Array => npyOf("<u4", shape, Uint32Array.from(values));
  const good = { "t.npy": u4([1], 1), "x.npy": u4([1], 2), "y.npy": u4([1], 3), "p.npy": u4([1], 1) };
  const convert = "; convert the column, and save it again";
  const remedy = "; save them with numpy.savez(file, t=t, x=x, y=y, p=p)";
  it.each([
    [
      { "t.npy": good["t.npy"], "x.npy": good["x.npy"] },
      "hold an array y, got only t.npy, x.npy; save it under this name, as by numpy.savez(file, y=...)",
    ],
    [{ ...good, "x.npy": u4([2], 2, 2) }, `hold arrays [N] of one length, got x of shape [2]${remedy}`],
    [{ ...good, "t.npy": u4([1, 1], 2) }, `hold arrays [N] of one length, got t of shape [1, 1]${remedy}`],
    [{ ...good, "p.npy": u4([1], 2) }, `hold p in whole numbers of 0..1, got 2 at event 0${convert}`],
    [
      { ...good, "t.npy": npyOf("<f8", [1], Float64Array.of(0.5)) },
      `hold t in whole numbers of 0..9007199254740991, got 0.5 at event 0${convert}`,
    ],
    [
      { ...good, "x.npy": npyOf("<i8", [1], BigInt64Array.of(-1n)) },
      `hold x in whole numbers of 0..65535, got -1 at event 0${convert}`,
    ],
  ])("refuses the arrays %#", async (files, says) => {
    await expect(readNpz(zipOf(files as Record<string, Uint8Array>))).rejects.toThrow(
      formatError(`readNpz: the file must ${says}`),
    );
  });

  // numpy.savez writes all of these.
  it.each([">u4", "<f2", "<c8", "|O", "<U1"])("refuses type %s, and says how to convert it", (descr) =>
    expect(readNpz(zipOf({ ...good, "t.npy": npyOf(descr, [1], new Uint8Array(4)) }))).rejects.toThrow(
      formatError(
        "readNpz: the file must hold t.npy of booleans, little-endian integers, float32 or float64, got " +
          `"{'descr': '${descr}', 'fortran_order': False, 'shape': (1,), }" at byte 0; convert the array, as by ` +
          '.astype("<f8"), and save it again',
      ),
    ),
  );

  it("refuses arrays in Fortran order, and says how to reorder them", () =>
    expect(
      readNpz(zipOf({ ...good, "t.npy": npyOf("<u4", [1, 1], Uint32Array.of(1), { fortran: true }) })),
    ).rejects.toThrow(
      formatError(
        "readNpz: the file must hold t.npy in C order, got Fortran order at byte 0; save numpy.ascontiguousarray of the array",
      ),
    ));

  it("compares each array with its CRC-32", async () => {
    const bytes = Buffer.from(zipOf(good));
    const at = bytes.indexOf("\n") + 1;
    bytes[at]! ^= 1;
    await expect(readNpz(bytes)).rejects.toThrow(
      /must hold 132 bytes of t\.npy with the CRC-32 \d+, got 132 bytes with/,
    );
  });

  it.each([2 ** 31, 2 ** 32, 2 ** 53])("refuses a shape of %d values that are not there", async (count) => {
    const t = npyOf("<u4", [count], Uint32Array.of(1));
    await expect(readNpz(zipOf({ ...good, "t.npy": t }))).rejects.toThrow(
      `readNpz: the file must hold t.npy with the ${4 * count} bytes of its shape [${count}], got 4 at byte 0`,
    );
  });

  it.each([20, 24, 42])("refuses a directory with 2^32 - 1 in byte %d of an entry", async (field) => {
    const bytes = Buffer.from(zipOf(good));
    bytes.writeUInt32LE(2 ** 32 - 1, bytes.indexOf(Buffer.from([0x50, 0x4b, 1, 2])) + field);
    await expect(readNpz(bytes)).rejects.toThrow("readNpz: the file must hold ");
  });

  it("does not unpack more than the directory says", async () => {
    const bomb = npyOf("<u4", [250_000], new Uint32Array(250_000));
    const bytes = Buffer.from(zipOf({ ...good, "t.npy": bomb }, { deflated: true }));
    const entry = bytes.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
    bytes.writeUInt32LE(1000, entry + 24);
    await expect(readNpz(bytes)).rejects.toThrow("readNpz: the file must hold t.npy deflated, got ");
  });
});

/** @file NumPy's `.npz`: a ZIP archive of `.npy` arrays. */
import { crc32, inflateRawSync } from "node:zlib";
import type { ByteReader } from "./recording.js";

/** An array of a `.npz` file. */
export interface NpyArray {
  readonly shape: readonly number[];
  /** The values in C order; 64-bit integers as floating-point numbers, which are exact to 2^53. */
  readonly data:
    | Uint8Array
    | Int8Array
    | Uint16Array
    | Int16Array
    | Uint32Array
    | Int32Array
    | Float32Array
    | Float64Array;
}

/** The most bytes that one array may unpack to. */
const MOST_BYTES = 2 ** 31 - 1;

/**
 * Reads arrays from a `.npz` file.
 *
 * Format: a ZIP archive of entries `<name>.npy`, stored or deflated. An entry is `\x93NUMPY`, the version u8 u8, the
 * length of a header (u16, from version 2 on u32), the header, which is the text of a Python dictionary with `descr`,
 * `fortran_order` and `shape`, and the values. Booleans, little-endian integers of 1 to 8 bytes, float32 and float64 are
 * read. CRC-32 and length of each entry are compared.
 *
 * @param names the arrays to read, without `.npy`
 * @throws FileFormatError when one of them is missing, damaged, or of another type
 */
export async function readNpyArrays<Name extends string>(
  bytes: ByteReader,
  names: readonly Name[],
): Promise<Record<Name, NpyArray>> {
  const entries = await readDirectory(bytes);
  const arrays: [Name, NpyArray][] = [];
  for (const name of names) {
    const entry = entryOf(entries, name, bytes);
    arrays.push([name, parseNpy(await unpack(entry, bytes), entry, bytes)]);
  }
  return Object.fromEntries(arrays) as Record<Name, NpyArray>;
}

/** CRC-32 of an array as the directory of a `.npz` file has it; the array is not read. */
export async function readNpyChecksum(bytes: ByteReader, name: string): Promise<number> {
  return entryOf(await readDirectory(bytes), name, bytes).crc;
}

/** The entry of an array. */
function entryOf(entries: Map<string, Entry>, name: string, bytes: ByteReader): Entry {
  const entry = entries.get(`${name}.npy`);
  if (entry !== undefined) return entry;
  const found = [...entries.keys()].slice(0, 10).join(", ");
  const remedy = `save it under this name, as by numpy.savez(file, ${name}=...)`;
  throw bytes.fault(undefined, `hold an array ${name}`, found === "" ? "none" : `only ${found}`, remedy);
}

/** An entry of the archive's directory. */
interface Entry {
  readonly name: string;
  /** Whether it is deflated; else it is stored as it is. */
  readonly deflated: boolean;
  readonly crc: number;
  /** Length in the archive, and unpacked. */
  readonly packed: number;
  readonly unpacked: number;
  /** Offset of its local header. */
  readonly offset: number;
}

const [LOCAL_HEADER, DIRECTORY_ENTRY, END_OF_DIRECTORY] = [0x04034b50, 0x02014b50, 0x06054b50];
const [LOCAL_BYTES, ENTRY_BYTES, END_BYTES] = [30, 46, 22];
const PACKING = "save them with numpy.savez or numpy.savez_compressed";
/** Longest comment after the end of a directory. */
const MOST_COMMENT = 2 ** 16 - 1;

/** The entries of a ZIP archive, by the directory at its end. */
async function readDirectory(bytes: ByteReader): Promise<Map<string, Entry>> {
  const tailStart = Math.max(0, bytes.length - END_BYTES - MOST_COMMENT);
  const tail = viewOf(await takeAt(bytes, tailStart, bytes.length - tailStart));
  let end = tail.byteLength - END_BYTES;
  while (end >= 0 && tail.getUint32(end, true) !== END_OF_DIRECTORY) end--;
  if (end < 0) throw bytes.fault(bytes.length, "end with the directory of its arrays", "none");
  const count = tail.getUint16(end + 10, true);
  const length = tail.getUint32(end + 12, true);
  const start = tail.getUint32(end + 16, true);
  const directory = viewOf(await takeAt(bytes, start, length));
  const entries = new Map<string, Entry>();
  for (let i = 0, at = 0; i < count; i++) {
    if (at + ENTRY_BYTES > directory.byteLength || directory.getUint32(at, true) !== DIRECTORY_ENTRY) {
      throw bytes.fault(Math.min(start + at, bytes.length), `hold a directory of ${count} arrays`, `${i}`);
    }
    const [nameLength = 0, extraLength = 0, commentLength = 0] = [28, 30, 32].map((field) =>
      directory.getUint16(at + field, true),
    );
    const method = directory.getUint16(at + 10, true);
    if (method !== 0 && method !== 8) {
      throw bytes.fault(start + at + 10, "hold arrays that are stored or deflated", `method ${method}`, PACKING);
    }
    const rest = directory.byteLength - at - ENTRY_BYTES;
    const name = Buffer.from(directory.buffer, directory.byteOffset + at + ENTRY_BYTES, Math.min(nameLength, rest));
    entries.set(name.toString(), {
      name: name.toString(),
      deflated: method === 8,
      crc: directory.getUint32(at + 16, true),
      packed: directory.getUint32(at + 20, true),
      unpacked: directory.getUint32(at + 24, true),
      offset: directory.getUint32(at + 42, true),
    });
    at += ENTRY_BYTES + nameLength + extraLength + commentLength;
  }
  return entries;
}

/** The bytes of an entry, compared with its length and CRC-32. */
async function unpack(entry: Entry, bytes: ByteReader): Promise<Uint8Array> {
  const { name, deflated, crc, packed, unpacked, offset } = entry;
  const header = viewOf(await takeAt(bytes, offset, LOCAL_BYTES));
  if (header.byteLength < LOCAL_BYTES || header.getUint32(0, true) !== LOCAL_HEADER) {
    throw bytes.fault(Math.min(offset, bytes.length), `hold ${name} where its directory says`, "something else");
  }
  const start = offset + LOCAL_BYTES + header.getUint16(26, true) + header.getUint16(28, true);
  if (start + packed > bytes.length || packed > MOST_BYTES || unpacked > MOST_BYTES) {
    const left = Math.max(0, bytes.length - start);
    throw bytes.fault(offset, `hold the ${packed} bytes of ${name}`, `${left}, to be unpacked to ${unpacked}`);
  }
  let content = await takeAt(bytes, start, packed);
  if (deflated) {
    try {
      content = inflateRawSync(content, { maxOutputLength: Math.max(1, unpacked) });
    } catch (error) {
      throw bytes.fault(start, `hold ${name} deflated`, (error as Error).message);
    }
  }
  if (content.length !== unpacked || crc32(content) !== crc) {
    const got = `${content.length} bytes with the CRC-32 ${crc32(content)}`;
    throw bytes.fault(start, `hold ${unpacked} bytes of ${name} with the CRC-32 ${crc}`, got);
  }
  return content;
}

/** The `count` bytes from `offset` on, or as many as there are. */
function takeAt(bytes: ByteReader, offset: number, count: number): Promise<Uint8Array> {
  bytes.position = Math.min(offset, bytes.length);
  return bytes.take(count);
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}

/** Numbers of a type from little-endian bytes. */
const TYPES: Readonly<Record<string, (bytes: Uint8Array) => NpyArray["data"]>> = {
  b1: (bytes) => new Uint8Array(bytes),
  u1: (bytes) => new Uint8Array(bytes),
  i1: (bytes) => new Int8Array(copyOf(bytes)),
  u2: (bytes) => new Uint16Array(copyOf(bytes)),
  i2: (bytes) => new Int16Array(copyOf(bytes)),
  u4: (bytes) => new Uint32Array(copyOf(bytes)),
  i4: (bytes) => new Int32Array(copyOf(bytes)),
  f4: (bytes) => new Float32Array(copyOf(bytes)),
  f8: (bytes) => new Float64Array(copyOf(bytes)),
  u8: (bytes) => fromHalves(new Uint32Array(copyOf(bytes)), new Uint32Array(copyOf(bytes))),
  i8: (bytes) => fromHalves(new Uint32Array(copyOf(bytes)), new Int32Array(copyOf(bytes))),
};

/** 64-bit integers from their lower halves, and the upper ones, which have the sign; both stand in words of 32 bits. */
function fromHalves(lower: Uint32Array, upper: Uint32Array | Int32Array): Float64Array {
  const values = new Float64Array(lower.length / 2);
  for (let i = 0; i < values.length; i++) values[i] = upper[2 * i + 1]! * 2 ** 32 + lower[2 * i]!;
  return values;
}

/** The bytes in a buffer of their own, which numbers of any size can view. */
function copyOf(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

/** An array from the bytes of its `.npy`. */
function parseNpy(npy: Uint8Array, { name, offset }: Entry, bytes: ByteReader): NpyArray {
  const fail = (must: string, got: string, remedy?: string): never => {
    throw bytes.fault(offset, `hold ${name} ${must}`, got, remedy);
  };
  const text = Buffer.from(npy.buffer, npy.byteOffset, npy.length);
  const version = npy[6] ?? 0;
  if (npy.length < 12 || text.toString("latin1", 0, 6) !== "\x93NUMPY") fail("as an array of NumPy", "something else");
  const start = version === 1 ? 10 : 12;
  const length = version === 1 ? text.readUInt16LE(8) : text.readUInt32LE(8);
  const header = text.toString("latin1", start, start + length);
  const [, order, type] = /'descr':\s*'([<>|=])(\w\d+)'/.exec(header) ?? [];
  const read = TYPES[type ?? ""];
  if (read === undefined || order === ">") {
    const must = "of booleans, little-endian integers, float32 or float64";
    fail(
      must,
      JSON.stringify(header.trim().slice(0, 80)),
      'convert the array, as by .astype("<f8"), and save it again',
    );
  }
  const [, list] =
    /'shape':\s*\(([\d,\s]*)\)/.exec(header) ?? fail("with a shape", JSON.stringify(header.slice(0, 80)));
  const shape = list!.split(",").flatMap((side) => (side.trim() === "" ? [] : [Number(side)]));
  if (/'fortran_order':\s*True/.test(header) && shape.length > 1) {
    fail("in C order", "Fortran order", "save numpy.ascontiguousarray of the array");
  }
  const values = npy.subarray(start + length);
  const size = shape.reduce((product, side) => product * side, 1) * Number(type!.slice(1));
  if (values.length !== size) fail(`with the ${size} bytes of its shape [${shape.join(", ")}]`, `${values.length}`);
  return { shape, data: read!(values) };
}

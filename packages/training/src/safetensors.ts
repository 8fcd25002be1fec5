/**
 * @file The safetensors file format: tensors by name, readable from every framework, without code inside.
 *
 * An 8-byte little-endian length; a JSON header `{name: {dtype, shape, data_offsets: [begin, end]}, __metadata__}` of
 * that length, padded with spaces to a multiple of 8; then the data, row by row, without gaps.
 * https://huggingface.co/docs/safetensors
 */
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { duplicateKey } from "./duplicateKey.js";
import { writeAtomic } from "./writeAtomic.js";

/** The values of a tensor, row by row, and its shape. */
export interface TensorValues {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** What a safetensors file holds. */
export interface Safetensors {
  readonly tensors: ReadonlyMap<string, TensorValues>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The longest header that the format allows, in bytes. */
const MAX_HEADER = 100_000_000;

/**
 * Writes tensors of float32, whole or not at all. The metadata gains `sha256`, the digest of the data.
 *
 * @throws Error when the file cannot be written; what was there before is then unchanged
 *
 * @example
 * await writeSafetensors("w.safetensors", new Map([["w", { shape: [2], values: Float32Array.of(1, 2) }]]));
 * const { tensors } = await readSafetensors("w.safetensors");
 * [...tensors.get("w").values]; // [1, 2]
 */
export async function writeSafetensors(
  file: string,
  tensors: ReadonlyMap<string, TensorValues>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const digest = createHash("sha256");
  const data: Uint8Array[] = [];
  const entries: [string, object][] = [];
  let offset = 0;
  for (const [name, { shape, values }] of tensors) {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    digest.update(bytes);
    data.push(bytes);
    entries.push([name, { dtype: "F32", shape, data_offsets: [offset, offset + bytes.length] }]);
    offset += bytes.length;
  }
  const all = { ...metadata, sha256: digest.digest("hex") };
  const json = Buffer.from(JSON.stringify(Object.fromEntries([["__metadata__", all], ...entries])));
  const header = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, " ");
  header.writeBigUInt64LE(BigInt(header.length - 8));
  json.copy(header, 8);
  await writeAtomic(file, [header, ...data]);
}

/**
 * Reads tensors of float32. A file that is truncated, damaged or made to mislead is refused, and nothing of the size
 * that it merely claims is allocated. The data are held against the metadata's `sha256` where there is one.
 *
 * @throws RangeError when the file is not as the format says, with its name and the offset in bytes
 */
export async function readSafetensors(file: string): Promise<Safetensors> {
  const handle = await open(file);
  try {
    return await readFrom(handle, file);
  } finally {
    await handle.close();
  }
}

async function readFrom(handle: FileHandle, file: string): Promise<Safetensors> {
  const { size } = await handle.stat();
  if (size < 8) throw fault(file, "start with a header length of 8 bytes", `a file of ${size} bytes`, 0);
  const claimed = (await readAt(handle, new Uint8Array(8), 0, file)).readBigUInt64LE();
  const length = Number(claimed);
  const limit = Math.min(size - 8, MAX_HEADER);
  if (length > limit) throw fault(file, `have a header of at most ${limit} bytes`, `${claimed}`, 0);
  const { metadata, entries } = parseHeader(await readAt(handle, new Uint8Array(length), 8, file), file);
  const start = 8 + length;
  checkLayout(entries, size - start, start, file);
  const digest = createHash("sha256");
  const tensors = new Map<string, TensorValues>();
  for (const { name, shape, begin, end } of entries) {
    const values = new Float32Array((end - begin) / 4);
    digest.update(await readAt(handle, new Uint8Array(values.buffer), start + begin, file));
    tensors.set(name, { shape, values });
  }
  const sha256 = digest.digest("hex");
  if ((metadata.sha256 ?? sha256) !== sha256) {
    throw fault(file, `hold data with the SHA-256 of its header, ${metadata.sha256}`, sha256, start);
  }
  return { tensors, metadata };
}

async function readAt(handle: FileHandle, into: Uint8Array, position: number, file: string): Promise<Buffer> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await handle.read(into, done, Math.min(into.length - done, 2 ** 30), position + done);
    if (bytesRead === 0) throw fault(file, `hold ${into.length - done} bytes more`, "the end", position + done);
    done += bytesRead;
  }
  return Buffer.from(into.buffer);
}

interface Entry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** The header's entries in the order of their data. */
function parseHeader(bytes: Buffer, file: string): { metadata: Record<string, string>; entries: Entry[] } {
  let json: string;
  let header: unknown;
  try {
    json = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    header = JSON.parse(json);
  } catch (error) {
    throw fault(file, "have a header of JSON", (error as Error).message, 8);
  }
  if (!isRecord(header)) throw fault(file, "have a JSON object as its header", json.slice(0, 20), 8);
  const duplicate = duplicateKey(json);
  if (duplicate !== undefined) throw fault(file, "name everything once", `${JSON.stringify(duplicate)} twice`, 8);
  const { __metadata__: metadata = {}, ...tensors } = header;
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === "string")) {
    throw fault(file, "have texts as its __metadata__", JSON.stringify(metadata).slice(0, 60), 8);
  }
  const entries = Object.entries(tensors).map(([name, entry]) => parseEntry(name, entry, file));
  return {
    metadata: metadata as Record<string, string>,
    entries: entries.sort((a, b) => a.begin - b.begin || a.end - b.end),
  };
}

function parseEntry(name: string, entry: unknown, file: string): Entry {
  const { dtype, shape, data_offsets: offsets } = isRecord(entry) ? entry : {};
  if (dtype !== "F32") throw fault(file, `have dtype "F32" for ${name}`, JSON.stringify(dtype), 8);
  if (!isSizes(shape)) throw fault(file, `have a shape for ${name}`, JSON.stringify(shape), 8);
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw fault(file, `have data_offsets [begin, end] for ${name}`, JSON.stringify(offsets), 8);
  }
  const [begin, end] = offsets as [number, number];
  const bytes = shape.reduce((a, b) => a * b, 4);
  if (bytes !== end - begin) {
    throw fault(file, `have ${bytes} bytes for ${name} of shape [${shape}]`, `${end - begin}`, 8);
  }
  return { name, shape, begin, end };
}

/** Throws unless the tensors fill the data without overlap, gap or rest. */
function checkLayout(entries: readonly Entry[], size: number, start: number, file: string): void {
  let filled = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== filled) throw fault(file, `have ${name} begin at ${filled} of its data`, `${begin}`, start + filled);
    filled = end;
  }
  if (filled !== size) throw fault(file, `hold ${filled} bytes of data`, `${size}`, start + Math.min(filled, size));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function fault(file: string, must: string, got: string, offset: number): RangeError {
  return new RangeError(
    `readSafetensors: ${file} must ${must}, got ${got} at byte ${offset}; ` +
      "the file is damaged or of another kind: restore it from a copy, or train again",
  );
}

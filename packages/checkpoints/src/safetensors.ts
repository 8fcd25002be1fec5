/**
 * @file The safetensors file format: tensors by name, readable from every framework, without code inside.
 *
 * An 8-byte little-endian length; a JSON header `{name: {dtype, shape, data_offsets: [begin, end]}, __metadata__}` of
 * that length, padded with spaces to a multiple of 8; then the data, row by row, without gaps.
 * https://huggingface.co/docs/safetensors
 */

import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { openRegular, writeAtomic } from "@sew/files";
import { printable } from "@sew/kernels";
import { dtypes, type TensorValues, Unrepresentable } from "./dtypes.js";
import { duplicateKey, exceedsLimits } from "./headerJson.js";

/** What a safetensors file holds. */
export interface Safetensors {
  readonly tensors: ReadonlyMap<string, TensorValues>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The longest header that the format allows, in bytes. */
const MAX_HEADER = 100_000_000;

/**
 * Writes tensors to a safetensors file, atomically: Float32Array as F32, Int32Array as I32.
 *
 * The metadata gain `sha256`, the digest of the data, and `headerSha256`, that of the header's JSON with `""` in its own
 * place: together they cover every bit of the file. What {@link readSafetensors} would refuse is refused here, before
 * anything is written.
 *
 * @param tensors by name, in the order of the file
 * @param metadata texts for the file's header
 * @throws RangeError when a tensor's values do not fill its shape, its name is `__metadata__` or not well-formed Unicode, or
 * the header is too long; TypeError when values are of another kind or metadata no texts; Error when the file cannot be
 * written: an earlier one is then unchanged
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
    checkTensor(file, name, shape, values);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    update(digest, bytes);
    data.push(bytes);
    const dtype = values instanceof Int32Array ? "I32" : "F32";
    entries.push([name, { dtype, shape, data_offsets: [offset, offset + bytes.length] }]);
    offset += bytes.length;
  }
  for (const [name, text] of Object.entries(metadata)) {
    if (typeof text !== "string") {
      throw new TypeError(
        `writeSafetensors: metadata of ${file} must be texts, got ${typeof text} for ${printable(name)}`,
      );
    }
    if (!isUnicode(name) || !isUnicode(text)) throw notUnicode(file, "metadata", isUnicode(name) ? text : name);
  }
  const all = { ...metadata, sha256: digest.digest("hex"), [OWN_DIGEST]: "" };
  const unsigned = JSON.stringify(Object.fromEntries([["__metadata__", all], ...entries]));
  const json = Buffer.from(unsigned.replace(ownDigest(""), ownDigest(sha256(unsigned))));
  if (exceedsLimits(json)) {
    throw new RangeError(
      `writeSafetensors: the header of ${file} must name fewer tensors and metadata, got ${tensors.size} and ` +
        `${Object.keys(metadata).length}; write several files`,
    );
  }
  const header = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, " ");
  if (header.length - 8 > MAX_HEADER) {
    throw new RangeError(
      `writeSafetensors: the header of ${file} must have at most ${MAX_HEADER} bytes, got ${header.length - 8}; write ` +
        "fewer tensors or shorter metadata",
    );
  }
  header.writeBigUInt64LE(BigInt(header.length - 8));
  json.copy(header, 8);
  await writeAtomic(file, [header, ...data]);
}

function checkTensor(file: string, key: string, shape: readonly number[], values: unknown): void {
  const name = printable(key);
  if (name === "__metadata__") {
    throw new RangeError(`writeSafetensors: tensors of ${file} must have other names than __metadata__, got that`);
  }
  if (!isUnicode(key)) throw notUnicode(file, "names", key);
  if (!(values instanceof Float32Array || values instanceof Int32Array)) {
    throw new TypeError(
      `writeSafetensors: values of ${name} must be a Float32Array or Int32Array, got ${typeof values}`,
    );
  }
  if (!isShape(shape) || shape.reduce((a, b) => a * b, 1) !== values.length) {
    throw new RangeError(`writeSafetensors: values of ${name} must fill its shape [${shape}], got ${values.length}`);
  }
}

/**
 * Reads a safetensors file: F64, F32, F16, BF16 and the F8s to float32; I64, I32, I16, I8, U64, U32, U16, U8 and BOOL to
 * int32.
 *
 * F64 is rounded to the nearest float32; all other values are exact. A finite number beyond float32, or an integer beyond
 * int32, is an error that names the tensor. A file that is truncated, damaged or made to mislead is refused, and nothing
 * of the size that it merely claims is allocated. The header and the data are compared with the digests that
 * {@link writeSafetensors} puts into the metadata; files of other programs have none.
 *
 * @param choose receives the shapes of all tensors by name, and returns the names of those to read. @defaultValue all
 * @returns the tensors in the order of their data
 * @throws RangeError that names the file and the offset in bytes; Error when it cannot be opened
 *
 * @example
 * await writeSafetensors("w.safetensors", new Map([["w", { shape: [2], values: Float32Array.of(1, 2) }]]));
 * (await readSafetensors("w.safetensors", (shapes) => [...shapes.keys()].filter((name) => name !== "w"))).tensors.size; // 0
 */
export async function readSafetensors(
  file: string,
  choose: (shapes: ReadonlyMap<string, readonly number[]>) => Iterable<string> = (shapes) => shapes.keys(),
): Promise<Safetensors> {
  const handle = await openRegular("readSafetensors", file);
  try {
    return await readFrom(handle, file, choose);
  } finally {
    await handle.close();
  }
}

async function readFrom(
  handle: FileHandle,
  file: string,
  choose: (shapes: ReadonlyMap<string, readonly number[]>) => Iterable<string>,
): Promise<Safetensors> {
  const { size } = await handle.stat();
  if (size < 8) throw fault(file, "start with a header length of 8 bytes", `a file of ${size} bytes`, 0);
  const claimed = Buffer.from((await readAt(handle, new Uint8Array(8), 0, file)).buffer).readBigUInt64LE();
  const length = Number(claimed);
  const limit = Math.min(size - 8, MAX_HEADER);
  if (length > limit) throw fault(file, `have a header of at most ${limit} bytes`, `${claimed}`, 0);
  const { metadata, entries } = parseHeader(await readAt(handle, new Uint8Array(length), 8, file), file);
  const hasDigests = OWN_DIGEST in metadata;
  const start = 8 + length;
  checkLayout(entries, size - start, start, file);
  const chosen = new Set(choose(new Map(entries.map(({ name, shape }) => [name, shape]))));
  const digest = createHash("sha256");
  const tensors = new Map<string, TensorValues>();
  for (const entry of entries) {
    const { name, shape, begin, end } = entry;
    // The digest is of all data.
    if (!chosen.has(name) && !hasDigests) continue;
    const bytes = allocate(end - begin, name, file);
    const read = await readAt(handle, new Uint8Array(bytes), start + begin, file);
    if (hasDigests) update(digest, read);
    if (chosen.has(name)) tensors.set(name, { shape, values: convert(bytes, entry, start, file) });
  }
  const found = digest.digest("hex");
  if (hasDigests && metadata.sha256 !== found) {
    throw fault(file, `hold data with the SHA-256 of its header, ${metadata.sha256}`, found, start);
  }
  return { tensors, metadata };
}

/** Memory for a tensor's data, which the file is known to hold. */
function allocate(size: number, name: string, file: string): ArrayBuffer {
  try {
    return new ArrayBuffer(size);
  } catch (error) {
    throw new RangeError(
      `readSafetensors: ${file} must have tensors that fit into memory, got ${size} bytes for ${printable(name)}; ` +
        "use a machine with more memory, or split the tensor",
      { cause: error },
    );
  }
}

async function readAt(
  handle: FileHandle,
  into: Uint8Array<ArrayBuffer>,
  position: number,
  file: string,
): Promise<Uint8Array<ArrayBuffer>> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await handle.read(into, done, Math.min(into.length - done, 2 ** 30), position + done);
    if (bytesRead === 0) throw fault(file, `hold ${into.length - done} bytes more`, "the end", position + done);
    done += bytesRead;
  }
  return into;
}

/** Hashes bytes in parts, since one call takes less than 2 GiB. */
function update(hash: Hash, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += 2 ** 30) hash.update(bytes.subarray(at, at + 2 ** 30));
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The name of the header's own digest in the metadata. */
const OWN_DIGEST = "headerSha256";

/** The header's own digest as it stands in the JSON. Inside another text its quotes would be escaped. */
function ownDigest(digest: string): string {
  return `"${OWN_DIGEST}":"${digest}"`;
}

function convert(bytes: ArrayBuffer, entry: Entry, start: number, file: string): TensorValues["values"] {
  const { name, type, begin } = entry;
  const dtype = dtypes.get(type);
  if (dtype === undefined) throw fault(file, `have a dtype of ${[...dtypes.keys()].join(", ")} for ${name}`, type, 8);
  try {
    return dtype.read(bytes);
  } catch (error) {
    if (!(error instanceof Unrepresentable)) throw error;
    const { index, value, range } = error;
    throw fault(file, `have values within ${range} for ${name}`, `${value}`, start + begin + index * dtype.size);
  }
}

interface Entry {
  readonly name: string;
  /** The name of its dtype, of which there may be more than are known here. */
  readonly type: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** The header's entries in the order of their data. */
function parseHeader(bytes: Uint8Array, file: string): { metadata: Record<string, string>; entries: Entry[] } {
  const limit = exceedsLimits(bytes);
  if (limit !== undefined) throw fault(file, limit.must, limit.got, 8 + limit.offset);
  let json: string;
  let header: unknown;
  try {
    json = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(json);
  } catch (error) {
    throw fault(file, "have a header of JSON", (error as Error).message, 8);
  }
  if (!isRecord(header) || !json.startsWith("{")) {
    throw fault(file, "have a JSON object as its header", json.slice(0, 20), 8);
  }
  const duplicate = duplicateKey(json);
  if (duplicate !== undefined) throw fault(file, "name everything once", `${JSON.stringify(duplicate)} twice`, 8);
  const { __metadata__: metadata = {}, ...tensors } = header;
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === "string")) {
    throw fault(file, "have texts as its __metadata__", shown(metadata), 8);
  }
  const names = [...Object.keys(tensors), ...Object.entries(metadata as Record<string, string>).flat()];
  const broken = names.find((name) => !isUnicode(name));
  if (broken !== undefined) throw fault(file, "have texts of well-formed Unicode", shown(broken), 8);
  checkDigest(json, metadata as Record<string, string>, file);
  const entries = Object.entries(tensors).map(([name, entry]) => parseEntry(name, entry, file));
  return {
    metadata: metadata as Record<string, string>,
    entries: entries.sort((a, b) => a.begin - b.begin || a.end - b.end),
  };
}

/** Throws when the header is not that of its digest. */
function checkDigest(json: string, metadata: Readonly<Record<string, string>>, file: string): void {
  const { [OWN_DIGEST]: digest } = metadata;
  if ((digest === undefined) !== (metadata.sha256 === undefined)) {
    const missing = digest === undefined ? OWN_DIGEST : "sha256";
    throw fault(file, "have sha256 and headerSha256 in its __metadata__, or neither", `no ${missing}`, 8);
  }
  if (digest === undefined) return;
  const found = sha256(json.trimEnd().replace(ownDigest(digest), ownDigest("")));
  if (digest !== found) throw fault(file, `have a header with the SHA-256 ${digest}`, found, 8);
}

function parseEntry(name: string, entry: unknown, file: string): Entry {
  const { dtype: type, shape, data_offsets: offsets } = isRecord(entry) ? entry : {};
  if (typeof type !== "string") throw fault(file, `have a dtype for ${name}`, shown(type), 8);
  if (!isShape(shape)) throw fault(file, `have a shape for ${name}`, shown(shape), 8);
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw fault(file, `have data_offsets [begin, end] for ${name}`, shown(offsets), 8);
  }
  const [begin, end] = offsets as [number, number];
  const size = dtypes.get(type)?.size;
  const bytes = size === undefined ? end - begin : shape.reduce((a, b) => a * b, size);
  if (bytes !== end - begin) {
    throw fault(file, `have ${bytes} bytes for ${name} of shape [${shape}]`, `${end - begin}`, 8);
  }
  return { name, type, shape, begin, end };
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

/** The start of a value's JSON. */
function shown(value: unknown): string | undefined {
  return JSON.stringify(value)?.slice(0, 60);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

/** Whether these are sizes whose product, zeros aside, is a safe integer: readers multiply them in any order. */
function isShape(value: unknown): value is number[] {
  return isSizes(value) && Number.isSafeInteger(value.reduce((a, b) => a * (b || 1), 1));
}

/** Whether a text has no half of a surrogate pair, which UTF-8 cannot hold. */
function isUnicode(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

function notUnicode(file: string, what: string, text: string): RangeError {
  return new RangeError(
    `writeSafetensors: ${what} of ${file} must be well-formed Unicode, got ${printable(JSON.stringify(text))}; rename it`,
  );
}

function fault(file: string, must: string, got: string | undefined, offset: number): RangeError {
  return new RangeError(
    `readSafetensors: ${file} must ${printable(must)}, got ${printable(`${got}`)} at byte ${offset}; ` +
      "the file is damaged or of another kind: restore it from a copy, or train again",
  );
}

/** @file Reading tables of FlatBuffers, each access within its bytes. */

/** A table of a FlatBuffer that starts with its length. */
export interface Table {
  /** Offset of a field, from the start of the buffer; `undefined` where the table has none. */
  field(index: number): number | undefined;
  /** A field that is a 32-bit integer. */
  int32(index: number, otherwise: number): number;
  /** A field that is a 64-bit integer of at most 2^53. */
  int64(index: number, otherwise: number): number;
  /** The bytes of a field that is a vector or string of elements of `size` bytes; empty where the table has none. */
  vector(index: number, size: number): Uint8Array;
}

/**
 * The root table of a buffer: `u32 length, u32 offset of the table, 4 letters`, then tables and vectors, little-endian.
 *
 * A table starts with the distance back to its list of fields: `u16 length of the list, u16 length of the table`, and
 * for each field its u16 offset in the table, 0 where it is left out.
 *
 * @param name the 4 letters
 * @throws RangeError saying what is wrong with it
 * @see https://flatbuffers.dev/internals
 */
export function rootTable(bytes: Uint8Array, name: string): Table {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const check = (at: number, size: number): number => {
    if (at >= 0 && at + size <= bytes.length) return at;
    throw new RangeError(`a reference to byte ${at} of ${bytes.length}`);
  };
  const uint16 = (at: number): number => view.getUint16(check(at, 2), true);
  const uint32 = (at: number): number => view.getUint32(check(at, 4), true);
  if (bytes.length < 12) throw new RangeError(`${bytes.length} bytes`);
  const found = Buffer.from(bytes.subarray(8, 12)).toString("latin1");
  if (found !== name) throw new RangeError(`a table ${JSON.stringify(found)}`);

  const table = check(4 + uint32(4), 4);
  const fields = table - view.getInt32(table, true);
  const fieldsLength = uint16(fields);
  const field = (index: number): number | undefined => {
    const entry = 4 + 2 * index;
    if (entry + 2 > fieldsLength) return undefined;
    const offset = uint16(fields + entry);
    return offset === 0 ? undefined : table + offset;
  };
  return {
    field,
    int32(index, otherwise) {
      const at = field(index);
      return at === undefined ? otherwise : view.getInt32(check(at, 4), true);
    },
    int64(index, otherwise) {
      const at = field(index);
      return at === undefined ? otherwise : Number(view.getBigInt64(check(at, 8), true));
    },
    vector(index, size) {
      const at = field(index);
      if (at === undefined) return new Uint8Array(0);
      const start = at + uint32(at);
      const length = uint32(start) * size;
      check(start + 4, length);
      return bytes.subarray(start + 4, start + 4 + length);
    },
  };
}

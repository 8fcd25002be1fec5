/** @file The wire format of protocol buffers: https://protobuf.dev/programming-guides/encoding/ */

/** How a field's value is laid out. */
type WireType = 0 | 1 | 2 | 5;

/** A field's key: its number and its wire type. */
function key(field: number, wireType: WireType): number[] {
  return base128(field * 8 + wireType);
}

function base128(value: number): number[] {
  const low = value % 128;
  return value < 128 ? [low] : [low + 128, ...base128(Math.floor(value / 128))];
}

/** An integer from 0 on. */
export function varint(field: number, value: number): Buffer {
  return Buffer.from([...key(field, 0), ...base128(value)]);
}

/** A number of 64 bits. */
export function double(field: number, value: number): Buffer {
  return Buffer.concat([Buffer.from(key(field, 1)), doubleBytes([value])]);
}

/** Several numbers of 64 bits, packed. */
export function doubles(field: number, values: readonly number[]): Buffer {
  return bytes(field, [doubleBytes(values)]);
}

function doubleBytes(values: readonly number[]): Buffer {
  const buffer = Buffer.alloc(8 * values.length);
  for (const [i, value] of values.entries()) buffer.writeDoubleLE(value, 8 * i);
  return buffer;
}

/** A number of 32 bits. */
export function float(field: number, value: number): Buffer {
  const buffer = Buffer.alloc(5);
  buffer.set(key(field, 5));
  buffer.writeFloatLE(value, 1);
  return buffer;
}

/** A message of the given parts, or bytes. */
export function bytes(field: number, parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Buffer.from([...key(field, 2), ...base128(length)]), ...parts]);
}

/** A text in UTF-8. */
export function text(field: number, value: string): Buffer {
  return bytes(field, [Buffer.from(value)]);
}

/** The value of a message's first field of this number, if it is an integer or bytes. */
export function fieldOf(message: Buffer, field: number): number | Buffer | undefined {
  let at = 0;
  const readVarint = (): number => {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = message.readUInt8(at++);
      value += (byte % 128) * factor;
      factor *= 128;
      if (byte < 128) return value;
    }
  };
  const sizes: Readonly<Record<number, number>> = { 1: 8, 5: 4 };
  while (at < message.length) {
    const found = readVarint();
    const value = found % 8 === 0 ? readVarint() : undefined;
    const length = found % 8 === 2 ? readVarint() : (sizes[found % 8] ?? 0);
    if (Math.floor(found / 8) === field) return value ?? message.subarray(at, at + length);
    at += length;
  }
  return undefined;
}

/** @file AEDAT 3.1 files made by hand, for tests of what a writer never writes. */

/** Header lines that a reader accepts. */
export const header = "#!AER-DAT3.1\r\n#Format: RAW\r\n#!END-HEADER\r\n";

/** The fields of a packet header; what is left out is that of one polarity event. */
export interface PacketFields {
  readonly type?: number;
  readonly size?: number;
  readonly timestampOffset?: number;
  readonly overflow?: number;
  readonly capacity?: number;
  readonly number?: number;
}

/** A packet header followed by `data`. */
export function packet(
  { type = 1, size = 8, timestampOffset = 4, overflow = 0, capacity = 1, number = capacity }: PacketFields,
  data: Uint8Array = event(0, 0, 0, 0),
): Uint8Array {
  const view = new DataView(new ArrayBuffer(28));
  view.setUint16(0, type, true);
  view.setUint16(2, 1, true);
  [size, timestampOffset, overflow, capacity, number, number].forEach((field, i) => {
    view.setUint32(4 + 4 * i, field, true);
  });
  return Buffer.concat([new Uint8Array(view.buffer), data]);
}

/** A polarity event; its validity bit is 0. */
export function event(timestamp: number, x: number, y: number, p: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint32(0, ((x << 17) | (y << 2) | (p << 1)) >>> 0, true);
  view.setUint32(4, timestamp, true);
  return new Uint8Array(view.buffer);
}

/** A file from text and bytes. */
export function file(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  return Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : part)));
}

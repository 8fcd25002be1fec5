/** @file Unpacking LZ4 frames, the compression of AEDAT 4. */
import { xxHash32 } from "./xxHash32.js";

const FRAME_MAGIC = 0x184d2204;
/** A match is at least so long. */
const MINIMUM_MATCH = 4;

/**
 * Unpacks one LZ4 frame, and compares the checksums of its blocks and contents, where it has them.
 *
 * @param frame the frame and nothing else
 * @param atMost the most bytes that it may unpack to
 * @throws RangeError saying what is wrong with it
 * @see https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md, lz4_Block_format.md
 */
export function unpackLz4(frame: Uint8Array, atMost: number): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  if (frame.length < 7 || view.getUint32(0, true) !== FRAME_MAGIC) throw new RangeError("no LZ4 frame");
  const flags = view.getUint8(4);
  if (flags >>> 6 !== 1) throw new RangeError(`an LZ4 frame of version ${flags >>> 6}`);
  const [hasBlockChecksums, hasSize, hasChecksum, hasDictionary] = [flags & 16, flags & 8, flags & 4, flags & 1];
  const compare = (what: string, bytes: Uint8Array, position: number): void => {
    if (position + 4 > frame.length) throw new RangeError("an LZ4 frame without its end");
    const [own, found] = [view.getUint32(position, true), xxHash32(bytes)];
    if (own !== found) throw new RangeError(`an LZ4 ${what} with the checksum ${found} instead of ${own}`);
  };
  let at = 7 + (hasSize ? 8 : 0) + (hasDictionary ? 4 : 0);
  let output = new Uint8Array(Math.min(atMost, Math.max(2 ** 16, 4 * frame.length)));
  let length = 0;
  for (;;) {
    if (at + 4 > frame.length) throw new RangeError("an LZ4 frame without its end");
    const header = view.getUint32(at, true);
    at += 4;
    if (header === 0) {
      if (hasChecksum) compare("frame", output.subarray(0, length), at);
      return output.subarray(0, length);
    }
    const size = header & 0x7fffffff;
    if (at + size > frame.length) throw new RangeError("a truncated LZ4 block");
    const block = frame.subarray(at, at + size);
    at += size;
    if (hasBlockChecksums) {
      compare("block", block, at);
      at += 4;
    }
    // A match may reach into the blocks before its own, so all of them are unpacked into one array.
    for (;;) {
      const end = header >>> 31 === 1 ? copyBlock(block, output, length) : unpackBlock(block, output, length);
      if (end >= 0) {
        length = end;
        break;
      }
      if (output.length === atMost) throw new RangeError(`an LZ4 frame of more than ${atMost} bytes`);
      const larger = new Uint8Array(Math.min(atMost, 4 * output.length));
      larger.set(output.subarray(0, length));
      output = larger;
    }
  }
}

/** Appends a stored block at `start`, and returns where it ends; -1 when there is too little room. */
function copyBlock(block: Uint8Array, output: Uint8Array, start: number): number {
  if (start + block.length > output.length) return -1;
  output.set(block, start);
  return start + block.length;
}

/**
 * Unpacks a block at `start`, and returns where it ends; -1 when there is too little room.
 *
 * A block is a row of sequences: a token with the lengths of literals (high 4 bits) and match (low 4 bits, less 4),
 * each continued by bytes of 255 and one below where it is 15; the literals; and the distance of the match, u16. The
 * last sequence has no match.
 */
function unpackBlock(block: Uint8Array, output: Uint8Array, start: number): number {
  let [from, to] = [0, start];
  while (from < block.length) {
    const token = block[from++]!;
    let literals = token >>> 4;
    if (literals === 15) {
      let more: number;
      do {
        if (from >= block.length) throw new RangeError("a truncated LZ4 length");
        more = block[from++]!;
        literals += more;
      } while (more === 255);
    }
    if (from + literals > block.length) throw new RangeError("truncated LZ4 literals");
    if (to + literals > output.length) return -1;
    // Byte by byte: most literals are few, and a call of `set` costs more.
    for (const end = to + literals; to < end; to++, from++) output[to] = block[from]!;
    if (from === block.length) return to;

    if (from + 2 > block.length) throw new RangeError("a truncated LZ4 match");
    const distance = block[from]! | (block[from + 1]! << 8);
    from += 2;
    let match = token & 15;
    if (match === 15) {
      let more: number;
      do {
        if (from >= block.length) throw new RangeError("a truncated LZ4 length");
        more = block[from++]!;
        match += more;
      } while (more === 255);
    }
    match += MINIMUM_MATCH;
    if (distance === 0 || distance > to) throw new RangeError(`an LZ4 match at distance ${distance} of ${to} bytes`);
    if (to + match > output.length) return -1;
    // Byte by byte: a match may reach into what it writes.
    for (const end = to + match; to < end; to++) output[to] = output[to - distance]!;
  }
  return to;
}

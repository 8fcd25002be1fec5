/**
 * A copy of some bytes with one of eight damages.
 *
 * @param bytes at least 1
 * @param draw random numbers of @sew/random
 * @param at where the damage begins. @defaultValue anywhere
 */
export function damaged(bytes, draw, at = draw.int(bytes.length)) {
  const copy = Buffer.from(bytes);
  const size = 1 + draw.int(32);
  const from = draw.int(bytes.length);
  switch (draw.int(8)) {
    case 0:
      copy[at] ^= 1 << draw.int(8);
      return copy;
    case 1:
      copy[at] = draw.int(256);
      return copy;
    case 2:
      return copy.subarray(0, at);
    case 3:
      return Buffer.concat([copy.subarray(0, at), Buffer.from([draw.int(256)]), copy.subarray(at)]);
    case 4:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(Math.min(bytes.length, at + size))]);
    case 5:
      copy.fill(0, at, Math.min(at + 4096, bytes.length));
      return copy;
    case 6:
      for (let i = at; i < Math.min(at + size, bytes.length); i++) copy[i] = draw.int(256);
      return copy;
    default:
      // A piece of the file written over another.
      bytes.copy(copy, at, from, from + size);
      return copy;
  }
}

/** @file Many texts in memory that threads share: a copy of ImageNet's file names would take each thread 100 MB. */

/** Texts one after another, as UTF-8. */
export interface StringTable {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** Where each text ends in `bytes`; it starts where the one before ends. */
  readonly ends: Uint32Array<SharedArrayBuffer>;
}

/** Packs texts, 4 GiB in all at most. */
export function packStrings(texts: readonly string[]): StringTable {
  const ends = new Uint32Array(new SharedArrayBuffer(4 * texts.length));
  let length = 0;
  for (const [i, text] of texts.entries()) {
    length += Buffer.byteLength(text);
    ends[i] = length;
  }
  const bytes = new Uint8Array(new SharedArrayBuffer(length));
  const buffer = Buffer.from(bytes.buffer);
  for (const [i, text] of texts.entries()) buffer.write(text, i === 0 ? 0 : ends[i - 1]!);
  return { bytes, ends };
}

/** The text at a position. */
export function stringAt({ bytes, ends }: StringTable, i: number): string {
  return Buffer.from(bytes.buffer).toString("utf8", i === 0 ? 0 : ends[i - 1]!, ends[i]!);
}

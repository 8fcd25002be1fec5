/**
 * An integer of 32 bits that depends on all of the numbers and on their order: equal numbers, equal seed, and no
 * pattern between neighbours. MurmurHash3 (x86, 32 bit) of the numbers' low and high words.
 */
export function mixSeed(...numbers: readonly number[]): number {
  let h = 0;
  for (const number of numbers) {
    for (const word of [number >>> 0, Math.floor(number / 2 ** 32) >>> 0]) {
      const k = Math.imul(word, 0xcc9e2d51);
      h ^= Math.imul((k << 15) | (k >>> 17), 0x1b873593);
      h = Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64;
    }
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}

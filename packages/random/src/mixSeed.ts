/**
 * Hashes whole numbers to one seed: MurmurHash3 (x86, 32 bit) over the low and high words of each number.
 *
 * Equal numbers in equal order give equal seeds; neighbouring numbers give unrelated ones.
 *
 * A. Appleby, "MurmurHash3", 2011.
 *
 * @param numbers whole numbers that doubles hold exactly, any number of them
 * @returns an integer from −2³¹ to 2³¹ − 1
 *
 * @example
 * mixSeed(1, 2) === mixSeed(2, 1); // false
 */
export function mixSeed(...numbers: readonly number[]): number {
  let h = numbers.length;
  for (const number of numbers) {
    for (const word of [number >>> 0, Math.floor(number / 2 ** 32) >>> 0]) {
      let k = Math.imul(word, 0xcc9e2d51);
      k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
      h ^= k;
      h = Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64;
    }
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}

const given = new Set<string>();

/**
 * Warns that a neuron runs as composed operations.
 *
 * @param reason the model, why no fused kernel runs it, and the remedy
 * @param key of which the first notice alone is printed. @defaultValue the reason
 */
export function noticeComposed(reason: string, key: string = reason): void {
  if (given.has(key)) return;
  given.add(key);
  console.warn(`${reason}. The neuron runs as composed operations, several times slower than a fused kernel.`);
}

const given = new Set<string>();

/**
 * Warns, once for each reason, that a neuron runs as composed operations.
 *
 * @param reason the model, why no fused kernel runs it, and the remedy
 */
export function noticeComposed(reason: string): void {
  if (given.has(reason)) return;
  given.add(reason);
  console.warn(`${reason}. The neuron runs as composed operations, several times slower than a fused kernel.`);
}

/** @file A writer of CIFAR's binary files. */

/** `count` records with these labels and the colours of rows, columns and channels. */
export function cifarFile(
  count: number,
  labels: (i: number) => readonly number[],
  colour: (i: number, row: number, column: number, channel: number) => number = () => 0,
): Uint8Array {
  const records = Array.from({ length: count }, (_, i) => {
    const own = labels(i);
    const record = new Uint8Array(own.length + 3 * 32 * 32);
    record.set(own);
    for (let c = 0; c < 3; c++) {
      for (let row = 0; row < 32; row++) {
        for (let column = 0; column < 32; column++) {
          record[own.length + (c * 32 + row) * 32 + column] = colour(i, row, column, c);
        }
      }
    }
    return record;
  });
  return Buffer.concat(records);
}

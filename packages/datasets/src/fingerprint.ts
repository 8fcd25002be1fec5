import { createHash } from "node:crypto";

/**
 * SHA-256 of a value: equal values have equal fingerprints on every machine.
 *
 * The value is written as JSON, with the keys of objects in order and typed arrays as arrays.
 *
 * @param value numbers, text, booleans, arrays and plain objects of them
 * @returns 64 hexadecimal digits
 *
 * @example
 * fingerprint({ a: 1, b: [2] }) === fingerprint({ b: Int32Array.of(2), a: 1 }); // true
 */
export function fingerprint(value: unknown): string {
  return createHash("sha256")
    .update(JSON.stringify(value, sortKeys) ?? "undefined")
    .digest("hex");
}

function sortKeys(_: string, value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number>);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

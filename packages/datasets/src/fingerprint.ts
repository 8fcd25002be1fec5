import { createHash } from "node:crypto";
import { inspect } from "node:util";

/**
 * SHA-256 of a value: equal values have equal fingerprints on every machine, others another.
 *
 * The value is written as JSON, with the keys of objects in order and typed arrays as arrays. A property that is `undefined`
 * counts as missing, and −0 as 0.
 *
 * @param value texts, finite numbers, booleans, null, typed arrays, and arrays and plain objects of these
 * @returns 64 hexadecimal digits
 * @throws TypeError that names the place of a value that JSON does not hold, such as NaN, a `Map`, a date or a function
 *
 * @example
 * fingerprint({ a: 1, b: [2] }) === fingerprint({ b: Int32Array.of(2), a: 1 }); // true
 */
export function fingerprint(value: unknown): string {
  return createHash("sha256")
    .update(JSON.stringify(canonical(value, () => "value", [])))
    .digest("hex");
}

/** The value as JSON holds it, with its keys in order. `place` is where it is, `parents` what it is in. */
function canonical(value: unknown, place: () => string, parents: readonly unknown[]): unknown {
  if (value === null || typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)) return value;
  if (parents.includes(value)) throw refusal(place(), "a cycle");
  const inner = [...parents, value];
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) {
    return Array.from(value as ArrayLike<unknown>, (each, i) => canonical(each, () => `${place()}[${i}]`, inner));
  }
  if (!isPlainObject(value))
    throw refusal(place(), inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY }).slice(0, 60));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, canonical(each, () => `${place()}${property(key)}`, inner)]),
  );
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function property(key: string): string {
  return /^[\w$]+$/.test(key) ? `.${key}` : `[${inspect(key)}]`;
}

function refusal(place: string, got: string): TypeError {
  return new TypeError(
    `fingerprint: ${place} must be a text, a finite number, a boolean, null, or an array or a plain object of these, got ` +
      `${got}; convert it`,
  );
}

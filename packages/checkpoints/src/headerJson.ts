/** @file What `JSON.parse` accepts and a header must not have. */

/** A header is an object of entries of lists: `{"w": {"shape": [2]}}`. */
const MAX_DEPTH = 3;

/** Commas between the values of a header: some 37,000 tensors of rank 4. */
const MAX_COMMAS = 2 ** 18;

/** What a header must be, and where it is something else. */
export interface ExceededLimit {
  readonly must: string;
  readonly got: string;
  /** Bytes from the start of the JSON. */
  readonly offset: number;
}

/**
 * The first place at which a JSON text is nested deeper, or holds more values, than a header needs. Parsing such a text
 * would take many times its size of memory.
 *
 * @param json UTF-8; any bytes
 */
export function exceedsLimits(json: Uint8Array): ExceededLimit | undefined {
  let depth = 0;
  let commas = 0;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i];
    if (byte === 0x22) {
      i++;
      while (i < json.length && json[i] !== 0x22) i += json[i] === 0x5c ? 2 : 1;
    } else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > MAX_DEPTH) return { must: "have a header of depth 3 at most", got: "a deeper one", offset: i };
    } else if (byte === 0x7d || byte === 0x5d) {
      depth--;
    } else if (byte === 0x2c && ++commas > MAX_COMMAS) {
      return { must: `have at most ${MAX_COMMAS} commas in its header`, got: "more", offset: i };
    }
  }
  return undefined;
}

/**
 * The first key that an object inside a JSON text has twice; `JSON.parse` would keep the last one in silence.
 *
 * @param json a text that `JSON.parse` accepts
 */
export function duplicateKey(json: string): string | undefined {
  const objects: Set<string>[] = [];
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i);
    if (code === 0x7b) objects.push(new Set());
    if (code === 0x7d) objects.pop();
    if (code !== 0x22) continue;
    const start = i++;
    let escaped = false;
    for (let c = json.charCodeAt(i); c !== 0x22; c = json.charCodeAt(i)) {
      escaped ||= c === 0x5c;
      i += c === 0x5c ? 2 : 1;
    }
    let next = i + 1;
    while (" \t\n\r".includes(json.charAt(next)) && next < json.length) next++;
    if (json[next] !== ":") continue;
    const key: string = escaped ? JSON.parse(json.slice(start, i + 1)) : json.slice(start + 1, i);
    if (objects.at(-1)?.has(key)) return key;
    objects.at(-1)?.add(key);
  }
  return undefined;
}

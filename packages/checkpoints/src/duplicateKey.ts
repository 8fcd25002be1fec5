/**
 * The first key that an object inside a JSON text has twice; `JSON.parse` would keep the last one in silence.
 *
 * @param json a text that `JSON.parse` accepts
 */
export function duplicateKey(json: string): string | undefined {
  const objects: Set<string>[] = [];
  for (let i = 0; i < json.length; i++) {
    if (json[i] === "{") objects.push(new Set());
    if (json[i] === "}") objects.pop();
    if (json[i] !== '"') continue;
    const start = i++;
    while (json[i] !== '"') i += json[i] === "\\" ? 2 : 1;
    let next = i + 1;
    while (" \t\n\r".includes(json.charAt(next))) next++;
    if (json[next] !== ":") continue;
    const key: string = JSON.parse(json.slice(start, i + 1));
    if (objects.at(-1)?.has(key)) return key;
    objects.at(-1)?.add(key);
  }
  return undefined;
}

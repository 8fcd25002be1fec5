/**
 * Visits what some values are computed from, each once, its operands before it, in the order of a recursion: a chain of
 * operations may be longer than the stack is deep.
 *
 * @param operands what a value is computed from
 * @param visit receives each value after its operands
 */
export function walk<T>(roots: readonly T[], operands: (of: T) => readonly T[], visit: (value: T) => void): void {
  const seen = new Set<T>();
  for (const root of roots) {
    const path: { readonly value: T; readonly rest: T[] }[] = [];
    const enter = (value: T): void => {
      if (seen.has(value)) return;
      seen.add(value);
      path.push({ value, rest: [...operands(value)].reverse() });
    };
    enter(root);
    while (path.length > 0) {
      const { value, rest } = path.at(-1)!;
      const next = rest.pop();
      if (next !== undefined) enter(next);
      else {
        path.pop();
        visit(value);
      }
    }
  }
}

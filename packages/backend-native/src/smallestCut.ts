/** A node of a directed graph without cycles. */
export interface CutNode {
  readonly number: number;
  /** The nodes before it; a node without any is a source. */
  readonly of: readonly number[];
  /** What it costs to cut it, a whole number above 0. */
  readonly cost: number;
  readonly isTarget: boolean;
}

/**
 * The nodes of least cost that lie on all paths from sources to targets, both included; of several such sets that nearest to the
 * targets, in the order of the nodes.
 *
 * By the greatest flow (Ford and Fulkerson): what is cut is full.
 */
export function smallestCut(nodes: readonly CutNode[]): number[] {
  // Each node is an edge from its entry to its exit.
  const [entry, exit] = [(number: number) => `>${number}`, (number: number) => `${number}>`];
  const [source, target] = ["source", "target"];
  const room = new Map<string, Map<string, number>>();
  const add = (from: string, to: string, more: number): void => {
    for (const end of [from, to]) if (!room.has(end)) room.set(end, new Map());
    room.get(from)!.set(to, (room.get(from)!.get(to) ?? 0) + more);
    room.get(to)!.set(from, room.get(to)!.get(from) ?? 0);
  };
  for (const { number, of, cost, isTarget } of nodes) {
    add(entry(number), exit(number), cost);
    for (const before of of) add(exit(before), entry(number), Number.POSITIVE_INFINITY);
    if (of.length === 0) add(source, entry(number), Number.POSITIVE_INFINITY);
    if (isTarget) add(exit(number), target, Number.POSITIVE_INFINITY);
  }
  /** From each end that reaches the target, the next on the way. */
  const ways = (): Map<string, string> => {
    const next = new Map([[target, target]]);
    for (const to of next.keys()) {
      for (const from of room.get(to)?.keys() ?? []) {
        if (!next.has(from) && room.get(from)!.get(to)! > 0) next.set(from, to);
      }
    }
    return next;
  };
  let next = ways();
  for (; next.has(source); next = ways()) {
    const path = [source];
    while (path.at(-1) !== target) path.push(next.get(path.at(-1)!)!);
    const steps = path.slice(1).map((to, i) => [path[i]!, to] as const);
    const more = Math.min(...steps.map(([from, to]) => room.get(from)!.get(to)!));
    for (const [from, to] of steps) {
      add(from, to, -more);
      add(to, from, more);
    }
  }
  return nodes.flatMap(({ number }) => (next.has(exit(number)) && !next.has(entry(number)) ? [number] : []));
}

// Whether a directed graph has a circle.

/** By node: its successors, each with what the edge means. */
export type Graph = ReadonlyMap<number, Map<number, string>>;

/** @returns one circle, each node with the meaning of the edge to the next; null: there is none */
export function circleIn(graph: Graph): readonly (readonly [node: number, edge: string])[] | null {
  const done = new Set<number>();
  for (const root of graph.keys()) {
    const circle = circleFrom(root, graph, done);
    if (circle !== null) return circle;
  }
  return null;
}

interface Visit {
  readonly node: number;
  readonly successors: IterableIterator<[number, string]>;
  edge: string;
}

/** Depth first, with a path of its own instead of the call stack's. */
function circleFrom(root: number, graph: Graph, done: Set<number>): readonly (readonly [number, string])[] | null {
  const path: Visit[] = [];
  const onPath = new Set<number>();
  const enter = (node: number) => {
    path.push({ node, successors: (graph.get(node) ?? new Map<number, string>()).entries(), edge: "" });
    onPath.add(node);
  };
  if (!done.has(root)) enter(root);
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const next = top.successors.next();
    if (next.done === true) {
      done.add(top.node);
      onPath.delete(top.node);
      path.pop();
      continue;
    }
    const [successor, edge] = next.value;
    top.edge = edge;
    if (onPath.has(successor)) {
      const from = path.findIndex(({ node }) => node === successor);
      return path.slice(from).map((visit) => [visit.node, visit.edge] as const);
    }
    if (!done.has(successor)) enter(successor);
  }
  return null;
}

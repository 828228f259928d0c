import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { circleIn, type Graph } from "../../../server/simulation/checkers/graph.ts";

function graphOf(edges: readonly (readonly [from: number, to: number])[]): Graph {
  const graph = new Map<number, Map<number, string>>();
  for (const [from, to] of edges) {
    graph.set(from, (graph.get(from) ?? new Map<number, string>()).set(to, `${from}-${to}`));
    if (!graph.has(to)) graph.set(to, new Map());
  }
  return graph;
}

test("a circle is found wherever it begins, with the meaning of its edges, and without what leads to it", () => {
  const circle =
    circleIn(
      graphOf([
        [1, 2],
        [2, 3],
        [3, 4],
        [4, 2],
        [3, 5],
      ]),
    ) ?? [];
  const from2 = circle.findIndex(([node]) => node === 2);
  const turned = [...circle.slice(from2), ...circle.slice(0, from2)];
  assert.deepEqual(turned, [
    [2, "2-3"],
    [3, "3-4"],
    [4, "4-2"],
  ]);
});

test("two ways to one node are no circle", () => {
  assert.equal(
    circleIn(
      graphOf([
        [1, 2],
        [1, 3],
        [2, 4],
        [3, 4],
      ]),
    ),
    null,
  );
  assert.equal(circleIn(graphOf([])), null);
});

test("a graph has a circle exactly if its nodes cannot be put in order", () => {
  const edge = fc.tuple(fc.nat(7), fc.nat(7)).filter(([from, to]) => from !== to);
  fc.assert(
    fc.property(fc.array(edge, { maxLength: 14 }), (edges) => {
      const rest = new Set(edges.flat());
      for (let taken = true; taken; ) {
        const free = [...rest].find((node) => !edges.some(([from, to]) => to === node && rest.has(from)));
        taken = free !== undefined && rest.delete(free);
      }
      assert.equal(circleIn(graphOf(edges)) === null, rest.size === 0);
    }),
    { numRuns: 500 },
  );
});

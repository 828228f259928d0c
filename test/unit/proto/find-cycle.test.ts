// Cycles: whatever is named as one is one, and where none is named there is an order.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { findCycle } from "../../../proto/find-cycle.ts";

const names = ["a", "b", "c", "d", "e", "f"];
const graph = fc
  .array(fc.subarray(names, { maxLength: 2 }), { minLength: names.length, maxLength: names.length })
  .map((needs) => new Map(names.map((name, at) => [name, needs[at] ?? []])));

/** Whether all can be taken away, one after the other, each when it needs nothing that is left. */
function hasOrder(needs: ReadonlyMap<string, readonly string[]>): boolean {
  const left = new Set(needs.keys());
  for (let count = left.size; count > 0; count--) {
    for (const name of left) if (!needs.get(name)?.some((need) => left.has(need))) left.delete(name);
  }
  return left.size === 0;
}

test("findCycle() names a cycle exactly where there is no order", () => {
  fc.assert(
    fc.property(graph, (needs) => {
      const cycle = findCycle(needs);
      assert.equal(cycle === null, hasOrder(needs));
      if (cycle === null) return;
      assert.equal(cycle[0], cycle.at(-1));
      assert.equal(new Set(cycle).size, cycle.length - 1);
      for (const [at, name] of cycle.slice(0, -1).entries()) assert.ok(needs.get(name)?.includes(cycle[at + 1] ?? ""));
    }),
  );
});

test("findCycle() counts a name that is no key as one that needs nothing, and a name that needs itself as a cycle", () => {
  assert.equal(findCycle(new Map([["a", ["z"]]])), null);
  assert.deepEqual(findCycle(new Map([["a", ["b", "a"]]])), ["a", "a"]);
});

test("findCycle() takes a long chain in its stride", () => {
  const chain = Array.from({ length: 100_000 }, (_, at): [string, string[]] => [`n${at}`, [`n${at + 1}`]]);
  assert.equal(findCycle(new Map(chain)), null);
  assert.equal(findCycle(new Map([...chain, ["n100000", ["n0"]]]))?.length, 100_002);
});

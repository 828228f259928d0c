import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { agreementOf, type DataReplica } from "../../../server/recovery/state-agreement.ts";
import { nodesOf } from "./fixtures.ts";

const names = nodesOf("n1 n2 n3 n4 n5");

/** For example `x x y -`: a hash each, the last one is not known; one vote each where no votes are given. */
function replicas(hashes: string, votes: readonly number[] = []): DataReplica[] {
  return hashes.split(" ").map((hash, at) => {
    return { node: names[at] as DataReplica["node"], votes: votes[at] ?? 1, hash: hash === "-" ? null : hash };
  });
}

const cases: readonly (readonly [hashes: string, votes: readonly number[], type: string, differing: string])[] = [
  ["x", [], "agreed", ""],
  ["x x", [], "agreed", ""],
  ["x y", [], "disputed", ""],
  ["x -", [], "open", ""],
  ["x x y", [], "agreed", "n3"],
  ["x y x", [], "agreed", "n2"],
  ["x y z", [], "disputed", ""],
  ["x x -", [], "agreed", ""],
  ["x y -", [], "disputed", ""],
  ["x - -", [], "open", ""],
  ["- - -", [], "open", ""],
  ["x x y y", [], "disputed", ""],
  ["x x x y y", [], "agreed", "n4,n5"],
  ["x x y - -", [], "disputed", ""],
  ["x y y", [3, 1, 1], "disputed", ""],
  ["x x y", [3, 1, 1], "agreed", "n3"],
  ["x y", [2, 1], "disputed", ""],
  ["x -", [2, 1], "open", ""],
  ["x y y", [1, 3, 0], "agreed", "n1"],
  ["x x y -", [1, 1, 1, 0], "agreed", "n3"],
  ["x x - y", [2, 1, 1, 1], "agreed", "n4"],
  ["x y -", [3, 1, 1], "disputed", ""],
  ["x - -", [3, 1, 1], "open", ""],
  ["x y", [1, 0], "disputed", ""],
  ["x y", [0, 0], "disputed", ""],
];

test("agreementOf() takes for the group's state what more than half of the votes, and of the replicas that answered, have", () => {
  for (const [hashes, votes, type, differing] of cases) {
    const agreement = agreementOf(replicas(hashes, votes));
    assert.deepEqual([agreement.type, agreement.differing.join()], [type, differing], `${hashes} ${votes}`);
  }
});

const replica = fc.record({ votes: fc.nat(3), hash: fc.constantFrom("x", "y", "z", null) });
const some = fc.array(replica, { maxLength: 5 }).map((all) => {
  return all.map((one, at): DataReplica => ({ node: names[at] as DataReplica["node"], ...one }));
});

test("agreementOf() finds no two states, blames nobody of the quorum, and forgets nobody", () => {
  fc.assert(
    fc.property(some, (all) => {
      const { type, hash, differing, silent } = agreementOf(all);
      const votes = (which: readonly DataReplica[]) => which.reduce((sum, each) => sum + each.votes, 0);
      const holders = all.filter((each) => each.hash !== null && each.hash === hash);
      assert.equal(type === "agreed", hash !== null);
      const known = all.filter((each) => each.hash !== null);
      if (type === "agreed") assert.ok(2 * votes(holders) > votes(all) && 2 * holders.length > known.length);
      if (type === "agreed" && all.length > 1) assert.ok(holders.length > 1);
      if (type !== "agreed") assert.deepEqual(differing, []);
      if (type === "agreed") assert.equal(holders.length + differing.length + silent.length, all.length);
      if (type === "disputed") assert.ok(new Set(known.map((each) => each.hash)).size > 1);
      // Whatever the silent ones have, nothing else is agreed on later.
      for (const late of ["x", "y", "z"]) {
        const later = agreementOf(all.map((each) => ({ ...each, hash: each.hash ?? late })));
        if (type === "agreed") assert.ok(later.hash === hash || later.type === "disputed");
      }
    }),
    { numRuns: 500 },
  );
});

test("equal states are never anything but agreed on, or not known of enough", () => {
  fc.assert(
    fc.property(some, (all) => {
      const { type, differing } = agreementOf(all.map((each) => ({ ...each, hash: each.hash === null ? null : "x" })));
      assert.notEqual(type, "disputed");
      assert.deepEqual(differing, []);
    }),
  );
});

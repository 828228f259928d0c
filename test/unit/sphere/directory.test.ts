import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { InvariantError } from "../../../proto/assert.ts";
import { clusterGroup, toGroupId, toIncarnation, toLogIndex, toNodeId } from "../../../proto/ids.ts";
import { Directory } from "../../../server/sphere/directory.ts";
import { entryOf, groupNames, holdings, nodesOf, referenceDirectory, referenceNodes } from "./reference-cluster.ts";

test("groupsOf() and sphereOf() give the reference cluster's table for all nine nodes (A2)", () => {
  const directory = referenceDirectory();
  assert.equal(holdings.length, referenceNodes.length);
  for (const { node, groups, statuses } of holdings) {
    const id = toNodeId(`n${node}`);
    assert.deepEqual(
      directory.groupsOf(id).map((entry) => entry.group),
      groupNames(groups),
    );
    assert.deepEqual(directory.sphereOf(id), nodesOf(statuses));
  }
});

test("interlockedWith() names the groups that share a node, and the nodes they share", () => {
  const directory = referenceDirectory();
  const found = (group: string) =>
    directory.interlockedWith(toGroupId(group)).map(({ entry, shared }) => [entry.group, shared]);
  assert.deepEqual(found("rg220"), [["rg226", nodesOf("208")]]);
  assert.deepEqual(found("rg226"), [
    ["rg220", nodesOf("208")],
    ["rg222", nodesOf("210")],
    ["rg224", nodesOf("212")],
  ]);
  assert.deepEqual(found("absent"), []);
});

test("interlockedWith() lists several shared nodes in the order of the asking group", () => {
  const groups = [entryOf("a", "3 1 2"), entryOf("b", "1 2 3")];
  const directory = new Directory({ nodes: nodesOf("1 2 3"), groups });
  assert.deepEqual(directory.interlockedWith(toGroupId("a"))[0]?.shared, nodesOf("3 1 2"));
  assert.deepEqual(directory.group(toGroupId("a"))?.owners, nodesOf("3 1 2"));
});

test("sphereOf() of a node in no group is that node", () => {
  const directory = new Directory({ nodes: nodesOf("1 2 3"), groups: [entryOf("a", "1 2")] });
  assert.deepEqual(directory.sphereOf(toNodeId("n3")), nodesOf("3"));
  assert.deepEqual(directory.groupsOf(toNodeId("n3")), []);
  assert.equal(directory.isNode(toNodeId("n3")), true);
  assert.equal(directory.isNode(toNodeId("n4")), false);
});

test("sphereOf() of a group that lists every node is every node, held once (A5)", () => {
  const all = Array.from({ length: 300 }, (_, index) => toNodeId(`n${index}`));
  const everywhere = { group: toGroupId("all"), incarnation: toIncarnation(1), owners: all, index: toLogIndex(0) };
  const directory = new Directory({ nodes: all, groups: [everywhere] });
  const spheres = new Set(all.map((node) => directory.sphereOf(node)));
  assert.equal(spheres.size, 1);
  assert.equal([...spheres][0]?.length, 300);
});

test("a directory refuses the system group and a group listed twice", () => {
  const entry = entryOf("a", "1 2");
  assert.throws(() => new Directory({ nodes: [], groups: [{ ...entry, group: clusterGroup }] }), InvariantError);
  assert.throws(() => new Directory({ nodes: [], groups: [entry, entry] }), InvariantError);
});

test("isInSphere() is symmetric and agrees with sphereOf()", () => {
  const member = fc.subarray(["1", "2", "3", "4", "5", "6"], { minLength: 1 });
  fc.assert(
    fc.property(fc.array(member, { maxLength: 5 }), (lists) => {
      const nodes = nodesOf("1 2 3 4 5 6");
      const groups = lists.map((list, index) => entryOf(`g${index}`, list.join(" ")));
      const directory = new Directory({ nodes, groups });
      for (const left of nodes) {
        for (const right of nodes) {
          const meets = left === right || groups.some(({ owners }) => owners.includes(left) && owners.includes(right));
          assert.equal(directory.isInSphere(left, right), meets);
          assert.equal(directory.sphereOf(right).includes(left), meets);
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("joinedSince() names the owners that are new to a group, and all owners of one that was made anew", () => {
  const nodes = nodesOf("1 2 3 4 5");
  const directoryOf = (...groups: ReturnType<typeof entryOf>[]) => new Directory({ nodes, groups });
  const before = directoryOf(entryOf("a", "1 2 3"), entryOf("b", "3 4"), entryOf("c", "1 2"));
  const joined = (...groups: ReturnType<typeof entryOf>[]) => [...directoryOf(...groups).joinedSince(before)];
  assert.deepEqual(joined(entryOf("a", "3 1"), entryOf("b", "3 4"), entryOf("c", "1 2")), []);
  assert.deepEqual(joined(entryOf("a", "4 1 2 3"), entryOf("c", "1 2")), nodesOf("4"));
  assert.deepEqual(joined(entryOf("b", "3 4", 2), entryOf("d", "5")), nodesOf("3 4 5"));
});

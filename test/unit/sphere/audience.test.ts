import assert from "node:assert/strict";
import { test } from "node:test";
import { toGroupId, toNodeId } from "../../../proto/ids.ts";
import { audience } from "../../../server/sphere/audience.ts";
import { Directory } from "../../../server/sphere/directory.ts";
import { entryOf, nodesOf, referenceDirectory } from "./reference-cluster.ts";

const directory = referenceDirectory();
const ofGroup = (group: string) => audience({ type: "group", group: toGroupId(group) }, directory);

test("audience() sends a cluster-level change everywhere (S1 Fig. 3, blocks 304 and 306)", () => {
  assert.deepEqual(audience({ type: "cluster" }, directory), { everywhere: true, owners: [], interlocked: [] });
});

test("audience() sends a group's change to its owners, and past the shared node to the interlocked group (308 to 312)", () => {
  assert.deepEqual(ofGroup("rg220"), {
    everywhere: false,
    owners: nodesOf("202 208 214"),
    interlocked: [{ group: "rg226", relays: nodesOf("208"), nodes: nodesOf("210 212") }],
  });
  assert.deepEqual(ofGroup("rg226").interlocked, [
    { group: "rg220", relays: nodesOf("208"), nodes: nodesOf("202 214") },
    { group: "rg222", relays: nodesOf("210"), nodes: nodesOf("204 216") },
    { group: "rg224", relays: nodesOf("212"), nodes: nodesOf("206 218") },
  ]);
});

test("audience() goes no further than groups with a node in common", () => {
  const { owners, interlocked } = ofGroup("rg222");
  const reached = new Set([...owners, ...interlocked.flatMap(({ nodes }) => nodes)]);
  assert.deepEqual([...reached].toSorted(), nodesOf("204 208 210 212 216"));
});

test("audience() of a group without shared nodes is its owners alone (310 to 314)", () => {
  const apart = new Directory({ nodes: nodesOf("1 2 3 4"), groups: [entryOf("a", "2 1"), entryOf("b", "3 4")] });
  const found = audience({ type: "group", group: toGroupId("a") }, apart);
  assert.deepEqual(found, { everywhere: false, owners: nodesOf("2 1"), interlocked: [] });
});

test("audience() sends a node's status to its sphere and no further (A2)", () => {
  const found = audience({ type: "nodeStatus", node: toNodeId("n208") }, directory);
  assert.deepEqual(found, { everywhere: false, owners: nodesOf("202 208 210 212 214"), interlocked: [] });
});

test("audience() of an unknown group is nobody", () => {
  assert.deepEqual(ofGroup("absent"), { everywhere: false, owners: [], interlocked: [] });
});

// Who belongs to a group, as it is read from disks: what a quorum is without the witness, and who can know of a change.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, toGroupId, toMemberId, toNodeId } from "../../../proto/ids.ts";
import type { Voter } from "../../../proto/membership.ts";
import { ownersDecide } from "../../../server/simulation/checkers/memberships.ts";
import { simOptionsOf } from "../../../server/simulation/long-run-options.ts";
import { createReferenceTopology } from "../../../server/simulation/reference-topology.ts";
import { Testbed } from "../../../server/simulation/testbed.ts";

const among = (names: string) => (node: NodeId) => names.split(" ").includes(node);

function voter(name: string, votes = 1, isWitness = false): Voter {
  return { node: toNodeId(name), member: toMemberId(1), votes, isWitness };
}

test("owners decide by their votes, and a witness neither counts nor is left out of the sum", () => {
  const pair = [voter("a"), voter("b"), voter("w", 1, true)];
  assert.deepEqual([ownersDecide(pair, among("a b")), ownersDecide(pair, among("a w"))], [true, false]);
  const weighted = [voter("a", 3), voter("b"), voter("c")];
  assert.deepEqual([ownersDecide(weighted, among("a")), ownersDecide(weighted, among("b c"))], [true, false]);
  assert.equal(ownersDecide([], among("")), true);
});

const group = toGroupId("rg220");
const before = ["n202", "n208", "n214"];
const after = ["n204", "n208", "n210"].map(toNodeId);

test("of a group whose owners have changed, the new ones are a quorum, and the cluster's voters have to tell the others", () => {
  const topology = createReferenceTopology();
  const testbed = new Testbed(simOptionsOf({ seed: 1, topology, durationMs: 60_000, faults: [] }));
  const { world, memberships } = testbed;
  const everybody = () => true;
  for (const node of world.nodes) node.start();
  world.runFor(3_000);
  assert.deepEqual(memberships.newest(group, everybody).value.owners, before);
  assert.ok(memberships.isListed(group, among("n202")), "it never had other owners");
  const request = { type: "setOwners", group, owners: after, ifIndex: null, validateOnly: false } as const;
  world.node(toNodeId("n218")).call(request, 5_000, { reply: () => {}, watch: () => {}, lost: () => {} });
  world.runFor(5_000);
  const { value } = memberships.newest(group, everybody);
  assert.deepEqual([value.owners, value.outgoing, value.target], [after, [], null]);
  assert.deepEqual(memberships.strays(group, everybody), []);
  assert.equal(memberships.hasQuorum(group, among("n202 n214")), false);
  assert.equal(memberships.hasQuorum(group, among("n204 n210")), true);
  // Of the voters n202, n204, n206, n214 and n216 of the cluster group.
  assert.equal(memberships.isListed(group, among("n204 n210 n202")), false);
  assert.equal(memberships.isListed(group, among("n204 n210 n202 n206")), true);
});

// Who holds itself for a leader, as a simulated world sees it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toGroupId, toNodeId } from "../../../proto/ids.ts";
import { createBoot } from "../../../server/simulation/boot.ts";
import { Leaders } from "../../../server/simulation/leaders.ts";
import { createReferenceTopology } from "../../../server/simulation/reference-topology.ts";
import { World } from "../../../server/simulation/world.ts";

const [n1, n2] = [toNodeId("n1"), toNodeId("n2")];
const group = toGroupId("g1");

function changed(leaders: Leaders, node: typeof n1, role: string): void {
  leaders.noted(node, "info", "Role changed", { group, role, term: 1, leader: null });
}

test("of two rivals one stays when the other learns better, or crashes", () => {
  const leaders = new Leaders();
  changed(leaders, n1, "leader");
  changed(leaders, n2, "leader");
  assert.deepEqual(leaders.of(group), [n1, n2]);
  changed(leaders, n1, "follower");
  assert.deepEqual(leaders.of(group), [n2]);
  leaders.crashed(n2);
  assert.deepEqual([leaders.of(group), leaders.all], [[], []]);
});

test("in a quiet world every group has one leader", () => {
  const { bootstrap, nodes, groups } = createReferenceTopology();
  const world = new World({
    seed: 1,
    cluster: bootstrap.cluster,
    nodes,
    boot: createBoot(bootstrap),
    carry: (envelope) => envelope,
  });
  for (const node of world.nodes) node.start();
  world.runFor(5_000);
  for (const each of groups.keys()) assert.equal(world.leaders.of(each).length, 1, each);
});

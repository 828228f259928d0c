// Availability of groups as it is measured from outside: fail-overs with their length, and a manager without its quorum.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, toGroupId, toNodeId } from "../../../proto/ids.ts";
import { createBoot } from "../../../server/simulation/boot.ts";
import { Availability, type GroupAvailability } from "../../../server/simulation/checkers/availability.ts";
import { createReferenceTopology } from "../../../server/simulation/reference-topology.ts";
import { World } from "../../../server/simulation/world.ts";

const topology = createReferenceTopology();
const group = toGroupId("rg222");

function started(): { world: World; availability: Availability; manager: NodeId } {
  const { bootstrap, nodes } = topology;
  const carry = <Value>(value: Value) => value;
  const world = new World({ seed: 5, cluster: bootstrap.cluster, nodes, boot: createBoot(bootstrap), carry });
  const availability = new Availability(world, topology);
  world.observe(availability);
  let manager: NodeId = toNodeId("nobody");
  world.observe({
    noted: (node, _level, _text, fields) => {
      if (fields["group"] === group && fields["role"] === "leader") manager = node;
    },
  });
  for (const node of world.nodes) node.start();
  world.runFor(5_000);
  availability.start();
  world.runFor(1_000);
  return { world, availability, manager };
}

function measured({ groups }: Availability): GroupAvailability {
  const found = groups.find((each) => each.group === group);
  assert.ok(found !== undefined);
  return found;
}

test("a manager that dies is one interruption and one fail-over, as long as the election took", () => {
  const { world, availability, manager } = started();
  assert.equal(measured(availability).availability, 1);
  world.node(manager).crash("process");
  world.runFor(9_000);
  const { availability: share, interruptions, failovers } = measured(availability);
  assert.deepEqual([interruptions, failovers.count], [1, 1]);
  const { medianMs, longestMs } = failovers;
  assert.ok(medianMs !== null && medianMs === longestMs && medianMs >= 500 && medianMs <= 4_000, `${medianMs} ms`);
  assert.equal(Math.round(share * 100), 100 - medianMs / 100);
});

test("a manager without a quorum does not serve, and with it again does, without a fail-over", () => {
  const { world, availability, manager } = started();
  const others = (topology.groups.get(group) ?? []).filter((node) => node !== manager);
  for (const other of others) world.node(other).pause(500);
  world.runFor(400);
  assert.equal(measured(availability).interruptions, 1);
  world.runFor(2_000);
  const { interruptions, failovers, availability: share } = measured(availability);
  assert.deepEqual([interruptions, failovers.count], [1, 0]);
  assert.ok(share > 0.8 && share < 0.9, `${share}`);
});

// Every fault strikes, counts how often, and is over once it is healed: seen in what nodes hear and do, not in its own word.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { GroupId } from "../../../proto/ids.ts";
import type { Envelope } from "../../../proto/messages.ts";
import { Random } from "../../../proto/random.ts";
import { createBoot, readDisk } from "../../../server/simulation/boot.ts";
import { changeBudgetMs } from "../../../server/simulation/faults/churn.ts";
import { clockRates, wallClockJumps } from "../../../server/simulation/faults/clocks.ts";
import { diskFailures, stuckDisks } from "../../../server/simulation/faults/disks.ts";
import { FaultAtlas } from "../../../server/simulation/faults/fault-atlas.ts";
import { pauses } from "../../../server/simulation/faults/pauses.ts";
import { rottenDisks } from "../../../server/simulation/faults/rotten-disks.ts";
import { simOptionsOf } from "../../../server/simulation/long-run-options.ts";
import { createReferenceTopology } from "../../../server/simulation/reference-topology.ts";
import { Testbed } from "../../../server/simulation/testbed.ts";
import { World } from "../../../server/simulation/world.ts";
import { BeatingWorld } from "./beating-world.ts";

function rig(size = 5) {
  return { beating: new BeatingWorld(1, size), random: new Random(2) };
}

test("clock rates make nodes beat faster and slower than they should, and healing makes them equal", () => {
  const { beating, random } = rig();
  const { world } = beating;
  const fault = clockRates(world, random, { meanMs: 100, rateMin: 0.5, rateMax: 2 });
  fault.start();
  world.runFor(20_000);
  const beats = [...beating.beats(20_000).values()];
  assert.ok(fault.count > 100);
  assert.ok(Math.max(...beats) > 210 && Math.min(...beats) > 90 && Math.max(...beats) < 400, `${beats}`);
  fault.heal();
  world.runFor(10_000);
  for (const healed of beating.beats(10_000).values()) assert.ok(healed >= 98 && healed <= 101, `${healed} beats`);
});

test("a wall clock that jumps is told to the process, shows at the next start, and nowhere else", () => {
  const { beating, random } = rig(1);
  const { world, nodes } = beating;
  const [node] = world.nodes;
  const fault = wallClockJumps(world, random, { meanMs: 200, jumpMsMax: 86_400_000 });
  fault.start();
  world.runFor(2_000);
  fault.heal();
  assert.ok(fault.count > 3);
  assert.equal(beating.beats(2_000).get(nodes[0] as never), 20);
  node?.crash("process");
  node?.start();
  const offsets = beating.wallOffsets(nodes[0] as never);
  assert.equal(offsets.length, 1 + fault.count + 1);
  const [before, after] = [offsets[0] as number, offsets.at(-1) as number];
  // Monotonic clocks of two starts differ by a thousand seconds at most.
  assert.ok(Math.abs(after - before) > 2_000_000, `${after} after ${before}`);
});

for (const [kind, durationMsMin, durationMsMax] of [
  ["pause", 0, 2_000],
  ["stall", 50, 5_000],
] as const) {
  test(`a ${kind} silences a node for a while, and the others go on`, () => {
    const { beating, random } = rig();
    const { world } = beating;
    const fault = pauses(world, random, { kind, meanMs: 400, durationMsMin, durationMsMax });
    fault.start();
    world.runFor(10_000);
    assert.equal(fault.name, kind);
    assert.ok(fault.count > 5);
    const beats = [...beating.beats(10_000).values()];
    assert.ok(Math.min(...beats) < 85, `${beats}`);
    assert.ok(Math.max(...beats) > Math.min(...beats), `${beats}`);
    fault.heal();
    world.runFor(durationMsMax);
    world.runFor(1_000);
    for (const healed of beating.beats(1_000).values()) assert.ok(healed >= 9, `${healed} beats`);
  });
}

test("a disk that fails stops the node that writes to it, keeps it down, and lets it go on once repaired", () => {
  const { beating, random } = rig();
  const { world } = beating;
  const fault = diskFailures(world, random, { meanMs: 1_000, durationMsMax: 2_000, nodesMax: 2 });
  fault.start();
  world.runFor(20_000);
  assert.ok(fault.count > 5);
  assert.equal(beating.failures.length, fault.count);
  const reasons = new Set(beating.failures.map((failure) => failure.slice(failure.indexOf(":") + 2)));
  assert.deepEqual([...reasons].sort(), [
    "Cannot write to the disk: EIO: input/output error",
    "Cannot write to the disk: ENOSPC: no space left on device",
  ]);
  const [node] = world.nodes.filter(({ isRunning }) => isRunning);
  node?.disk.condition.fail("full");
  world.runFor(200);
  node?.start();
  assert.equal(node?.isRunning, false, "it cannot record a start");
  fault.heal();
  for (const each of world.nodes) if (!each.isRunning) each.start();
  world.runFor(1_000);
  for (const beats of beating.beats(1_000).values()) assert.ok(beats >= 9, `${beats} beats`);
});

test("a stuck disk acknowledges nothing for as long as it sticks", () => {
  const { beating, random } = rig(2);
  const { world } = beating;
  const fault = stuckDisks(world, random, { meanMs: 2_000, durationMsMin: 500, durationMsMax: 3_000 });
  const durable: number[] = [];
  world.observe({
    stepped: (_node, input) => {
      if (input.type === "durable") durable.push(world.nowMs);
    },
  });
  fault.start();
  world.runFor(20_000);
  assert.ok(fault.count > 3);
  // Two nodes of ten writes a second each.
  assert.ok(durable.length < 350, `${durable.length} writes were acknowledged`);
  fault.heal();
  world.runFor(3_000);
  const before = durable.length;
  world.runFor(1_000);
  assert.ok(durable.length - before >= 18, `${durable.length - before} writes of a second`);
});

test("damage that no fault has done is the node's own doing, and ends the run", () => {
  const { bootstrap, nodes } = createReferenceTopology();
  const carry = (envelope: Envelope) => envelope;
  const world = new World({ seed: 1, cluster: bootstrap.cluster, nodes, boot: createBoot(bootstrap), carry });
  const [node, other] = world.nodes;
  assert.ok(node !== undefined && other !== undefined);
  const setAside: string[] = [];
  world.observe({ setAside: (whose) => setAside.push(whose) });
  const strikes = [(strike: () => void) => strike(), (strike: () => void) => world.damage(node, strike)];
  for (const [at, strike] of strikes.entries()) {
    node.start();
    world.runFor(1_000);
    node.crash("process");
    strike(() => node.disk.rotSlots());
    if (at === 0) {
      assert.throws(() => node.start(), /The disk of n202 is damaged: no slot of the hard state is whole/);
      world.damage(node, () => {});
    }
    node.start();
    node.crash("process");
    assert.equal(setAside.length, at + 1);
  }
});

test("a disk rots while its node is down, on no more owners than each group can spare, and the start says so", () => {
  const topology = createReferenceTopology();
  const { bootstrap, nodes } = topology;
  const carry = (envelope: Envelope) => envelope;
  const world = new World({ seed: 1, cluster: bootstrap.cluster, nodes, boot: createBoot(bootstrap), carry });
  for (const node of world.nodes) node.start();
  world.runFor(3_000);
  const atlas = new FaultAtlas(topology, () => false);
  const fault = rottenDisks({ world, random: new Random(2), atlas }, { meanMs: 300, downMsMax: 1e9 });
  fault.start();
  world.runFor(10_000);
  const damaged = world.nodes.filter(({ disk }) => readDisk(disk).type === "damaged").map(({ node }) => node);
  assert.ok(fault.count >= 2);
  assert.equal(damaged.length, fault.count);
  for (const owners of [bootstrap.voters, ...topology.groups.values()]) {
    assert.ok(owners.filter((owner) => damaged.includes(owner)).length * 2 < owners.length, `${owners}`);
  }
  fault.heal();
  world.runFor(5_000);
  assert.equal(fault.count, damaged.length);
});

test("churn gives groups other owners while they serve, and no change is left half-way once it is healed", () => {
  const topology = createReferenceTopology();
  const calm = simOptionsOf({ seed: 1, topology, durationMs: 60_000, faults: [] });
  const testbed = new Testbed({ ...calm, churn: { meanMs: 500, ownersMax: 3 } });
  const { world, memberships } = testbed;
  const groups = [...topology.groups.keys()];
  const membersOf = (group: GroupId) => memberships.newest(group, () => true).value;
  for (const node of world.nodes) node.start();
  world.runFor(3_000);
  const [fault] = testbed.createFaults();
  fault?.start();
  world.runFor(10_000);
  assert.ok((fault?.count ?? 0) > 10, `${fault?.count} strikes`);
  for (const group of groups) assert.notDeepEqual(membersOf(group).owners, topology.groups.get(group));
  fault?.heal();
  // What was asked for before may be answered until then.
  world.runFor(changeBudgetMs);
  const healed = fault?.count;
  const members = groups.map(membersOf);
  for (const { outgoing, target } of members) assert.deepEqual([outgoing, target], [[], null]);
  world.runFor(5_000);
  assert.equal(fault?.count, healed);
  assert.deepEqual(groups.map(membersOf), members);
});

// The checker of who acts for a group speaks when two do, when nobody has assigned it, and when a node has no room, and excuses
// only a machine that stands still as a whole.

import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeAllocationRecord } from "../../../proto/codec/allocations.ts";
import { encodeGroupCommand } from "../../../proto/codec/commands.ts";
import { decodeGroupPolicies } from "../../../proto/codec/group-policies.ts";
import { encodeGroupConfig } from "../../../proto/group-config.ts";
import { type NodeId, toEpoch, toGroupId, toIncarnation, toNodeId } from "../../../proto/ids.ts";
import { Random } from "../../../proto/random.ts";
import { createBoot } from "../../../server/simulation/boot.ts";
import { OwnershipChecker } from "../../../server/simulation/checkers/ownership.ts";
import { createReferenceTopology } from "../../../server/simulation/reference-topology.ts";
import { Machine } from "../../../server/simulation/workload/machine.ts";
import { World } from "../../../server/simulation/world.ts";
import { allocationKey } from "../../../storage/keys.ts";

const rg = toGroupId("rg220");
const other = toGroupId("rg226");
const [n202, n208] = [toNodeId("n202"), toNodeId("n208")];
const lease = { ttlMs: 6_000, renewIntervalMs: 500, stopBudgetMs: 1_500 };
const demand = { slots: 2 };
const policies = decodeGroupPolicies(encodeGroupConfig({ lease, management: { demand, differentNode: [] } }));
const strict = decodeGroupPolicies(encodeGroupConfig({ lease, management: { demand, differentNode: ["rg220"] } }));

/** Machines of two nodes, and a checker that believes a log with these owners of epochs 1, 2, … */
function scene(owners: readonly NodeId[], capacity = 3) {
  const { bootstrap, nodes } = createReferenceTopology();
  const { cluster } = bootstrap;
  const world = new World({ seed: 1, cluster, nodes, boot: createBoot(bootstrap), carry: (envelope) => envelope });
  const entries = owners.map((owner, at) => {
    const terms = { ...lease, clockRateError: 0.05, isEndless: false };
    const rest = { reason: "", atMs: 1, isMove: true, isWish: false, lease: terms, samples: [], manager: null };
    const bytes = encodeGroupCommand({ type: "assign", owner, epoch: toEpoch(at + 1), ...rest });
    return { term: 1, payload: 0, bytes, membership: null, committedMs: 0 };
  });
  const machines = new Map<NodeId, Machine>();
  const checker = new OwnershipChecker({
    world,
    logs: { all: () => entries } as never,
    groups: [rg],
    policiesOf: (group) => (group === rg ? policies : strict),
    capacityOf: () => new Map([["slots", capacity]]),
    machineOf: (node) => machines.get(node) as Machine,
  });
  const events = {
    granted: checker.granted.bind(checker),
    renewed: checker.renewed.bind(checker),
    began: checker.began.bind(checker),
    ended: checker.ended.bind(checker),
    working: () => {},
  };
  for (const node of world.nodes) {
    const machine = new Machine(
      { world, node, random: new Random(2), policiesOf: () => policies, scripts: null, events },
      1,
    );
    machine.powerOn();
    machines.set(node.node, machine);
  }
  const begin = (node: NodeId, epoch: number) => {
    const group = { group: rg, incarnation: toIncarnation(1), epoch: toEpoch(epoch) };
    const reservation = { ...group, demand: new Map(), sameNode: [], differentNode: [] };
    const operation = { type: "put", key: allocationKey(rg), value: encodeAllocationRecord({ reservation }) } as const;
    const batch = { operations: [operation], hardStates: null, sync: true };
    checker.observer.stepped?.(node, { type: "start" }, [{ type: "write", write: 1 as never, batch }]);
  };
  /** The agent of the node learns of a right that lasts for so long. */
  const grant = (node: NodeId, epoch: number, forMs: number) => {
    const machine = machines.get(node) as Machine;
    const right = { epoch: toEpoch(epoch), endsMs: machine.nowMs + forMs };
    machine.grant(rg, right);
    machine.start(rg, { ...right });
  };
  return { world, checker, begin, grant, machine: (node: NodeId) => machines.get(node) as Machine };
}

test("who is assigned, and on record in the ledger of its node, may act when the one before it may no more", () => {
  const { world, checker, begin, grant } = scene([n202, n208]);
  begin(n202, 1);
  grant(n202, 1, 1_000);
  world.runFor(1_001);
  assert.deepEqual(checker.running(rg), []);
  begin(n208, 2);
  grant(n208, 2, 1_000);
  assert.equal(checker.counts.starts, 2);
  assert.equal(checker.counts.failovers, 2);
});

test("two rights at once are found, though nobody acts any more under the first", () => {
  const { world, begin, grant } = scene([n202, n208]);
  begin(n202, 1);
  grant(n202, 1, 1_000);
  world.runFor(500);
  begin(n208, 2);
  assert.throws(() => grant(n208, 2, 1_000), /n208 may act for rg220 under epoch 2, and n202 under 1 for 500/);
});

test("an epoch that the log gives to somebody else, or that the ledger does not know, is found", () => {
  const { grant } = scene([n202]);
  assert.throws(() => grant(n202, 1, 1_000), /of which its ledger has no record/);
  const stranger = scene([n202]);
  stranger.begin(n208, 1);
  assert.throws(() => stranger.grant(n208, 1, 1_000), /which the log gives to n202/);
});

test("an epoch that starts a second time, and elsewhere, is found", () => {
  const { world, checker, begin, grant } = scene([n202]);
  begin(n202, 1);
  grant(n202, 1, 1_000);
  world.runFor(1_001);
  grant(n202, 1, 1_000);
  world.runFor(1_001);
  const application = { group: rg, epoch: toEpoch(1), phase: "starting", endsMs: 1, killMs: null } as const;
  assert.throws(() => checker.began({ ...application, node: n208 }), /starts on n208 under epoch 1 after n202 under 1/);
});

test("an application outlives its right only on a machine that stands still, and ends when that goes on", () => {
  const { world, checker, begin, grant, machine } = scene([n202, n208]);
  begin(n202, 1);
  grant(n202, 1, 1_000);
  machine(n202).freeze(world.nowMs + 3_000);
  world.runFor(2_000);
  assert.equal(checker.running(rg).length, 1);
  begin(n208, 2);
  grant(n208, 2, 5_000);
  assert.equal(checker.counts.overlapsExcused, 1);
  world.runFor(1_001);
  assert.deepEqual(
    checker.running(rg).map(({ node }) => node),
    [n208],
  );
});

test("a node that has no room, and one that runs what must run elsewhere, are found", () => {
  const began = (capacity: number) => {
    const { checker } = scene([n202], capacity);
    const application = { node: n202, epoch: toEpoch(1), phase: "starting", endsMs: 1, killMs: null } as const;
    checker.began({ ...application, group: rg });
    return () => checker.began({ ...application, group: other });
  };
  assert.throws(began(100), /rg226 starts on n202, where rg220 runs/);
  const { checker } = scene([n202], 1);
  const application = { node: n202, epoch: toEpoch(1), phase: "starting", endsMs: 1, killMs: null } as const;
  assert.throws(() => checker.began({ ...application, group: rg }), /rg220 use 2 slots of n202, which has 1/);
});

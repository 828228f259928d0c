// When a group's manager looks at its application again: never twice for one moment, whatever keeps it from deciding then. A node
// that is asked to wake at a moment that has passed wakes for ever, and does nothing else.

import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeGroupConfig } from "../../../proto/group-config.ts";
import { toIncarnation, toMillis, toTerm } from "../../../proto/ids.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import { GroupState } from "../../../server/node/group-state.ts";
import { Manager, type Placing } from "../../../server/node/manager.ts";
import { PlacementKeeper } from "../../../server/node/placement-keeper.ts";
import { Cluster, n1, n2, n3, n4, rg, worldOf } from "./cluster.ts";
import { FakeAgents } from "./fake-agents.ts";

const lease = { ttlMs: 6_000, renewIntervalMs: 500, stopBudgetMs: 500 };
const resources = [{ name: "web", application: {}, run: { exec: { start: ["/bin/web"], foreground: true } } }];
const config = encodeGroupConfig({ lease, resources });
const term = toTerm(1);

/** A group of two owners before its first command. */
function newGroup(): GroupState {
  return GroupState.genesis({ group: rg, incarnation: toIncarnation(1), owners: [n1, n2], config }, 1);
}

test("a look that is due and cannot be made then is not due at that moment any more", () => {
  const state = newGroup();
  const { group, incarnation } = state.object;
  const { membership } = state.members.configuration;
  const replica = { key: { group, incarnation }, term, state, membership } as never;
  const surroundings = {
    neighboursOf: () => [],
    capacityOf: () => new Map(),
    sampleOf: () => null,
    startOf: () => null,
  };
  const keeper = new PlacementKeeper(
    worldOf(n1),
    replica,
    { ask: () => {}, wake: () => {}, askedOwners: () => null, hindrance: () => "" },
    surroundings,
  );
  keeper.lead();
  keeper.entryApplied(term, toMillis(0));
  const report = { group, epoch: 0 as never, renews: false, state: "offline", resources: [], fence: null } as const;
  keeper.heard({ type: "renewOwnership", group, node: n1, report, isLeaving: false }, toMillis(0));
  assert.equal(
    keeper.decide(() => true, toMillis(0)),
    null,
  );
  const dueMs = keeper.deadlineMs();
  assert(dueMs !== null);
  keeper.deadline(toMillis(dueMs - 1));
  assert.equal(keeper.deadlineMs(), dueMs);
  keeper.deadline(dueMs);
  assert.equal(keeper.deadlineMs(), null);
});

test("a manager whose decision is under way wakes for nothing that it could only decide after it", () => {
  const manager = new Manager(worldOf(n1), [n1, n2], toMillis(0));
  const placement: Placing = { isLeased: true, decide: () => null, deadlineMs: () => toMillis(5) };
  assert.equal(manager.deadlineMs(placement), 5);
  const decision = manager.decide(newGroup(), { quarantines: new Map(), intents: () => [], placement }, toMillis(1));
  assert(decision !== null);
  assert.equal(manager.deadlineMs(placement), null);
  manager.decided();
  assert.equal(manager.deadlineMs(placement), 5);
});

test("a manager whose decision was refused wakes for no deadline that has passed, and decides anew with the next thing that happens", () => {
  const manager = new Manager(worldOf(n1), [n1, n2], toMillis(0));
  const placement: Placing = { isLeased: true, decide: () => null, deadlineMs: () => toMillis(5) };
  const surroundings = { quarantines: new Map(), intents: () => [], placement };
  assert(manager.decide(newGroup(), surroundings, toMillis(1)) !== null);
  manager.refused();
  assert.equal(manager.deadlineMs(placement), null);
  assert.equal(manager.decide(newGroup(), surroundings, toMillis(6)), null);
  manager.wake();
  assert(manager.decide(newGroup(), surroundings, toMillis(6)) !== null);
  manager.decided();
  assert.equal(manager.deadlineMs(placement), 5);
});

test("a manager comes to rest while a verdict is under way for longer than it would wait for an agent", () => {
  const cluster = new Cluster();
  cluster.leader();
  cluster.ask(n4, { type: "configure", group: rg, config }, "configure");
  const agents = new FakeAgents(cluster, [n1, n2, n3]);
  const status = () => cluster.ask(n4, { type: "groupStatus", group: rg }, "groupStatus").status;
  agents.until(() => status().ownership.state === "online" && status().manager === n1);
  cluster.stop(n3);
  agents.advance(1_500);
  // Its beats go on, so that it leads on.
  const hasEntries = (message: PeerMessage) =>
    message.type === "raft" && message.message.type === "append" && message.message.slice.entries.length > 0;
  cluster.copies = (from, _to, message) => (from === n1 && hasEntries(message) ? 0 : 1);
  agents.advance(3 * lease.ttlMs);
  assert.equal(status().manager, n1);
  assert.equal(status().verdicts.find(({ node }) => node === n3)?.status, "up");
  cluster.copies = () => 1;
  agents.until(() => status().verdicts.find(({ node }) => node === n3)?.status === "down");
});

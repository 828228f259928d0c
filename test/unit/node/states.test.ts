// The replicated states: whatever the commands, a replica that reads its rows back, or is given a snapshot, is the same.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeClusterCommand, encodeGroupCommand } from "../../../proto/codec/commands.ts";
import { encodeAppliedRecord, encodeGroupObject, encodeGroupSummary } from "../../../proto/codec/records.ts";
import type { ClusterCommand, GroupCommand } from "../../../proto/commands.ts";
import { toEpoch, toGroupId, toIncarnation, toLogIndex, toNodeId, toRevision, toTerm } from "../../../proto/ids.ts";
import { intents } from "../../../proto/model.ts";
import type { Entry } from "../../../proto/raft.ts";
import { Applier, type ReplicatedState } from "../../../server/node/applier.ts";
import { type ClusterOutcome, ClusterState } from "../../../server/node/cluster-state.ts";
import { type GroupOutcome, GroupState } from "../../../server/node/group-state.ts";
import { limits } from "../../../server/node/limits.ts";
import { type ReplicaRows, sortOut } from "../../../server/node/replica-rows.ts";
import { partFor } from "../../../server/recovery/intents.ts";
import { bytesOf, emptyBytes } from "../../../storage/bytes.ts";
import { hash64, hashText } from "../../../storage/hash.ts";
import { everyRange, type Slot, stateKey, tailOfRow } from "../../../storage/keys.ts";
import { MemoryStore } from "../../../storage/memory-store.ts";
import { bootstrapOf, n1, n2, n3, n4, rg, smallShape } from "./cluster.ts";

const start = { term: toTerm(0), index: toLogIndex(0) };
const object = { group: rg, incarnation: toIncarnation(1), owners: [n1, n2, n3], config: bytesOf("first") };
const everything = { rowsMax: 1e9, bytesMax: 1e12 };

/** A replica with a disk of its own. */
class Stored<Outcome, State extends ReplicatedState<Outcome>> {
  readonly disk = new MemoryStore({ defer: () => {} });
  readonly applier: Applier<Outcome, State>;
  readonly #slot: Slot;

  constructor(state: State, slot: Slot) {
    this.applier = new Applier<Outcome, State>(state, start);
    this.#slot = slot;
    this.#write();
  }

  apply(payload: Uint8Array, sweep = 2): Outcome {
    const entry: Entry = { term: toTerm(1), index: toLogIndex(this.applier.applied.index + 1), payload };
    const outcome = this.applier.apply(entry) as Outcome;
    this.applier.state.sweep(sweep);
    this.#write();
    return outcome;
  }

  rows(): ReplicaRows {
    const rows = this.disk
      .page(everyRange(), everything)
      .rows.map(({ key, value }) => ({ key: tailOfRow(key), value }));
    const sorted = sortOut(this.#slot, rows);
    assert.ok(typeof sorted !== "string", "sorted out");
    return sorted;
  }

  /** As a snapshot brings them, into another slot. */
  snapshot(): ReplicaRows {
    const { state } = this.applier;
    const record = this.applier.record();
    const tail = tailOfRow(stateKey(9, "applied", emptyBytes));
    const applied = encodeAppliedRecord({ ...record, floor: record.revision });
    const rows = [...state.rows.smallRows(), { key: tail, value: applied }];
    let after: Uint8Array | null = null;
    do {
      const page = state.versionPage(record.revision, after, 20);
      assert.ok(page !== null);
      rows.push(...page.rows);
      after = page.next;
    } while (after !== null);
    const sorted = sortOut(9, rows);
    assert.ok(typeof sorted !== "string", "sorted out");
    return sorted;
  }

  #write(): void {
    this.disk.write(this.applier.takeOperations(), true, () => {});
  }
}

const online = { state: "online", reason: "", manager: n1, atMs: 5 } as const;

const keys = fc.constantFrom("a", "b", "c", "dd");
const write = fc.record({
  type: fc.constant("write" as const),
  key: keys,
  value: fc.string({ maxLength: 8 }),
  isDelete: fc.boolean(),
  ifRevision: fc.option(fc.nat(6), { nil: null }),
  fence: fc.option(fc.nat(2), { nil: null }),
});
const other = fc.oneof(
  fc.record({ type: fc.constant("compact" as const), revision: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ type: fc.constant("own" as const), epoch: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ type: fc.constant("verdict" as const), node: fc.constantFrom(n1, n2, n4), up: fc.boolean() }),
  fc.record({ type: fc.constant("configure" as const), config: fc.string({ maxLength: 5 }) }),
  fc.record({
    type: fc.constant("intend" as const),
    node: fc.constantFrom(n1, n2, n4),
    wanted: fc.constantFrom(...intents),
    after: fc.nat(6),
  }),
  fc.record({ type: fc.constantFrom("dispute" as const, "settle" as const), index: fc.nat(9).map(toLogIndex) }),
);
type Action =
  | (typeof write extends fc.Arbitrary<infer A> ? A : never)
  | (typeof other extends fc.Arbitrary<infer B> ? B : never);

const differing = [
  { node: n1, hash: "00000000000000aa" },
  { node: n2, hash: "00000000000000bb" },
];

function commandOf(action: Action): GroupCommand {
  switch (action.type) {
    case "write": {
      const key = bytesOf(action.key);
      const span = { start: key, end: bytesOf(`${action.key}~`) };
      const put = { type: "put", key, value: bytesOf(encodeURIComponent(action.value)), lease: 0 } as const;
      const compare = { type: "modRevision", key, revision: toRevision(action.ifRevision ?? 0) } as const;
      return {
        type: "write",
        compares: action.ifRevision === null ? [] : [compare],
        fence: action.fence === null ? null : toEpoch(action.fence),
        writes: [action.isDelete ? { type: "delete", span } : put],
        returnsRemoved: false,
      };
    }
    case "compact":
      return { type: "compact", revision: toRevision(action.revision) };
    case "own":
      return { type: "own", ...online, currentOwner: n1, epoch: toEpoch(action.epoch) };
    case "verdict":
      return { type: "verdicts", changes: [{ node: action.node, status: action.up ? "up" : "down", reason: "r" }] };
    case "intend": {
      const { node, wanted, after } = action;
      const operation = { type: "intend", node, wanted, reason: "r", after: toLogIndex(after) } as const;
      return { type: "transact", part: partFor(rg, operation) };
    }
    case "configure":
      return { type: "configure", config: bytesOf(encodeURIComponent(action.config)) };
    case "dispute":
      return { type: "dispute", hashes: { index: action.index, hashes: differing } };
    case "settle":
      return { type: "settle", index: action.index };
  }
}

function groupAfter(actions: readonly Action[]) {
  const stored = new Stored<GroupOutcome, GroupState>(GroupState.genesis(object, 3), 3);
  for (const action of actions) stored.apply(encodeGroupCommand(commandOf(action)));
  return stored;
}

/** What is counted anew is what was kept, at any moment. */
function isSound(state: GroupState): boolean {
  const then = hash64(bytesOf("then"));
  return hashText(state.hashAsHeld(then)) === hashText(then);
}

function sameGroup(left: GroupState, right: GroupState): void {
  assert.equal(right.rows.digest(), left.rows.digest());
  assert.deepEqual([...encodeGroupSummary(right.summary)], [...encodeGroupSummary(left.summary)]);
  assert.deepEqual(right.verdicts(), left.verdicts());
  for (const node of [n1, n2, n3, n4]) assert.deepEqual(right.intents.get(node), left.intents.get(node));
  assert.deepEqual(right.dispute, left.dispute);
  assert.deepEqual([...encodeGroupObject(right.object)], [...encodeGroupObject(left.object)]);
  const all = { start: emptyBytes, end: null };
  const page = (state: GroupState) => {
    const found = state.mvcc.range(all, { at: null, limit: 100 });
    assert.equal(found.type, "page");
    return found.type === "page" ? found.kvs.map((kv) => ({ ...kv, key: [...kv.key], value: [...kv.value] })) : [];
  };
  assert.deepEqual(page(right), page(left));
  assert.equal(right.mvcc.revision, left.mvcc.revision);
}

function wordsOf(outcome: GroupOutcome | null): string {
  return JSON.stringify(outcome, (_key, value) => (value instanceof Uint8Array ? [...value] : value));
}

test("a group is the same after it has read its rows, after any commands", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(write, write, other), { maxLength: 40 }), (actions) => {
      const stored = groupAfter(actions);
      const restored = GroupState.restore(stored.rows());
      assert.ok(restored instanceof GroupState, String(restored));
      sameGroup(stored.applier.state, restored);
      assert.ok(isSound(stored.applier.state) && isSound(restored));
      assert.equal(restored.mvcc.floor, stored.applier.state.mvcc.floor);
    }),
    { numRuns: 150 },
  );
});

test("a group is the same after a snapshot, and both go on alike", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(write, write, other), { maxLength: 30 }),
      fc.array(write, { maxLength: 8 }),
      (before, after) => {
        const stored = groupAfter(before);
        const restored = GroupState.restore(stored.snapshot());
        assert.ok(restored instanceof GroupState, String(restored));
        sameGroup(stored.applier.state, restored);
        const { applied } = stored.applier;
        const copy = new Applier<GroupOutcome, GroupState>(restored, applied);
        for (const [at, action] of after.entries()) {
          const payload = encodeGroupCommand(commandOf({ ...action, isDelete: false }));
          const outcome = copy.apply({ term: toTerm(1), index: toLogIndex(applied.index + at + 1), payload });
          assert.equal(wordsOf(outcome), wordsOf(stored.apply(payload)));
        }
        sameGroup(stored.applier.state, restored);
      },
    ),
    { numRuns: 100 },
  );
});

test("rows that do not fit their hash are refused", () => {
  const stored = groupAfter([{ type: "write", key: "a", value: "v", isDelete: false, ifRevision: null, fence: null }]);
  const rows = stored.rows();
  const missing = rows.small.filter((row) => row.table !== "verdicts");
  assert.equal(typeof GroupState.restore({ ...rows, small: missing }), "string");
  assert.equal(typeof GroupState.restore({ ...rows, versions: [] }), "string");
  const object = rows.small.filter((row) => row.table !== "object");
  assert.equal(GroupState.restore({ ...rows, small: object }), "the group's object or ownership is missing");
});

test("a write with an older token, or a condition that does not hold, changes nothing and says why", () => {
  const stored = groupAfter([{ type: "own", epoch: 1 }]);
  const before = stored.applier.state.rows.digest();
  const base = { type: "write", key: "a", value: "v", isDelete: false, ifRevision: null, fence: null } as const;
  for (const [action, code] of [
    [{ ...base, fence: 0 }, "fenced"],
    [{ ...base, ifRevision: 5 }, "condition_failed"],
  ] as const) {
    const outcome = stored.apply(encodeGroupCommand(commandOf(action)));
    assert.equal(outcome.type === "refused" && outcome.failure.code, code);
  }
  assert.equal(stored.applier.state.rows.digest(), before);
  const written = stored.apply(encodeGroupCommand(commandOf({ ...base, fence: 1, ifRevision: 0 })));
  assert.equal(written.type === "written" && written.revision, 2);
});

test("a value that has changed in memory changes the hash of what is held, at every index alike", () => {
  const stored = groupAfter([{ type: "write", key: "a", value: "v", isDelete: false, ifRevision: null, fence: null }]);
  const { state } = stored.applier;
  const found = state.mvcc.get(bytesOf("a"), null);
  assert.ok(found.type === "value" && found.kv !== null);
  const [before, after] = [hash64(bytesOf("before")), hash64(bytesOf("after"))];
  found.kv.value[0] = (found.kv.value[0] as number) ^ 1;
  assert.notDeepEqual(state.hashAsHeld(before), before);
  assert.notDeepEqual(state.hashAsHeld(after), after);
  found.kv.value[0] = (found.kv.value[0] as number) ^ 1;
  assert.deepEqual([state.hashAsHeld(before), state.hashAsHeld(after)], [before, after]);
});

test("while its replicas are in dispute a group takes no writes of clients, and all that holds the group together", () => {
  const base = { type: "write", key: "a", value: "v", isDelete: false, ifRevision: null, fence: null } as const;
  const stored = groupAfter([base, { type: "dispute", index: toLogIndex(7) }]);
  const { state } = stored.applier;
  const refused = [
    base,
    { ...base, isDelete: true },
    { type: "compact", revision: 2 },
    { type: "configure", config: "c" },
  ] as const;
  for (const action of refused) {
    const outcome = stored.apply(encodeGroupCommand(commandOf(action)));
    assert.equal(outcome.type === "refused" && outcome.failure.code, "corrupt");
    const message = outcome.type === "refused" ? outcome.failure.message : "";
    assert.match(message, /index 7 .*: n1 00000000000000aa, n2 00000000000000bb$/);
  }
  assert.equal(state.mvcc.revision, 2);
  assert.equal(state.object.config, object.config);
  stored.apply(encodeGroupCommand(commandOf({ type: "own", epoch: 1 })));
  stored.apply(encodeGroupCommand(commandOf({ type: "verdict", node: n1, up: true })));
  assert.deepEqual([state.ownership.epoch, state.verdicts()[0]?.status], [1, "up"]);
  stored.apply(encodeGroupCommand(commandOf({ type: "settle", index: toLogIndex(12) })));
  assert.equal(state.dispute, null);
  assert.equal(stored.apply(encodeGroupCommand(commandOf(base))).type, "written");
});

test("of two decisions on the next owner the first wins", () => {
  const stored = groupAfter([
    { type: "own", epoch: 1 },
    { type: "own", epoch: 1 },
    { type: "own", epoch: 3 },
  ]);
  assert.equal(stored.applier.state.ownership.epoch, 1);
  assert.equal(stored.applier.state.summary.index, 1);
});

test("what a group says of a drained owner follows where the application runs, and silence wins", () => {
  const stored = groupAfter([
    { type: "verdict", node: n1, up: true },
    { type: "own", epoch: 1 },
    { type: "intend", node: n1, wanted: "drained", after: 3 },
  ]);
  const { state } = stored.applier;
  const say = (action: Action) => {
    stored.apply(encodeGroupCommand(commandOf(action)));
    const verdict = state.verdicts().find(({ node }) => node === n1);
    return [verdict?.status, verdict?.index];
  };
  assert.deepEqual([state.verdicts()[0]?.status, state.intendedAt], ["draining", 3]);
  const elsewhere = { type: "own", ...online, currentOwner: n2, epoch: toEpoch(2) } as const;
  stored.apply(encodeGroupCommand(elsewhere));
  assert.deepEqual([state.verdicts()[0]?.status, state.verdicts()[0]?.index], ["maintenance", 4]);
  assert.deepEqual(say({ type: "verdict", node: n1, up: false }), ["down", 5]);
  assert.deepEqual(say({ type: "verdict", node: n1, up: true }), ["maintenance", 6]);
  assert.deepEqual(say({ type: "intend", node: n1, wanted: "none", after: 2 }), ["maintenance", 6]);
  assert.deepEqual(say({ type: "intend", node: n1, wanted: "none", after: 3 }), ["up", 8]);
  assert.deepEqual(say({ type: "intend", node: n4, wanted: "drained", after: 9 }), ["up", 8]);
  assert.equal(state.intents.get(n4), null);
});

test("what operators want of owners goes on in another incarnation", () => {
  const stored = groupAfter([
    { type: "intend", node: n1, wanted: "drained", after: 3 },
    { type: "intend", node: n2, wanted: "drained", after: 3 },
  ]);
  const configuration = { ...stored.applier.state.members.configuration, index: toLogIndex(9) };
  const membership = { ...configuration.membership, owners: [n1, n3] };
  const succession = { incarnation: toIncarnation(2), slot: 5, reason: "lost" };
  const next = GroupState.goOn(stored.applier.state, {
    ...succession,
    configuration: { ...configuration, membership },
  });
  assert.deepEqual([next.intents.get(n1)?.wanted, next.intents.get(n2)], ["drained", null]);
});

const clusterAction = fc.oneof(
  fc.record({
    type: fc.constant("create" as const),
    group: fc.constantFrom("ga", "gb", "rg"),
    owners: fc.constant([n1, n4]),
  }),
  fc.record({ type: fc.constant("event" as const), node: fc.constantFrom(n1, n2), up: fc.boolean() }),
  fc.record({ type: fc.constant("verdict" as const), node: fc.constant(n4), up: fc.boolean() }),
  fc.record({
    type: fc.constant("intend" as const),
    node: fc.constantFrom(n1, n4, toNodeId("n9")),
    wanted: fc.constantFrom(...intents),
  }),
  fc.record({
    type: fc.constant("keep" as const),
    node: fc.constantFrom(n1, n4),
    group: fc.constantFrom("ga", "rg"),
    index: fc.nat(20),
  }),
  fc.record({
    type: fc.constant("recover" as const),
    group: fc.constantFrom("ga", "rg"),
    incarnation: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({
    type: fc.constant("goesOn" as const),
    group: fc.constantFrom("ga", "rg"),
    incarnation: fc.integer({ min: 1, max: 4 }),
  }),
);

function clusterCommandOf(action: typeof clusterAction extends fc.Arbitrary<infer A> ? A : never): ClusterCommand {
  switch (action.type) {
    case "create": {
      const entry = {
        group: toGroupId(action.group),
        incarnation: toIncarnation(1),
        owners: action.owners,
        index: toLogIndex(0),
      };
      return { type: "createGroup", atMs: 5, entry };
    }
    case "event": {
      const change = { type: action.up ? "nodeReintegrated" : "nodeFailed", node: action.node, reason: "" } as const;
      return { type: "events", atMs: 6, changes: [change, change] };
    }
    case "intend":
      return { type: "intendNode", atMs: 4, node: action.node, wanted: action.wanted, reason: "r" };
    case "keep": {
      const { node, group, index } = action;
      return { type: "intentsKept", kept: [{ node, group: toGroupId(group), index: toLogIndex(index) }] };
    }
    case "recover": {
      const recovery = { incarnation: toIncarnation(action.incarnation), from: n2, owners: [n1, n2] };
      return { type: "recoverGroup", atMs: 8, group: toGroupId(action.group), recovery, reason: "lost" };
    }
    case "goesOn": {
      const incarnation = toIncarnation(action.incarnation);
      const entry = { group: toGroupId(action.group), incarnation, owners: [n2], index: toLogIndex(5) };
      return { type: "ownersChanged", atMs: 9, entries: [entry] };
    }
    case "verdict":
      return {
        type: "verdicts",
        atMs: 7,
        changes: [{ node: action.node, status: action.up ? "up" : "down", reason: "" }],
      };
  }
}

test("the cluster database is the same after it has read its rows, or those of another copy", () => {
  fc.assert(
    fc.property(fc.array(clusterAction, { maxLength: 30 }), (actions) => {
      const stored = new Stored(ClusterState.genesis(bootstrapOf(smallShape), 3), 3);
      for (const action of actions) stored.apply(encodeClusterCommand(clusterCommandOf(action)));
      const { state } = stored.applier;
      const restored = ClusterState.restore(stored.rows());
      assert.ok(restored instanceof ClusterState, String(restored));
      const copied = ClusterState.fromRows(8, state.rows.smallRows());
      assert.ok(copied !== null);
      for (const copy of [restored, copied]) {
        assert.equal(copy.rows.digest(), state.rows.digest());
        assert.deepEqual(copy.voters, state.voters);
        assert.deepEqual(copy.directory.groups, state.directory.groups);
        assert.deepEqual(copy.newestEvents(1000), state.newestEvents(1000));
        assert.deepEqual(
          [n1, n2, n4].map((node) => copy.recorded(node)),
          [n1, n2, n4].map((node) => state.recorded(node)),
        );
        assert.deepEqual(copy.verdicts(), state.verdicts());
        for (const node of [n1, n4]) assert.deepEqual(copy.intent(node), state.intent(node));
        for (const group of [rg, toGroupId("ga")]) assert.deepEqual(copy.recovery(group), state.recovery(group));
      }
    }),
    { numRuns: 60 },
  );
});

test("the oldest events go when there are too many, on disk too", () => {
  const stored = new Stored(ClusterState.genesis(bootstrapOf(smallShape), 3), 3);
  const changes = Array.from({ length: 100 }, () => ({ type: "nodeFailed", node: n1, reason: "" }) as const);
  const payload = encodeClusterCommand({ type: "events", atMs: 1, changes });
  for (let at = 0; at < 12; at++) stored.apply(payload);
  const { state } = stored.applier;
  assert.equal(state.newestEvents(1e6).length, limits.clusterEventsKept);
  assert.equal(state.newestEvents(1e6)[0]?.index, 3);
  const restored = ClusterState.restore(stored.rows());
  assert.equal(restored instanceof ClusterState && restored.newestEvents(1e6).length, limits.clusterEventsKept);
});

test("a group needs owners that are nodes, and a name of its own", () => {
  const state = ClusterState.genesis(bootstrapOf(smallShape), 3);
  const stranger = { group: toGroupId("ga"), owners: [n1, "n9" as typeof n1] };
  assert.equal(state.refuseGroup(stranger)?.details.node, "n9");
  assert.equal(state.refuseGroup({ group: rg, owners: [n1, n2] })?.code, "already_exists");
  assert.equal(state.refuseGroup({ group: toGroupId("ga"), owners: [n1, n2] }), null);
});

test("a group goes on from one node once: as its next incarnation, until it says itself that it does", () => {
  const stored = new Stored(ClusterState.genesis(bootstrapOf(smallShape), 3), 3);
  const { state } = stored.applier;
  const recovery = { incarnation: toIncarnation(2), from: n2, owners: [n2, n4] };
  const command = { type: "recoverGroup", atMs: 1, group: rg, recovery, reason: "two disks burnt" } as const;
  stored.apply(encodeClusterCommand(command));
  const entry = { group: rg, incarnation: recovery.incarnation, owners: [n2], index: toLogIndex(0) };
  assert.deepEqual(state.directory.group(rg), entry);
  assert.deepEqual(state.recovery(rg), recovery);
  assert.deepEqual(state.newestEvents(1)[0]?.change, {
    type: "groupRecovered",
    entry,
    from: n2,
    reason: "two disks burnt",
  });
  const again = state.refuseRecovery(rg, recovery);
  assert.equal(again?.code, "condition_failed");
  assert.equal(again.message, "The group rg is of incarnation 2 by now, it was to go on from 1");
  const stranger = { incarnation: toIncarnation(3), from: n2, owners: ["n9" as typeof n1] };
  assert.equal(state.refuseRecovery(rg, stranger)?.details.node, "n9");
  assert.equal(state.refuseRecovery(toGroupId("none"), recovery)?.code, "not_found");
  stored.apply(encodeClusterCommand({ type: "ownersChanged", atMs: 2, entries: [{ ...entry, index: toLogIndex(9) }] }));
  assert.equal(state.recovery(rg), null);
});

test("what operators want of a node waits for each of its groups, and for those that take it in", () => {
  const stored = new Stored<ClusterOutcome, ClusterState>(ClusterState.genesis(bootstrapOf(smallShape), 3), 3);
  const { state } = stored.applier;
  const apply = (command: ClusterCommand) => stored.apply(encodeClusterCommand(command));
  const intend = (wanted: "none" | "drained") => {
    return apply({ type: "intendNode", atMs: 1, node: n1, wanted, reason: "new disk" });
  };
  const stranger = apply({ type: "intendNode", atMs: 1, node: toNodeId("n9"), wanted: "drained", reason: "" });
  assert.equal(stranger.type === "refused" && stranger.failure.code, "not_found");
  intend("drained");
  assert.deepEqual(state.pendingIntents(rg), [state.intent(n1)]);
  const kept = { node: n1, group: rg, index: toLogIndex(2) };
  apply({ type: "intentsKept", kept: [{ ...kept, index: toLogIndex(1) }] });
  assert.equal(state.isPending(kept), true);
  apply({ type: "intentsKept", kept: [kept] });
  assert.deepEqual([state.isPending(kept), state.intent(n1)?.pending], [false, []]);
  const ga = { group: toGroupId("ga"), incarnation: toIncarnation(1), owners: [n1, n4], index: toLogIndex(0) };
  apply({ type: "createGroup", atMs: 2, entry: ga });
  assert.deepEqual(state.intent(n1)?.pending, ["ga"]);
  apply({ type: "ownersChanged", atMs: 3, entries: [{ ...ga, owners: [n2, n4], index: toLogIndex(7) }] });
  assert.deepEqual(state.intent(n1)?.pending, []);
  intend("none");
  apply({ type: "ownersChanged", atMs: 4, entries: [{ ...ga, owners: [n1, n4], index: toLogIndex(8) }] });
  assert.deepEqual(state.intent(n1)?.pending, ["rg"]);
  intend("none");
  const told = state.newestEvents(100).map(({ change }) => change.type);
  assert.deepEqual(
    told.filter((type) => type.startsWith("node")),
    ["nodeDrained", "nodeUndrained"],
  );
});

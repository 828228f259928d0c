// Acknowledgements that leave a node, against what its disk holds at that moment.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  toBootNumber,
  toClusterId,
  toGroupId,
  toIncarnation,
  toLogIndex,
  toMemberId,
  toNodeId,
  toTerm,
} from "../../../proto/ids.ts";
import { PromiseChecker } from "../../../server/simulation/checkers/promises.ts";
import { ReplicaMirror } from "../../../server/simulation/checkers/replica-mirror.ts";
import { World } from "../../../server/simulation/world.ts";
import { encodeGroupRecord } from "../../../storage/group-record.ts";
import type { GroupHardState } from "../../../storage/hard-state.ts";
import { groupKey, logKey } from "../../../storage/keys.ts";
import { encodeLogRun } from "../../../storage/log-rows.ts";

const [n1, n2] = [toNodeId("n1"), toNodeId("n2")];
const key = { group: toGroupId("g1"), incarnation: toIncarnation(1) };
const slot = 1;
const boot = () => ({ machine: { step: () => [], deadlineMs: () => null }, boot: toBootNumber(1), damage: null });

/** @param terms of the entries on the disk of n1, from index 1 on */
function acknowledge(terms: readonly number[], matched: number, term: number): void {
  const world = new World({ seed: 1, cluster: toClusterId("0"), nodes: [n1, n2], boot, carry: (envelope) => envelope });
  const record = encodeGroupRecord({ slot, role: "owner", member: toMemberId(1) });
  const rows = terms.map((each, at) => {
    const entry = { term: toTerm(each), index: toLogIndex(at + 1), payload: new Uint8Array(0) };
    const value = encodeLogRun({ entries: [entry], hash: { high: 0, low: 0 } });
    return { type: "put", key: logKey(slot, entry.index), value } as const;
  });
  const group = { type: "put", key: groupKey(key.group, key.incarnation), value: record } as const;
  world.node(n1).disk.writeAtOnce([group, ...rows]);
  const mirror = new ReplicaMirror(world, { logged: () => {}, applied: () => {} });
  const checker = new PromiseChecker(world, mirror);
  mirror.started(n1);
  const message = { type: "appendReply", term: toTerm(term), matched: toLogIndex(matched) } as const;
  checker.left(n1, n2, { type: "raft", ...key, fromMember: toMemberId(1), toMember: toMemberId(1), message });
}

test("an acknowledgement of what the disk does not hold is caught", () => {
  acknowledge([1, 1], 2, 1);
  assert.throws(() => acknowledge([1, 1], 3, 1), /n1 acknowledges 3 before it is durable/);
});

test("an acknowledgement of an earlier term may leave when a later leader has replaced its entry on the disk", () => {
  acknowledge([1, 2], 3, 1);
  assert.throws(
    () => acknowledge([1, 2], 3, 2),
    /n1 acknowledges 3 before it is durable/,
    "that of the later leader may not",
  );
});

test("a vote stays within its term, and another member of the same node has none to keep", () => {
  const world = new World({ seed: 1, cluster: toClusterId("0"), nodes: [n1, n2], boot, carry: (envelope) => envelope });
  const checker = new PromiseChecker(world, new ReplicaMirror(world, { logged: () => {}, applied: () => {} }));
  const row = (member: number, vote: typeof n1 | null): GroupHardState => {
    return { ...key, member: toMemberId(member), term: toTerm(3), vote, standIn: null, acknowledged: toLogIndex(0) };
  };
  const write = (...hardStates: readonly GroupHardState[]) => {
    checker.stepped(n1, { type: "deadline" }, [
      { type: "write", write: 1, batch: { operations: [], hardStates, sync: true } },
    ]);
  };
  write(row(1, n2));
  write(row(1, n2), row(2, null));
  write(row(1, n2), row(2, n1));
  assert.throws(() => write(row(1, n2), row(2, n2)), /g1\/1\/2: n1 votes for n1 and n2 in 3/);
});

test("a vote that goes from the table before the disk has it that its member is gone is caught", () => {
  const world = new World({ seed: 1, cluster: toClusterId("0"), nodes: [n1, n2], boot, carry: (envelope) => envelope });
  const checker = new PromiseChecker(world, new ReplicaMirror(world, { logged: () => {}, applied: () => {} }));
  const member = toMemberId(1);
  const row: GroupHardState = { ...key, member, term: toTerm(3), vote: n2, standIn: null, acknowledged: toLogIndex(0) };
  const write = (...hardStates: readonly GroupHardState[]) => {
    const batch = { operations: [], hardStates, sync: true };
    checker.stepped(n1, { type: "deadline" }, [{ type: "write", write: 1, batch }]);
  };
  const put = (role: "witness" | "gone") => {
    const value = encodeGroupRecord({ slot: 0, role, member });
    world.node(n1).disk.writeAtOnce([{ type: "put", key: groupKey(key.group, key.incarnation), value }]);
  };
  put("witness");
  write(row);
  assert.throws(() => write(), /n1 forgets what g1\/1\/1 promised/);
  put("gone");
  write(row);
  write();
});

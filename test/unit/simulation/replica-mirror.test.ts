// What the checkers know of the disks of a run.

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
import { ReplicaMirror } from "../../../server/simulation/checkers/replica-mirror.ts";
import { World } from "../../../server/simulation/world.ts";
import { encodeGroupRecord } from "../../../storage/group-record.ts";
import { groupKey, logKey, metaKey } from "../../../storage/keys.ts";
import { encodeLogBoundary, encodeLogRun } from "../../../storage/log-rows.ts";

const node = toNodeId("n1");
const key = { group: toGroupId("g1"), incarnation: toIncarnation(1) };
const slot = 1;
const boot = () => ({ machine: { step: () => [], deadlineMs: () => null }, boot: toBootNumber(1), damage: null });

interface OneEntry {
  readonly mirror: ReplicaMirror;
  readonly loseLog: () => void;
  readonly quarantine: () => void;
}

/** A node with one entry of term 1 on its disk, as member 1. */
function withOneEntry(): OneEntry {
  const world = new World({ seed: 1, cluster: toClusterId("0"), nodes: [node], boot, carry: (envelope) => envelope });
  const { disk } = world.node(node);
  const before = { term: toTerm(0), index: toLogIndex(0), hash: { high: 0, low: 0 } };
  const entry = { term: toTerm(1), index: toLogIndex(1), payload: new Uint8Array(0) };
  const run = {
    type: "put" as const,
    key: logKey(slot, entry.index),
    value: encodeLogRun({ entries: [entry], hash: before.hash }),
  };
  disk.writeAtOnce([
    {
      type: "put",
      key: groupKey(key.group, key.incarnation),
      value: encodeGroupRecord({ slot, role: "owner", member: toMemberId(1) }),
    },
    { type: "put", key: logKey(slot, before.index), value: encodeLogBoundary(before) },
    run,
  ]);
  const mirror = new ReplicaMirror(world, { logged: () => {}, applied: () => {} });
  mirror.started(node);
  return {
    mirror,
    loseLog: () => disk.writeAtOnce([{ type: "delete", key: run.key }]),
    quarantine: () =>
      disk.writeAtOnce([{ type: "put", key: metaKey("quarantine"), value: new TextEncoder().encode("damaged") }]),
  };
}

function holdsAs(mirror: ReplicaMirror, member: number, term: number): boolean {
  return mirror.wasDurable({ node, member: toMemberId(member) }, "g1/1", 1, toTerm(term));
}

test("what a disk held before it was damaged counts for a leader who heard of it then, however often it is damaged since", () => {
  const { mirror, loseLog } = withOneEntry();
  for (let damages = 0; damages < 2; damages++) {
    mirror.damaging(node);
    loseLog();
    mirror.started(node);
    assert.ok(holdsAs(mirror, 1, 1), `after ${damages + 1}`);
  }
  assert.ok(!holdsAs(mirror, 1, 2), "an entry of another term");
});

test("what a node held when it started in quarantine, and gave up, counts for the member that acknowledged it", () => {
  const { mirror, loseLog, quarantine } = withOneEntry();
  quarantine();
  mirror.started(node);
  loseLog();
  mirror.started(node);
  assert.ok(holdsAs(mirror, 1, 1));
  assert.ok(!holdsAs(mirror, 2, 1), "the member that comes after it has acknowledged nothing");
});

test("what is lost without a quarantine counts no more", () => {
  const { mirror, loseLog } = withOneEntry();
  loseLog();
  mirror.started(node);
  assert.ok(!holdsAs(mirror, 1, 1));
});

// A group made anew from its committed log, and owners that hold something else than the log makes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeGroupCommand } from "../../../proto/codec/commands.ts";
import { toGroupId, toIncarnation, toNodeId } from "../../../proto/ids.ts";
import type { KeyValue } from "../../../proto/model.ts";
import { Timeline } from "../../../server/simulation/checkers/replay.ts";
import { demandSame, replayGroup } from "../../../server/simulation/checkers/replayed-group.ts";
import type { MirroredEntry } from "../../../server/simulation/checkers/replica-mirror.ts";
import { bytesOf, emptyBytes } from "../../../storage/bytes.ts";

const object = { group: toGroupId("g"), incarnation: toIncarnation(1), owners: [toNodeId("a")], config: emptyBytes };

function entryOf(bytes: Uint8Array): MirroredEntry {
  return { term: 1, payload: 0, bytes, membership: null };
}

function put(key: string, value: string): MirroredEntry {
  const write = { type: "put", key: bytesOf(key), value: bytesOf(value), lease: 0 } as const;
  return entryOf(
    encodeGroupCommand({ type: "write", compares: [], fence: null, writes: [write], returnsRemoved: false }),
  );
}

const log = [entryOf(emptyBytes), put("k", "1"), put("l", "2"), put("k", "3")];
const { timeline } = replayGroup(object, log);

/** As an owner shows it that began from a snapshot at `revision`. */
function heldFrom(revision: number, change: (content: readonly KeyValue[]) => readonly KeyValue[]): Timeline {
  const behind = timeline.events.filter((event) => event.revision > revision);
  return new Timeline(behind, { revision, content: change(timeline.contentAt(revision)) });
}

function complaint(held: Timeline): string {
  try {
    demandSame("a", held, timeline);
    return "none";
  } catch (reason) {
    return (reason as Error).message;
  }
}

test("a log makes its revisions, and the same log the same state", () => {
  assert.deepEqual([timeline.newest, timeline.events.length], [4, 3]);
  assert.equal(replayGroup(object, log).stateHash, replayGroup(object, log).stateHash);
  assert.notEqual(replayGroup(object, log).stateHash, replayGroup(object, log.slice(0, 3)).stateHash);
});

test("an owner holds the same from the beginning, or from where its history begins", () => {
  assert.equal(complaint(new Timeline(timeline.events)), "none");
  for (const revision of [1, 2, 3, 4]) assert.equal(complaint(heldFrom(revision, (content) => content)), "none");
});

test("an owner that lacks events at the end, or has more of them, is noticed", () => {
  assert.match(complaint(new Timeline(timeline.events.slice(0, 2))), /shows nothing, its log makes r4 k 3/);
  const more = replayGroup(object, [...log, put("m", "4")]).timeline;
  assert.match(complaint(more), /shows r5 m 4.*makes nothing/);
});

test("an owner whose snapshot left out a key, or brought another value of it, is noticed", () => {
  assert.match(complaint(heldFrom(3, (content) => content.slice(1))), /makes k=1/);
  const other = (kv: KeyValue) => ({ ...kv, value: bytesOf("9") });
  assert.match(complaint(heldFrom(3, (content) => content.map(other))), /shows k=9.*makes k=1/);
});

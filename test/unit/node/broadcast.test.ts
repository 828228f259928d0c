// How an append of many entries goes to the owners: one message for all, sent to each of a few and published for many.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, toNodeId } from "../../../proto/ids.ts";
import { anyMember } from "../../../proto/membership.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import { limits } from "../../../server/node/limits.ts";
import { Cluster, put, rg } from "./cluster.ts";

interface Sent {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: PeerMessage;
}

/** Messages with many entries of the group, after as many puts at once through its leader. */
function longAppends(owners: number, isGossipDead: boolean): readonly Sent[] {
  const nodes = Array.from({ length: owners }, (_, at) => toNodeId(`n${at + 1}`));
  const cluster = new Cluster({ nodes, groups: { [rg]: nodes }, voters: nodes.slice(0, 3) });
  cluster.advance(10_000);
  cluster.isGossipDead = isGossipDead;
  const member = cluster.member(cluster.leader());
  const begun = cluster.sent.length;
  const calls = Array.from({ length: limits.sharedEntriesMin }, (_, at) => member.call(put(`k${at}`, "v")));
  cluster.until(() => calls.every((call) => member.replies.has(call)));
  return cluster.sent.slice(begun).filter(({ message }) => entriesOf(message) >= limits.sharedEntriesMin);
}

function entriesOf(message: PeerMessage): number {
  return message.type === "raft" && message.message.type === "append" ? message.message.slice.entries.length : 0;
}

test("to fewer followers than a publication is worth, one message goes to each", () => {
  const sent = longAppends(limits.publishReceiversMin, true);
  const messages = new Set(sent.map(({ message }) => message));
  assert.equal(messages.size, 1);
  assert.equal(new Set(sent.map(({ to }) => to)).size, limits.publishReceiversMin - 1);
  for (const message of messages) assert.ok(message.type === "raft" && message.toMember === anyMember);
});

test("to as many followers as a publication is worth, it is published, and sent to each when that is lost", () => {
  assert.equal(longAppends(limits.publishReceiversMin + 1, false).length, limits.publishReceiversMin);
  const repairs = longAppends(limits.publishReceiversMin + 1, true);
  for (const { message } of repairs) assert.ok(message.type === "raft" && message.toMember !== anyMember);
  assert.ok(repairs.length > 0);
});

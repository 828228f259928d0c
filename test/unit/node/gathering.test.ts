// What comes while an append is under way to the disk is proposed together, when the disk has that one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Cluster, type Disk, put, rg } from "./cluster.ts";

function lastStored(disk: Disk | undefined): number {
  const stored = disk?.read();
  assert.equal(stored?.type, "image");
  const group = stored?.type === "image" ? stored.image.groups.find((image) => image.group === rg) : undefined;
  return group?.log?.last.index ?? 0;
}

test("a leader proposes nothing more until its own disk has what it has proposed", () => {
  const cluster = new Cluster();
  // Until the owner with precedence leads.
  cluster.advance(10_000);
  const leader = cluster.leader();
  const member = cluster.member(leader);
  const calls = [member.call(put("k", "first"))];
  const isStored: boolean[] = [];
  const counts: number[] = [];
  cluster.change = (message) => {
    if (message.type !== "raft" || message.group !== rg || message.message.type !== "append") return message;
    const { previous, entries } = message.message.slice;
    if (entries.length === 0) return message;
    isStored.push(lastStored(cluster.disks.get(leader)) >= previous.index);
    counts.push(entries.length);
    // To each of two followers goes an append: two calls come before the disk has the entry.
    if (calls.length < 7) calls.push(member.call(put("k", `${calls.length}`)));
    return message;
  };
  cluster.until(() => calls.every((call) => member.replies.has(call)));
  assert.ok(isStored.every(Boolean));
  assert.deepEqual(counts, [1, 1, 2, 2, 2, 2, 2, 2]);
  assert.ok(calls.every((call) => member.replies.get(call)?.type === "put"));
});

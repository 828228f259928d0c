// What becomes of logs and proposals over restarts and depositions, seen on whole nodes.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeId } from "../../../proto/ids.ts";
import { Cluster, n1, n2, n3, n4, put, rg } from "./cluster.ts";

const littleLog = { bytes: 1e9, entries: 20 };

function entriesHeld(cluster: Cluster, node: NodeId): number {
  const stored = cluster.disks.get(node)?.read();
  assert.ok(stored?.type === "image");
  return stored.image.groups.find(({ group }) => group === rg)?.entries.length ?? 0;
}

test("the log is kept within its bound, also when the node never runs for long", () => {
  const cluster = new Cluster(undefined, undefined, littleLog);
  for (let start = 0; start < 12; start++) {
    cluster.leader();
    for (let at = 0; at < 6; at++) cluster.ask(n4, put(`k${at}`, "v"), "put");
    for (const node of [n1, n2, n3]) cluster.stop(node);
    for (const node of [n1, n2, n3]) cluster.start(node);
  }
  cluster.advance(3000);
  for (const node of [n1, n2, n3]) assert.ok(entriesHeld(cluster, node) <= 30, `${entriesHeld(cluster, node)} entries`);
});

/** A put at a leader that is cut off before anybody hears of it, and 30 more writes without it. */
function deposed(logKept: typeof littleLog | undefined) {
  const cluster = new Cluster(undefined, undefined, logKept);
  const leader = cluster.leader();
  cluster.advance(3000);
  for (const other of [n1, n2, n3, n4]) if (other !== leader) cluster.cut(leader, other);
  const call = cluster.member(leader).call(put("lost", "v"), 60_000);
  cluster.advance(3000);
  for (let at = 0; at < 30; at++) cluster.ask(n4, put("k", `${at}`), "put", 10_000);
  assert.equal(cluster.member(leader).replies.get(call), undefined);
  cluster.heal();
  cluster.until(() => cluster.member(leader).replies.has(call), 20_000);
  const reply = cluster.member(leader).replies.get(call);
  return reply?.type === "failed" ? `${reply.failure.code} ${reply.failure.effect}` : reply?.type;
}

test("a put whose place another entry has taken is told that it never happened", () => {
  assert.equal(deposed(undefined), "no_leader none");
});

test("a put whose place a snapshot has taken is told that nobody knows", () => {
  assert.equal(deposed(littleLog), "outcome_unknown unknown");
});

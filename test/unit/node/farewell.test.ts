// Planned stops of whole nodes: others lose no call by them, and no leader where another can lead.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeId } from "../../../proto/ids.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import type { Reply } from "../../../proto/requests.ts";
import { limits } from "../../../server/node/limits.ts";
import { Cluster, get, n1, n2, n3, n4, put, rg, textIn } from "./cluster.ts";

const owners = [n1, n2, n3];

function tellToStop(cluster: Cluster, node: NodeId): void {
  cluster.member(node).host.deliver({ type: "stopping" });
  cluster.settle();
}

/** Waits as `serve` does, and stops the node. @returns after how long */
function depart(cluster: Cluster, node: NodeId): number {
  const sinceMs = cluster.nowMs;
  cluster.until(() => cluster.member(node).machine.isDeparted, 2_000);
  cluster.stop(node);
  return cluster.nowMs - sinceMs;
}

function hang(cluster: Cluster, nodes: readonly NodeId[]): void {
  for (const node of nodes) cluster.member(node).disk.hung = [];
}

function release(cluster: Cluster, nodes: readonly NodeId[]): void {
  for (const node of nodes) {
    const { disk } = cluster.member(node);
    const { hung } = disk;
    disk.hung = null;
    for (const tell of hung ?? []) tell();
  }
}

/** Puts through `node`, whose keys tell them apart. */
function putAll(cluster: Cluster, node: NodeId, name: string): readonly number[] {
  const calls = Array.from({ length: 5 }, (_, at) => cluster.member(node).call(put(`${name}-${at}`, "v")));
  cluster.settle();
  return calls;
}

function answersOf(cluster: Cluster, node: NodeId, calls: readonly number[]): readonly string[] {
  const { replies } = cluster.member(node);
  cluster.until(() => calls.every((call) => replies.has(call)));
  return [...new Set(calls.map((call) => wordOf(replies.get(call) as Reply)))];
}

function wordOf(reply: Reply): string {
  return reply.type === "failed" ? `${reply.failure.code}: ${reply.failure.message}` : reply.type;
}

/** By a reply to no call. */
function isFarewell(message: PeerMessage): boolean {
  return message.type === "forwardReply" && message.call === 0;
}

function isRefusal(message: PeerMessage): boolean {
  return (
    message.type === "forwardReply" && message.reply.type === "failed" && message.reply.failure.code === "stopping"
  );
}

for (const { what, releaseMs, isHeard } of [
  { what: "before it hands over", releaseMs: 200, isHeard: true },
  { what: "while it hands over", releaseMs: limits.handOverPatienceMs + 200, isHeard: true },
  { what: "though nobody hears that it stops", releaseMs: 200, isHeard: false },
]) {
  test(`a manager that stops answers what others have sent it, and nothing comes of the rest there, ${what}`, () => {
    const cluster = new Cluster();
    const manager = cluster.leader();
    const [other, another] = owners.filter((node) => node !== manager) as [NodeId, NodeId];
    hang(cluster, [other, another]);
    const taken = [n4, other].map((node) => putAll(cluster, node, `taken-${node}`));
    cluster.copies = (_from, _to, message) => (isFarewell(message) && !isHeard ? 0 : 1);
    tellToStop(cluster, manager);
    cluster.sent = [];
    const late = [n4, other].map((node) => putAll(cluster, node, `late-${node}`));
    cluster.advance(releaseMs);
    assert.equal(cluster.member(manager).machine.isDeparted, false);
    const sent = cluster.sent.filter(({ to, message }) => to === manager && message.type === "forward");
    const refused = cluster.sent.filter(({ from, message }) => from === manager && isRefusal(message));
    assert.deepEqual([sent.length, refused.length], isHeard ? [0, 0] : [10, 10]);
    release(cluster, [other, another]);
    depart(cluster, manager);
    for (const calls of [taken, late]) {
      assert.deepEqual(answersOf(cluster, n4, calls[0] as number[]), ["put"]);
      assert.deepEqual(answersOf(cluster, other, calls[1] as number[]), ["put"]);
    }
    assert.equal(textIn(cluster.ask(n4, get("late-n4-4"), "get")), "v");
  });
}

test("a node that stops has handed over all that it leads before it ends, the cluster group too", () => {
  const cluster = new Cluster();
  const manager = cluster.leader();
  const leaders = (node: NodeId) => {
    const { machine } = cluster.member(node);
    return [machine.group(rg)?.leader, machine.database.leader];
  };
  cluster.until(() => leaders(manager).includes(manager) && !leaders(manager).includes(null));
  const coordinator = leaders(manager)[1] as NodeId;
  for (const node of new Set([manager, coordinator])) {
    tellToStop(cluster, node);
    const tookMs = depart(cluster, node);
    assert.ok(tookMs < limits.electionTimeoutMs / 2, `it took ${tookMs} ms`);
    const [survivor] = owners.filter((owner) => cluster.members.has(owner)) as [NodeId];
    assert.ok(!leaders(survivor).includes(node) && !leaders(survivor).includes(null), `${leaders(survivor)}`);
  }
});

test("a node that stops and leads a group without a quorum keeps it, and waits for nobody", () => {
  const cluster = new Cluster();
  const manager = cluster.leader();
  for (const owner of owners) if (owner !== manager) cluster.stop(owner);
  cluster.advance(limits.suspectMs);
  tellToStop(cluster, manager);
  assert.ok(depart(cluster, manager) < 4 * limits.farewellCheckMs);
});

test("a node that stops ends when its peers have what it has sent them, and waits for a silent one a while only", () => {
  const cluster = new Cluster();
  cluster.leader();
  const mute = (_from: NodeId, to: NodeId, message: PeerMessage) => to !== n4 || message.type !== "forward";
  cluster.copies = (...way) => (mute(...way) ? 1 : 0);
  tellToStop(cluster, n3);
  const tookMs = depart(cluster, n3);
  assert.ok(tookMs >= limits.farewellMs && tookMs < limits.farewellMs + 500, `it took ${tookMs} ms`);
});

test("nodes that are told to stop at once do not hand leadership to and fro", () => {
  const cluster = new Cluster();
  cluster.leader();
  for (const owner of owners) cluster.member(owner).host.deliver({ type: "stopping" });
  cluster.settle();
  cluster.until(() => owners.every((owner) => cluster.member(owner).machine.isDeparted), 2_000);
  const handovers = owners.flatMap((owner) => cluster.member(owner).notes).filter((note) => note.startsWith("Hands"));
  assert.ok(handovers.length <= 2, `${handovers.length} handovers`);
});

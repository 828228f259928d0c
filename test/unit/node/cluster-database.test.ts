// The cluster database on nodes without a vote: following the log through gaps, repeats and other orders.

import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeClusterCommand } from "../../../proto/codec/commands.ts";
import { clusterGroup, type NodeId, toIncarnation, toLogIndex, toMillis, toTerm } from "../../../proto/ids.ts";
import { founderId } from "../../../proto/membership.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import type { Entry } from "../../../proto/raft.ts";
import { Applier } from "../../../server/node/applier.ts";
import { ClusterDatabase } from "../../../server/node/cluster-database.ts";
import { ClusterState } from "../../../server/node/cluster-state.ts";
import { limits } from "../../../server/node/limits.ts";
import type { World } from "../../../server/node/world.ts";
import { bootstrapOf, Cluster, n1, n2, n4, peerInput, sentBy, smallShape, worldOf } from "./cluster.ts";

const start = { term: toTerm(0), index: toLogIndex(0) };
const term = toTerm(1);
const as = { incarnation: toIncarnation(1), member: founderId };

function copyOn(node: NodeId): { readonly world: World; readonly database: ClusterDatabase } {
  const world = worldOf(node);
  const state = ClusterState.genesis(bootstrapOf(smallShape), 1);
  const listener = {
    clusterChanged: () => {},
    clusterLeaderChanged: () => {},
    clusterBeatNow: () => {},
    verdictWanted: () => {},
    reroute: () => {},
  };
  const options = { listener, topic: "t", nowMs: toMillis(0) };
  return { world, database: new ClusterDatabase({ ...as, copy: new Applier(state, start) }, world, options) };
}

/** Each of about a quarter of a MiB. */
function entryAt(index: number): Entry {
  const changes = Array.from(
    { length: 1000 },
    () => ({ type: "nodeFailed", node: n1, reason: "r".repeat(200) }) as const,
  );
  const payload = encodeClusterCommand({ type: "events", atMs: index, changes });
  return { term, index: toLogIndex(index), payload };
}

function news(entries: readonly Entry[], index = entries.at(-1)?.index ?? 0) {
  return { type: "clusterNews", term, index: toLogIndex(index), entries } as const;
}

function pullsOf(world: World): string[] {
  return sentBy(world).flatMap(([to, message]) => (message.type === "clusterPull" ? [`${to} ${message.after}`] : []));
}

test("a publication out of order is not applied, and what it skips is asked for at once", () => {
  const { world, database } = copyOn(n4);
  database.log.news(n1, news([entryAt(2)]), toMillis(0));
  assert.equal(database.index, 0);
  assert.deepEqual(pullsOf(world), ["n1 0"]);
  database.log.news(n1, news([entryAt(1), entryAt(2)]), toMillis(1));
  database.log.news(n1, news([entryAt(1)]), toMillis(2));
  assert.equal(database.index, 2);
});

test("a peer is not asked again for what is under way, until it is late", () => {
  const { world, database } = copyOn(n4);
  for (const at of [0, 100, 400, 500]) database.noticeIndex(n1, toLogIndex(9), toMillis(at));
  assert.equal(pullsOf(world).length, 2);
});

test("what a copy missed comes in messages of bounded size, one after the other", () => {
  const giver = copyOn(n1);
  const taker = copyOn(n4);
  giver.database.log.news(n2, news(Array.from({ length: 12 }, (_, at) => entryAt(at + 1))), toMillis(0));
  sentBy(giver.world);
  let messages = 0;
  taker.database.noticeIndex(n1, giver.database.index, toMillis(0));
  for (let pulls = pullsOf(taker.world); pulls.length > 0; pulls = pullsOf(taker.world)) {
    for (const pull of pulls) giver.database.log.answerPull(n4, toLogIndex(Number(pull.split(" ")[1])));
    for (const [, message] of sentBy(giver.world)) {
      assert.ok(message.type === "clusterEntries");
      assert.ok(
        message.entries.reduce((sum, { payload }) => sum + payload.byteLength, 0) <= limits.clusterEntriesBytesMax,
      );
      taker.database.log.takeEntries(n1, message, toMillis(1));
      messages += 1;
    }
  }
  assert.equal(taker.database.index, 12);
  assert.ok(messages > 2);
  assert.equal(taker.database.state.rows.digest(), giver.database.state.rows.digest());
});

test("a copy too far behind takes the whole state, and an older one does not put it back", () => {
  const giver = copyOn(n1);
  const taker = copyOn(n4);
  const many = limits.clusterEntriesKept + 2;
  const small = (index: number): Entry => {
    const changes = [{ type: "nodeFailed", node: n2, reason: `${index}` }] as const;
    return { term, index: toLogIndex(index), payload: encodeClusterCommand({ type: "events", atMs: 0, changes }) };
  };
  giver.database.log.news(n2, news(Array.from({ length: many }, (_, at) => small(at + 1))), toMillis(0));
  giver.database.log.answerPull(n4, toLogIndex(0));
  const [, state] = sentBy(giver.world).at(-1) as readonly [NodeId, PeerMessage];
  assert.ok(state.type === "clusterState");
  taker.database.takeState(state);
  assert.equal(taker.database.index, many);
  assert.equal(taker.database.state.rows.digest(), giver.database.state.rows.digest());
  taker.database.log.news(n1, news([small(many + 1)]), toMillis(1));
  taker.database.takeState(state);
  assert.equal(taker.database.index, many + 1);
});

test("messages of another incarnation of the cluster group are dropped and counted", () => {
  const cluster = new Cluster();
  const member = cluster.member(n1);
  const message = { type: "preVote", term: toTerm(50), last: start, subterm: 0, isTransfer: false } as const;
  const key = { group: clusterGroup, incarnation: toIncarnation(2), fromMember: founderId, toMember: founderId };
  cluster.sent = [];
  member.host.deliver(peerInput(n2, { type: "raft", ...key, message }));
  cluster.settle();
  const { status } = cluster.ask(n1, { type: "nodeStatus", node: n1 }, "nodeStatus");
  assert.ok(status.self?.counters.some(([name]) => name === "messages of a cluster group that is not here"));
});

test("entries and states that do not decode are refused, and the copy goes on from where it was", () => {
  const { world, database } = copyOn(n4);
  const garbled = { ...entryAt(2), payload: Uint8Array.of(255, 255, 255) };
  database.log.news(n1, news([entryAt(1), garbled]), toMillis(0));
  assert.equal(database.index, 1);
  database.log.takeEntries(n1, { type: "clusterEntries", after: toLogIndex(1), entries: [garbled] }, toMillis(1));
  const rows = database.state.rows.smallRows().map(({ key }) => ({ key, value: Uint8Array.of(255, 255, 255) }));
  const before = database.state.rows.digest();
  database.takeState({ type: "clusterState", last: { term, index: toLogIndex(9) }, rows });
  assert.deepEqual([database.index, database.state.rows.digest()], [1, before]);
  assert.equal(new Map(world.counters.entries()).get("cluster data that does not decode"), 3);
  database.log.news(n1, news([entryAt(2)]), toMillis(2));
  assert.equal(database.index, 2);
});

// Groups of which no beat speaks, on whole nodes: they cost nothing, and whatever befalls them is noticed as in any other.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type GroupId, type NodeId, toGroupId } from "../../../proto/ids.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import { limits } from "../../../server/node/limits.ts";
import { Cluster, get, n1, n2, n3, n4, put } from "./cluster.ts";

const all = [n1, n2, n3];
const groups = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`g${at}`, all]));
const names = Object.keys(groups).map(toGroupId);
const g0 = toGroupId("g0");

type Beat = PeerMessage & { readonly type: "beat" };

function started(): Cluster {
  const cluster = new Cluster({ nodes: [n1, n2, n3, n4], groups, voters: all });
  // Until every group is led by the first of its owners.
  cluster.advance(20_000);
  quieten(cluster);
  return cluster;
}

function beatsOf(cluster: Cluster): readonly Beat[] {
  return cluster.sent.flatMap(({ message }) => (message.type === "beat" ? [message] : []));
}

/** Until a second passes in which no group is named. */
function quieten(cluster: Cluster, ms = 20_000): void {
  for (let waited = 0; waited < ms; waited += 1_000) {
    cluster.sent = [];
    cluster.advance(1_000);
    // The cluster group is named to a voter that lost its data: nobody brings it up.
    if (beatsOf(cluster).length > 0 && names.every((group) => !named(cluster).has(group))) return;
  }
  assert.fail("groups are named for ever");
}

function named(cluster: Cluster): ReadonlySet<GroupId> {
  return new Set(beatsOf(cluster).flatMap((beat) => beat.groups.map(({ group }) => group)));
}

function terms(cluster: Cluster): readonly number[] {
  return names.map((group) => {
    const rows = [...cluster.disks.values()].flatMap((disk) => disk.table ?? []);
    return Math.max(0, ...rows.flatMap((row) => (row.group === group ? [row.term] : [])));
  });
}

test("idle groups are named in no beat, and keep their managers", () => {
  const cluster = started();
  const before = terms(cluster);
  cluster.sent = [];
  cluster.advance(30_000);
  assert.deepEqual([...named(cluster)], []);
  assert.deepEqual(terms(cluster), before);
  for (const beat of beatsOf(cluster)) assert.ok(beat.vouch !== null);
});

test("a write has its own group named, and no other", () => {
  const cluster = started();
  cluster.sent = [];
  cluster.ask(n4, put("k", "v", g0), "put");
  cluster.advance(1_000);
  assert.deepEqual([...named(cluster)], [g0]);
  quieten(cluster);
  cluster.ask(n4, get("k", "linearizable", g0), "get");
});

test("an owner that restarts is told of every group, and then of none", () => {
  const cluster = started();
  const leader = cluster.leader(g0);
  const other = all.find((node) => node !== leader) as NodeId;
  cluster.stop(other);
  cluster.start(other);
  cluster.sent = [];
  cluster.advance(1_000);
  assert.ok(named(cluster).size >= names.length, `${named(cluster).size} groups are named`);
  quieten(cluster);
});

test("an owner that lost its data is rebuilt, and its groups are quiet again", () => {
  const cluster = started();
  const leader = cluster.leader(g0);
  const other = all.find((node) => node !== leader) as NodeId;
  cluster.stop(other);
  cluster.wipe(other);
  cluster.start(other, "lost");
  cluster.until(() => cluster.member(other).notes.includes("Readmitted"), 20_000);
  quieten(cluster, 40_000);
  cluster.ask(other, put("k", "v", g0), "put");
});

test("the owners of quiet groups notice in time that their manager is gone, and elect another", () => {
  const cluster = started();
  cluster.advance(10_000);
  const leader = cluster.leader(g0);
  cluster.stop(leader);
  const other = all.find((node) => node !== leader) as NodeId;
  cluster.advance(2 * limits.electionTimeoutMs + 500);
  for (const group of names) cluster.ask(other, put("k", "v", group), "put", 1_500);
});

test("the manager of quiet groups that hears nobody any more leads them no longer", () => {
  const cluster = started();
  cluster.advance(10_000);
  const leader = cluster.leader(g0);
  cluster.copies = (from, to) => (from === leader || to === leader ? 0 : 1);
  const began = cluster.member(leader).notes.length;
  cluster.advance(2 * limits.electionTimeoutMs + 2 * limits.beatIntervalMs);
  const changed = cluster
    .member(leader)
    .notes.slice(began)
    .filter((note) => note === "Role changed");
  assert.ok(changed.length >= names.length, `${changed.length} roles changed`);
});

test("an owner that falls silent is down by the verdict of every quiet group, and up again when it is back", () => {
  const cluster = started();
  cluster.advance(10_000);
  const leader = cluster.leader(g0);
  const other = all.find((node) => node !== leader) as NodeId;
  const statusIn = (group: GroupId) => {
    const { status } = cluster.ask(leader, { type: "groupStatus", group }, "groupStatus");
    return status.verdicts.find(({ node }) => node === other)?.status;
  };
  cluster.stop(other);
  cluster.until(() => names.every((group) => statusIn(group) === "down"), limits.downMs + 2_000);
  cluster.start(other);
  cluster.until(() => names.every((group) => statusIn(group) === "up"), 10_000);
});

// History goes by itself, by count, by age and for want of room; what cannot be given up is refused at the quota, in one group.

import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeGroupConfig } from "../../../proto/group-config.ts";
import { type GroupId, toGroupId } from "../../../proto/ids.ts";
import type { GroupStatus } from "../../../proto/requests.ts";
import { Cluster, get, n1, n2, n3, n4, put, remove, rg, textIn, watchAll } from "./cluster.ts";

const other = toGroupId("other");
const shape = { nodes: [n1, n2, n3, n4], groups: { rg: [n1, n2, n3], other: [n1, n2, n3] }, voters: [n1, n2, n3] };
const value = "x".repeat(64 * 1024);
/** Of the least quota, 1 MiB. */
const valuesInQuota = 15;
const sweepMs = 1_000;

function clusterWith(limits: Readonly<Record<string, number>>): Cluster {
  const cluster = new Cluster(shape);
  cluster.leader();
  cluster.ask(n4, { type: "configure", group: rg, config: encodeGroupConfig({ limits }) }, "configure");
  return cluster;
}

function statusOf(cluster: Cluster, group: GroupId = rg): GroupStatus {
  return cluster.ask(n1, { type: "groupStatus", group }, "groupStatus").status;
}

function write(cluster: Cluster, count: number, key: (position: number) => string, what = "v"): void {
  for (let position = 0; position < count; position++) cluster.ask(n4, put(key(position), what), "put");
}

test("history beyond the count goes by itself, an eighth at a time", () => {
  const cluster = clusterWith({ historyRevisions: 100 });
  write(cluster, 112, () => "k");
  assert.deepEqual([statusOf(cluster).revision, statusOf(cluster).compactedRevision], [113, 1]);
  write(cluster, 1, () => "k");
  cluster.advance(sweepMs);
  assert.equal(statusOf(cluster).compactedRevision, 14);
  write(cluster, 12, () => "k");
  assert.equal(statusOf(cluster).compactedRevision, 14);
});

test("what was replaced long ago goes by itself, also when nothing is written any more", () => {
  const cluster = clusterWith({ historyMs: 60_000 });
  write(cluster, 5, () => "k");
  cluster.advance(55_000);
  assert.equal(statusOf(cluster).compactedRevision, 1);
  // Marked within an eighth of the time, and forgotten that long after it.
  cluster.advance(15_000);
  assert.deepEqual([statusOf(cluster).revision, statusOf(cluster).compactedRevision], [6, 6]);
  assert.equal(textIn(cluster.ask(n4, get("k"), "get")), "v");
});

test("a change of manager keeps history longer, never shorter", () => {
  const cluster = clusterWith({ historyMs: 60_000 });
  write(cluster, 5, () => "k");
  cluster.advance(50_000);
  cluster.stop(cluster.leader());
  cluster.advance(50_000);
  assert.equal(cluster.ask(n4, { type: "groupStatus", group: rg }, "groupStatus").status.compactedRevision, 1);
});

test("a watch that wants what was forgotten is told so, with the revision to go on from", () => {
  const cluster = clusterWith({ historyRevisions: 100 });
  write(cluster, 120, () => "k");
  cluster.advance(sweepMs);
  const floor = statusOf(cluster).compactedRevision;
  const call = cluster.member(n1).watch(watchAll(2));
  cluster.advance(100);
  assert.deepEqual(cluster.member(n1).watched.get(call), [{ type: "compacted", floor: floor + 1 }]);
});

test("a key written over and over never fills the quota: its history makes room", () => {
  const cluster = clusterWith({ quotaBytes: 1_048_576 });
  write(cluster, 10 * valuesInQuota, () => "k", value);
  assert.ok(statusOf(cluster).bytes <= 1_048_576);
  assert.equal(statusOf(cluster).revision, 10 * valuesInQuota + 1);
});

test("a group at its quota refuses growth, naming bytes and quota, until keys are deleted; others do not notice", () => {
  const cluster = clusterWith({ quotaBytes: 1_048_576 });
  write(cluster, valuesInQuota, (position) => `k${position}`, value);
  cluster.advance(sweepMs);
  const { bytes } = statusOf(cluster);
  const { failure } = cluster.ask(n4, put("more", value), "failed");
  const growth = value.length + "more".length;
  assert.deepEqual([failure.code, failure.effect], ["overloaded", "none"]);
  assert.equal(
    failure.message,
    `The group rg holds ${bytes} bytes, ${growth} more exceed limits.quotaBytes 1048576: delete keys, or raise it`,
  );
  assert.equal(textIn(cluster.ask(n4, get("k1"), "get")), value);
  cluster.ask(n4, put("k", value, other), "put");
  assert.equal(cluster.ask(n4, remove("k1", "k2"), "delete").deleted, 6);
  cluster.advance(sweepMs);
  cluster.ask(n4, put("more", value), "put");
});

test("a quota that was raised counts from the next write on", () => {
  const cluster = clusterWith({ quotaBytes: 1_048_576 });
  write(cluster, valuesInQuota, (position) => `k${position}`, value);
  cluster.ask(n4, put("more", value), "failed");
  cluster.ask(n4, { type: "configure", group: rg, config: encodeGroupConfig({}) }, "configure");
  cluster.ask(n4, put("more", value), "put");
});

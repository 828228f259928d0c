// The low watermark of free disk space: when writes are refused and when again taken, and what goes on meanwhile.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Failure } from "../../../proto/errors.ts";
import { type NodeId, toGroupId, toRevision } from "../../../proto/ids.ts";
import type { Request } from "../../../proto/requests.ts";
import { DiskSpace } from "../../../server/node/disk-space.ts";
import { limits } from "../../../server/node/limits.ts";
import { emptyBytes } from "../../../storage/bytes.ts";
import { Cluster, get, n1, n2, n3, n4, put, remove, rg, textIn } from "./cluster.ts";

const min = limits.diskFreeBytesMin;
const configure: Request = { type: "configure", group: rg, config: emptyBytes };
const createGroup = (validateOnly = false): Request => ({
  type: "createGroup",
  group: toGroupId("new"),
  owners: [n1, n2],
  validateOnly,
});

function measure(cluster: Cluster, node: NodeId, bytes: number): void {
  cluster.member(node).host.deliver({ type: "diskFree", bytes });
  cluster.settle();
}

test("DiskSpace says low below the watermark, and enough only a quarter above it", () => {
  const space = new DiskSpace(n1, 1000);
  assert.deepEqual([space.freeBytes, space.shortage], [null, null]);
  const changes = [1000, 999, 1000, 1249, 1250, 1249, 1000, 0].map((bytes) => space.measured(bytes));
  assert.deepEqual(changes, [null, "low", null, null, "enough", null, null, "low"]);
  assert.equal(space.freeBytes, 0);
});

test("DiskSpace with a watermark of 0 refuses nothing", () => {
  const space = new DiskSpace(n1, 0);
  assert.equal(space.measured(0), null);
  assert.equal(space.refusal(put("k", "v")), null);
});

test("a manager whose disk is low refuses what fills it, with the bytes and the limit, through any node", () => {
  const cluster = new Cluster();
  const leader = cluster.leader();
  measure(cluster, leader, min - 1);
  for (const node of [leader, n4]) {
    for (const request of [put("k", "v"), configure] as const) {
      const { failure }: { failure: Failure } = cluster.ask(node, request, "failed");
      assert.deepEqual([failure.code, failure.effect], ["overloaded", "none"]);
      assert.deepEqual(failure.details, { node: leader, group: rg });
      assert.equal(
        failure.message,
        `The disk of ${leader} has ${min - 1} bytes free, limit ${min}: writes are taken again from ${min * 1.25} bytes on`,
      );
    }
  }
});

test("a manager whose disk is low serves reads, and takes deletions and compactions, which make space", () => {
  const cluster = new Cluster();
  const leader = cluster.leader();
  for (const value of ["1", "2", "3"]) cluster.ask(n4, put("k", value), "put");
  measure(cluster, leader, 0);
  assert.equal(textIn(cluster.ask(n4, get("k"), "get")), "3");
  assert.equal(cluster.ask(n4, remove("k", "l"), "delete").deleted, 1);
  cluster.ask(n4, { type: "compact", group: rg, revision: toRevision(4) }, "compact");
});

test("an owner whose disk is low follows, votes and counts for the quorum", () => {
  const cluster = new Cluster();
  const leader = cluster.leader();
  const [low, other] = [n1, n2, n3].filter((node) => node !== leader) as [NodeId, NodeId];
  measure(cluster, low, 0);
  cluster.stop(other);
  cluster.ask(n4, put("k", "v"), "put");
  cluster.stop(leader);
  cluster.start(other);
  // These two are the quorum: without the vote of the one whose disk is low there would be no leader.
  cluster.until(() => cluster.leader() !== leader, 20_000);
  assert.equal(textIn(cluster.ask(n4, get("k"), "get")), "v");
});

test("the leader of the cluster group makes no group while its disk is low, and says whether it could", () => {
  const cluster = new Cluster();
  cluster.leader();
  for (const node of [n1, n2, n3]) measure(cluster, node, min - 1);
  for (const validateOnly of [true, false]) {
    assert.equal(cluster.ask(n4, createGroup(validateOnly), "failed").failure.code, "overloaded");
  }
  for (const node of [n1, n2, n3]) measure(cluster, node, min * 1.25);
  cluster.ask(n4, createGroup(), "createGroup");
});

test("a node whose disk is low says so once and of itself, and takes writes again by itself", () => {
  const cluster = new Cluster();
  const leader = cluster.leader();
  const self = () => cluster.ask(n4, { type: "nodeSelf", node: leader }, "nodeSelf").self;
  assert.deepEqual([self().diskFreeBytes, self().writesRefused], [null, null]);
  for (const bytes of [min - 1, min - 2, min]) measure(cluster, leader, bytes);
  assert.equal(self().diskFreeBytes, min);
  assert.match(self().writesRefused ?? "", new RegExp(`has ${min} bytes free, limit ${min}`));
  measure(cluster, leader, min * 1.25);
  assert.deepEqual([self().diskFreeBytes, self().writesRefused], [min * 1.25, null]);
  cluster.ask(n4, put("k", "v"), "put");
  const notes = cluster.member(leader).notes.filter((text) => text.startsWith("Disk"));
  assert.deepEqual(notes, ["Disk space is low", "Disk space is enough again"]);
});

// The machine that runs an application can be heard and hears nothing, or hears and cannot be heard: each for three times as long
// as a right lasts (D2).

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { overlapsOf } from "./support/application.ts";
import { lease } from "./support/recovery-cluster.ts";
import { hasNamespaces, NamespaceCluster } from "./support/recovery-namespaces.ts";
import { nextAfter, settle } from "./support/recovery-rounds.ts";

const owners = ["n1", "n2", "n3"];
const skip = hasNamespaces() ? false : "needs Linux, root, ip and tc: no machine can be cut off in one direction here";

test("cut off in one direction, a machine loses the application, and what runs never overlaps", { skip }, async () => {
  await using cluster = new NamespaceCluster("orders", owners);
  await cluster.start();
  for (const direction of ["sent", "received"] as const) {
    const { life } = await settle(cluster, { name: "orders", owners });
    cluster.cut(life.node, direction);
    await Promise.all([nextAfter(cluster, life), delay(3 * lease.ttlMs)]);
    cluster.heal(life.node, direction);
    const after = await settle(cluster, { name: "orders", owners });
    assert.notEqual(after.life, life);
  }
  assert.deepEqual(overlapsOf(cluster.lives.all()), []);
});

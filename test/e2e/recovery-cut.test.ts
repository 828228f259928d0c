// The machine that runs an application can be heard and hears nothing, or hears and cannot be heard: each for three times as long
// as a right lasts (D2).

import assert from "node:assert/strict";
import { test } from "node:test";
import { overlapsOf } from "./support/application.ts";
import { RecoveryCluster } from "./support/recovery-cluster.ts";
import { hasNamespaces } from "./support/recovery-namespaces.ts";
import { cutNames, Rounds } from "./support/recovery-rounds.ts";

const group = { name: "orders", owners: ["n1", "n2", "n3"] };
const skip = hasNamespaces() ? false : "needs Linux, root, ip and tc: no machine can be cut off in one direction here";

test("cut off in one direction, a machine loses the application, and what runs never overlaps", {
  skip,
}, async (context) => {
  await using cluster = await RecoveryCluster.create("cut", [group], { hasNetworks: true });
  await cluster.start();
  const rounds = new Rounds(cluster, group);
  for (const name of cutNames) {
    const { tookMs } = await rounds.run(name);
    context.diagnostic(`${name}: ${tookMs} ms`);
  }
  assert.deepEqual(overlapsOf(cluster.lives.all()), []);
});

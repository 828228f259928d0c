// A node's process ends, and all else on its machine goes on: its agent may run the application as long as its right lasts, which
// is half a minute. Another owner's agent fences it, and the application moves long before; never do two of them run.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { type Life, overlapsOf } from "./support/application.ts";
import { RecoveryCluster } from "./support/recovery-cluster.ts";
import { waitFor } from "./support/wait.ts";

const waitMs = 60_000;
const lease = { ttlMs: 30_000, renewIntervalMs: 500, stopBudgetMs: 1_000 };
const owners = ["n1", "n2", "n3"];
const group = { name: "orders", owners, lease, isFenced: true, management: { settlingTimeMs: 60_000 } };
const cluster = await RecoveryCluster.create("fencing", [group]);
after(() => cluster[Symbol.asyncDispose]());
await cluster.start();

async function runsOn(node: string, asked: string): Promise<Life> {
  const { value } = await waitFor(`orders to run on ${node}`, waitMs, async () => {
    const { group: now } = await cluster.clientOf(asked).group("orders", { timeoutMs: 2_000 });
    const lives = cluster.living("orders").filter((life) => life.node === node && life.epoch === now.epoch);
    if (now.ownershipState !== "online" || now.currentOwner !== node)
      throw new Error(`${now.currentOwner}: ${now.why}`);
    return lives[0] ?? null;
  });
  return value;
}

test("an owner whose node has died is fenced, and its application moves long before its right is over", async () => {
  const before = await runsOn("n1", "n1");
  cluster.notePower("n1");
  const startMs = performance.now();
  await cluster.killNode("n1");
  const next = await runsOn("n2", "n3");
  const tookMs = performance.now() - startMs;
  assert(tookMs < 20_000, `${tookMs} ms`);
  assert.equal(next.epoch, before.epoch + 1);
  assert.equal(cluster.isPoweredOff("n1"), true);
  console.log(`moved ${Math.round(tookMs)} ms after the end of the node's process`);
});

test("what was decided says so, and no two have run at once", async () => {
  const { explanation } = await cluster.clientOf("n3").explainGroup("orders", { decisions: 10 });
  const reasons = explanation.decisions.map(({ why }) => why).join("\n");
  assert.match(reasons, /n1 is down .*, fenced by n2; n2 is chosen by fallover nextInList/);
  assert.match(reasons, /n1 is down .*: n2 fences it/);
  assert.deepEqual(overlapsOf(cluster.lives.all()), []);
});

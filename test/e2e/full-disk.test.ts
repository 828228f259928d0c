// A disk runs full under a node: it stops and says why; with space made it starts again with all that was acknowledged.
// Needs a small file system of its own, and so the right to mount one; without it the test is skipped, and says so.

import assert from "node:assert/strict";
import { appendFileSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { SmallDisks, skipWithoutMount } from "./support/small-disks.ts";
import { TestCluster } from "./support/test-cluster.ts";
import { waitFor } from "./support/wait.ts";
import { readKeys } from "./support/writes.ts";

/** Both owners must have a write durably before it is acknowledged: what is acknowledged was on the disk that ran full. */
const clusterFile = `
name: full-disk
nodes: [{name: m1}, {name: m2}]
groups: [{name: both, owners: [m1, m2]}]
`;
const smallBytes = 12 * 2 ** 20;
const largeBytes = 96 * 2 ** 20;
const valueBytes = 32 * 1024;
const fillMs = 60_000;
const lanes = 4;

const disks = new SmallDisks();
const cluster = await TestCluster.create({ name: "full-disk", clusterFile });
const data = join(cluster.directoryOf("m1"), "data");
const refusal = disks.mount(data, smallBytes);
// The low watermark would keep the disk from running full.
appendFileSync(join(cluster.directoryOf("m1"), "node.yaml"), "diskFreeBytesMin: 0\n");

test("a node whose disk runs full stops with the reason, and has all acknowledged writes once there is space (B1)", async (t) => {
  if (refusal !== null) return skipWithoutMount(t, refusal);
  await cluster.start();
  cluster.expectEnd("m1");
  const acknowledged = await fill();
  assert(
    acknowledged.length * valueBytes > smallBytes / 8,
    `only ${acknowledged.length} writes before the disk was full`,
  );

  const how = await cluster.waitForEnd("m1", fillMs);
  assert.equal(how, "it ended with exit code 1");
  const last = cluster.log("m1").at(-1);
  assert.match(String(last?.["text"] ?? last?.["msg"]), /disk is full|no space left/i);

  disks.resize(data, largeBytes);
  assert(statfsSync(data).bavail > 0);
  await cluster.start("m1");
  const client = cluster.client();
  await client.put("both", { key: "after", value: "space was made" }, { timeoutMs: fillMs });
  const keys = await readKeys(client, "both");
  assert.deepEqual(
    acknowledged.filter((key) => !keys.has(key)),
    [],
  );
  const { node } = await client.node("m1");
  assert.equal(node.quarantined, false, node.quarantineReason);
  cluster.assertNobodyFell();
});

/** Writes until the node on the small disk has ended. @returns keys that were acknowledged */
async function fill(): Promise<readonly string[]> {
  const client = cluster.client(["m2"], { retry: { attemptsMax: 1, backoffMs: 1, backoffMsMax: 1 } });
  await waitFor("the first write", fillMs, () => client.put("both", { key: "first", value: "" }));
  const acknowledged: string[] = [];
  const value = Buffer.alloc(valueBytes, "f");
  const startMs = performance.now();
  let next = 0;
  const lane = async () => {
    while ((await cluster.pidOf("m1")) !== null && performance.now() - startMs < fillMs) {
      const key = `fill/${next++}`;
      const isDone = await client.put("both", { key, value }, { timeoutMs: 2_000 }).then(
        () => true,
        () => false,
      );
      if (isDone) acknowledged.push(key);
      else await delay(50);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return acknowledged;
}

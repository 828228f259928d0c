// A disk runs full under a node: it stops and says why; with space made it starts again with all that was acknowledged.
// Needs a small file system of its own, and so the right to mount one; without it the test is skipped, and says so.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
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

const mounted: string[] = [];
// Before the cluster's own hook, which removes the directories.
after(() => {
  for (const directory of mounted) spawnSync("umount", ["-l", directory]);
});
const cluster = await TestCluster.create({ name: "full-disk", clusterFile });
const data = join(cluster.directoryOf("m1"), "data");
mkdirSync(data, { mode: 0o700 });
const refusal = mount();

test("a node whose disk runs full stops with the reason, and has all acknowledged writes once there is space (B1)", async (t) => {
  if (refusal !== null) {
    process.stderr.write(`SKIPPED, the full disk was not tested: ${refusal}\n`);
    return t.skip(`no file system can be mounted here: ${refusal}`);
  }
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

  execFileSync("mount", ["-o", `remount,size=${largeBytes}`, data]);
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

/** @returns null, or why not */
function mount(): string | null {
  const { status, stderr, error } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${smallBytes}`, "tmpfs", data]);
  if (status === 0) {
    mounted.push(data);
    return null;
  }
  return error?.message ?? stderr.toString().trim();
}

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

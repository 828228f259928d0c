// The disk of one of two owners runs low: while it manages the group it refuses what would fill the disk, says so, and takes
// writes again by itself; while it follows, nobody notices. Needs small file systems of its own (support/small-disks.ts).

import assert from "node:assert/strict";
import { appendFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SmallDisks, skipWithoutMount } from "./support/small-disks.ts";
import { TestCluster } from "./support/test-cluster.ts";
import { waitFor } from "./support/wait.ts";

const clusterFile = `
name: low-disk
nodes: [{name: m1}, {name: m2}]
groups: [{name: both, owners: [m1, m2]}]
`;
const mebibyte = 2 ** 20;
const diskBytes = 64 * mebibyte;
const bytesMin = 16 * mebibyte;
const hearMs = 20_000;
const once = { retry: { attemptsMax: 1, backoffMs: 1, backoffMsMax: 1 } };

const disks = new SmallDisks();
const cluster = await TestCluster.create({ name: "low-disk", clusterFile });
const dataOf = (node: string) => join(cluster.directoryOf(node), "data");
const refusal = cluster.nodes.map((node) => disks.mount(dataOf(node), diskBytes)).find((one) => one !== null) ?? null;
for (const node of cluster.nodes) {
  appendFileSync(join(cluster.directoryOf(node), "node.yaml"), `diskFreeBytesMin: ${bytesMin}\n`);
}

/** Leaves so much free, by a file of the size that it takes. */
function leave(node: string, bytes: number): void {
  const ballast = join(dataOf(node), "ballast");
  rmSync(ballast, { force: true });
  const { bavail, bsize } = statfsSync(dataOf(node));
  writeFileSync(ballast, Buffer.alloc(bavail * bsize - bytes));
}

async function refusedBy(node: string): Promise<string> {
  const client = cluster.client();
  const { node: told } = await client.node(node, { timeoutMs: hearMs });
  return told.writesRefusedWhy;
}

/** Leadership goes over to the first of the list: in the middle of a test, if nobody waits for it. */
async function lastingManager(): Promise<string> {
  const { value } = await waitFor("the first of the list to manage", hearMs, async () => {
    const { group } = await cluster.client().group("both");
    return group.manager === group.owners[0] ? group.manager : null;
  });
  return value;
}

test("a manager whose disk is low refuses writes with the bytes and the limit, serves the rest, and resumes by itself", async (t) => {
  if (refusal !== null) return skipWithoutMount(t, refusal);
  await cluster.start();
  const client = cluster.client(cluster.nodes, once);
  await waitFor("the first write", hearMs, () => client.put("both", { key: "k", value: "1" }));
  const manager = await lastingManager();

  leave(manager, 8 * mebibyte);
  const { value: why } = await waitFor("the manager to notice", hearMs, async () => (await refusedBy(manager)) || null);
  assert.match(why, new RegExp(`^The disk of ${manager} has [0-9]{7} bytes free, limit ${bytesMin}`));
  for (const node of cluster.nodes) {
    const refused = cluster.client([node], once).put("both", { key: "k", value: "2" });
    await assert.rejects(refused, { code: "overloaded", effect: "none", message: /bytes free, limit 16777216/ });
  }
  const read = await client.get("both", "k");
  assert.equal(Buffer.from(read.keyValue?.value ?? []).toString(), "1");
  await client.delete("both", { key: "k" });

  // Above the watermark, and not yet far enough above it.
  leave(manager, bytesMin + mebibyte);
  await waitFor("another measurement", hearMs, async () => {
    const { node } = await client.node(manager);
    return node.diskFreeBytes > bytesMin || null;
  });
  assert.notEqual(await refusedBy(manager), "");

  leave(manager, 40 * mebibyte);
  await waitFor("writes again", hearMs, () => client.put("both", { key: "k", value: "3" }));
  assert.equal(await refusedBy(manager), "");
  const notes = cluster.log(manager).map((line) => line["msg"]);
  assert.deepEqual(
    notes.filter((note) => String(note).startsWith("Disk")),
    ["Disk space is low", "Disk space is enough again"],
  );
});

test("an owner that follows takes part with its disk low", async (t) => {
  if (refusal !== null) return skipWithoutMount(t, refusal);
  const client = cluster.client(cluster.nodes, once);
  const manager = await lastingManager();
  const follower = cluster.nodes.find((node) => node !== manager) ?? "";
  leave(follower, 8 * mebibyte);
  await waitFor("the follower to notice", hearMs, async () => (await refusedBy(follower)) || null);
  // Both owners must hold it before it is acknowledged.
  await client.put("both", { key: "k", value: "4" });
  cluster.assertNobodyFell();
});

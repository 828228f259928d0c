// A machine put back to an old image, key and data together: nothing on its disk says so. What its peers remember does: it is
// quarantined while it runs, says why, and is rebuilt by the others; its group loses nothing.

import assert from "node:assert/strict";
import { cpSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { limits } from "../../server/node/limits.ts";
import { bailiwick } from "./support/command.ts";
import { TestCluster } from "./support/test-cluster.ts";
import { waitFor } from "./support/wait.ts";

const noticeMs = 15_000;
const clusterFile = `
name: restored
nodes: [{name: n1}, {name: n2}, {name: n3}, {name: n4}, {name: n5}, {name: n6}]
groups:
  - {name: stopped, owners: [n1, n2, n3]}
  - {name: running, owners: [n4, n5, n6]}
`;

const cluster = await TestCluster.create({ name: "restored", clusterFile });
await cluster.start();

const parts = ["data", "node.key"];

function takeImage(node: string): void {
  const directory = cluster.directoryOf(node);
  for (const part of parts) cpSync(join(directory, part), join(directory, `image-${part}`), { recursive: true });
}

function putBack(node: string): void {
  const directory = cluster.directoryOf(node);
  for (const part of parts) {
    rmSync(join(directory, part), { recursive: true });
    renameSync(join(directory, `image-${part}`), join(directory, part));
  }
}

async function write(group: string, via: string, keys: readonly string[]): Promise<void> {
  const client = cluster.client([via]);
  for (const key of keys) await client.put(group, { key, value: key }, { timeoutMs: noticeMs });
}

/** The log of the process says why it was quarantined, and then that it was readmitted; the other owner agrees. */
async function assertRebuilt(node: string, other: string, reason: RegExp): Promise<void> {
  await waitFor(`${node} to be rebuilt`, noticeMs, () => {
    const lines = cluster.log(node);
    const quarantined = lines.findLastIndex(
      ({ msg, reason: why }) => msg === "Quarantined" && reason.test(String(why)),
    );
    const readmitted = lines.findLastIndex(({ msg }) => msg === "Readmitted");
    return Promise.resolve(quarantined >= 0 && readmitted > quarantined ? true : null);
  });
  await waitFor(`${other} to say that ${node} is well`, noticeMs, async () => {
    const { code, stdout, stderr } = await bailiwick(["node", "get", node, "--endpoints", cluster.apiOf(other)]);
    assert.equal(code, 0, stderr);
    return /quarantined/.test(stdout) ? null : true;
  });
}

async function assertHeld(group: string, via: string, keys: readonly string[]): Promise<void> {
  const client = cluster.client([via]);
  for (const key of keys) {
    const { keyValue } = await client.get(group, key, { timeoutMs: noticeMs });
    assert.equal(Buffer.from(keyValue?.value ?? []).toString(), key);
  }
}

test("an image of a stopped node is found out, although its next start has the number of the one that it misses", async () => {
  await write("stopped", "n1", ["a", "b"]);
  await cluster.stop("n3");
  takeImage("n3");
  await cluster.start("n3");
  await write("stopped", "n3", ["c", "d"]);
  await cluster.stop("n3");
  await write("stopped", "n1", ["e"]);
  putBack("n3");
  await cluster.start("n3");
  await assertRebuilt("n3", "n1", /The disk is an old image.*n\d has seen start 2 of this node/);
  await write("stopped", "n3", ["f"]);
  await assertHeld("stopped", "n3", ["a", "b", "c", "d", "e", "f"]);
});

test("an image of a running node is found out", async () => {
  await write("running", "n4", ["a"]);
  await cluster.freeze("n6");
  takeImage("n6");
  await cluster.thaw("n6");
  const sinceMs = performance.now();
  const keys = ["a"];
  await waitFor("the node to have run for longer than a lap", limits.lapIntervalMs + noticeMs, async () => {
    const key = `later${keys.length}`;
    await write("running", "n5", [key]);
    keys.push(key);
    return performance.now() - sinceMs > limits.lapIntervalMs + 3_000 ? true : null;
  });
  await cluster.kill("n6");
  putBack("n6");
  await cluster.start("n6");
  await assertRebuilt("n6", "n4", /The disk is an old image.*n\d has seen start 1 of this node/);
  await assertHeld("running", "n6", keys);
});

test("both count again, also after another start: without another owner their groups go on", async () => {
  await cluster.stop("n3", "n6");
  await cluster.start("n3", "n6");
  await cluster.stop("n2", "n5");
  await write("stopped", "n1", ["g"]);
  await write("running", "n4", ["g"]);
  await assertHeld("stopped", "n3", ["a", "b", "c", "d", "e", "f", "g"]);
  for (const node of ["n3", "n6"]) assert.equal((await cluster.client([node]).node(node)).node.quarantined, false);
  cluster.assertNobodyFell();
});

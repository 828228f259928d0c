// Leases, locks and elections against real nodes that die: one holder at a time, and no lock that outlives its holder.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Client, Lock } from "../../client/index.ts";
import { startCommand } from "./support/command.ts";
import { TestCluster } from "./support/test-cluster.ts";
import { waitFor } from "./support/wait.ts";

const group = "orders";
const clusterFile = `name: locks
nodes: [{name: n1}, {name: n2}, {name: n3}]
groups: [{name: ${group}, owners: [n1, n2, n3]}]
`;
const ttlMs = 3_000;
const waitMs = 30_000;

const cluster = await TestCluster.create({ name: "locks", clusterFile });
await cluster.start();
const all = () => cluster.nodes.map((node) => cluster.apiOf(node)).join(",");

test("a lease keeps its key for as long as it is kept alive, and no longer", async () => {
  const client = cluster.client();
  const lease = await client.lease(group, { ttlMs });
  await client.put(group, { key: "up", value: "yes" }, { lease: lease.id });
  const { lease: read, keys } = await client.getLease(group, lease.id, { keys: true });
  assert.deepEqual([read.id, read.keyCount, keys.map(textOf)], [lease.id, 1, ["up"]]);
  await waitFor("three times its time to pass", waitMs, countdown(3 * ttlMs));
  assert.ok(lease.isHeld);
  lease.leave();
  await waitFor("the key to go", waitMs, async () => (await client.get(group, "up")).keyValue === null || null);
});

test("eight programs that count under a lock lose no count, though the manager is killed", async () => {
  await cluster.client().put(group, { key: "count", value: "0" });
  const counting = Array.from({ length: 8 }, () => countUnderLock(cluster.client(), 3));
  await Promise.all([...counting, cluster.kill("n1")]);
  await cluster.start("n1");
  assert.equal(await read(cluster.client(), "count"), "24");
});

test("a lock is held on while nodes die one after the other", async () => {
  const longTtlMs = 8_000;
  await using lock = await cluster.client().lock(group, "long", { ttlMs: longTtlMs });
  for (const node of ["n1", "n2", "n3"]) {
    await cluster.kill(node);
    await waitFor("the lease's time to pass", waitMs, countdown(longTtlMs));
    assert.ok(lock.isHeld, `lost with ${node}: ${String(lock.lost.reason)}`);
    await cluster.start(node);
  }
});

test("a program that dies gives the lock to the next, with a higher token", async () => {
  const line = ["lock", group, "dying", "--ttl", `${ttlMs}ms`, "--endpoints", all(), "--", "sh", "-c"];
  const first = startCommand([...line, "echo $BAILIWICK_LOCK_TOKEN; exec sleep 10"]);
  await waitFor("the first to hold it", waitMs, () => first.stdout() !== "" || null);
  const second = startCommand([...line, "echo $BAILIWICK_LOCK_TOKEN"]);
  first.signal("SIGKILL");
  const { code, stdout } = await second.ended;
  assert.equal(code, 0);
  assert.ok(Number(stdout) > Number(first.stdout()), `${stdout} after ${first.stdout()}`);
});

test("a former holder's write is refused by its fence", async () => {
  const [former, other] = [cluster.client(), cluster.client()];
  const lock = await former.lock(group, "fenced", { ttlMs });
  await other.revokeLease(group, lock.lease);
  await using next = await other.lock(group, "fenced", { ttlMs });
  assert.ok(next.token > lock.token);
  assert.deepEqual([await write(other, next), await write(former, lock)], [true, false]);
  await waitFor("the former to notice", waitMs, () => lock.lost.aborted || null);
});

test("bailiwick lock ends its program before the lease is over when no node renews it, with exit code 6", async () => {
  const program = "trap 'echo ended; exit 0' TERM; echo begun; while :; do sleep 0.1; done";
  const line = ["lock", group, "alone", "--ttl", `${ttlMs}ms`, "--endpoints", all(), "--", "sh", "-c", program];
  const command = startCommand(line);
  await waitFor("it to begin", waitMs, () => /begun/.test(command.stdout()) || null);
  await cluster.freeze(...cluster.nodes);
  const { code, stdout, stderr } = await command.ended;
  await cluster.thaw(...cluster.nodes);
  assert.deepEqual([code, stdout], [6, "begun\nended\n"]);
  assert.match(stderr, /the lock alone is lost/);
});

test("an observer sees every leader of an election in turn, though its node is killed", async () => {
  const names = ["a", "b", "c"];
  const seen: string[] = [];
  const stop = new AbortController();
  const observing = (async () => {
    for await (const leader of cluster.client().election(group, "boss").observe({ signal: stop.signal })) {
      if (leader !== null) seen.push(textOf(leader.value));
    }
  })();
  for (const [position, name] of names.entries()) {
    await using leadership = await cluster.client().election(group, "boss").campaign(name, { ttlMs });
    await waitFor(`${name} to be seen`, waitMs, () => seen.at(-1) === name || null);
    if (position === 0) await cluster.kill("n1");
    assert.ok(leadership.isHeld);
  }
  stop.abort();
  await observing;
  await cluster.start("n1");
  assert.deepEqual(seen, names);
});

/** Adds to the counter, under the lock, each time in two steps that only the lock holds together. */
async function countUnderLock(client: Client, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await using lock = await client.lock(group, "counter", { ttlMs: 10_000 });
    const count = Number(await read(client, "count"));
    const success = [{ put: { key: "count", value: `${count + 1}` } }];
    const options = { isIdempotent: true, timeoutMs: 20_000 };
    const { succeeded } = await client.transact({ group, comparisons: lock.fence(), success }, options);
    assert.ok(succeeded);
  }
}

async function write(client: Client, lock: Lock): Promise<boolean> {
  const success = [{ put: { key: "result", value: `${lock.token}` } }];
  return (await client.transact({ group, comparisons: lock.fence(), success })).succeeded;
}

async function read(client: Client, key: string): Promise<string | null> {
  const { keyValue } = await client.get(group, key, { timeoutMs: 20_000 });
  return keyValue === null ? null : textOf(keyValue.value);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** For time that has to pass: nothing is to happen meanwhile. */
function countdown(ms: number): () => true | null {
  const endMs = performance.now() + ms;
  return () => performance.now() >= endMs || null;
}

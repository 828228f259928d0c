// Locks: one holder at a time, in the order of asking, and nothing left behind by those who give up.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Client,
  createInProcessTransport,
  inProcessService,
  type Lock,
  type LockOptions,
} from "../../../client/index.ts";
import { LeaseService } from "../../../proto/gen/bailiwick/v1/lease_pb.ts";
import { codeOf, endpoints, failsAs, LeaseSetting, settle, until } from "./lease-setting.ts";

const group = "rg220";
const ttlMs = 9_000;

/** A lock that is asked for. */
function ask(client: Client, options: LockOptions = {}, name = "jobs") {
  const asked = { lock: null as Lock | null, failure: null as unknown };
  client.lock(group, name, { ttlMs, ...options }).then(
    (lock) => {
      asked.lock = lock;
    },
    (reason: unknown) => {
      asked.failure = reason;
    },
  );
  return asked;
}

/** Lets clients ask one after the other. */
async function queueOf(setting: LeaseSetting, count: number) {
  const asked = [];
  for (let position = 0; position < count; position++) {
    asked.push(ask(setting.another()));
    await until("queued", () => setting.cluster.keys.length === position + 1);
  }
  await settle();
  return asked;
}

function heldBy(asked: readonly { readonly lock: Lock | null }[]): readonly number[] {
  return asked.flatMap(({ lock }, position) => (lock?.isHeld === true ? [position] : []));
}

test("a free lock is taken: its key lives by a lease, its token is the key's create revision", async () => {
  const { client, cluster, clock } = new LeaseSetting();
  {
    await using lock = await client.lock(group, "jobs");
    assert.deepEqual([lock.key, lock.isHeld, lock.remainingMs], [`jobs/${lock.lease.toString(16)}`, true, 10_000]);
    const { keyValue } = await client.get(group, lock.key);
    assert.deepEqual([keyValue?.lease, keyValue?.createRevision], [lock.lease, lock.token]);
  }
  assert.deepEqual([cluster.keys, cluster.leases.ids], [[], []]);
  await settle();
  assert.equal(clock.sleepers, 0);
});

test("the lock goes round in the order of asking, with growing tokens", async () => {
  const setting = new LeaseSetting();
  const asked = await queueOf(setting, 4);
  const tokens: number[] = [];
  for (const [position, { lock }] of asked.entries()) {
    await until("next", () => asked[position]?.lock !== null);
    assert.deepEqual(heldBy(asked), [position]);
    tokens.push(asked[position]?.lock?.token ?? 0);
    await (lock ?? asked[position]?.lock)?.release();
    await settle();
  }
  assert.deepEqual(
    tokens,
    tokens.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(tokens).size, 4);
  assert.deepEqual(setting.cluster.keys, []);
});

test("a waiter watches the key before its own, and asks nothing again until that is gone", async () => {
  const setting = new LeaseSetting();
  const asked = await queueOf(setting, 3);
  const { calls, watches } = setting.cluster;
  const lists = () => calls.filter((call) => call.endsWith(" list")).length;
  assert.equal(lists(), 3);
  await setting.pass(2 * ttlMs);
  assert.equal(lists(), 3);
  await asked[0]?.lock?.release();
  await until("next", () => asked[1]?.lock !== null);
  await settle();
  assert.equal(lists(), 4);
  assert.equal(asked[2]?.lock, null);
  assert.ok(watches.every(({ target }) => target.case === "key"));
});

test("a waiter whose lease ended while it waited does not get the lock (F4)", async () => {
  const setting = new LeaseSetting();
  const asked = await queueOf(setting, 2);
  setting.cluster.leases.end(setting.cluster.leases.ids[1] ?? 0);
  await asked[0]?.lock?.release();
  await until("told", () => asked[1]?.failure !== null);
  assert.equal(codeOf(asked[1]?.failure), "not_found");
  assert.deepEqual([setting.cluster.keys, setting.cluster.leases.ids], [[], []]);
});

test("a waiter whose lease is lost stops waiting", async () => {
  const setting = new LeaseSetting();
  const asked = await queueOf(setting, 2);
  setting.cluster.leases.end(setting.cluster.leases.ids[1] ?? 0);
  await setting.pass(ttlMs / 3);
  assert.equal(codeOf(asked[1]?.failure), "not_found");
  assert.deepEqual(heldBy(asked), [0]);
});

test("who waits behind a waiter that gives up goes on waiting for the holder", async () => {
  const setting = new LeaseSetting();
  const first = await setting.client.lock(group, "jobs", { ttlMs });
  const abort = new AbortController();
  const second = ask(setting.another(), { signal: abort.signal });
  await until("queued", () => setting.cluster.keys.length === 2);
  const third = ask(setting.another());
  await until("queued", () => setting.cluster.keys.length === 3);
  await settle();
  abort.abort();
  await until("given up", () => second.failure !== null);
  assert.equal(codeOf(second.failure), "canceled");
  await settle();
  assert.equal(third.lock, null);
  assert.equal(setting.cluster.keys.length, 2);
  await first.release();
  await until("next", () => third.lock !== null);
});

test("a wait that is given up, or takes too long, leaves nothing behind", async () => {
  const setting = new LeaseSetting();
  const { client, cluster, clock } = setting;
  const held = await client.lock(group, "jobs", { ttlMs });
  const other = setting.another();
  const aborted = AbortSignal.abort();
  await assert.rejects(other.lock(group, "jobs", { signal: aborted }), failsAs("canceled"));
  const impatient = ask(other, { waitMs: 4_000 });
  await settle();
  await setting.pass(3_950);
  assert.equal(impatient.failure, null);
  await setting.pass(50);
  assert.equal(codeOf(impatient.failure), "deadline");
  assert.deepEqual([cluster.keys, cluster.leases.ids], [[held.key], [held.lease]]);
  await held.release();
  await settle();
  assert.equal(clock.sleepers, 0);
});

test("a wait is over in its time though no node answers", async () => {
  const never = () => new Promise<never>(() => {});
  const silent = { grantLease: never, revokeLease: never };
  const connect = () => Promise.resolve(createInProcessTransport([inProcessService(LeaseService, silent)]));
  const client = new Client({ endpoints, connect, timeoutMs: 20_000 });
  const startMs = performance.now();
  await assert.rejects(client.lock(group, "jobs", { waitMs: 100 }), failsAs("deadline"));
  assert.ok(performance.now() - startMs < 2_000);
  await client.close();
});

test("a wait without end is one without a limit", async () => {
  const setting = new LeaseSetting();
  const held = await setting.client.lock(group, "jobs", { ttlMs });
  const asked = ask(setting.another(), { waitMs: Number.POSITIVE_INFINITY });
  await until("queued", () => setting.cluster.keys.length === 2);
  await setting.pass(ttlMs);
  assert.equal(asked.failure, null);
  await held.release();
  await until("next", () => asked.lock !== null);
});

test("a wait that the group ends leaves nothing behind", async () => {
  const { client, cluster } = new LeaseSetting();
  cluster.refuse("list", "corrupt");
  await assert.rejects(client.lock(group, "jobs"), failsAs("corrupt"));
  cluster.refuse("transact", "corrupt");
  await assert.rejects(client.lock(group, "jobs"), failsAs("corrupt"));
  assert.deepEqual([cluster.keys, cluster.leases.ids], [[], []]);
  await assert.rejects(client.lock(group, ""), failsAs("invalid_argument"));
});

test("a place in the queue whose answer was lost is found again", async () => {
  const { client, cluster, pass } = bound(new LeaseSetting());
  cluster.lostAnswers.push("transact");
  const locking = client.lock(group, "jobs", { ttlMs });
  await pass(200);
  const lock = await locking;
  assert.deepEqual([cluster.keys, lock.token], [[lock.key], 2]);
});

test("a lock is lost with its lease, and as soon as its key is deleted", async () => {
  const { client, cluster, pass } = bound(new LeaseSetting());
  const mute = await client.lock(group, "mute", { ttlMs });
  const ended = await client.lock(group, "ended", { ttlMs });
  const deleted = await client.lock(group, "deleted", { ttlMs });
  cluster.leases.end(ended.lease);
  cluster.delete(deleted.key);
  await settle();
  for (const lock of [ended, deleted]) {
    assert.equal(codeOf(lock.lost.reason), "not_found");
    assert.deepEqual([lock.isHeld, lock.remainingMs], [false, 0]);
  }
  cluster.leases.isMute = true;
  await pass(ttlMs * 0.8 - 50);
  assert.equal(mute.lost.aborted, false);
  await pass(50);
  assert.equal(codeOf(mute.lost.reason), "deadline");
});

test("a lock is lost when its key is deleted also where nobody served the watch of it at first", async () => {
  const { client, cluster, pass } = bound(new LeaseSetting());
  const lock = await client.lock(group, "jobs", { ttlMs: 60_000 });
  for (const endpoint of endpoints) cluster.kill(endpoint);
  await pass(10_000);
  for (const endpoint of endpoints) cluster.start(endpoint);
  await pass(5_000);
  assert.equal(lock.isHeld, true);
  cluster.delete(lock.key);
  await settle();
  assert.equal(codeOf(lock.lost.reason), "not_found");
});

test("a lock that is released is not lost", async () => {
  const { client, pass } = bound(new LeaseSetting());
  const lock = await client.lock(group, "jobs", { ttlMs });
  await lock.release();
  await pass(2 * ttlMs);
  assert.deepEqual([lock.lost.aborted, lock.isHeld], [false, false]);
});

test("the fence refuses what a former holder writes, and lets the holder write", async () => {
  const setting = new LeaseSetting();
  const { cluster } = setting;
  const former = await setting.another().lock(group, "jobs", { ttlMs });
  cluster.leases.end(former.lease);
  const holder = await setting.another().lock(group, "jobs", { ttlMs });
  assert.ok(holder.token > former.token);
  const write = async (lock: Lock, value: string) => {
    const success = [{ put: { key: "result", value } }];
    return (await setting.client.transact({ group, comparisons: lock.fence(), success })).succeeded;
  };
  assert.deepEqual([await write(holder, "new"), await write(former, "old")], [true, false]);
  assert.equal(cluster.valueOf("result"), "new");
});

test("keys that are no places do not hold up a lock", async () => {
  const { client, cluster } = new LeaseSetting();
  cluster.put({ "jobs/1": "no lease", "jobs/": "", jobs: "" });
  await client.lock(group, "jobs/night", { ttlMs });
  const { lease } = await client.grantLease(group, { ttlMs });
  await client.put(group, { key: "jobs/abc", value: "another lease" }, { lease: lease.id });
  assert.ok((await client.lock(group, "jobs", { ttlMs })).isHeld);
});

test("a wait survives its node, and compacted history", async () => {
  const setting = new LeaseSetting();
  const { cluster } = setting;
  const asked = await queueOf(setting, 2);
  cluster.kill("n202:7401");
  for (let time = 0; time < 3; time++) cluster.put({ a: `${time}` });
  cluster.compact(cluster.revision + 1n);
  await settle();
  await setting.pass(500);
  assert.equal(asked[1]?.lock, null);
  const releasing = asked[0]?.lock?.release();
  await setting.pass(500);
  await releasing;
  await until("next", () => asked[1]?.lock !== null);
});

/** So that `pass` can be taken out. */
function bound(setting: LeaseSetting) {
  const { client, cluster, clock } = setting;
  return { client, cluster, clock, pass: (ms: number) => setting.pass(ms) };
}

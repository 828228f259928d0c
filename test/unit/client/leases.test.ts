// Leases: the calls about them, and what keeps one alive until it is given back or lost.

import assert from "node:assert/strict";
import { test } from "node:test";
import { codeOf, endpoints, failsAs, LeaseSetting, settle, until } from "./lease-setting.ts";

const group = "rg220";
const ttlMs = 9_000;
/** A third of the time, after which a lease is renewed. */
const renewalMs = 3_000;
/** The time without its reserve of a fifth. */
const usableMs = 7_200;

test("leases are granted, renewed, read, listed and revoked", async () => {
  const { client, cluster } = new LeaseSetting();
  const { lease } = await client.grantLease(group, { ttlMs, id: 7 });
  assert.deepEqual(lease, { id: 7, grantedTtlMs: ttlMs, ttlMs, keyCount: 0 });
  await client.grantLease(group, { ttlMs });
  await client.put(group, { key: "a", value: "1" }, { lease: 7 });
  assert.deepEqual(await client.renewLease(group, 7), { ttlMs });
  const got = await client.getLease(group, 7, { keys: true });
  assert.deepEqual([got.lease.keyCount, got.keys.map((key) => Buffer.from(key).toString())], [1, ["a"]]);
  assert.deepEqual((await client.getLease(group, 7)).keys, []);
  const pages: number[][] = [];
  for await (const page of client.leases(group, { pageLeases: 1 })) pages.push(page.leases.map(({ id }) => id));
  assert.deepEqual(pages, [[2], [7]]);
  assert.equal((await client.revokeLease(group, 7)).deleted, 1);
  assert.deepEqual(cluster.keys, []);
});

test("what is asked of a lease that is not there is not found, and what cannot be granted is refused", async () => {
  const { client, cluster } = new LeaseSetting();
  for (const call of [
    client.getLease(group, 7),
    client.revokeLease(group, 7),
    client.renewLease(group, 7),
    client.keepLease(group, 7),
    client.put(group, { key: "a", value: "1" }, { lease: 7 }),
  ]) {
    await assert.rejects(call, failsAs("not_found"));
  }
  const before = cluster.calls.length;
  for (const bad of [999, 86_400_001, 1_000.5]) {
    await assert.rejects(client.grantLease(group, { ttlMs: bad }), failsAs("invalid_argument"));
    await assert.rejects(client.lease(group, { ttlMs: bad }), failsAs("invalid_argument"));
  }
  assert.equal(cluster.calls.length, before);
  await client.grantLease(group, { ttlMs, id: 7 });
  await assert.rejects(client.grantLease(group, { ttlMs, id: 7 }), failsAs("already_exists"));
});

test("a kept lease is renewed every third of its time, all leases of a group over one stream", async () => {
  const setting = new LeaseSetting();
  const leases = [await setting.client.lease(group, { ttlMs }), await setting.client.lease(group, { ttlMs })];
  const ofBoth = leases.map(({ id }) => `n202:7401 ${id}`);
  await setting.pass(renewalMs - 50);
  assert.deepEqual(setting.cluster.leases.renewals, []);
  await setting.pass(50);
  assert.deepEqual(setting.cluster.leases.renewals, ofBoth);
  await setting.pass(9 * renewalMs);
  assert.equal(setting.cluster.leases.renewals.length, 20);
  assert.equal(setting.cluster.leases.openStreams, 1);
  assert.ok(leases.every(({ isHeld, remainingMs }) => isHeld && remainingMs === ttlMs));
});

test("`await using` revokes the lease with its keys, and leaves nothing that waits", async () => {
  const { client, cluster, clock, pass } = bound(new LeaseSetting());
  let lost: AbortSignal | undefined;
  {
    await using lease = await client.lease(group, { ttlMs });
    lost = lease.lost;
    await client.put(group, { key: "a", value: "1" }, { lease: lease.id });
    await pass(renewalMs);
    assert.equal(cluster.leases.openStreams, 1);
  }
  assert.deepEqual([cluster.leases.ids, cluster.keys], [[], []]);
  await until("closed", () => cluster.leases.openStreams === 0);
  assert.equal(clock.sleepers, 0);
  await pass(2 * ttlMs);
  assert.equal(cluster.leases.renewals.length, 1);
  assert.equal(lost.aborted, false);
});

test("a lease that has ended already is revoked without an error", async () => {
  const { client, cluster } = new LeaseSetting();
  const lease = await client.lease(group, { ttlMs });
  cluster.leases.end(lease.id);
  await lease.revoke();
  assert.deepEqual([lease.isHeld, lease.remainingMs, lease.lost.aborted], [false, 0, false]);
});

test("a lease counts as revoked only when its group says so, not by a node that has not heard of the group", async () => {
  const { client, cluster } = new LeaseSetting();
  const lease = await client.lease(group, { ttlMs });
  cluster.refuse("revokeLease", "not_found");
  await assert.rejects(lease.revoke(), failsAs("not_found"));
  assert.ok(cluster.leases.has(BigInt(lease.id)));
  await lease.revoke();
  assert.equal(lease.remainingMs, 0);
});

test("a stream stays open for the leases that are left", async () => {
  const { client, cluster, pass } = bound(new LeaseSetting());
  const [kept, other] = [await client.lease(group, { ttlMs }), await client.lease(group, { ttlMs })];
  await pass(renewalMs);
  await other.revoke();
  await other.revoke();
  await pass(3 * ttlMs);
  assert.ok(kept.isHeld);
  assert.equal(cluster.leases.openStreams, 1);
});

test("a lease that the group says has ended is lost at once", async () => {
  const { client, cluster, pass } = bound(new LeaseSetting());
  const lease = await client.lease(group, { ttlMs });
  cluster.leases.end(lease.id);
  await pass(renewalMs);
  assert.equal(codeOf(lease.lost.reason), "not_found");
  assert.deepEqual([lease.isHeld, lease.remainingMs], [false, 0]);
  const calls = cluster.calls.length;
  await lease[Symbol.asyncDispose]();
  assert.equal(cluster.calls.length, calls);
});

test("what is left counts from the sending of the last answered renewal, not from its answer", async () => {
  const { client, cluster, pass } = bound(new LeaseSetting());
  const lease = await client.lease(group, { ttlMs });
  const answer = cluster.leases.holdAnswers();
  await pass(renewalMs + 1_500);
  answer();
  await settle();
  cluster.leases.isMute = true;
  assert.equal(lease.remainingMs, ttlMs - 1_500);
  await pass(usableMs - 1_500 - 50);
  assert.equal(lease.lost.aborted, false);
  await pass(50);
  assert.equal(codeOf(lease.lost.reason), "deadline");
});

test("a lease that nobody renews is lost while its reserve is left, and by the clock before any timer runs", async () => {
  const { client, cluster, clock, pass } = bound(new LeaseSetting());
  const lease = await client.lease(group, { ttlMs });
  for (const endpoint of endpoints) cluster.kill(endpoint);
  await pass(usableMs - 50);
  assert.ok(lease.isHeld && !lease.lost.aborted);
  clock.advance(50);
  assert.equal(lease.isHeld, false);
  await settle();
  assert.equal(codeOf(lease.lost.reason), "deadline");
  assert.match(String(lease.lost.reason), /was not renewed in time, of 9000 ms: No connection to n20/);
  assert.equal(lease.remainingMs, ttlMs - usableMs);
});

test("a lease that is lost for want of renewals is revoked all the same, so that nobody waits for its end", async () => {
  const { client, cluster, pass } = bound(new LeaseSetting());
  const lease = await client.lease(group, { ttlMs });
  cluster.leases.isMute = true;
  await pass(ttlMs);
  assert.deepEqual([lease.lost.aborted, lease.remainingMs, cluster.leases.ids], [true, 0, [lease.id]]);
  await lease[Symbol.asyncDispose]();
  assert.deepEqual(cluster.leases.ids, []);
});

test("a lost lease stays lost, though its renewal is answered after all", async () => {
  const { client, cluster, pass } = bound(new LeaseSetting());
  const lease = await client.lease(group, { ttlMs });
  await pass(usableMs - 1_000);
  const answer = cluster.leases.holdAnswers();
  const { length } = cluster.leases.renewals;
  await pass(usableMs);
  assert.ok(cluster.leases.renewals.length > length && lease.lost.aborted);
  answer();
  await pass(ttlMs);
  assert.deepEqual([lease.isHeld, lease.remainingMs], [false, 0]);
});

test("renewals go on at another node when theirs dies, and when it falls silent", async () => {
  const { client, cluster, pass } = bound(new LeaseSetting());
  const lease = await client.lease(group, { ttlMs });
  await pass(renewalMs);
  cluster.kill("n202:7401");
  await pass(ttlMs);
  assert.ok(lease.isHeld);
  assert.match(cluster.leases.renewals.at(-1) ?? "", /^n208/);
  cluster.start("n202:7401");
  const { length } = cluster.leases.renewals;
  cluster.leases.isMute = true;
  await until("asked", () => cluster.leases.renewals.length >= length);
  await pass(renewalMs);
  assert.match(cluster.leases.renewals.at(-1) ?? "", /^n208/);
  cluster.leases.isMute = false;
  await pass(2_500);
  assert.match(cluster.leases.renewals.at(-1) ?? "", /^n202/);
  await pass(3 * ttlMs);
  assert.ok(lease.isHeld);
});

test("a renewal that the group refuses is tried again until the time is up", async () => {
  const { client, cluster, pass } = bound(new LeaseSetting());
  const lease = await client.lease(group, { ttlMs });
  cluster.refuse("keepAliveLease", "no_leader", { times: 5 });
  await pass(usableMs);
  assert.ok(lease.isHeld);
  assert.ok(cluster.leases.renewals.length >= 6);
});

test("a grant whose answer was lost is repeated under the same id", async () => {
  const { client, cluster, pass } = bound(new LeaseSetting());
  cluster.leases.losesGrants = 2;
  const granting = client.lease(group, { ttlMs });
  await pass(200);
  const lease = await granting;
  assert.deepEqual(cluster.leases.ids, [lease.id]);
  assert.equal(lease.remainingMs, ttlMs - 200);
});

test("a grant that is given up leaves no lease", async () => {
  const { client, cluster } = new LeaseSetting();
  cluster.leases.losesGrants = 1;
  const abort = new AbortController();
  const granting = client.lease(group, { ttlMs, signal: abort.signal });
  await until("granted", () => cluster.leases.ids.length === 1);
  abort.abort();
  await assert.rejects(granting, failsAs("canceled"));
  assert.deepEqual(cluster.leases.ids, []);
});

test("somebody else's lease is never taken for our own", async () => {
  const { client, cluster } = new LeaseSetting();
  cluster.refuse("grantLease", "already_exists");
  await assert.rejects(client.lease(group, { ttlMs }), failsAs("already_exists"));
});

test("a client that is closed loses its leases, and nothing waits any more", async () => {
  const { client, clock, cluster, pass } = bound(new LeaseSetting());
  const lease = await client.lease(group, { ttlMs });
  await pass(renewalMs);
  await client.close();
  assert.equal(codeOf(lease.lost.reason), "canceled");
  await lease[Symbol.asyncDispose]();
  await until("quiet", () => clock.sleepers === 0 && cluster.leases.openStreams === 0);
  const late = client.lease(group, { ttlMs, timeoutMs: 100 });
  late.catch(() => {});
  await pass(100);
  await assert.rejects(late, failsAs("unreachable"));
});

test("a lease that exists can be kept, and left again to end by itself", async () => {
  const { client, cluster, clock, pass } = bound(new LeaseSetting());
  await client.grantLease(group, { ttlMs, id: 7 });
  const lease = await client.keepLease(group, 7);
  await pass(renewalMs);
  assert.equal(cluster.leases.renewals.length, 2);
  lease.leave();
  await pass(ttlMs);
  assert.equal(cluster.leases.renewals.length, 2);
  assert.deepEqual([cluster.leases.ids, lease.lost.aborted, lease.isHeld, clock.sleepers], [[7], false, false, 0]);
});

test("a lease that was left is somebody else's to keep: the end of its block does not revoke it", async () => {
  const { client, cluster } = new LeaseSetting();
  {
    await using lease = await client.lease(group, { ttlMs });
    lease.leave();
  }
  assert.equal(cluster.leases.ids.length, 1);
});

test("a single renewal finds the node that answers, and giving it up disturbs no other", async () => {
  const { client, cluster, pass } = bound(new LeaseSetting());
  cluster.kill("n202:7401");
  await client.grantLease(group, { ttlMs, id: 7 });
  cluster.kill("n208:7401");
  cluster.start("n202:7401");
  assert.deepEqual(await client.renewLease(group, 7), { ttlMs });
  const kept = await client.keepLease(group, 7);
  cluster.start("n208:7401");
  const answer = cluster.leases.holdAnswers();
  const abort = new AbortController();
  const renewing = client.renewLease(group, 7, { signal: abort.signal });
  await settle();
  abort.abort();
  await assert.rejects(renewing, failsAs("canceled"));
  answer();
  await pass(3 * ttlMs);
  assert.ok(kept.isHeld);
  assert.equal(cluster.leases.renewals.filter((one) => one.startsWith("n208")).length, 0);
});

test("a lease that cannot be revoked is left to end by itself, without an error and without delay beyond its time", async () => {
  const { client, cluster, pass } = bound(new LeaseSetting());
  const lease = await client.lease(group, { ttlMs });
  for (const endpoint of endpoints) cluster.kill(endpoint);
  const revoking = lease.revoke({ timeoutMs: 500 });
  revoking.catch(() => {});
  await pass(600);
  await assert.rejects(revoking, failsAs("unreachable"));
  const disposing = lease[Symbol.asyncDispose]();
  await pass(5_000);
  await disposing;
});

test("an id that is none is refused, and is nobody's when the renewals end", async () => {
  const { client } = new LeaseSetting();
  await client.lease(group, { ttlMs });
  await assert.rejects(client.renewLease(group, -1), failsAs("invalid_argument"));
  await client.close();
  await settle();
});

/** So that `pass` can be taken out. */
function bound(setting: LeaseSetting) {
  const { client, cluster, clock } = setting;
  return { client, cluster, clock, pass: (ms: number) => setting.pass(ms) };
}

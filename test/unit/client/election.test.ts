// Elections: who leads, told to everybody, and only by who leads.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Leader } from "../../../client/index.ts";
import { codeOf, failsAs, LeaseSetting, settle, until } from "./lease-setting.ts";

const group = "rg220";
const ttlMs = 9_000;

function wordOf(leader: Leader | null | undefined): string | null | undefined {
  return leader == null ? leader : Buffer.from(leader.value).toString();
}

test("candidates lead one after the other, with growing tokens", async () => {
  const setting = new LeaseSetting();
  const elections = [setting.another(), setting.another()].map((client) => client.election(group, "boss"));
  const [a, b] = elections;
  assert.equal(await a?.leader(), null);
  const first = await a?.campaign("a", { ttlMs });
  const campaign = b?.campaign("b", { ttlMs });
  await until("queued", () => setting.cluster.keys.length === 2);
  const seen = await b?.leader();
  assert.deepEqual([wordOf(seen), seen?.token], ["a", first?.token]);
  await first?.resign();
  const second = await campaign;
  assert.ok((second?.token ?? 0) > (first?.token ?? 0));
  assert.equal(wordOf(await a?.leader()), "b");
  await second?.[Symbol.asyncDispose]();
  assert.deepEqual([setting.cluster.keys, setting.cluster.leases.ids], [[], []]);
});

test("a leader proclaims another value, under the same token, and a former one does not", async () => {
  const { client, cluster } = new LeaseSetting();
  const election = client.election(group, "boss");
  await using leadership = await election.campaign("one", { ttlMs });
  await leadership.proclaim("two");
  const leader = await election.leader();
  assert.deepEqual([wordOf(leader), leader?.token], ["two", leadership.token]);
  assert.ok(leadership.isHeld && (leader?.revision ?? 0) > leadership.token);
  const [id = 0] = cluster.leases.ids;
  cluster.leases.end(id);
  await using next = await election.campaign("three", { ttlMs });
  await assert.rejects(leadership.proclaim("late"), failsAs("condition_failed"));
  assert.equal(wordOf(await election.leader()), "three");
  await until("lost", () => leadership.lost.aborted);
  assert.equal(codeOf(leadership.lost.reason), "not_found");
  assert.deepEqual([leadership.isHeld, next.isHeld, leadership.remainingMs], [false, true, 0]);
  assert.equal((await client.transact({ group, comparisons: leadership.fence() })).succeeded, false);
});

test("an observer sees who leads, every change of it, and nobody", async () => {
  const setting = new LeaseSetting();
  const { cluster } = setting;
  const observer = setting.another().election(group, "boss").observe();
  const next = async () => wordOf((await observer.next()).value ?? null);
  assert.equal(await next(), null);
  const a = await setting.another().election(group, "boss").campaign("a", { ttlMs });
  assert.equal(await next(), "a");
  const campaign = setting.another().election(group, "boss").campaign("b", { ttlMs });
  await until("queued", () => cluster.keys.length === 2);
  await a.proclaim("a2");
  assert.equal(await next(), "a2");
  cluster.leases.end(cluster.leases.ids[0] ?? 0);
  assert.equal(await next(), "b");
  await (await campaign).resign();
  assert.equal(await next(), null);
  await observer.return();
});

test("an observer goes on when history was compacted, and ends quietly when its signal is aborted", async () => {
  const setting = new LeaseSetting();
  const { cluster } = setting;
  const abort = new AbortController();
  const observer = setting.another().election(group, "boss").observe({ signal: abort.signal });
  assert.equal((await observer.next()).value, null);
  const next = observer.next();
  await settle();
  cluster.kill("n202:7401");
  cluster.put({ x: "1" });
  cluster.compact(cluster.revision + 1n);
  const campaign = setting.another().election(group, "boss").campaign("a", { ttlMs });
  await setting.pass(500);
  await campaign;
  assert.equal(wordOf((await next).value ?? null), "a");
  const ending = observer.next();
  abort.abort();
  assert.deepEqual(await ending, { value: undefined, done: true });
});

test("an observer ends quietly when its client is closed", async () => {
  const client = new LeaseSetting().another();
  const observer = client.election(group, "boss").observe();
  assert.equal((await observer.next()).value, null);
  const ending = observer.next();
  await settle();
  await client.close();
  assert.deepEqual(await ending, { value: undefined, done: true });
});

test("an election needs a name", () => {
  const { client } = new LeaseSetting();
  assert.throws(() => client.election(group, ""), failsAs("invalid_argument"));
});

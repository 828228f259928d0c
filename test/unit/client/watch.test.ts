// A watch that resumes by itself: what it delivers over breaks, silences, fragments and lost history.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Client, type DbError, type WatchNotice, type WatchOptions } from "../../../client/index.ts";
import { clientLimits } from "../../../client/limits.ts";
import { FakeCluster } from "./fake-cluster.ts";
import { ManualClock } from "./manual-clock.ts";

const endpoints = ["n202:7401", "n208:7401"];

function watchOf(cluster: FakeCluster, options: WatchOptions = {}, group = "rg220") {
  const clock = new ManualClock();
  const client = new Client({ endpoints, connect: cluster.connect, clock, random: () => 0.5, timeoutMs: 1_000 });
  return { clock, client, notices: client.watch(group, options) };
}

/** The next notice of a kind; others are left out. */
async function next<Type extends WatchNotice["type"]>(notices: AsyncGenerator<WatchNotice, void>, type: Type) {
  for (;;) {
    const { value, done } = await notices.next();
    assert.ok(!done && value !== undefined, `ended before ${type}`);
    if (value.type === type) return value as Extract<WatchNotice, { type: Type }>;
  }
}

async function nextKeys(notices: AsyncGenerator<WatchNotice, void>) {
  const { revision, events } = await next(notices, "events");
  return `${revision} ${events.map((event) => `${event.type}:${Buffer.from(event.keyValue.key)}`).join(" ")}`;
}

test("a watch delivers whole revisions, with previous values on request", async () => {
  const cluster = new FakeCluster();
  cluster.put({ a: "0" });
  const { client, notices } = watchOf(cluster, { keys: { prefix: "a" }, previous: true });
  assert.deepEqual(await next(notices, "started"), {
    type: "started",
    revision: 2,
    endpoint: "n202:7401",
    isResumed: false,
  });
  cluster.put({ a: "1", aa: "2", b: "3" });
  const { revision, events } = await next(notices, "events");
  assert.equal(revision, 3);
  assert.deepEqual(
    events.map(({ type, keyValue, previous }) => [type, String(keyValue.value), previous && String(previous.value)]),
    [
      ["put", "49", "48"],
      ["put", "50", null],
    ],
  );
  await client.delete("rg220", { key: "a" });
  assert.equal(await nextKeys(notices), "4 delete:a");
  await notices.return();
});

test("a watch goes on at another node, behind what it has delivered", async () => {
  const cluster = new FakeCluster();
  const { notices } = watchOf(cluster, { fromRevision: 2 });
  await next(notices, "started");
  cluster.put({ a: "1" });
  assert.equal(await nextKeys(notices), "2 put:a");
  const waiting = next(notices, "interrupted");
  cluster.kill("n202:7401");
  const { endpoint } = await waiting;
  assert.equal(endpoint, "n202:7401");
  cluster.put({ b: "1" });
  cluster.put({ c: "1" });
  const { isResumed, revision } = await next(notices, "started");
  assert.deepEqual([isResumed, revision], [true, 2]);
  assert.deepEqual([await nextKeys(notices), await nextKeys(notices)], ["3 put:b", "4 put:c"]);
  assert.equal(cluster.watches.at(-1)?.resume?.groups[0]?.incarnation, 3n);
  await notices.return();
});

test("a watch waits for as long as it must for a node to come back", async () => {
  const cluster = new FakeCluster();
  const { notices, clock } = watchOf(cluster);
  await next(notices, "started");
  const waiting = next(notices, "interrupted");
  for (const endpoint of endpoints) cluster.kill(endpoint);
  await waiting;
  for (let time = 0; time < 300; time++) {
    assert.equal((await next(notices, "interrupted")).failure.code, "unreachable");
  }
  assert.ok(clock.nowMs() > 60_000, `${clock.nowMs()}`);
  assert.ok(Math.max(...clock.pausesMs.filter((ms) => ms < 10_000)) <= 1_000);
  cluster.put({ a: "1" });
  cluster.start("n208:7401");
  assert.equal(await nextKeys(notices), "2 put:a");
  await notices.return();
});

test("a watch that nobody takes up in time fails", async () => {
  const cluster = new FakeCluster();
  for (const endpoint of endpoints) cluster.kill(endpoint);
  const { notices, clock } = watchOf(cluster);
  await assert.rejects(next(notices, "started"), (reason: { code: string }) => reason.code === "unreachable");
  assert.ok(clock.nowMs() <= 1_000);
});

test("a watch begins at another node, in its time, when the first takes it and says nothing", async () => {
  const cluster = new FakeCluster();
  cluster.silent.add("n202:7401");
  const { notices, clock } = watchOf(cluster);
  const { failure } = await next(notices, "interrupted");
  assert.deepEqual([failure.code, failure.message], ["deadline", "n202:7401 said nothing for 500 ms"]);
  assert.equal((await next(notices, "started")).endpoint, "n208:7401");
  assert.ok(clock.nowMs() <= 1_000, `${clock.nowMs()}`);
  await notices.return();
});

test("a watch goes on at the next node when the second takes it and says nothing", async () => {
  const cluster = new FakeCluster();
  const { notices, clock } = watchOf(cluster);
  await next(notices, "started");
  cluster.silent.add("n208:7401");
  const waiting = next(notices, "interrupted");
  cluster.kill("n202:7401");
  await waiting;
  cluster.start("n202:7401");
  const silent = next(notices, "interrupted");
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(5_001);
  assert.equal((await silent).failure.message, "n208:7401 said nothing for 5000 ms");
  assert.equal((await next(notices, "started")).endpoint, "n202:7401");
  await notices.return();
});

test("a watch that nodes take and say nothing about fails when its time is up", async () => {
  const cluster = new FakeCluster();
  for (const endpoint of endpoints) cluster.silent.add(endpoint);
  const { notices, clock } = watchOf(cluster);
  await assert.rejects(next(notices, "started"), { code: "deadline" });
  assert.ok(clock.nowMs() <= 1_001, `${clock.nowMs()}`);
});

test("a watch says what the group refuses, and does not try again", async () => {
  const { notices } = watchOf(new FakeCluster(), {}, "rg999");
  await assert.rejects(next(notices, "started"), (reason: DbError) => {
    return reason.code === "not_found" && reason.details.group === "rg999";
  });
});

test("a watch tries another node when one cannot serve it now", async () => {
  const cluster = new FakeCluster();
  cluster.refuse("watch", "no_leader");
  const { notices } = watchOf(cluster);
  assert.equal((await next(notices, "interrupted")).failure.code, "no_leader");
  assert.equal((await next(notices, "started")).endpoint, "n208:7401");
  await notices.return();
});

test("a watch ends with the floor when history it needs is gone", async () => {
  const cluster = new FakeCluster();
  const { notices } = watchOf(cluster, { fromRevision: 2 });
  cluster.compact(5n);
  const compacted = (reason: DbError) => reason.code === "compacted" && reason.details.revision === "5";
  await assert.rejects(next(notices, "started"), compacted);
});

test("a watch puts the fragments of a revision together, and drops those of a broken stream", async () => {
  const cluster = new FakeCluster();
  cluster.sendsFragments = true;
  const { notices } = watchOf(cluster, { fromRevision: 2 });
  await next(notices, "started");
  for (const isBroken of [false, true]) {
    cluster.breaksInFragments = isBroken;
    cluster.put({ a: "1", b: "1", c: "1" });
    assert.equal(await nextKeys(notices), `${cluster.revision} put:a put:b put:c`);
  }
  assert.equal(cluster.watches.length, 2);
  await notices.return();
});

test("a watch looks for another node when its own falls silent, but not while its reader is busy", async () => {
  const cluster = new FakeCluster();
  const { notices, clock } = watchOf(cluster);
  await next(notices, "started");
  clock.advance(60_000);
  await new Promise((resolve) => setImmediate(resolve));
  cluster.put({ a: "1" });
  assert.equal(await nextKeys(notices), "2 put:a");
  assert.equal(cluster.watches.length, 1);
  cluster.isMute = true;
  const waiting = next(notices, "interrupted");
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(15_001);
  assert.equal((await waiting).endpoint, "n202:7401");
  cluster.isMute = false;
  assert.equal((await next(notices, "started")).endpoint, "n208:7401");
  await notices.return();
});

test("a watch hands on no revision twice, though a node delivers it twice", async () => {
  const cluster = new FakeCluster();
  cluster.overlaps = true;
  const { notices } = watchOf(cluster);
  cluster.put({ a: "1" });
  await next(notices, "started");
  cluster.put({ b: "1" });
  assert.equal(await nextKeys(notices), "3 put:b");
  cluster.kill("n202:7401");
  cluster.put({ c: "1" });
  assert.equal(await nextKeys(notices), "4 put:c");
  await notices.return();
});

test("a watch ends quietly when its signal is aborted", async () => {
  const abort = new AbortController();
  const { notices } = watchOf(new FakeCluster(), { signal: abort.signal });
  await next(notices, "started");
  const ending = notices.next();
  abort.abort();
  assert.deepEqual(await ending, { value: undefined, done: true });
});

test("closing the client ends its watches without a word, whatever they wait for, and later ones fail as unreachable", async () => {
  const cluster = new FakeCluster();
  const { client, notices: cut } = watchOf(cluster);
  await next(cut, "started");
  const interrupted = next(cut, "interrupted");
  cluster.kill("n202:7401");
  await interrupted;
  const [read, unread] = [client.watch("rg220"), client.watch("rg220")];
  for (const notices of [read, unread]) await next(notices, "started");
  const ending = read.next();
  await client.close();
  for (const step of [ending, unread.next(), cut.next()]) {
    assert.deepEqual(await step, { value: undefined, done: true });
  }
  await assert.rejects(client.watch("rg220").next(), (reason: { code: string }) => reason.code === "unreachable");
});

test("a watch loses, repeats and reorders nothing, whenever nodes die", async () => {
  const step = fc.constantFrom("put", "put", "put", "kill n202:7401", "kill n208:7401", "start");
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.boolean(), async (steps, sendsFragments) => {
      const cluster = new FakeCluster();
      cluster.sendsFragments = sendsFragments;
      const { notices } = watchOf(cluster, { fromRevision: 2 });
      const seen: string[] = [];
      let puts = 0;
      await next(notices, "started");
      for (const one of steps) {
        const [action, endpoint = ""] = one.split(" ");
        if (action === "put") {
          puts += 1;
          cluster.put({ [`a${puts}`]: "", [`b${puts}`]: "" });
        } else if (action === "kill") cluster.kill(endpoint);
        else for (const each of endpoints) cluster.start(each);
        if (puts > seen.length && puts % 3 === 0 && action === "put") {
          for (const each of endpoints) cluster.start(each);
          while (seen.length < puts) seen.push(await nextKeys(notices));
        }
      }
      for (const each of endpoints) cluster.start(each);
      while (seen.length < puts) seen.push(await nextKeys(notices));
      assert.deepEqual(
        seen,
        seen.map((_, at) => `${at + 2} put:a${at + 1} put:b${at + 1}`),
      );
      await notices.return();
    }),
    { numRuns: 50 },
  );
});

/** Watches that have begun, as many as one client may have at an endpoint. */
async function fill(client: Client) {
  const { watchesMax } = clientLimits;
  const watches = Array.from({ length: watchesMax }, () => client.watch("rg220"));
  for (const notices of watches) await next(notices, "started");
  return watches;
}

test("a watch beyond as many as a client may have at an endpoint fails at once, until another has ended", async () => {
  const cluster = new FakeCluster();
  const { client, clock, notices } = watchOf(cluster);
  const [first] = await fill(client);
  const { length } = clock.pausesMs;
  await assert.rejects(notices.next(), (reason: DbError) => {
    assert.deepEqual([reason.code, reason.effect], ["overloaded", "none"]);
    assert.match(reason.message, /1000 watches at n202:7401/);
    return true;
  });
  assert.deepEqual(clock.pausesMs.slice(length), []);
  await first?.return();
  const again = client.watch("rg220");
  assert.equal((await next(again, "started")).endpoint, "n202:7401");
  await client.close();
});

test("a watch that has begun waits for a place when it has to go on where there is none", async () => {
  const cluster = new FakeCluster();
  const { client, notices } = watchOf(cluster);
  cluster.kill("n202:7401");
  assert.equal((await next(notices, "started")).endpoint, "n208:7401");
  cluster.start("n202:7401");
  cluster.refuse("get", "not_leader");
  await client.get("rg220", "a");
  const [first] = await fill(client);
  cluster.kill("n208:7401");
  const codes = new Set<string>();
  for (let time = 0; time < 4; time++) codes.add((await next(notices, "interrupted")).failure.code);
  assert.ok(codes.has("overloaded"), [...codes].join());
  await first?.return();
  assert.equal((await next(notices, "started")).isResumed, true);
  await client.close();
});

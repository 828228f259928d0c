// The client through the in-process transport: values, fail-over, and which failures a caller sees.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Client,
  type ClientOptions,
  DbError,
  defaultRetry,
  type KeyValue,
  UnreachableError,
} from "../../../client/index.ts";
import { errorCodes } from "../../../proto/errors.ts";
import { clusterId, FakeCluster } from "./fake-cluster.ts";
import { ManualClock } from "./manual-clock.ts";

const endpoints = ["n202:7401", "n208:7401", "n214:7401"];

function createClient(cluster: FakeCluster, options: Partial<ClientOptions> = {}) {
  const clock = new ManualClock();
  const client = new Client({ endpoints, connect: cluster.connect, clock, random: () => 0.5, ...options });
  return { client, clock };
}

function code(expected: string) {
  return (reason: unknown) =>
    (reason instanceof DbError || reason instanceof UnreachableError) && reason.code === expected;
}

function textOf(keyValue: KeyValue | null): string | null {
  return keyValue === null ? null : Buffer.from(keyValue.value).toString();
}

test("Client puts, gets, lists and deletes plain values", async () => {
  const { client } = createClient(new FakeCluster());
  const put = await client.put("rg220", { key: "a/1", value: "one" });
  assert.deepEqual(put.header, {
    clusterId,
    group: "rg220",
    incarnation: 3,
    revision: 2,
    node: "n202:7401",
    stale: false,
  });
  await client.put("rg220", { key: "a/2", value: Uint8Array.of(255) });
  const again = await client.put("rg220", { key: "a/1", value: "uno" }, { previous: true });
  assert.equal(textOf(again.previous), "one");
  const { keyValue } = await client.get("rg220", "a/1");
  assert.deepEqual(
    { ...keyValue, key: undefined, value: undefined },
    { key: undefined, value: undefined, createRevision: 2, modRevision: 4, version: 2, lease: 0 },
  );
  assert.equal(textOf(keyValue), "uno");
  assert.equal(textOf((await client.get("rg220", "a/1", { revision: 3 })).keyValue), "one");
  assert.equal((await client.get("rg220", "absent")).keyValue, null);
  assert.equal((await client.get("rg220", "a/1", { consistency: "local" })).header.stale, true);
  const deleted = await client.delete("rg220", { prefix: "a/" }, { previous: true });
  assert.deepEqual([deleted.deleted, deleted.previous.map(textOf)], [2, ["uno", Buffer.from([255]).toString()]]);
});

test("Client lists page by page, of a prefix, a range or one key", async () => {
  const cluster = new FakeCluster();
  cluster.put({ a: "1", "a\0": "2", b: "3", c: "4" });
  const { client } = createClient(cluster);
  const keysOf = async (...[keys, options]: [Parameters<Client["list"]>[1], Parameters<Client["list"]>[2]?]) => {
    const pages: string[][] = [];
    for await (const { keyValues } of client.list("rg220", keys, options)) {
      pages.push(keyValues.map(({ key }) => Buffer.from(key).toString()));
    }
    return pages;
  };
  assert.deepEqual(await keysOf({ prefix: "" }, { pageKeys: 3 }), [["a", "a\0", "b"], ["c"]]);
  assert.deepEqual(await keysOf({ prefix: "a" }), [["a", "a\0"]]);
  assert.deepEqual(await keysOf({ key: "a" }), [["a"]]);
  assert.deepEqual(await keysOf({ start: "b" }), [["b", "c"]]);
  assert.deepEqual(await keysOf({ start: "a", end: "b" }), [["a", "a\0"]]);
});

test("Client gives groups, nodes and status as plain values with every field", async () => {
  const { client } = createClient(new FakeCluster());
  const { group } = await client.group("rg220");
  assert.equal(group.ownershipState, "online");
  assert.equal(group.revision, 12);
  assert.equal(group.stateHash, "");
  assert.deepEqual(group.quorum?.missing, ["n208"]);
  const { nodes } = await client.nodes();
  assert.deepEqual(
    nodes.map((node) => [node.name, node.recoveryStatus, node.since]),
    [
      ["n202", "up", "2030-03-17T17:46:40Z"],
      ["n208", "down", "2030-03-17T17:46:40Z"],
    ],
  );
  const status = await client.status();
  assert.equal(status.header.revision, 1);
  assert.equal(status.cluster?.leader, "n204");
  const { groups, unreachable } = await client.groups({ owner: "n210" });
  assert.deepEqual([groups.map(({ name }) => name), unreachable], [["rg226"], ["rg224"]]);
  assert.deepEqual((await client.sphere("n202")).interlocked[0]?.sharedNodes, ["n208"]);
});

test("Client creates groups, and refuses a config that is none before it asks", async () => {
  const cluster = new FakeCluster();
  const { client } = createClient(cluster);
  const owners = ["n202", "n208"];
  const made = await client.createGroup({ group: "new", owners, config: { lostQuorum: "freeze" } });
  assert.equal(made.group.config?.lostQuorum, "freeze");
  assert.deepEqual(made.warnings, ["Two owners without a witness"]);
  await assert.rejects(client.createGroup({ group: "new", owners, config: { nonsense: 1 } }), (reason: DbError) => {
    return reason.code === "invalid_argument" && reason.details.field === "config" && /nonsense/.test(reason.message);
  });
  assert.deepEqual(cluster.calls, ["n202:7401 createGroup make"]);
});

test("Client asks the next endpoint when one cannot be reached, and stays with it", async () => {
  const cluster = new FakeCluster();
  cluster.kill("n202:7401");
  const { client, clock } = createClient(cluster);
  await client.put("rg220", { key: "a", value: "1" });
  await client.get("rg220", "a");
  assert.deepEqual(cluster.calls, ["n208:7401 put", "n208:7401 get"]);
  assert.deepEqual(clock.pausesMs, [0]);
});

test("Client fails as unreachable when nobody answers until the time is up", async () => {
  const cluster = new FakeCluster();
  for (const endpoint of endpoints) cluster.kill(endpoint);
  const { client, clock } = createClient(cluster, { timeoutMs: 1_000 });
  await assert.rejects(client.get("rg220", "a"), code("unreachable"));
  assert.ok(clock.nowMs() > 500 && clock.nowMs() <= 1_000, `gave up after ${clock.nowMs()} ms`);
});

test("Client repeats a write only when nothing has happened", async () => {
  const cluster = new FakeCluster();
  cluster.refuse("put", "no_leader", { times: 2 });
  const { client } = createClient(cluster);
  await client.put("rg220", { key: "a", value: "1" });
  assert.deepEqual(cluster.calls, ["n202:7401 put", "n208:7401 put", "n214:7401 put"]);
  for (const unknown of ["outcome_unknown", "internal"] as const) {
    cluster.calls.length = 0;
    cluster.refuse("put", unknown);
    await assert.rejects(client.put("rg220", { key: "a", value: "2" }), code(unknown));
    assert.equal(cluster.calls.length, 1, unknown);
  }
  cluster.calls.length = 0;
  cluster.refuse("put", "no_leader", { effect: "unknown" });
  await assert.rejects(client.put("rg220", { key: "a", value: "2" }), code("no_leader"));
  assert.equal(cluster.calls.length, 1);
});

test("Client repeats a read whatever became of it", async () => {
  const cluster = new FakeCluster();
  cluster.refuse("get", "outcome_unknown");
  cluster.refuse("get", "internal");
  const { client } = createClient(cluster);
  await client.get("rg220", "a");
  assert.equal(cluster.calls.length, 3);
});

test("Client asks the next endpoint when the first has waited in vain for a leader that is silent", async () => {
  const cluster = new FakeCluster();
  cluster.refuse("get", "deadline", { effect: "none" });
  const { client } = createClient(cluster);
  await client.get("rg220", "a");
  assert.deepEqual(cluster.calls, ["n202:7401 get", "n208:7401 get"]);
});

test("Client stays with a node that says in time that a group has not answered a write", async () => {
  const cluster = new FakeCluster();
  cluster.refuse("put", "deadline");
  const { client } = createClient(cluster);
  await assert.rejects(client.put("rg220", { key: "a", value: "1" }), code("deadline"));
  await client.put("rg220", { key: "a", value: "2" });
  assert.deepEqual(cluster.calls, ["n202:7401 put", "n202:7401 put"]);
});

test("Client tells of a read that ran out of time why it had to be repeated, and of a write that it ran out", async () => {
  const cluster = new FakeCluster();
  const { client } = createClient(cluster, { timeoutMs: 1_000 });
  for (const method of ["get", "put"]) {
    cluster.refuse(method, "no_quorum");
    cluster.refuse(method, "deadline", { times: 100 });
  }
  await assert.rejects(client.get("rg220", "a"), code("no_quorum"));
  await assert.rejects(client.put("rg220", { key: "a", value: "" }), code("deadline"));
});

test("Client carries code, details and effect of every refusal", async () => {
  const cluster = new FakeCluster();
  const once = { attemptsMax: 1, backoffMs: 1, backoffMsMax: 1 };
  const { client } = createClient(cluster, { retry: once });
  for (const [known, { effect }] of Object.entries(errorCodes)) {
    cluster.refuse("get", known as keyof typeof errorCodes, { details: { missing: "n208,n212", revision: "7" } });
    await assert.rejects(client.get("rg220", "a"), (reason: DbError) => {
      assert.equal(reason.code, known);
      assert.equal(reason.effect, effect);
      assert.deepEqual(reason.details, { group: "rg220", missing: "n208,n212", revision: "7" });
      return reason instanceof DbError;
    });
  }
});

test("Client ends a call when its signal is aborted, also between attempts", async () => {
  const cluster = new FakeCluster();
  for (const endpoint of endpoints) cluster.kill(endpoint);
  const abort = new AbortController();
  const { client, clock } = createClient(cluster, { timeoutMs: 60_000 });
  const call = client.get("rg220", "a", { signal: abort.signal });
  abort.abort();
  await assert.rejects(call);
  assert.ok(clock.nowMs() < 1_000);
});

test("Client refuses malformed endpoints, integers and retries, and is of no use once closed", async () => {
  for (const bad of [[], ["n202"], ["n202:0"], ["n202:99999"], ["http://n202:1"], Array(65).fill("a:1") as string[]]) {
    assert.throws(() => new Client({ endpoints: bad }), code("invalid_argument"), JSON.stringify(bad));
  }
  for (const wrong of [{ attemptsMax: 0 }, { attemptsMax: 1.5 }, { backoffMs: 0 }, { backoffMsMax: Number.NaN }]) {
    const [name = ""] = Object.keys(wrong);
    const retry = { ...defaultRetry, ...wrong };
    assert.throws(() => new Client({ endpoints, retry }), {
      code: "invalid_argument",
      details: { field: `retry.${name}` },
    });
  }
  assert.ok(new Client({ endpoints: ["[::1]:7401", "node-1.example:7401"] }));
  const { client } = createClient(new FakeCluster(), { timeoutMs: 100 });
  await assert.rejects(client.get("rg220", "a", { revision: -1 }), code("invalid_argument"));
  await assert.rejects(client.put("rg220", { key: "a", value: "" }, { ifModRevision: 0.5 }), code("invalid_argument"));
  await client.close();
  await assert.rejects(client.get("rg220", "a"), code("unreachable"));
});

test("Client refuses counts and values that the wire does not hold, by field, value and limit, and asks nobody", async () => {
  const cluster = new FakeCluster();
  const { client } = createClient(cluster);
  const group = "rg220";
  const counts: readonly (readonly [field: string, max: number, call: (count: number) => Promise<unknown>])[] = [
    ["pageKeys", 10_000, (pageKeys) => client.list(group, { prefix: "" }, { pageKeys }).next()],
    ["list.limit", 1_000, (limit) => client.transact({ group, success: [{ list: { prefix: "", limit } }] })],
    ["pageLeases", 10_000, (pageLeases) => client.leases(group, { pageLeases }).next()],
    ["limit", 1_000, (limit) => client.clusterEvents({ limit })],
    ["decisions", 100, (decisions) => client.explainGroup(group, { decisions })],
    ["bufferBytesMax", 16_777_216, async (bufferBytesMax) => client.watch(group, { bufferBytesMax }).next()],
  ];
  const refusedAs = (field: string, message: string) => ({
    code: "invalid_argument",
    effect: "none",
    details: { field },
    message,
  });
  for (const [field, max, call] of counts) {
    for (const bad of [1.5, -1, max + 1, Number.NaN]) {
      const message = `The ${field} ${bad} is not an integer from 0 to ${max}`;
      await assert.rejects(call(bad), refusedAs(field, message));
    }
  }
  const starts: readonly (readonly [field: string, call: (start: number) => Promise<unknown>])[] = [
    ["fromRevision", async (fromRevision) => client.watch(group, { fromRevision }).next()],
    ["fromIndex", async (fromIndex) => client.watchGroup(group, { fromIndex }).next()],
    ["fromIndex", async (fromIndex) => client.watchClusterEvents({ fromIndex }).next()],
  ];
  for (const [field, call] of starts) {
    await assert.rejects(call(-1), refusedAs(field, `The ${field} -1 is not an integer from 0 on`));
  }
  const owners = { group, owners: ["n202", "n208"], ifConfigurationIndex: -1 };
  const index = refusedAs("ifConfigurationIndex", "The ifConfigurationIndex -1 is not an integer from 0 on");
  await assert.rejects(client.setGroupOwners(owners), index);
  for (const [value, told] of [
    [5, "a number"],
    [undefined, "undefined"],
    [null, "null"],
    [[1], "an object"],
  ] as const) {
    const entry = { key: "a", value: value as unknown as string };
    await assert.rejects(client.put(group, entry), refusedAs("value", `The value is ${told}, neither text nor bytes`));
  }
  assert.deepEqual(cluster.calls, []);
});

test("Client refuses times that are none, or longer than a day, by field, value and limit, and asks nobody", async () => {
  const cluster = new FakeCluster();
  const { client, clock } = createClient(cluster);
  const group = "rg220";
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, 86_400_001, 0, -1, "5s" as unknown as number]) {
    const refusedAs = (field: string) => ({
      code: "invalid_argument",
      effect: "none",
      details: { field },
      message: `The ${field} ${bad} is not a time above 0 and up to 86400000 ms`,
    });
    const timeoutMs = bad;
    assert.throws(() => createClient(cluster, { timeoutMs }), refusedAs("timeoutMs"));
    const calls = [
      client.get(group, "a", { timeoutMs }),
      client.put(group, { key: "a", value: "" }, { timeoutMs }),
      client.watch(group, { timeoutMs }).next(),
      client.lease(group, { ttlMs: 9_000, timeoutMs }),
      client.keepLease(group, 7, { timeoutMs }),
    ];
    for (const call of calls) await assert.rejects(call, refusedAs("timeoutMs"));
    if (bad === Number.POSITIVE_INFINITY) continue;
    await assert.rejects(client.lock(group, "jobs", { waitMs: bad }), refusedAs("waitMs"));
  }
  assert.deepEqual([cluster.calls, clock.pausesMs], [[], []]);
});

test("Client fails at once after it is closed, also what it is in the middle of repeating", async () => {
  const cluster = new FakeCluster();
  for (const endpoint of endpoints) cluster.kill(endpoint);
  for (const retrySafe of [false, true]) {
    const { client, clock } = createClient(cluster, { retrySafe, timeoutMs: 60_000 });
    const get = client.get("rg220", "a");
    await client.close();
    await assert.rejects(get, code("unreachable"));
    const late = [
      client.get("rg220", "a"),
      client.put("rg220", { key: "a", value: "" }),
      client.renewLease("rg220", 7),
    ];
    for (const call of late) await assert.rejects(call, code("unreachable"));
    assert.ok(clock.nowMs() < 1_000, `gave up after ${clock.nowMs()} ms`);
  }
});

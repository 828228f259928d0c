// Calls on one stream, and writes under identities: what the client does when streams break and answers are lost.

import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import {
  Client,
  createInProcessTransport,
  DbError,
  type ErrorCode,
  type InProcessService,
  inProcessService,
} from "../../../client/index.ts";
import { pipelined } from "../../../client/pipelined-transport.ts";
import { toStatus } from "../../../proto/error-status.ts";
import { failure } from "../../../proto/errors.ts";
import type { RequestId } from "../../../proto/gen/bailiwick/v1/common_pb.ts";
import { GroupService } from "../../../proto/gen/bailiwick/v1/group_service_pb.ts";
import {
  KeyValueService,
  ListRequestSchema,
  type PutRequest,
  PutRequestSchema,
  PutResponseSchema,
} from "../../../proto/gen/bailiwick/v1/key_value_pb.ts";
import { LeaseService } from "../../../proto/gen/bailiwick/v1/lease_pb.ts";
import {
  type SessionRequest,
  SessionResponseSchema,
  SessionService,
} from "../../../proto/gen/bailiwick/v1/session_pb.ts";

import { ManualClock } from "./manual-clock.ts";

const header = { clusterId: "c", group: "rg220", incarnation: 1n, revision: 9n, node: "n202" };
const endpoints = ["h1:1", "h2:1"];
const entry = { key: "k", value: "v" };

interface Failing {
  readonly code: ErrorCode;
  readonly effect?: "none" | "unknown";
  readonly field?: string;
}

/** Nodes that fail the next puts as told, and count the others. */
class Scene {
  readonly failures: Failing[] = [];
  readonly puts: PutRequest[] = [];
  readonly closed: string[] = [];
  opened = 0;
  readonly client: Client;

  constructor(options: { readonly retrySafe?: boolean; readonly withSessions?: boolean } = {}) {
    const { retrySafe = true, withSessions = true } = options;
    const services = [this.#keyValues(), ...(withSessions ? [this.#sessions()] : [])];
    const connect = () => Promise.resolve(createInProcessTransport(services));
    this.client = new Client({ endpoints, connect, retrySafe, timeoutMs: 2_000, random: () => 0 });
  }

  get identities(): readonly string[] {
    return this.puts.map(({ requestId }) => (requestId ? `${requestId.session} ${requestId.sequence}` : "none"));
  }

  #keyValues(): InProcessService {
    return inProcessService(KeyValueService, {
      put: (request) => {
        this.puts.push(request);
        const failing = this.failures.shift();
        if (failing === undefined) return { header };
        const details = failing.field === undefined ? {} : { field: failing.field };
        throw new DbError(failure(failing.code, "Told so", details, failing.effect));
      },
    });
  }

  #sessions(): InProcessService {
    return inProcessService(SessionService, {
      openSession: () => ({ header, session: `s${++this.opened}`, ttlMs: 1, sequence: 5n }),
      closeSession: ({ session }) => {
        this.closed.push(session);
        return { header };
      },
    });
  }
}

test("a write that may have happened is sent again under the same identity, and the next one has another", async () => {
  const scene = new Scene();
  scene.failures.push({ code: "outcome_unknown" }, { code: "no_leader" }, { code: "deadline" });
  await scene.client.put("rg220", entry);
  await scene.client.put("rg220", entry);
  assert.deepEqual(scene.identities, ["s1 6", "s1 6", "s1 6", "s1 6", "s1 7"]);
});

test("a write that has not happened is sent again under a new identity", async () => {
  const scene = new Scene();
  scene.failures.push({ code: "txn_conflict" }, { code: "outcome_unknown" }, { code: "txn_conflict" });
  await scene.client.put("rg220", entry);
  assert.deepEqual(scene.identities, ["s1 6", "s1 7", "s1 7", "s1 8"]);
});

test("a write that waited in vain at one endpoint is sent to the next", async () => {
  const scene = new Scene();
  scene.failures.push({ code: "deadline", effect: "none" });
  await scene.client.put("rg220", entry);
  assert.deepEqual(scene.identities, ["s1 6", "s1 7"]);
});

test("a refusal of a repetition by the group is told, any other is no proof that nothing happened", async () => {
  const scene = new Scene();
  scene.failures.push({ code: "outcome_unknown" }, { code: "condition_failed" });
  await assert.rejects(scene.client.put("rg220", entry), { code: "condition_failed", effect: "none" });
  scene.failures.push({ code: "outcome_unknown" }, { code: "not_found", field: "lease" });
  await assert.rejects(scene.client.put("rg220", entry), { code: "not_found", effect: "none" });
  scene.failures.push({ code: "outcome_unknown" }, { code: "corrupt" });
  await assert.rejects(scene.client.put("rg220", entry), { code: "outcome_unknown", effect: "unknown" });
});

test("an expired session is replaced by another when nothing can have happened, and only then", async () => {
  const scene = new Scene();
  const expired = { code: "not_found", field: "request_id.session" } as const;
  scene.failures.push(expired);
  await scene.client.put("rg220", entry);
  assert.deepEqual(scene.identities, ["s1 6", "s2 6"]);
  scene.failures.push({ code: "outcome_unknown" }, expired);
  await assert.rejects(scene.client.put("rg220", entry), { code: "outcome_unknown" });
});

test("that a write was carried out but its values are gone is told, and not asked again", async () => {
  const scene = new Scene();
  scene.failures.push({ code: "outcome_unknown" }, { code: "compacted", effect: "unknown" });
  await assert.rejects(scene.client.put("rg220", entry), { code: "compacted", effect: "unknown" });
  assert.equal(scene.puts.length, 2);
});

test("a client that closes says that it needs its sessions no more", async () => {
  const scene = new Scene();
  await scene.client.put("rg220", entry);
  await scene.client.put("rg226", entry);
  await scene.client.close();
  assert.deepEqual(scene.closed.toSorted(), ["s1", "s2"]);
});

test("without sessions, asked for or there, a write that may have happened is told so", async () => {
  for (const options of [{ retrySafe: false }, { withSessions: false }]) {
    const scene = new Scene(options);
    scene.failures.push({ code: "outcome_unknown" });
    await assert.rejects(scene.client.put("rg220", entry), { code: "outcome_unknown" });
    assert.deepEqual([scene.identities, scene.opened], [["none"], 0]);
  }
});

test("leases are granted and revoked, and owners changed, once too; what is only checked needs no identity", async () => {
  const identities: string[] = [];
  let lost = 0;
  const take = (requestId: RequestId | undefined) => {
    identities.push(requestId === undefined ? "none" : `${requestId.sequence}`);
    // Every second answer is lost.
    if (lost++ % 2 === 0) throw new DbError(failure("outcome_unknown", "Lost"));
  };
  const services = [
    inProcessService(SessionService, { openSession: () => ({ header, session: "s", ttlMs: 1, sequence: 0n }) }),
    inProcessService(LeaseService, {
      grantLease: ({ requestId, ttlMs }) => {
        take(requestId);
        return { header, lease: { id: 7n, grantedTtlMs: ttlMs, ttlMs, keyCount: 0 } };
      },
      revokeLease: ({ requestId }) => {
        take(requestId);
        return { header, deleted: 2n };
      },
    }),
    inProcessService(GroupService, {
      setGroupOwners: ({ requestId, group }) => {
        take(requestId);
        return { header, group: { name: group } };
      },
    }),
  ];
  const connect = () => Promise.resolve(createInProcessTransport(services));
  const client = new Client({ endpoints, connect, retrySafe: true, timeoutMs: 2_000, random: () => 0 });
  assert.equal((await client.grantLease("rg220", { ttlMs: 5_000 })).lease.id, 7);
  assert.equal((await client.revokeLease("rg220", 7)).deleted, 2);
  const owners = { group: "rg220", owners: ["n1", "n2"] };
  assert.equal((await client.setGroupOwners(owners)).group.name, "rg220");
  await client.setGroupOwners({ ...owners, validateOnly: true });
  assert.deepEqual(identities, ["1", "1", "2", "2", "3", "3", "none", "none"]);
});

/** A client of nodes that open a session when they are told to. */
function opening() {
  const { promise: isOpen, resolve: open } = Promise.withResolvers<void>();
  const { promise: isAsked, resolve: ask } = Promise.withResolvers<void>();
  const services = [
    inProcessService(KeyValueService, { put: () => ({ header }) }),
    inProcessService(SessionService, {
      openSession: async () => {
        ask();
        await isOpen;
        return { header, session: "s1", ttlMs: 1, sequence: 5n };
      },
    }),
  ];
  const connect = () => Promise.resolve(createInProcessTransport(services));
  return { client: new Client({ endpoints: ["h1:1"], connect, retrySafe: true, timeoutMs: 20_000 }), isAsked, open };
}

test("a write waits for its session no longer than its own time and signal say, and the session is opened all the same", async () => {
  const { client, isAsked, open } = opening();
  const startMs = performance.now();
  const aborting = new AbortController();
  const given = client.put("rg220", entry, { signal: aborting.signal });
  const patient = client.put("rg220", entry);
  await isAsked;
  aborting.abort();
  await assert.rejects(given, { code: "canceled", effect: "none" });
  await assert.rejects(client.put("rg220", entry, { timeoutMs: 30 }), { code: "deadline", effect: "none" });
  assert.ok(performance.now() - startMs < 2_000);
  open();
  assert.equal((await patient).header.revision, 9);
  await client.close();
});

test("a client that closes does not wait for a session that is being opened, and ends the write that does", async () => {
  const { client, isAsked } = opening();
  const startMs = performance.now();
  const put = client.put("rg220", entry);
  await isAsked;
  await Promise.all([client.close(), assert.rejects(put, { code: "canceled" })]);
  assert.ok(performance.now() - startMs < 2_000);
});

type Serve = (requests: AsyncIterable<SessionRequest>) => AsyncGenerator<ReturnType<typeof answered>>;

/** A client of nodes that serve streams of calls so, and nothing else but single puts. */
function streaming(session: Serve) {
  let singles = 0;
  const put = () => {
    singles += 1;
    return { header };
  };
  const services = [inProcessService(SessionService, { session }), inProcessService(KeyValueService, { put })];
  const connect = () => Promise.resolve(createInProcessTransport(services));
  return { connect, client: new Client({ endpoints: ["h1:1"], connect, timeoutMs: 1_000 }), singles: () => singles };
}

/** The calls of all messages, one by one. */
async function* callsOf(requests: AsyncIterable<SessionRequest>) {
  for await (const message of requests) yield* [message, ...message.more];
}

function answered(call: bigint, revision: bigint) {
  const value = create(PutResponseSchema, { header: { ...header, revision } });
  return create(SessionResponseSchema, { call, response: { case: "put", value } });
}

test("calls under way share one stream, and each gets its own answer in whatever order", async () => {
  let streams = 0;
  const { client, singles } = streaming(async function* (requests) {
    streams += 1;
    const held: bigint[] = [];
    for await (const { call } of callsOf(requests)) {
      held.push(call);
      if (held.length === 3) for (const each of held.toReversed()) yield answered(each, each * 10n);
    }
  });
  const answers = await Promise.all([1, 2, 3].map(() => client.put("rg220", entry)));
  assert.deepEqual([answers.map((answer) => answer.header.revision), streams, singles()], [[10, 20, 30], 1, 0]);
  await client.close();
});

test("calls of one turn go in one message, as far as it holds them, and answers may come so too", async () => {
  const counts: number[] = [];
  const { client, singles } = streaming(async function* (requests) {
    for await (const { call, more } of requests) {
      counts.push(1 + more.length);
      const answer = answered(call, call * 10n);
      answer.more = more.map((further) => answered(further.call, further.call * 10n));
      yield answer;
    }
  });
  const putAll = async (calls: number, valueBytes: number) => {
    const value = new Uint8Array(valueBytes);
    const answers = await Promise.all(Array.from({ length: calls }, () => client.put("rg220", { key: "k", value })));
    return answers.map((answer) => answer.header.revision);
  };
  assert.deepEqual(await putAll(3, 1), [10, 20, 30]);
  assert.deepEqual(await putAll(6, 60_000), [40, 50, 60, 70, 80, 90]);
  // What is beyond 1,024 in flight goes by itself.
  await putAll(1_030, 1);
  assert.deepEqual([counts, singles()], [[3, 4, 2, 1_024], 6]);
  await client.close();
});

test("a call that cannot be encoded fails alone, with nothing done, and those that share its message succeed", async () => {
  const { put, list } = KeyValueService.method;
  const options = { timeoutMs: 1_000 };
  const { connect, client } = streaming(async function* (requests) {
    for await (const { call } of callsOf(requests)) yield answered(call, call);
  });
  const transport = await pipelined(connect)("h1:1");
  const putOnce = () => transport.unary(put, create(PutRequestSchema, { group: "rg220" }), options);
  const before = Array.from({ length: 10 }, putOnce);
  const broken = transport.unary(list, create(ListRequestSchema, { limit: 1.5 }), options);
  const answers = [...before, ...Array.from({ length: 10 }, putOnce)];
  const refused = { code: "invalid_argument", effect: "none" };
  await assert.rejects(broken, refused);
  assert.equal((await Promise.all(answers)).length, 20);
  transport.close();
  const puts = Array.from({ length: 20 }, () => client.put("rg220", entry));
  await assert.rejects(client.list("rg220", { prefix: "" }, { pageKeys: 1.5 }).next(), refused);
  assert.equal((await Promise.all(puts)).length, 20);
  await client.close();
});

test("who shares the opening of a stream waits as long as its own time and signal say, and then has what is left", async () => {
  const clock = new ManualClock({ shortMs: 0 });
  const told: number[] = [];
  const { connect } = streaming(async function* (requests) {
    for await (const { call, timeoutMs } of callsOf(requests)) {
      told.push(timeoutMs);
      yield answered(call, call);
    }
  });
  const { promise: isOpen, resolve: open } = Promise.withResolvers<void>();
  const inner = await connect();
  const openStream: typeof inner.openStream = async (method, options) => {
    await isOpen;
    return inner.openStream(method, options);
  };
  const slow = { unary: inner.unary.bind(inner), openStream, close: () => inner.close() };
  const transport = await pipelined(() => Promise.resolve(slow), clock)("h1:1");
  const put = (options: { readonly timeoutMs: number; readonly signal?: AbortSignal }) =>
    transport.unary(KeyValueService.method.put, create(PutRequestSchema, { group: "rg220" }), options);
  const aborting = new AbortController();
  const patient = put({ timeoutMs: 50_000 });
  const given = put({ timeoutMs: 50_000, signal: aborting.signal });
  const late = put({ timeoutMs: 1_000 });
  aborting.abort();
  await assert.rejects(given, { code: "canceled", effect: "none" });
  clock.advance(1_000);
  await assert.rejects(late, { code: "unreachable", message: /silent for 1000 ms/ });
  open();
  await patient;
  assert.deepEqual([told, clock.sleepers], [[49_000], 0]);
  transport.close();
});

test("an error of a call is thrown with its code and effect, and the stream serves the next", async () => {
  const { client } = streaming(async function* (requests) {
    for await (const { call } of requests) {
      const value = toStatus(failure("fenced", "Old", { group: "rg220" }));
      if (call === 1n) yield create(SessionResponseSchema, { call, response: { case: "error", value } });
      else yield answered(call, 2n);
    }
  });
  await assert.rejects(client.put("rg220", entry), { code: "fenced", effect: "none", details: { group: "rg220" } });
  assert.equal((await client.put("rg220", entry)).header.revision, 2);
  await client.close();
});

test("a stream that breaks leaves its calls unknown, and the next call opens another", async () => {
  let streams = 0;
  const { client } = streaming(async function* (requests) {
    streams += 1;
    for await (const { call } of requests) {
      if (streams === 1) throw new DbError(failure("internal", "Cut off"));
      yield answered(call, 2n);
    }
  });
  await assert.rejects(client.put("rg220", entry), { code: "internal", effect: "unknown" });
  assert.equal((await client.put("rg220", entry)).header.revision, 2);
  await client.close();
});

test("a stream that a node ends well has not read what it has not answered: the call is made again", async () => {
  let streams = 0;
  const { client } = streaming(async function* (requests) {
    streams += 1;
    for await (const { call } of requests) {
      if (streams === 1) return;
      yield answered(call, 2n);
    }
  });
  assert.equal((await client.put("rg220", entry)).header.revision, 2);
  await client.close();
});

test("a node that knows of no streams is called by single calls, and not asked for a stream again", async () => {
  let streams = 0;
  const { client, singles } = streaming(async function* (requests) {
    streams += 1;
    for await (const _ of requests) throw new DbError(failure("unimplemented", "A later release"));
    yield answered(0n, 0n);
  });
  for (let at = 0; at < 3; at++) await client.put("rg220", entry);
  assert.deepEqual([streams, singles()], [1, 3]);
});

test("what is large goes by itself", async () => {
  const { client, singles } = streaming(async function* (requests) {
    for await (const { call } of requests) yield answered(call, 2n);
  });
  await client.put("rg220", { key: "k", value: new Uint8Array(100_000) });
  assert.equal(singles(), 1);
  await client.close();
});

test("a call that is given up, or late, is canceled on the stream", async () => {
  const canceled: bigint[] = [];
  let heard = () => {};
  const isThere = new Promise<void>((resolve) => {
    heard = resolve;
  });
  const { client } = streaming(async function* (requests) {
    for await (const { call, request } of requests) {
      if (request.case === "cancel") canceled.push(request.value);
      if (call > 2n) yield answered(call, 2n);
      if (call === 1n) heard();
    }
  });
  const aborting = new AbortController();
  const given = client.put("rg220", entry, { signal: aborting.signal });
  await isThere;
  aborting.abort();
  await assert.rejects(given, { code: "canceled" });
  await assert.rejects(client.put("rg220", entry, { timeoutMs: 20 }), { code: "deadline" });
  await client.put("rg220", entry);
  assert.deepEqual(canceled, [1n, 2n]);
  await client.close();
});

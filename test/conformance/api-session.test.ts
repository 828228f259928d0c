// Sessions over gRPC: identities of requests, and many calls on one stream.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { status as grpcStatus } from "@grpc/grpc-js";
import { Client } from "../../client/index.ts";
import { failure } from "../../proto/errors.ts";
import { KeyValueService } from "../../proto/gen/bailiwick/v1/key_value_pb.ts";
import { SessionRequestSchema, type SessionResponse, SessionService } from "../../proto/gen/bailiwick/v1/session_pb.ts";
import { ErrorInfoSchema } from "../../proto/gen/google/rpc/error_details_pb.ts";
import type { Reply, Request } from "../../proto/requests.ts";
import { limits } from "../../server/node/limits.ts";
import { bytesOf } from "../../storage/bytes.ts";
import { Harness, header, SessionClient } from "./api-harness.ts";

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.start();
});
afterEach(() => harness.stop());

const { openSession, closeSession } = SessionService.method;
const { put, delete: deleteKeys, transact, compact } = KeyValueService.method;
const key = bytesOf("k");
const requestId = { session: "s1", sequence: 7n };
const putCall = (call: bigint, value = "v") => ({
  call,
  request: { case: "put" as const, value: { group: "rg220", key, value: bytesOf(value) } },
});
const getCall = (call: bigint) => ({ call, request: { case: "get" as const, value: { group: "rg220", key } } });
const donePut: Reply = { type: "put", header, previous: null };

/** What the node is asked, without an identity. */
function asked(): readonly Request[] {
  return harness.node.all("call").map(({ request }) => request);
}

function fresh(answer: typeof harness.node.answer = () => null): SessionClient {
  harness.node.inputs.length = 0;
  harness.node.answer = answer;
  return new SessionClient(harness.client);
}

function reasonOf({ response }: SessionResponse): string | undefined {
  if (response.case !== "error") return response.case;
  return response.value.details.map((detail) => anyUnpack(detail, ErrorInfoSchema)?.reason).find(Boolean);
}

test("a session is opened with what was asked for, or an hour, and closed by its name", async () => {
  const { node } = harness;
  node.inputs.length = 0;
  node.answer = (request) =>
    request.type === "openSession"
      ? { type: "openSession", header, session: request.session ?? "s1", ttlMs: request.ttlMs, sequence: 7 }
      : { type: "closeSession", header };
  const opened = await harness.call(openSession, { group: "rg220" });
  assert.deepEqual([opened.session, opened.ttlMs, opened.sequence], ["s1", 3_600_000, 7n]);
  const again = await harness.call(openSession, { group: "rg220", session: "s9", ttlMs: 10_000 });
  assert.deepEqual([again.session, again.ttlMs, again.header?.group], ["s9", 10_000, "rg220"]);
  await harness.call(closeSession, { group: "rg220", session: "s9" });
  assert.deepEqual(asked().at(-1), { type: "closeSession", group: "rg220", session: "s9" });
});

test("a time to live out of bounds, and a session without a name, are refused by field", async () => {
  for (const ttlMs of [9_999, 86_400_001]) {
    const { info } = await harness.refused(openSession, { group: "rg220", ttlMs });
    assert.equal(info?.metadata["field"], "ttl_ms");
  }
  const { info } = await harness.refused(closeSession, { group: "rg220" });
  assert.equal(info?.metadata["field"], "session");
});

test("a write with a request_id is asked for under that identity, and answered as it is without", async () => {
  harness.node.inputs.length = 0;
  const replies: Record<string, Reply> = {
    put: donePut,
    delete: { type: "delete", header, deleted: 2, previous: [] },
    transact: { type: "transact", header, succeeded: true, parts: [] },
    compact: { type: "compact", header },
  };
  harness.node.answer = (request) => (request.type === "identified" ? (replies[request.request.type] as Reply) : null);
  await harness.call(put, { group: "rg220", key, requestId });
  const { deleted } = await harness.call(deleteKeys, { group: "rg220", keys: { case: "key", value: key }, requestId });
  await harness.call(transact, { group: "rg220", requestId });
  await harness.call(compact, { group: "rg220", revision: 3n, requestId });
  assert.equal(deleted, 2n);
  const identities = asked().map((request) => (request.type === "identified" ? request.identity : null));
  assert.deepEqual(identities, Array(4).fill({ session: "s1", sequence: 7 }));
});

test("calls of a stream are answered when they are ready, each under its number", async () => {
  const stream = fresh((request) => (request.type === "put" ? donePut : null));
  stream.send(getCall(5n));
  stream.send(putCall(6n));
  const first = await stream.next();
  assert.deepEqual([first.call, first.response.case], [6n, "put"]);
  const [waiting] = harness.node.all("call");
  harness.node.calls.reply(waiting?.call as number, { type: "get", header, kv: null });
  const second = await stream.next();
  assert.deepEqual([second.call, second.response.case], [5n, "get"]);
  stream.stream.end();
  assert.equal((await stream.ended).code, grpcStatus.OK);
});

test("an error of one call leaves the stream as it is", async () => {
  const stream = fresh((request) =>
    request.type === "put" ? { type: "failed", failure: failure("fenced", "Old") } : { type: "get", header, kv: null },
  );
  stream.send(putCall(1n));
  stream.send({ call: 2n });
  stream.send({ ...getCall(3n), timeoutMs: 60_001 });
  stream.send(getCall(4n));
  const answers = [];
  for (let at = 0; at < 4; at++) answers.push(await stream.next());
  const reasons = answers.map((answer) => `${answer.call} ${reasonOf(answer)}`).sort();
  assert.deepEqual(reasons, ["1 FENCED", "2 INVALID_ARGUMENT", "3 INVALID_ARGUMENT", "4 get"]);
  stream.stream.cancel();
});

test("a call that is given up is answered as canceled, and the node is told", async () => {
  const stream = fresh();
  stream.send(putCall(1n));
  await harness.node.until(() => harness.node.all("call").length === 1);
  stream.send({ request: { case: "cancel", value: 1n } });
  const answer = await stream.next();
  assert.deepEqual([answer.call, reasonOf(answer)], [1n, "CANCELED"]);
  await harness.node.until(() => harness.node.all("cancel").length === 1);
  stream.stream.cancel();
});

test("the node is told how long a call may take", async () => {
  const stream = fresh();
  stream.send({ ...putCall(1n), timeoutMs: 1_000 });
  stream.send(putCall(2n));
  await harness.node.until(() => harness.node.all("call").length === 2);
  const [short, usual] = harness.node.all("call").map(({ budgetMs }) => budgetMs) as [number, number];
  assert.ok(short > 0 && short <= 1_000 && usual > 1_000 && usual <= limits.callBudgetMsUsual);
  stream.stream.cancel();
});

test("a number that is in flight already, or 0, ends the stream, and all its calls are given up", async () => {
  for (const calls of [
    [1n, 1n],
    [1n, 0n],
  ]) {
    const stream = fresh();
    stream.read();
    for (const call of calls) stream.send(putCall(call));
    assert.equal((await stream.ended).code, grpcStatus.INVALID_ARGUMENT);
    await harness.node.until(() => harness.node.all("cancel").length === 1);
  }
});

test("a client that is gone has its calls given up", async () => {
  const stream = fresh();
  stream.send(putCall(1n));
  await harness.node.until(() => harness.node.all("call").length === 1);
  stream.stream.cancel();
  await harness.node.until(() => harness.node.all("cancel").length === 1);
});

test("what a client has sent is answered after it has ended its side", async () => {
  const stream = fresh();
  for (const call of [1n, 2n]) stream.send(putCall(call));
  stream.stream.end();
  await harness.node.until(() => harness.node.all("call").length === 2);
  for (const { call } of harness.node.all("call")) harness.node.calls.reply(call, donePut);
  const numbers = [await stream.next(), await stream.next()].map(({ call }) => call);
  assert.deepEqual(numbers, [1n, 2n]);
  assert.equal((await stream.ended).code, grpcStatus.OK);
});

test("no more calls are read than may be in flight, until one is answered", async () => {
  const stream = fresh();
  const { node } = harness;
  for (let call = 1n; call <= limits.streamCallsMax + 10; call++) stream.send(putCall(call));
  await node.until(() => node.all("call").length === limits.streamCallsMax);
  await harness.call(openSession, { group: "rg220" }, { deadline: Date.now() + 100 }).catch(() => {});
  const isOfStream = ({ request }: { readonly request: Request }) => request.type === "put";
  assert.equal(node.all("call").filter(isOfStream).length, limits.streamCallsMax);
  node.calls.reply(node.all("call")[0]?.call as number, donePut);
  await stream.next();
  await node.until(() => node.all("call").filter(isOfStream).length === limits.streamCallsMax + 1);
  stream.stream.cancel();
});

test("calls of one message are answered in one message when they are ready together, and only then", async () => {
  const stream = fresh();
  const further = [putCall(2n), putCall(3n), { call: 4n }].map((call) => create(SessionRequestSchema, call));
  stream.send({ ...getCall(1n), more: further });
  const refused = await stream.next();
  assert.deepEqual([refused.call, reasonOf(refused), refused.more], [4n, "INVALID_ARGUMENT", []]);
  const [waiting, ...puts] = harness.node.all("call").map(({ call }) => call);
  assert.equal(puts.length, 2);
  for (const call of puts) harness.node.calls.reply(call, donePut);
  const first = await stream.next();
  assert.deepEqual(
    [first, ...first.more].map((answer) => [answer.call, answer.response.case]),
    [
      [2n, "put"],
      [3n, "put"],
    ],
  );
  harness.node.calls.reply(waiting as number, { type: "get", header, kv: null });
  const second = await stream.next();
  assert.deepEqual([second.call, second.response.case, second.more], [1n, "get", []]);
  stream.stream.cancel();
});

test("a client that sends calls one by one is answered one by one", async () => {
  const stream = fresh(() => null);
  stream.send(putCall(1n));
  stream.send(putCall(2n));
  await harness.node.until(() => harness.node.all("call").length === 2);
  for (const { call } of harness.node.all("call")) harness.node.calls.reply(call, donePut);
  for (const call of [1n, 2n]) {
    const answer = await stream.next();
    assert.deepEqual([answer.call, answer.more.length], [call, 0]);
  }
  stream.stream.cancel();
});

test("answers that are large go in messages of their own", async () => {
  const kv = { key, value: new Uint8Array(40 * 1024), createRevision: 2, modRevision: 2, version: 1, lease: 0 };
  const stream = fresh();
  const further = [2n, 3n].map((call) => create(SessionRequestSchema, getCall(call)));
  stream.send({ ...getCall(1n), more: further });
  await harness.node.until(() => harness.node.all("call").length === 3);
  for (const { call } of harness.node.all("call")) {
    harness.node.calls.reply(call, { type: "get", header, kv } as unknown as Reply);
  }
  for (const call of [1n, 2n, 3n]) {
    const answer = await stream.next();
    assert.deepEqual([answer.call, answer.more.length], [call, 0]);
  }
  stream.stream.cancel();
});

test("what a message brings beyond the calls that may be in flight is refused, the rest is not", async () => {
  const { streamCallsMax } = limits;
  const stream = fresh();
  const message = (from: number, count: number) => {
    const calls = Array.from({ length: count }, (_, at) => create(SessionRequestSchema, putCall(BigInt(from + at))));
    return { ...putCall(BigInt(from)), more: calls.slice(1) };
  };
  stream.send(message(1, streamCallsMax - 1));
  await harness.node.until(() => harness.node.all("call").length === streamCallsMax - 1);
  stream.send(message(2_001, 3));
  const refused = await stream.next();
  const all = [refused, ...refused.more].map((answer) => `${answer.call} ${reasonOf(answer)}`);
  assert.deepEqual(all, ["2002 OVERLOADED", "2003 OVERLOADED"]);
  assert.equal(harness.node.all("call").length, streamCallsMax);
  stream.stream.cancel();
});

test("a message of more calls than may be in flight, and calls within calls of a message, end the stream", async () => {
  const call = create(SessionRequestSchema, putCall(1n));
  const nested = { ...putCall(1n), more: [create(SessionRequestSchema, { ...putCall(2n), more: [call] })] };
  for (const message of [nested, { ...putCall(1n), more: Array(limits.streamCallsMax).fill(call) }]) {
    const stream = fresh();
    stream.read();
    stream.send(message);
    assert.equal((await stream.ended).code, grpcStatus.INVALID_ARGUMENT);
    assert.equal(asked().length, 0);
  }
});

test("a client that does not read its answers is not read", async () => {
  const large = new Uint8Array(256 * 1024);
  const kv = { key, value: large, createRevision: 2, modRevision: 2, version: 1, lease: 0 };
  const stream = fresh(() => ({ type: "get", header, kv }) as unknown as Reply);
  const { node } = harness;
  for (let call = 1n; call <= 100n; call++) stream.send(getCall(call));
  await node.until(() => node.all("call").length > 0);
  await harness.call(openSession, { group: "rg220" }, { deadline: Date.now() + 100 }).catch(() => {});
  const read = node.all("call").filter(({ request }) => request.type === "get").length;
  assert.ok(read < 50, `${read} calls were read`);
  for (let call = 1; call <= 100; call++) await stream.next();
  stream.stream.cancel();
});

test("the client library makes its calls on one stream, over the network too, and is told of a stop", async () => {
  const own = await Harness.start();
  own.node.answer = (request) => (request.type === "put" ? donePut : null);
  await using client = new Client({ endpoints: [own.server.address], timeoutMs: 3_000 });
  const answers = await Promise.all(Array.from({ length: 50 }, () => client.put("rg220", { key: "k", value: "v" })));
  assert.deepEqual(new Set(answers.map(({ header: told }) => told.revision)), new Set([header.revision]));
  await assert.rejects(client.get("rg220", "k", { timeoutMs: 200 }), { code: "deadline" });
  own.client.close();
  await own.server.close(1_000);
  await assert.rejects(client.put("rg220", { key: "k", value: "v" }, { timeoutMs: 100 }), { effect: "none" });
});

test("a node that stops answers what is in flight, and ends the stream well", async () => {
  const own = await Harness.start();
  own.node.answer = () => null;
  const stream = new SessionClient(own.client);
  stream.send(putCall(1n));
  await own.node.until(() => own.node.all("call").length === 1);
  const closed = own.server.close(5_000);
  own.node.calls.reply(own.node.all("call")[0]?.call as number, donePut);
  assert.deepEqual((await stream.next()).response.case, "put");
  assert.equal((await stream.ended).code, grpcStatus.OK);
  await closed;
  own.client.close();
});

// Leases over gRPC: what is asked of the node, what clients are told, and one answer a renewal, in order.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { type ClientDuplexStream, status as grpcStatus, type StatusObject } from "@grpc/grpc-js";
import { failure } from "../../proto/errors.ts";
import {
  type KeepAliveLeaseRequest,
  type KeepAliveLeaseResponse,
  LeaseService,
} from "../../proto/gen/bailiwick/v1/lease_pb.ts";
import { toGrpcMethod } from "../../proto/grpc.ts";
import type { LeaseStatus } from "../../proto/leases.ts";
import { plainRequest, type Reply, type Request } from "../../proto/requests.ts";
import { limits } from "../../server/node/limits.ts";
import { Harness, header, readDetails } from "./api-harness.ts";

const { grantLease, keepAliveLease, revokeLease, getLease, listLeases } = LeaseService.method;
const bytes = (text: string) => new TextEncoder().encode(text);
const lease: LeaseStatus = { id: 7, grantedTtlMs: 5_000, ttlMs: 4_000, keyCount: 2 };

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.start();
});
afterEach(() => harness.stop());

/** What the node was asked, without the group. */
function asked(): object[] {
  return harness.node.all("call").map(({ request }) => {
    assert.ok("group" in request && request.group === "rg220");
    return Object.fromEntries(Object.entries(request).filter(([name]) => name !== "group"));
  });
}

test("a lease is granted under a wanted id, or one that the group chooses", async () => {
  harness.node.answer = () => ({ type: "grantLease", header, lease });
  const response = await harness.call(grantLease, { group: "rg220", ttlMs: 5_000, id: 7n });
  await harness.call(grantLease, { group: "rg220", ttlMs: 1_000 });
  assert.deepEqual(asked(), [
    { type: "grantLease", id: 7, ttlMs: 5_000 },
    { type: "grantLease", id: null, ttlMs: 1_000 },
  ]);
  const { id, grantedTtlMs, ttlMs, keyCount } = response.lease ?? assert.fail("no lease");
  assert.deepEqual([id, grantedTtlMs, ttlMs, keyCount], [7n, 5_000, 4_000, 2]);
  assert.equal(response.header?.node, "n208");
});

test("a lease is revoked, told with its keys, and listed page by page", async () => {
  const replies: Partial<Record<Request["type"], Reply>> = {
    revokeLease: { type: "revokeLease", header, deleted: 2 },
    getLease: { type: "getLease", header, lease, keys: [bytes("a"), bytes("b")] },
    listLeases: { type: "listLeases", header, leases: [lease], more: true },
  };
  harness.node.answer = ({ type }) => replies[type] ?? null;
  assert.equal((await harness.call(revokeLease, { group: "rg220", id: 7n })).deleted, 2n);
  assert.deepEqual((await harness.call(getLease, { group: "rg220", id: 7n, keys: true })).keys.length, 2);
  const { leases, nextPageToken: pageToken } = await harness.call(listLeases, { group: "rg220", limit: 1 });
  assert.equal(leases[0]?.id, 7n);
  replies.listLeases = { type: "listLeases", header, leases: [], more: false };
  const last = await harness.call(listLeases, { group: "rg220", pageToken });
  assert.equal(last.nextPageToken.byteLength, 0);
  assert.deepEqual(asked(), [
    { type: "revokeLease", id: 7 },
    { type: "getLease", id: 7, keys: true },
    { type: "listLeases", after: 0, limit: 1 },
    { type: "listLeases", after: 7, limit: 1_000 },
  ]);
});

test("a lease is granted and revoked under an identity where the request has one", async () => {
  const replies: Partial<Record<Request["type"], Reply>> = {
    grantLease: { type: "grantLease", header, lease },
    revokeLease: { type: "revokeLease", header, deleted: 2 },
  };
  harness.node.answer = (request) => replies[plainRequest(request).type] ?? null;
  const requestId = { session: "s1", sequence: 7n };
  assert.equal((await harness.call(grantLease, { group: "rg220", ttlMs: 5_000, requestId })).lease?.id, 7n);
  assert.equal((await harness.call(revokeLease, { group: "rg220", id: 7n, requestId })).deleted, 2n);
  const identity = { session: "s1", sequence: 7 };
  const group = "rg220";
  assert.deepEqual(asked(), [
    { type: "identified", identity, request: { type: "grantLease", group, id: null, ttlMs: 5_000 } },
    { type: "identified", identity, request: { type: "revokeLease", group, id: 7 } },
  ]);
});

test("a malformed request is refused by its field", async () => {
  const refusals = [
    await harness.refused(grantLease, { group: "", ttlMs: 5_000 }),
    await harness.refused(grantLease, { group: "rg220", ttlMs: 5_000, id: 2n ** 53n }),
    await harness.refused(revokeLease, { group: "rg220" }),
    await harness.refused(getLease, { group: "rg220" }),
    await harness.refused(listLeases, { group: "rg220", limit: 10_001 }),
    await harness.refused(listLeases, { group: "rg220", pageToken: bytes("?") }),
  ];
  assert.deepEqual(
    refusals.map(({ info }) => info?.metadata["field"]),
    ["group", "id", "id", "id", "limit", "page_token"],
  );
});

type Stream = ClientDuplexStream<KeepAliveLeaseRequest, KeepAliveLeaseResponse>;

/** A stream of renewals, with all that comes of it. */
function openStream(): { stream: Stream; responses: KeepAliveLeaseResponse[]; ended: Promise<StatusObject> } {
  const { path, requestSerialize, responseDeserialize } = toGrpcMethod(keepAliveLease);
  const stream: Stream = harness.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  const responses: KeepAliveLeaseResponse[] = [];
  stream.on("data", (response: KeepAliveLeaseResponse) => responses.push(response));
  stream.on("error", () => {});
  return { stream, responses, ended: new Promise((resolve) => stream.on("status", resolve)) };
}

function send(stream: Stream, request: MessageInitShape<typeof keepAliveLease.input>): void {
  stream.write(create(keepAliveLease.input, { group: "rg220", ...request }));
}

test("renewals are answered in order, and an unknown lease does not end the stream", async () => {
  let underWay = 0;
  harness.node.answer = (request) => {
    if (request.type !== "keepAliveLease") return null;
    underWay = harness.node.all("call").length;
    return { type: "keepAliveLease", header, id: request.id, ttlMs: request.id === 8 ? 0 : 5_000 };
  };
  const { stream, responses, ended } = openStream();
  for (const id of [7n, 8n, 9n]) send(stream, { id });
  stream.end();
  assert.equal((await ended).code, grpcStatus.OK);
  assert.deepEqual(
    responses.map(({ id, ttlMs }) => [id, ttlMs]),
    [
      [7n, 5_000],
      [8n, 0],
      [9n, 5_000],
    ],
  );
  assert.equal(underWay, 3);
  assert.equal(responses[0]?.header?.group, "rg220");
});

/** Answers the renewal that was asked as the `at`th. */
function answerRenewal(at: number): void {
  const { call, request } = harness.node.all("call")[at] ?? assert.fail("not asked");
  assert.ok(request.type === "keepAliveLease");
  harness.node.calls.reply(call, { type: "keepAliveLease", header, id: request.id, ttlMs: 5_000 });
}

test("renewals that come together are asked together, and answered in their order whichever is answered first", async () => {
  const { stream, responses, ended } = openStream();
  for (const id of [7n, 8n, 9n]) send(stream, { id });
  stream.end();
  await harness.node.until(() => harness.node.all("call").length === 3);
  for (const at of [2, 0, 1]) answerRenewal(at);
  assert.equal((await ended).code, grpcStatus.OK);
  assert.deepEqual(
    responses.map(({ id }) => id),
    [7n, 8n, 9n],
  );
});

test("no more renewals of a stream are asked at once than a limit allows, and all are in the end", async () => {
  const { stream, responses, ended } = openStream();
  for (let id = 1n; id <= 300n; id++) send(stream, { id });
  stream.end();
  await harness.node.until(() => harness.node.all("call").length === limits.streamRenewalsMax);
  // Whatever else the client has sent is here by the time of an answer to another call.
  const other = harness.call(getLease, { group: "rg220", id: 1n });
  await harness.node.until(() => harness.node.all("call").length > limits.streamRenewalsMax);
  const call = harness.node.all("call").at(-1) ?? assert.fail("not asked");
  assert.equal(call.request.type, "getLease");
  harness.node.calls.reply(call.call, { type: "getLease", header, lease, keys: [] });
  await other;
  harness.node.answer = (request) => {
    return request.type === "keepAliveLease" ? { type: "keepAliveLease", header, id: request.id, ttlMs: 5_000 } : null;
  };
  for (let at = 0; at < limits.streamRenewalsMax; at++) answerRenewal(at);
  assert.equal((await ended).code, grpcStatus.OK);
  assert.equal(responses.length, 300);
});

test("renewals under way are given up when the client leaves", async () => {
  const { stream } = openStream();
  for (const id of [7n, 8n]) send(stream, { id });
  await harness.node.until(() => harness.node.all("call").length === 2);
  stream.cancel();
  await harness.node.until(() => harness.node.all("cancel").length === 2);
});

test("what the group cannot answer ends the stream and says why, as does a malformed renewal", async () => {
  const reason = failure("no_quorum", "Too few owners", { group: "rg220" });
  harness.node.answer = () => ({ type: "failed", failure: reason });
  for (const [request, expected] of [
    [{ id: 7n }, "NO_QUORUM"],
    [{ id: 0n }, "INVALID_ARGUMENT"],
    [{ id: 7n, group: "" }, "INVALID_ARGUMENT"],
  ] as const) {
    const { stream, ended } = openStream();
    send(stream, request);
    const { info } = readDetails(await ended);
    assert.equal(info?.reason, expected);
  }
});

test("the server ends open streams when it stops", async () => {
  harness.node.answer = () => ({ type: "keepAliveLease", header, id: 7, ttlMs: 5_000 });
  const { stream, ended } = openStream();
  send(stream, { id: 7n });
  await harness.node.until(() => harness.node.all("call").length > 0);
  await harness.server.close(1_000);
  assert.equal((await ended).code, grpcStatus.OK);
});

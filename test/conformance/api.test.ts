// The API as clients meet it: over loopback, with grpc-js, in front of a node that answers what a test wants.

import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { status as grpcStatus } from "@grpc/grpc-js";
import { toStatus } from "../../proto/error-status.ts";
import { DbError, type ErrorCode, errorCodes, failure } from "../../proto/errors.ts";
import { ReadConsistency } from "../../proto/gen/bailiwick/v1/common_pb.ts";
import { EventService } from "../../proto/gen/bailiwick/v1/event_pb.ts";
import * as kv from "../../proto/gen/bailiwick/v1/key_value_pb.ts";
import { Comparison_Relation } from "../../proto/gen/bailiwick/v1/transaction_pb.ts";
import {
  BadRequestSchema,
  PreconditionFailureSchema,
  RetryInfoSchema,
} from "../../proto/gen/google/rpc/error_details_pb.ts";
import { toEpoch, toGroupId, toRevision } from "../../proto/ids.ts";
import type { KeyValue } from "../../proto/model.ts";
import type { Request as NodeRequest, Reply } from "../../proto/requests.ts";
import type { Part } from "../../proto/transactions.ts";
import { ApiServer } from "../../server/api/server.ts";
import { allServices } from "../../server/api/services/all-services.ts";
import { Cluster, n1, put as nodePut } from "../unit/node/cluster.ts";
import { type Failed, Harness, header, newClient, self } from "./api-harness.ts";

let harness: Harness;
before(async () => {
  harness = await Harness.start();
});
after(() => harness.stop());

const { get, put, list, delete: remove, compact, transact } = kv.KeyValueService.method;
const bytes = (text: string) => new TextEncoder().encode(text);
const row = (key: string, value: string, modRevision: number): KeyValue => ({
  key: bytes(key),
  value: bytes(value),
  createRevision: toRevision(2),
  modRevision: toRevision(modRevision),
  version: 1,
  lease: 0,
});

test("Put carries every field to the node and its answer back", async () => {
  const { node } = harness;
  node.inputs.length = 0;
  node.answer = () => ({ type: "put", header, previous: row("k", "old", 40) });
  const response = await harness.call(put, {
    group: "rg220",
    key: bytes("k"),
    value: bytes("v"),
    previousValue: true,
    ifModRevision: 0n,
    fence: { epoch: 7n },
  });
  assert.equal(response.header?.clusterId, self.cluster);
  assert.equal(response.header?.revision, 41n);
  assert.equal(response.header?.node, "n208");
  assert.equal(response.previous?.modRevision, 40n);
  const [input] = node.all("call");
  assert.deepEqual(input?.request, {
    type: "put",
    group: toGroupId("rg220"),
    key: bytes("k"),
    value: bytes("v"),
    lease: 0,
    ifModRevision: toRevision(0),
    fence: { group: toGroupId("rg220"), epoch: toEpoch(7) },
    returnPrevious: true,
  });
});

test("Get answers an absent key without a key_value", async () => {
  harness.node.answer = () => ({ type: "get", header, kv: null });
  const response = await harness.call(get, { group: "rg220", key: bytes("k") });
  assert.equal(response.keyValue, undefined);
  harness.node.answer = () => ({ type: "get", header: { ...header, stale: true }, kv: row("k", "v", 9) });
  const found = await harness.call(get, { group: "rg220", key: bytes("k"), consistency: ReadConsistency.LOCAL });
  assert.equal(found.header?.stale, true);
  assert.deepEqual(found.keyValue?.value, bytes("v"));
});

test("Delete and Compact ask for what they name", async () => {
  const { node } = harness;
  node.inputs.length = 0;
  node.answer = (request) =>
    request.type === "compact"
      ? { type: "compact", header }
      : { type: "delete", header, deleted: 2, previous: [row("a", "1", 4), row("b", "2", 5)] };
  const deleted = await harness.call(remove, { group: "rg220", keys: { case: "prefix", value: bytes("a\u00ff") } });
  assert.equal(deleted.deleted, 2n);
  assert.equal(deleted.previous.length, 2);
  const compacted = await harness.call(compact, { group: "rg220", revision: 30n });
  assert.equal(compacted.floor, 30n);
  const [first, second] = node.all("call");
  assert.ok(first?.request.type === "delete" && second?.request.type === "compact");
  assert.equal(second.request.revision, 30);
});

test("Delete with previous_values is refused where they exceed 4 MiB, and nothing is deleted", async () => {
  const group = toGroupId("rg220");
  const cluster = new Cluster({ nodes: [n1], groups: { rg220: [n1] }, voters: [n1] });
  const asked = (request: NodeRequest): Reply | null => {
    const call = cluster.member(n1).call(request);
    cluster.until(() => cluster.member(n1).replies.has(call));
    return cluster.member(n1).replies.get(call) ?? null;
  };
  for (let at = 0; at < 5; at++) asked(nodePut(`k${at}`, new Uint8Array(1024 * 1024), group));
  harness.node.answer = asked;
  const request = { group, keys: { case: "prefix", value: bytes("k") }, previousValues: true } as const;
  assert.equal((await harness.refused(remove, request)).error.code, grpcStatus.INVALID_ARGUMENT);
  assert.equal((await harness.call(list, { group, countOnly: true })).count, 5n);
  const { previous } = await harness.call(remove, { ...request, keys: { case: "prefix", value: bytes("k3") } });
  assert.equal(previous[0]?.value.byteLength, 1024 * 1024);
});

/** A node that holds `keys` and answers lists of them, while others write: its revision grows with each, from 41. */
function listOf(keys: readonly string[]): void {
  let newest = 41;
  harness.node.answer = (request) => {
    assert.ok(request.type === "list");
    const { start, end } = request.span;
    const above = keys.filter((key) => Buffer.compare(bytes(key), start) >= 0);
    const inside = above.filter((key) => end === null || Buffer.compare(bytes(key), end) < 0);
    const kvs = inside.slice(0, request.limit).map((key) => row(key, "v", 3));
    const as = { ...header, revision: toRevision(newest++) };
    return { type: "list", header: as, kvs, more: inside.length > kvs.length, count: inside.length };
  };
}

test("List pages go on where the last one ended, at its revision, with the count of the whole", async () => {
  listOf(["a", "a1", "a2", "a\u0000", "b"].toSorted());
  harness.node.inputs.length = 0;
  const seen: string[] = [];
  let pageToken: Uint8Array = new Uint8Array(0);
  do {
    const page = await harness.call(list, {
      group: "rg220",
      keys: { case: "prefix", value: bytes("a") },
      limit: 1,
      pageToken,
    });
    seen.push(...page.keyValues.map(({ key }) => new TextDecoder().decode(key)));
    assert.equal(page.count, 4n);
    pageToken = page.nextPageToken;
  } while (pageToken.byteLength > 0);
  assert.deepEqual(seen, ["a", "a\u0000", "a1", "a2"]);
  const asked = harness.node.all("call").map(({ request }) => request as NodeRequest & { readonly type: "list" });
  assert.deepEqual(
    asked.map(({ revision, continues }) => [revision, continues]),
    [
      [null, false],
      [41, true],
      [41, true],
      [41, true],
    ],
  );
});

test("List goes on behind a key of the longest length, which has no plain successor", async () => {
  const longest = "k".repeat(4096);
  listOf([longest, `${"k".repeat(4095)}l`]);
  const first = await harness.call(list, { group: "rg220", limit: 1 });
  const second = await harness.call(list, { group: "rg220", limit: 1, pageToken: first.nextPageToken });
  assert.equal(second.keyValues.length, 1);
  assert.equal(second.keyValues[0]?.key.at(-1), "l".charCodeAt(0));
  const input = harness.node.all("call").at(-1);
  assert.ok(input?.request.type === "list");
  assert.ok(input.request.span.start.byteLength <= 4096);
});

test("List refuses a page token of another request, a damaged one, and one of another incarnation", async () => {
  listOf(["a", "b", "c"]);
  const { nextPageToken } = await harness.call(list, { group: "rg220", limit: 1 });
  const prefix = { case: "prefix", value: bytes("a") } as const;
  const other = await harness.refused(list, { group: "rg220", keys: prefix, pageToken: nextPageToken });
  assert.equal(other.info?.reason, "INVALID_ARGUMENT");
  assert.equal(other.info?.metadata["field"], "page_token");
  for (const damaged of [nextPageToken.slice(0, 9), bytes("[]"), bytes('["list",1,1,1,1]'), new Uint8Array(9000)]) {
    const refused = await harness.refused(list, { group: "rg220", pageToken: damaged });
    assert.equal(refused.info?.reason, "INVALID_ARGUMENT");
  }
  const reborn = { ...header, incarnation: 4 as typeof header.incarnation };
  harness.node.answer = () => ({ type: "list", header: reborn, kvs: [], more: false, count: 0 });
  const compacted = await harness.refused(list, { group: "rg220", pageToken: nextPageToken });
  assert.equal(compacted.info?.reason, "COMPACTED");
});

for (const code of Object.keys(errorCodes) as ErrorCode[]) {
  test(`a failure ${code} arrives with its gRPC status and all of its details`, async () => {
    const details = { group: "rg220", missing: "n208,n214", leader: "n202", revision: "17", field: "key" };
    const sent = failure(code, `The reason is ${code}, "quoted" and é`, details);
    harness.node.answer = () => ({ type: "failed", failure: sent });
    const { error, status, info } = await harness.refused(put, { group: "rg220", key: bytes("k") });
    assert.equal(error.code, toStatus(sent).code);
    assert.equal(error.details, sent.message);
    assert.equal(status?.code, toStatus(sent).code);
    assert.equal(status.message, sent.message);
    assert.equal(info?.reason, code.toUpperCase());
    assert.equal(info.domain, "bailiwick");
    assert.deepEqual(info.metadata, { ...details, effect: sent.effect });
    checkCompanions(code, status);
  });
}

function checkCompanions(code: ErrorCode, status: NonNullable<Failed["status"]>): void {
  const has = (schema: Parameters<typeof anyUnpack>[1]) =>
    status.details.some((detail) => anyUnpack(detail, schema as typeof BadRequestSchema) !== undefined);
  assert.equal(has(BadRequestSchema as never), code === "invalid_argument");
  assert.equal(has(RetryInfoSchema as never), errorCodes[code].retry === "later");
  const isPrecondition = ["condition_failed", "fenced", "not_leader", "no_quorum", "quarantined"].includes(code);
  assert.equal(has(PreconditionFailureSchema as never), isPrecondition);
}

const wrongRequests = [
  ["group", { group: "", key: bytes("k") }],
  ["group", { group: "RG 220", key: bytes("k") }],
  ["key", { group: "rg220" }],
  ["key", { group: "rg220", key: new Uint8Array(4097) }],
  ["value", { group: "rg220", key: bytes("k"), value: new Uint8Array(1024 * 1024 + 1) }],
  ["if_mod_revision", { group: "rg220", key: bytes("k"), ifModRevision: 2n ** 60n }],
  ["fence.epoch", { group: "rg220", key: bytes("k"), fence: { epoch: 0n } }],
  ["lease", { group: "rg220", key: bytes("k"), lease: 2n ** 53n }],
] as const;

for (const [field, request] of wrongRequests) {
  test(`a Put with a wrong ${field} is refused by name, before it reaches the node`, async () => {
    harness.node.inputs.length = 0;
    const { error, status, info } = await harness.refused(put, request);
    assert.equal(error.code, grpcStatus.INVALID_ARGUMENT);
    assert.equal(info?.metadata["field"], field);
    const [violation] = status?.details.flatMap((one) => anyUnpack(one, BadRequestSchema)?.fieldViolations ?? []) ?? [];
    assert.equal(violation?.field, field);
    assert.deepEqual(harness.node.inputs, []);
  });
}

test("a request cut short at any byte is an invalid argument, never a fault of the server", async () => {
  harness.node.answer = () => ({ type: "put", header, previous: null });
  const whole = toBinary(
    kv.PutRequestSchema,
    create(kv.PutRequestSchema, { group: "rg220", key: bytes("key"), value: bytes("value") }),
  );
  for (let length = 0; length < whole.byteLength; length++) {
    const outcome = await harness.sendRaw("/bailiwick.v1.KeyValueService/Put", whole.slice(0, length));
    if ("error" in outcome) assert.equal(outcome.error.code, grpcStatus.INVALID_ARGUMENT, outcome.error.details);
  }
  const cut = await harness.sendRaw("/bailiwick.v1.KeyValueService/Put", whole.slice(0, whole.byteLength - 2));
  assert.ok("error" in cut);
  assert.match(cut.error.details, /The request of \d+ bytes is no bailiwick\.v1\.PutRequest, or was cut short/);
  assert.equal(cut.info?.reason, "INVALID_ARGUMENT");
});

test("a request above 2 MiB is refused and the connection lives on", async () => {
  const { error } = await harness.refused(put, {
    group: "rg220",
    key: bytes("k"),
    value: new Uint8Array(2 * 1024 * 1024),
  });
  assert.equal(error.code, grpcStatus.RESOURCE_EXHAUSTED);
  harness.node.answer = () => ({ type: "get", header, kv: null });
  await harness.call(get, { group: "rg220", key: bytes("k") });
});

test("the budget is the caller's deadline less a margin, 5 s without one, 60 s at most", async () => {
  const budgets: number[] = [];
  harness.node.answer = (_, budgetMs) => {
    budgets.push(budgetMs);
    return { type: "get", header, kv: null };
  };
  const request = { group: "rg220", key: bytes("k") };
  await harness.call(get, request, { deadline: Date.now() + 20_000 });
  await harness.call(get, request);
  await harness.call(get, request, { deadline: Date.now() + 3_600_000 });
  const [short = 0, usual = 0, long = 0] = budgets;
  assert.ok(short > 10_000 && short <= 19_950, `${short} ms of 20,000`);
  assert.ok(usual > 4000 && usual <= 5000, `${usual} ms without a deadline`);
  assert.ok(long > 59_000 && long <= 60_000, `${long} ms of an hour`);
});

test("a deadline that the node answers in time arrives with its details", async () => {
  const { node } = harness;
  node.answer = (_request, budgetMs) => {
    const call = node.all("call").at(-1)?.call ?? 0;
    const reply = { type: "failed", failure: failure("deadline", "No answer from rg220", { group: "rg220" }) } as const;
    setTimeout(() => node.calls.reply(call, reply), budgetMs);
    return null;
  };
  const { error, info } = await harness.refused(put, { group: "rg220", key: bytes("k") }, { toldMs: 400 });
  assert.equal(error.code, grpcStatus.DEADLINE_EXCEEDED);
  assert.equal(info?.metadata["effect"], "unknown");
});

test("a caller that goes away is a cancel for the node, once, and only when it had no answer", async () => {
  const { node } = harness;
  node.inputs.length = 0;
  node.answer = () => null;
  const outcome = harness.refused(put, { group: "rg220", key: bytes("k") }, { deadline: Date.now() + 1_000 });
  await node.until(() => node.all("cancel").length > 0);
  const [asked] = node.all("call");
  assert.deepEqual(node.all("cancel"), [{ type: "cancel", call: asked?.call }]);
  assert.equal((await outcome).error.code, grpcStatus.DEADLINE_EXCEEDED);
  node.answer = () => ({ type: "get", header, kv: null });
  await harness.call(get, { group: "rg220", key: bytes("k") });
  assert.equal(node.all("cancel").length, 1);
});

const get_ = (key: string, group = "") => ({
  group,
  operation: { case: "get" as const, value: { key: bytes(key) } },
});
const put_ = (key: string, value: string, group = "") => ({
  group,
  operation: { case: "put" as const, value: { key: bytes(key), value: bytes(value), previousValue: true } },
});

test("Transact gives every group its part, and puts the results back in the order of the operations", async () => {
  const { node } = harness;
  node.inputs.length = 0;
  const resultsOf = (part: Part) =>
    part.success.map((operation) =>
      operation.type === "put"
        ? { type: "put" as const, previous: row(`${part.group}-put`, "old", 4) }
        : { type: "get" as const, kv: row(`${part.group}-get`, "v", 5) },
    );
  node.answer = (request) => {
    if (request.type !== "transact") return { type: "get", header, kv: null };
    const parts = request.parts.map((part, at) => {
      const { incarnation } = header;
      return { group: part.group, incarnation, revision: toRevision(at + 7), results: resultsOf(part) };
    });
    return { type: "transact", header, succeeded: true, parts };
  };
  const response = await harness.call(transact, {
    group: "rg226",
    comparisons: [
      { keys: { case: "key", value: bytes("k") }, operand: { case: "version", value: 3n } },
      {
        group: "rg220",
        keys: { case: "prefix", value: bytes("p") },
        relation: Comparison_Relation.LESS,
        operand: { case: "value", value: bytes("x") },
      },
    ],
    success: [put_("a", "1"), get_("b", "rg220"), get_("c")],
    failure: [get_("d")],
    fences: [{ group: "rg220", epoch: 7n }],
  });
  const [input] = node.all("call");
  assert.ok(input?.request.type === "transact");
  assert.equal(input.request.group, "rg220");
  assert.deepEqual(
    input.request.parts.map(({ group, fence, comparisons, success, failure }) => [
      group,
      fence,
      comparisons.map(({ relation, operand }) => `${relation} ${operand.type}`),
      success.map(({ type }) => type),
      failure.length,
    ]),
    [
      ["rg220", 7, ["less value"], ["get"], 0],
      ["rg226", null, ["equal version"], ["put", "get"], 1],
    ],
  );
  assert.deepEqual(
    response.results.map(({ result }) => result.case),
    ["put", "get", "get"],
  );
  const keys = response.results.map(({ result }) =>
    result.case === "put" ? result.value.previous?.key : result.case === "get" ? result.value.keyValue?.key : null,
  );
  assert.deepEqual(keys, ["rg226-put", "rg220-get", "rg226-get"].map(bytes));
  assert.deepEqual(
    response.revisions.map(({ group, revision }) => [group, revision]),
    [
      ["rg220", 7n],
      ["rg226", 8n],
    ],
  );
});

test("Transact names the field that it refuses", async () => {
  const key = { case: "key" as const, value: bytes("k") };
  const refused: readonly (readonly [MessageInitShape<typeof transact.input>, string])[] = [
    [{}, "group"],
    [{ group: "rg220", success: [{}] }, "success[0]"],
    [{ group: "rg220", failure: [get_("a"), get_("")] }, "failure[1].get.key"],
    [{ success: [get_("a", "rg220"), get_("a")] }, "group"],
    [{ group: "rg220", success: [get_("a", "No Name")] }, "success[0].group"],
    [{ group: "rg220", comparisons: [{ keys: key }] }, "comparisons[0]"],
    [{ group: "rg220", comparisons: [{ operand: { case: "version", value: 1n } }] }, "comparisons[0]"],
    [{ group: "rg220", fences: [{ epoch: 0n }] }, "fences[0].epoch"],
    [{ group: "rg220", fences: [{ epoch: 1n }, { group: "rg220", epoch: 2n }] }, "fences[1].group"],
    [{ group: "rg220", success: [{ operation: { case: "list", value: { limit: 1001 } } }] }, "success[0].list.limit"],
  ];
  for (const [request, field] of refused) {
    const { info } = await harness.refused(transact, request);
    assert.deepEqual([info?.reason, info?.metadata["field"]], ["INVALID_ARGUMENT", field]);
  }
});

test("every method without a handler says what it comes with", async () => {
  const unimplemented = await harness.refused(EventService.method.listEvents, {});
  assert.match(unimplemented.error.details, /^bailiwick: EventService.ListEvents comes with /);
  assert.equal(unimplemented.info?.reason, "UNIMPLEMENTED");
  const answers = await Promise.all(
    allServices.flatMap(({ descriptor }) =>
      descriptor.methods
        .filter(({ methodKind }) => methodKind === "unary")
        .map(async (method) => ({
          method,
          outcome: await harness.sendRaw(`/${descriptor.typeName}/${method.name}`, new Uint8Array(0)),
        })),
    ),
  );
  const refused = answers.filter(
    ({ outcome }) => "error" in outcome && outcome.error.code === grpcStatus.UNIMPLEMENTED,
  );
  assert.ok(refused.length >= 10, `${refused.length} methods are refused`);
  for (const { method, outcome } of refused) {
    assert.ok("error" in outcome);
    assert.match(
      outcome.error.details,
      new RegExp(`^bailiwick: ${method.parent.name}\\.${method.name} comes with \\w`),
    );
  }
});

test("an answer of another kind is a defect: told as internal, and noted", async () => {
  harness.node.notes.length = 0;
  harness.node.answer = () => ({ type: "compact", header });
  const { error, info } = await harness.refused(get, { group: "rg220", key: bytes("k") });
  assert.equal(error.code, grpcStatus.INTERNAL);
  assert.equal(info?.metadata["effect"], "unknown");
  assert.deepEqual(harness.node.notes, ["A call failed for a defect"]);
});

test("a port in use is named", async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  const address = `127.0.0.1:${(holder.address() as { port: number }).port}`;
  const { calls } = harness.node;
  await assert.rejects(ApiServer.start({ address, self, calls, journal: { note() {} } }), (reason) => {
    assert.ok(reason instanceof DbError);
    assert.equal(reason.code, "invalid_argument");
    assert.equal(reason.message, `Cannot listen for clients on ${address}: another program listens there`);
    return true;
  });
  holder.close();
});

test("close() answers what is in flight, refuses what comes, and cuts what does not end", async () => {
  const own = await Harness.start();
  own.node.answer = () => null;
  const slow = own.refused(put, { group: "rg220", key: bytes("k") }, { deadline: Date.now() + 60_000 });
  await own.node.until(() => own.node.all("call").length === 1);
  const watch = own.openWatch();
  watch.send({
    request: { case: "create", value: { watchId: 1, group: "rg220", target: { case: "key", value: bytes("k") } } },
  });
  await own.node.until(() => own.node.watches.length === 1);
  const closed = own.server.close(200);
  const last = await watch.next();
  assert.equal(last.response.case, "canceled");
  assert.equal((await watch.ended).code, grpcStatus.OK);
  const { info } = await slow;
  assert.equal(info?.reason, "OUTCOME_UNKNOWN");
  await closed;
  const late = newClient(own.server.address);
  late.close();
  own.client.close();
});

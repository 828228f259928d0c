// Watches over gRPC: what clients are told, and that a slow reader harms only itself.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { status as grpcStatus } from "@grpc/grpc-js";
import { fromStatus } from "../../proto/error-status.ts";
import { failure } from "../../proto/errors.ts";
import { type WatchCreateSchema, WatchFilter, type WatchResponse } from "../../proto/gen/bailiwick/v1/watch_pb.ts";
import { toGroupId, toIncarnation, toRevision } from "../../proto/ids.ts";
import type { KeyEvent } from "../../proto/requests.ts";
import { limits } from "../../server/node/limits.ts";
import { type FakeWatch, Harness, header, newClient, readDetails, type WatchClient } from "./api-harness.ts";

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.start();
});
afterEach(() => harness.stop());

const { streamWatchesMax } = limits;
const bytes = (text: string) => new TextEncoder().encode(text);
const allKeys = { case: "prefix", value: new Uint8Array(0) } as const;

type Wish = MessageInitShape<typeof WatchCreateSchema>;

function create(watch: WatchClient, wish: Wish): void {
  watch.send({ request: { case: "create", value: { watchId: 1, group: "rg220", target: allKeys, ...wish } } });
}

/** Creates a watch, opens it at revision `first` and reads its `created`. */
async function opened(watch: WatchClient, wish: Wish = {}, first = 42): Promise<FakeWatch> {
  const count = harness.node.watches.length;
  create(watch, wish);
  await harness.node.until(() => harness.node.watches.length > count);
  const fake = harness.node.watches[count];
  assert.ok(fake);
  fake.say({ type: "opened", header, revision: toRevision(first) });
  assert.equal((await watch.next()).response.case, "created");
  return fake;
}

function put(revision: number, value: Uint8Array | string = "v", key = "k"): KeyEvent {
  const kv = {
    key: bytes(key),
    value: typeof value === "string" ? bytes(value) : value,
    createRevision: toRevision(2),
    modRevision: toRevision(revision),
    version: 2,
    lease: 0,
  };
  return { key: kv.key, kv, previous: null, revision: toRevision(revision), endedLease: 0 };
}

function failureOf({ response }: WatchResponse) {
  assert.equal(response.case, "canceled");
  assert.ok(response.value?.error);
  return fromStatus(response.value.error);
}

test("a watch tells where it begins, then puts and deletes with the position to resume from", async () => {
  const watch = harness.openWatch();
  create(watch, { startRevision: 7n, previousValues: true, filters: [WatchFilter.NO_EXPIRY] });
  await harness.node.until(() => harness.node.watches.length === 1);
  const fake = harness.node.watches[0];
  assert.deepEqual(fake?.request, {
    type: "watch",
    group: toGroupId("rg220"),
    span: { start: new Uint8Array(0), end: null },
    startRevision: toRevision(7),
    puts: true,
    deletes: true,
    previousValues: true,
    withoutExpiries: true,
    progressIntervalMs: 60_000,
    initial: false,
    bufferBytesMax: 1_048_576,
  });
  fake.say({ type: "opened", header, revision: toRevision(7) });
  const created = await watch.next();
  assert.equal(created.header?.node, "n208");
  assert.ok(created.response.case === "created");
  assert.equal(created.response.value.position?.groups[0]?.revision, 6n);
  assert.equal(created.response.value.position.groups[0].incarnation, 3n);
  const gone = { key: bytes("g"), kv: null, previous: put(3, "old", "g").kv, revision: toRevision(9), endedLease: 0 };
  fake.say({ type: "events", revision: toRevision(9), events: [put(7), gone] });
  const { response } = await watch.next();
  assert.ok(response.case === "events");
  const [first, second] = response.value.events;
  assert.equal(first?.event.case, "put");
  assert.ok(second?.event.case === "delete");
  assert.equal(second.event.value.modRevision, 9n);
  assert.deepEqual(second.previous?.value, bytes("old"));
  assert.equal(response.value.position?.groups[0]?.revision, 9n);
});

test("the node is told to go on once for each message of events, and only after it was written", async () => {
  const watch = harness.openWatch();
  const fake = await opened(watch);
  for (let revision = 42; revision < 47; revision++) {
    fake.say({ type: "events", revision: toRevision(revision), events: [put(revision)] });
    await watch.next();
    await harness.node.until(() => harness.node.all("drained").length === revision - 41);
  }
  assert.deepEqual(new Set(harness.node.all("drained").map(({ call }) => call)), new Set([fake.call]));
});

/** Of buffers, without garbage. */
async function bytesInUse(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  // What was made in a turn may be held until the next one.
  for (let turn = 0; turn < 3; turn++) {
    await new Promise(setImmediate);
    collect();
  }
  return process.memoryUsage().arrayBuffers;
}

/** Whoever has room says so while another reader is served far less often, however slow the machine is. */
const unheardTurns = 200;

test("a reader that does not read has one message in flight, and harms no other", async () => {
  const slowClient = newClient(harness.server.address);
  const slow = harness.openWatch(slowClient);
  const slowWatch = await opened(slow);
  slow.stream.pause();
  const brisk = harness.openWatch();
  const briskWatch = await opened(brisk);
  const serveBrisk = async (count: number) => {
    briskWatch.say({ type: "events", revision: toRevision(50 + count), events: [put(50 + count)] });
    await brisk.next();
  };
  let sent = 0;
  let turns = 0;
  const isDrained = () => harness.node.all("drained").filter(({ call }) => call === slowWatch.call).length === sent;
  const big = new Uint8Array(512 * 1024);
  // The client's own queue (16 messages), the operating system and HTTP/2 take some; then the node hears nothing more.
  const drained = async () => {
    for (const turnsMax = turns + unheardTurns; turns < turnsMax && !isDrained(); ) await serveBrisk(++turns);
    return isDrained();
  };
  do {
    sent++;
    slowWatch.say({ type: "events", revision: toRevision(42 + sent), events: [put(42 + sent, big)] });
  } while (sent < 200 && (await drained()));
  assert.ok(sent < 60, `${sent} messages were taken from the node`);
  for (let count = 1; count <= 20; count++) await serveBrisk(turns + count);
  assert.equal(isDrained(), false);
  slow.stream.resume();
  await harness.node.until(isDrained);
  slowClient.close();
});

test("a watch whose reader does not read keeps the bytes of its one message, and nothing that they were made from", async () => {
  const slowClient = newClient(harness.server.address);
  const watches = 20;
  const fakes: FakeWatch[] = [];
  for (let watch = 0; watch < watches; watch++) {
    const slow = harness.openWatch(slowClient);
    fakes.push(await opened(slow));
    slow.stream.pause();
  }
  const before = await bytesInUse();
  const { watchBytesMax } = limits;
  for (const fake of fakes) {
    fake.say({ type: "events", revision: toRevision(43), events: [put(43, new Uint8Array(watchBytesMax))] });
  }
  const each = ((await bytesInUse()) - before) / watches;
  assert.ok(each > watchBytesMax / 2, `only ${each} bytes a watch are held`);
  assert.ok(each < 1.1 * watchBytesMax, `${each} bytes a watch are held`);
  assert.deepEqual(harness.node.all("drained"), []);
  slowClient.close();
});

test("progress is left out while events are being written, and sent otherwise", async () => {
  const watch = harness.openWatch();
  const fake = await opened(watch);
  fake.say({ type: "events", revision: toRevision(50), events: [put(50)] });
  fake.say({ type: "progress", revision: toRevision(51) });
  assert.equal((await watch.next()).response.case, "events");
  await harness.node.until(() => harness.node.all("drained").length === 1);
  fake.say({ type: "progress", revision: toRevision(52) });
  const { response } = await watch.next();
  assert.ok(response.case === "progress");
  assert.equal(response.value.position?.groups[0]?.revision, 52n);
});

test("a revision too large for one message comes in fragments, of which only the last may be resumed from", async () => {
  const watch = harness.openWatch();
  const fake = await opened(watch);
  const part = new Uint8Array(700 * 1024);
  const events = [put(42, "small"), put(43, part, "a"), put(43, part, "b"), put(43, part, "c"), put(44, "small")];
  fake.say({ type: "events", revision: toRevision(44), events });
  const seen: [number, boolean, bigint | undefined][] = [];
  for (let count = 0; count < events.length; ) {
    const { response } = await watch.next();
    assert.ok(response.case === "events");
    const { events: some, fragment, position } = response.value;
    count += some.length;
    seen.push([some.length, fragment, position?.groups[0]?.revision]);
  }
  assert.deepEqual(seen, [
    [1, false, 42n],
    [1, true, undefined],
    [1, true, undefined],
    [2, false, 44n],
  ]);
  await harness.node.until(() => harness.node.all("drained").length === 1);
});

test("one stream carries many watches, up to its limit", async () => {
  const watch = harness.openWatch();
  for (let id = 1; id <= streamWatchesMax + 1; id++) create(watch, { watchId: id });
  const refused = await watch.next();
  assert.equal(refused.watchId, streamWatchesMax + 1);
  assert.equal(failureOf(refused)?.code, "overloaded");
  assert.equal(harness.node.watches.length, streamWatchesMax);
  for (const [position, fake] of harness.node.watches.entries()) {
    fake.say({ type: "opened", header, revision: toRevision(42) });
    assert.equal((await watch.next()).watchId, position + 1);
  }
});

test("a canceled watch is answered without an error, told to the node, and its number may be used again", async () => {
  const watch = harness.openWatch();
  const fake = await opened(watch);
  watch.send({ request: { case: "cancel", value: { watchId: 1 } } });
  const { response } = await watch.next();
  assert.ok(response.case === "canceled");
  assert.equal(response.value.error, undefined);
  await harness.node.until(() => harness.node.all("cancel").length === 1);
  fake.say({ type: "events", revision: toRevision(60), events: [put(60)] });
  await opened(watch);
});

test("a number in use ends the stream, since no answer could tell the two watches apart", async () => {
  const watch = harness.openWatch();
  await opened(watch);
  create(watch, {});
  const ended = await watch.ended;
  assert.equal(ended.code, grpcStatus.INVALID_ARGUMENT);
  assert.equal(readDetails(ended).info?.metadata["field"], "watch_id");
  await harness.node.until(() => harness.node.all("cancel").length === 1);
});

test("compacted and canceled end one watch and leave the stream", async () => {
  const watch = harness.openWatch();
  const first = await opened(watch);
  const second = await opened(watch, { watchId: 2 });
  first.say({ type: "compacted", floor: toRevision(90) });
  const { response, header: as } = await watch.next();
  assert.ok(response.case === "compacted");
  assert.equal(response.value.revision, 90n);
  assert.equal(as?.incarnation, 3n);
  second.say({ type: "canceled", failure: failure("no_leader", "No leader of rg220", { group: "rg220" }) });
  assert.deepEqual(failureOf(await watch.next()), failure("no_leader", "No leader of rg220", { group: "rg220" }));
  await opened(watch);
});

test("a watch resumed on a group that was made anew ends as compacted", async () => {
  const watch = harness.openWatch();
  create(watch, { resume: { groups: [{ group: "rg220", incarnation: 2n, revision: 12n }] } });
  await harness.node.until(() => harness.node.watches.length === 1);
  const fake = harness.node.watches[0];
  assert.ok(fake?.request.type === "watch");
  assert.equal(fake.request.startRevision, 13);
  fake.say({ type: "opened", header, revision: toRevision(13) });
  const { response } = await watch.next();
  assert.ok(response.case === "compacted");
  assert.equal(response.value.incarnation, BigInt(toIncarnation(3)));
  await harness.node.until(() => harness.node.all("cancel").length === 1);
});

test("a vector of several groups resumes each watch from its own group's place", async () => {
  const watch = harness.openWatch();
  const at = (group: string, revision: bigint) => ({ group, incarnation: 3n, revision });
  const resume = { groups: [at("rg216", 70n), at("rg220", 12n), at("rg226", 99n)] };
  create(watch, { resume });
  create(watch, { watchId: 2, group: "rg226", resume });
  await harness.node.until(() => harness.node.watches.length === 2);
  const starts = harness.node.watches.map(({ request }) => request.type === "watch" && request.startRevision);
  assert.deepEqual(starts, [13, 100]);
});

test("progress is told on request: of one watch, of all, and of one not opened yet when it is", async () => {
  const watch = harness.openWatch();
  create(watch, {});
  watch.send({ request: { case: "progress", value: { watchId: 1 } } });
  await harness.node.until(() => harness.node.watches.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  harness.node.watches[0]?.say({ type: "opened", header, revision: toRevision(42) });
  assert.equal((await watch.next()).response.case, "created");
  assert.equal((await watch.next()).response.case, "progress");
  await opened(watch, { watchId: 2 });
  watch.send({ request: { case: "progress", value: {} } });
  assert.deepEqual([(await watch.next()).watchId, (await watch.next()).watchId], [1, 2]);
});

const refusals: [string, Wish, string][] = [
  ["watch_id 0", { watchId: 0 }, "invalid_argument"],
  ["no target", { target: { case: undefined } }, "invalid_argument"],
  [
    "a range that ends before it begins",
    { target: { case: "range", value: { start: bytes("b"), end: bytes("a") } } },
    "invalid_argument",
  ],
  ["a progress interval of 5 ms", { progressIntervalMs: 5 }, "invalid_argument"],
  ["a filter of no kind", { filters: [WatchFilter.UNSPECIFIED] }, "invalid_argument"],
  ["both a start and a resume", { startRevision: 3n, resume: {} }, "invalid_argument"],
  ["both a start and what exists first", { startRevision: 3n, initial: true }, "invalid_argument"],
  ["both a resume and what exists first", { resume: {}, initial: true }, "invalid_argument"],
  ["a status of no group", { target: { case: "groupStatus", value: {} }, group: "" }, "invalid_argument"],
  [
    "a resume that says nothing of the group",
    { target: { case: "groupStatus", value: {} }, resume: { clusterIndex: 4n } },
    "invalid_argument",
  ],
  ["nodes from a number on", { target: { case: "nodeStatus", value: {} }, startRevision: 3n }, "invalid_argument"],
  ["a node of no name", { target: { case: "nodeStatus", value: { nodes: ["N1"] } } }, "invalid_argument"],
  ["events of no type", { target: { case: "clusterEvents", value: { types: [0] } } }, "invalid_argument"],
];

for (const [what, wish, code] of refusals) {
  test(`a watch with ${what} is refused as ${code}, alone`, async () => {
    const watch = harness.openWatch();
    create(watch, wish);
    assert.equal(failureOf(await watch.next())?.code, code);
    await opened(watch, { watchId: 9 });
  });
}

test("the end of the client's side, and its sudden death, cancel its watches", async () => {
  const ending = harness.openWatch();
  await opened(ending);
  ending.stream.end();
  assert.equal((await ending.ended).code, grpcStatus.OK);
  await harness.node.until(() => harness.node.all("cancel").length === 1);
  const dying = harness.openWatch();
  await opened(dying);
  dying.stream.cancel();
  await harness.node.until(() => harness.node.all("cancel").length === 2);
});

// LocalCalls: every call is answered exactly once, whoever ends it, and nothing grows beyond its bound.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { toGroupId, toNodeId, toRevision } from "../../../proto/ids.ts";
import type { Reply, Request, StreamRequest, WatchMessage, WatchRequest } from "../../../proto/requests.ts";
import { Asker } from "../../../server/api/asker.ts";
import { LocalCalls } from "../../../server/api/local-calls.ts";
import type { Input } from "../../../server/node/inputs.ts";

const group = toGroupId("rg220");
const bounds = { callsMax: 2, callBytesMax: 100, watchesMax: 1 };

let inputs: Input[];
let calls: LocalCalls;
beforeEach(() => {
  inputs = [];
  calls = new LocalCalls((input) => inputs.push(input), bounds);
});

const status: Request & { type: "groupStatus" } = { type: "groupStatus", group };
const answer: Reply = { type: "clusterEvents", events: [], index: 7 as never };

function putOf(bytes: number): Exclude<Request, StreamRequest> {
  const value = new Uint8Array(bytes - 1);
  const key = new Uint8Array(1);
  return { type: "put", group, key, value, lease: 0, ifModRevision: null, fence: null, returnPrevious: false };
}

const watchRequest: WatchRequest = {
  type: "watch",
  group,
  span: { start: new Uint8Array(0), end: null },
  startRevision: null,
  puts: true,
  deletes: true,
  previousValues: false,
  withoutExpiries: false,
  progressIntervalMs: 0,
  initial: false,
  bufferBytesMax: 0,
};

async function codeOf(reply: Promise<Reply>): Promise<string> {
  const settled = await reply;
  return settled.type === "failed" ? settled.failure.code : settled.type;
}

test("call() gives each call a number of its own and each answer to its caller", async () => {
  const first = calls.call(status, { budgetMs: 10 });
  const second = calls.call(status, { budgetMs: 20 });
  calls.reply(2, { ...answer, index: 2 as never });
  calls.reply(1, { ...answer, index: 1 as never });
  assert.deepEqual(
    [await first, await second],
    [
      { ...answer, index: 1 },
      { ...answer, index: 2 },
    ],
  );
  assert.deepEqual(inputs, [
    { type: "call", call: 1, request: status, budgetMs: 10 },
    { type: "call", call: 2, request: status, budgetMs: 20 },
  ]);
});

test("call() refuses above callsMax, and accepts again after an answer", async () => {
  const held = calls.call(status, { budgetMs: 1 });
  calls.call(status, { budgetMs: 1 });
  assert.equal(await codeOf(calls.call(status, { budgetMs: 1 })), "overloaded");
  calls.reply(1, answer);
  await held;
  calls.call(status, { budgetMs: 1 });
  assert.equal(inputs.length, 3);
});

test("call() refuses above callBytesMax, and gets the bytes back with the answer", async () => {
  const held = calls.call(putOf(60), { budgetMs: 1 });
  assert.equal(await codeOf(calls.call(putOf(60), { budgetMs: 1 })), "overloaded");
  calls.reply(1, answer);
  await held;
  calls.call(putOf(100), { budgetMs: 1 });
  assert.equal(inputs.length, 2);
});

test("an aborted call is canceled once, and its late answer is dropped", async () => {
  const asker = new Asker();
  const call = calls.call(status, { budgetMs: 1, asker });
  asker.leave();
  assert.equal(await codeOf(call), "canceled");
  calls.reply(1, answer);
  assert.deepEqual(inputs.slice(1), [{ type: "cancel", call: 1 }]);
  assert.equal(await codeOf(calls.call(status, { budgetMs: 1, asker })), "canceled");
  assert.equal(inputs.length, 2);
});

test("an abort after the answer says nothing to the node", async () => {
  const asker = new Asker();
  const call = calls.call(status, { budgetMs: 1, asker });
  calls.reply(1, answer);
  await call;
  asker.leave();
  assert.equal(inputs.length, 1);
});

test("openWatch() delivers until the last message, and drained() and close() do nothing after it", () => {
  const heard: WatchMessage["type"][] = [];
  const watch = calls.openWatch(watchRequest, ({ type }) => heard.push(type));
  calls.watch(1, { type: "progress", revision: toRevision(3) });
  watch.drained();
  calls.watch(1, { type: "compacted", floor: toRevision(3) });
  calls.watch(1, { type: "progress", revision: toRevision(4) });
  watch.drained();
  watch.close();
  assert.deepEqual(heard, ["progress", "compacted"]);
  assert.deepEqual(
    inputs.map(({ type }) => type),
    ["call", "drained"],
  );
});

test("openWatch() above watchesMax ends at once, and never before it has returned", async () => {
  calls.openWatch(watchRequest, () => {});
  const heard: WatchMessage[] = [];
  calls.openWatch(watchRequest, (message) => heard.push(message));
  assert.equal(heard.length, 0);
  await Promise.resolve();
  assert.ok(heard[0]?.type === "canceled" && heard[0].failure.code === "overloaded");
  assert.equal(inputs.length, 1);
});

test("stop() ends watches and refuses new calls, abandon() ends the rest as unknown", async () => {
  const heard: WatchMessage[] = [];
  const inFlight = calls.call(status, { budgetMs: 1 });
  calls.openWatch(watchRequest, (message) => heard.push(message));
  calls.stop();
  assert.ok(heard[0]?.type === "canceled" && heard[0].failure.code === "stopping");
  assert.equal(await codeOf(calls.call(status, { budgetMs: 1 })), "stopping");
  calls.abandon();
  assert.equal(await codeOf(inFlight), "outcome_unknown");
  assert.deepEqual(inputs.slice(2), [
    { type: "cancel", call: 2 },
    { type: "cancel", call: 1 },
  ]);
});

test("stop() ends what only waits for news", async () => {
  const news = calls.call({ type: "awaitOwnership", node: toNodeId("n202"), after: 1 }, { budgetMs: 10_000 });
  calls.stop();
  assert.equal(await codeOf(news), "stopping");
  assert.deepEqual(inputs.at(-1), { type: "cancel", call: 1 });
});

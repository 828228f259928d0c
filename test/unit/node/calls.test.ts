import assert from "node:assert/strict";
import { test } from "node:test";
import { failure } from "../../../proto/errors.ts";
import { toLogIndex, toMillis, toRevision } from "../../../proto/ids.ts";
import type { Reply } from "../../../proto/requests.ts";
import type { Call, Caller } from "../../../server/node/calls.ts";
import { limits } from "../../../server/node/limits.ts";
import type { World } from "../../../server/node/world.ts";
import { renewalOf, reportOf, reserveOn } from "./agent-requests.ts";
import { effectsOf, get, n2, n3, sentBy, watchAll, worldOf } from "./cluster.ts";

const late = toMillis(60_000);
const events: Reply = { type: "clusterEvents", events: [], index: toLogIndex(1) };
const reason = { type: "failed", failure: failure("no_leader", "x") } as const;
const client = (call: number): Caller => ({ type: "client", call });
const peer = (call: number, node = n2): Caller => ({ type: "peer", node, call });

function opened(world: World, caller: Caller, request = get("k"), at = late): Call {
  const call = world.calls.open(caller, request, request.type === "watch" ? null : at);
  assert.ok(call !== null);
  return call;
}

test("a call is answered once, to whoever asked", () => {
  const world = worldOf(n3);
  const parts: Reply[] = [];
  const calls = [client(1), peer(2), { type: "part", answer: (reply: Reply) => parts.push(reply) } as const];
  for (const caller of calls) {
    const { key } = opened(world, caller);
    world.calls.answer(key, events);
    world.calls.answer(key, reason);
  }
  assert.deepEqual(
    effectsOf(world).map((effect) => (effect.type === "send" ? effect.message.type : effect.type)),
    ["forwardReply", "reply"],
  );
  assert.deepEqual(parts, [events]);
  assert.equal(world.calls.count, 0);
});

test("a failed stream ends with a word, and nothing follows", () => {
  const world = worldOf(n3);
  const { key } = opened(world, client(1), watchAll());
  world.calls.stream(key, { type: "progress", revision: toRevision(3) });
  world.calls.answer(key, reason);
  world.calls.stream(key, { type: "progress", revision: toRevision(4) });
  const words = effectsOf(world).map((effect) => (effect.type === "watch" ? effect.message.type : effect.type));
  assert.deepEqual(words, ["progress", "canceled"]);
});

test("a stream that was compacted is closed", () => {
  const world = worldOf(n3);
  const { key } = opened(world, peer(1), watchAll());
  world.calls.stream(key, { type: "compacted", floor: toRevision(3) });
  assert.equal(world.calls.get(key), null);
  assert.deepEqual(
    sentBy(world).map(([to, message]) => `${to} ${message.type}`),
    ["n2 forwardWatch"],
  );
});

test("calls are found by their caller until they are closed", () => {
  const world = worldOf(n3);
  const call = opened(world, peer(7));
  opened(world, peer(7, n3));
  opened(world, client(7));
  assert.equal(world.calls.find(peer(7)), call);
  assert.deepEqual(world.calls.from(n2), [call]);
  world.calls.close(call.key);
  assert.equal(world.calls.find(peer(7)), null);
  assert.equal(world.calls.count, 2);
});

test("what is over its time is taken out once, and streams never are", () => {
  const world = worldOf(n3);
  const soon = opened(world, client(1), get("k"), toMillis(10));
  opened(world, client(2), watchAll());
  const answered = opened(world, client(3), get("k"), toMillis(11));
  world.calls.answer(answered.key, events);
  assert.equal(world.calls.deadlineMs(), 10);
  assert.deepEqual(world.calls.takeExpired(toMillis(9)), []);
  assert.deepEqual(world.calls.takeExpired(toMillis(20)), [soon]);
  assert.equal(world.calls.deadlineMs(), null);
});

test("one call too many is told so, and the others are not touched", () => {
  const world = worldOf(n3);
  for (let at = 0; at < limits.callsMax; at++) opened(world, client(at));
  assert.equal(world.calls.open(client(-1), get("k"), late), null);
  for (let at = 0; at < limits.watchesMax; at++) opened(world, client(limits.callsMax + at), watchAll());
  assert.equal(world.calls.open(peer(1), watchAll(), null), null);
  const codes = effectsOf(world).flatMap((effect) => {
    if (effect.type === "reply") return effect.reply.type === "failed" ? [effect.reply.failure.code] : [];
    return effect.type === "send" && effect.message.type === "forwardWatch" ? [effect.message.message.type] : [];
  });
  assert.deepEqual(codes.sort(), ["canceled", "overloaded"]);
  assert.equal(world.calls.count, limits.callsMax + limits.watchesMax);
});

test("clients who ask for too much keep no agent from renewing its right, and agents have an end as well", () => {
  const world = worldOf(n3);
  for (let at = 0; at < limits.callsMax; at++) opened(world, client(at));
  assert.equal(world.calls.open(client(-1), get("k"), late), null);
  const ofAgents = [reportOf(n3), renewalOf(n3), reserveOn(n3)];
  for (let at = 0; at < limits.agentCallsMax; at++) opened(world, peer(at), ofAgents[at % ofAgents.length]);
  assert.equal(world.calls.open(peer(-1), renewalOf(n3), late), null);
  assert.equal(world.calls.count, limits.callsMax + limits.agentCallsMax);
});

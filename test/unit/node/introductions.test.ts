// Introductions of peers: what is remembered, when it counts, what is answered.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toBootNumber, toMillis } from "../../../proto/ids.ts";
import type { PeerMessage, Start } from "../../../proto/messages.ts";
import { Introductions } from "../../../server/node/introductions.ts";
import { limits } from "../../../server/node/limits.ts";
import type { World } from "../../../server/node/world.ts";
import { parseKey } from "../../../storage/keys.ts";
import { decodeStarts } from "../../../storage/start-record.ts";
import { effectsOf, n1, n2, sentBy, worldOf } from "./cluster.ts";

const nonceOf = (value: number) => value.toString(16).padStart(16, "0");
const startOf = (boot: number, nonce = boot, lap = 0): Start => ({
  boot: toBootNumber(boot),
  nonce: nonceOf(nonce),
  lap,
});
const own = startOf(1, 100);
const neverAnew = { quarantine: null, anewSince: toBootNumber(0), disowned: toBootNumber(0) };

function helloOf(...lineage: readonly Start[]): PeerMessage & { readonly type: "hello" } {
  return { type: "hello", lineage, answer: false, isAnew: false, anewSince: toBootNumber(0) };
}

function create(remembered: Start | null = null): { readonly world: World; readonly introductions: Introductions } {
  const world = worldOf(n1);
  const peerStarts = new Map(remembered === null ? [] : [[n2, remembered]]);
  return { world, introductions: new Introductions(world, { lineage: [own], peerStarts, ...neverAnew }) };
}

function take(introductions: Introductions, ...lineage: readonly Start[]): void {
  const boot = lineage.at(-1)?.boot ?? toBootNumber(0);
  introductions.hello(n2, helloOf(...lineage), { boot, isStale: false });
}

test("a new start counts, and is accepted, once it is remembered durably; another connection changes nothing about that", () => {
  const { world, introductions } = create(startOf(1));
  take(introductions, startOf(1), startOf(2));
  const [write, send] = effectsOf(world);
  assert.ok(write?.type === "write" && write.batch.sync && send?.type === "send");
  assert.deepEqual([send.message, send.after], [{ type: "helloAccepted", start: startOf(2) }, write.write]);
  const [row] = write.batch.operations;
  assert.ok(row?.type === "put");
  assert.deepEqual(parseKey(row.key), { type: "peerStart", node: n2 });
  assert.deepEqual(decodeStarts(row.value), [startOf(2)]);
  assert.equal(introductions.standing(n2, toBootNumber(2)), "unproven");
  introductions.peerDown(n2);
  take(introductions, startOf(1), startOf(2));
  assert.equal(introductions.standing(n2, toBootNumber(2)), "unproven");
  assert.equal(introductions.durable(write.write), true);
  assert.equal(introductions.standing(n2, toBootNumber(2)), "known");
  assert.equal(introductions.standing(n2, toBootNumber(3)), "unknown");
});

test("a start that is remembered already counts at once and is not written again", () => {
  const { world, introductions } = create(startOf(2, 2, 5));
  take(introductions, startOf(1), startOf(2, 2, 5));
  assert.equal(introductions.standing(n2, toBootNumber(2)), "known");
  assert.deepEqual(
    effectsOf(world).map(({ type }) => type),
    ["send"],
  );
});

test("what contradicts the memory is refused with what is remembered, and forgets nothing", () => {
  const { world, introductions } = create(startOf(3));
  for (const lineage of [
    [startOf(1), startOf(2)],
    [startOf(2), startOf(3, 77)],
    [startOf(2), startOf(4)],
  ]) {
    take(introductions, ...lineage);
    assert.deepEqual(sentBy(world), [[n2, { type: "helloRefused", remembered: startOf(3) }]]);
    assert.equal(introductions.standing(n2, lineage.at(-1)?.boot ?? toBootNumber(0)), "refused");
  }
  take(introductions, startOf(3), startOf(4));
  assert.equal(sentBy(world)[0]?.[1].type, "helloAccepted");
});

test("a lap is remembered of the very start that is known, and only forwards", () => {
  const { world, introductions } = create(startOf(2));
  introductions.lap(n2, { type: "lap", start: startOf(2, 2, 1) });
  assert.deepEqual(effectsOf(world), []);
  take(introductions, startOf(2));
  effectsOf(world);
  for (const start of [startOf(2, 9, 1), startOf(3, 3, 1), startOf(2, 2, 0)])
    introductions.lap(n2, { type: "lap", start });
  assert.deepEqual(effectsOf(world), []);
  introductions.lap(n2, { type: "lap", start: startOf(2, 2, 4) });
  const [write] = effectsOf(world);
  assert.ok(write?.type === "write" && write.batch.operations[0]?.type === "put");
  assert.deepEqual(decodeStarts(write.batch.operations[0].value), [startOf(2, 2, 4)]);
});

test("a node introduces itself until it is accepted for this very start, and not after it has fallen silent", () => {
  const { world, introductions } = create();
  world.connected.add(n2);
  const dueAt = (ms: number) => {
    introductions.deadline(() => [n2], toMillis(ms));
    return sentBy(world).map(([, { type }]) => type);
  };
  introductions.introduce(n2, true, toMillis(0));
  assert.deepEqual(sentBy(world), [[n2, helloOf(own)]]);
  assert.deepEqual(dueAt(limits.helloResendMs - 1), []);
  assert.deepEqual(dueAt(limits.helloResendMs), ["hello"]);
  assert.equal(introductions.accepted(n2, { type: "helloAccepted", start: startOf(1, 7) }), false);
  assert.deepEqual(dueAt(2 * limits.helloResendMs), ["hello"]);
  assert.equal(introductions.accepted(n2, { type: "helloAccepted", start: own }), true);
  assert.deepEqual(dueAt(3 * limits.helloResendMs), []);
  assert.equal(introductions.deadlineMs(), null);
  introductions.beginAnew([], toMillis(9e6));
  introductions.introduce(n2, true, toMillis(9e6));
  assert.deepEqual(sentBy(world), [[n2, { ...helloOf(own), isAnew: true, anewSince: 1 }]]);
});

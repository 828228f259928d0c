import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterGroup, toIncarnation, toLogIndex, toTerm } from "../../../proto/ids.ts";
import { founderId } from "../../../proto/membership.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import { Outbox } from "../../../server/node/outbox.ts";
import { slotRange } from "../../../storage/keys.ts";
import { n1, n2 } from "./cluster.ts";

const pull: PeerMessage = { type: "clusterPull", after: toLogIndex(0) };
const row = { type: "put", key: new Uint8Array([1]), value: new Uint8Array([2]) } as const;

function reply(round: number) {
  const body = { type: "beatReply", term: toTerm(1), round, matched: toLogIndex(0) } as const;
  return {
    group: clusterGroup,
    incarnation: toIncarnation(1),
    fromMember: founderId,
    toMember: founderId,
    reply: body,
  };
}

const taken = (out: Outbox) => out.take(toLogIndex(7), "");
const afters = (out: Outbox) => taken(out).flatMap((effect) => (effect.type === "send" ? [effect.after] : []));

test("a step has one write, of all that its parts wrote, in order", () => {
  const out = new Outbox();
  out.write([row]);
  out.writeDurably([row, row], []);
  const [write, ...others] = taken(out);
  assert.ok(write?.type === "write" && write.write === 1 && write.batch.sync);
  assert.equal(write.batch.operations.length, 3);
  assert.deepEqual(others, []);
  assert.deepEqual(taken(out), []);
});

test("what a step erases goes only when its write is durable, in whatever order its parts say so", () => {
  const out = new Outbox();
  out.erase(slotRange(7));
  out.writeDurably([row], null);
  const erased = taken(out).filter((effect) => effect.type === "erase");
  assert.deepEqual(erased, [{ type: "erase", range: slotRange(7), after: 1 }]);
});

test("rows that nothing waits for are not synced", () => {
  const out = new Outbox();
  out.write([row]);
  const [write] = taken(out);
  assert.equal(write?.type === "write" && write.batch.sync, false);
});

test("a table is under way from the step that writes it until it is durable", () => {
  const out = new Outbox();
  out.writeDurably([row], null);
  taken(out);
  assert.equal(out.hasTableUnderWay, false);
  out.writeDurably([], []);
  assert.equal(out.hasTableUnderWay, true);
  taken(out);
  out.durable(1);
  assert.equal(out.hasTableUnderWay, true);
  out.durable(2);
  assert.equal(out.hasTableUnderWay, false);
});

test("a promise waits for the write of its own step, wherever in the step it was made", () => {
  const out = new Outbox();
  out.sendPromise(n1, pull);
  out.send(n2, pull);
  out.writeDurably([row], null);
  assert.deepEqual(afters(out), [1, null]);
});

test("a promise waits for the newest write that is not durable yet, and for none when all are", () => {
  const out = new Outbox();
  for (let step = 0; step < 3; step++) {
    out.writeDurably([row], null);
    taken(out);
  }
  out.durable(2);
  out.sendPromise(n1, pull);
  assert.deepEqual(afters(out), [3]);
  out.durable(3);
  out.sendPromise(n1, pull);
  assert.deepEqual(afters(out), [null]);
});

test("the answers to one beat leave as one echo, which waits if any of them is a promise", () => {
  const out = new Outbox();
  out.openEcho(n1, 4);
  out.echo(n1, reply(1), false);
  out.echo(n1, reply(2), true);
  out.echo(n2, reply(3), false);
  out.writeDurably([row], null);
  const echoes = taken(out).flatMap((effect) => (effect.type === "send" ? [effect] : []));
  const shown = echoes.map(({ to, message, after }) => {
    return message.type === "beatEcho"
      ? [to, message.sequence, message.groups.length, message.clusterIndex, after]
      : [];
  });
  assert.deepEqual(shown, [
    [n1, 4, 2, 7, 1],
    [n2, 0, 1, 7, null],
  ]);
});

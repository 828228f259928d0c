// Messages that wait: in order, bounded, and gone with their connection.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toBootNumber, toIncarnation, toLogIndex, toTerm } from "../../../proto/ids.ts";
import { founderId } from "../../../proto/membership.ts";
import type { GroupMessage } from "../../../proto/messages.ts";
import { HeldMessages } from "../../../server/node/held-messages.ts";
import { limits } from "../../../server/node/limits.ts";
import { n1, n2, rg } from "./cluster.ts";

const boot = toBootNumber(1);
const last = { term: toTerm(1), index: toLogIndex(1) };

function vote(term: number): GroupMessage {
  return {
    type: "raft",
    group: rg,
    incarnation: toIncarnation(1),
    fromMember: founderId,
    toMember: founderId,
    message: { type: "vote", term: toTerm(term), last, subterm: 0, isTransfer: false },
  };
}

test("those of one peer come back in their order, once", () => {
  const held = new HeldMessages();
  for (const term of [1, 2, 3]) assert.ok(held.hold({ from: n1, boot, message: vote(term) }));
  assert.deepEqual(
    held.take().map(({ message }) => message),
    [1, 2, 3].map(vote),
  );
  assert.deepEqual(held.take(), []);
});

test("there is room for so many of each peer, and for no appends", () => {
  const held = new HeldMessages();
  for (let at = 0; at < limits.heldMessagesMax; at++) assert.ok(held.hold({ from: n1, boot, message: vote(at) }));
  assert.equal(held.hold({ from: n1, boot, message: vote(9) }), false);
  assert.ok(held.hold({ from: n2, boot, message: vote(9) }));
  const slice = { previous: last, entries: [] };
  const append: GroupMessage = {
    type: "raft",
    group: rg,
    incarnation: toIncarnation(1),
    fromMember: founderId,
    toMember: founderId,
    message: { type: "append", term: toTerm(1), slice, commit: toLogIndex(0) },
  };
  assert.equal(held.hold({ from: n2, boot, message: append }), false);
  held.drop(n1);
  assert.deepEqual(
    held.take().map(({ from }) => from),
    [n2],
  );
});

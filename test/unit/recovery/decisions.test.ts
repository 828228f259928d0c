// What a group remembers of decisions and wishes: who, when, what and why, and nothing that an earlier version did not say.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toEpoch, toLogIndex, toNodeId } from "../../../proto/ids.ts";
import type { Ownership } from "../../../proto/model.ts";
import { type GroupWish, historyOf, type Placement } from "../../../proto/placement.ts";
import { withAdviceNoted, withWishNoted } from "../../../server/recovery/decisions.ts";
import { unplaced, withAssignment } from "../../../server/recovery/placement-record.ts";

const [n1, n2, n3] = ["n1", "n2", "n3"].map(toNodeId) as [Ownership["currentOwner"] & string, never, never];
const before: Ownership = { currentOwner: n1, epoch: toEpoch(4), state: "online", reason: "" };
const said = { type: "wish", who: "mona", why: "new disk", manager: n3, atMs: 77 } as const;
const at = toLogIndex(9);

const wishes: readonly (readonly [GroupWish, string, string | null, string])[] = [
  [{ type: "move", to: n2, ifEpoch: null }, "moveWanted", n2, "new disk"],
  [{ type: "move", to: null, ifEpoch: null }, "moveWanted", null, "new disk"],
  [{ type: "start", on: n2 }, "startWanted", n2, "new disk"],
  [{ type: "stop" }, "stopWanted", null, "new disk"],
  [{ type: "freeze", reason: "a look at it" }, "frozen", n1, "a look at it"],
  [{ type: "unfreeze" }, "unfrozen", n1, "new disk"],
  [{ type: "clearError", forgetMoves: true }, "errorCleared", n1, "new disk"],
];
for (const [wish, what, to, reason] of wishes) {
  test(`a wish is noted as ${what} to ${to}, with who asked for it, when and why`, () => {
    const { notes, decisions } = withWishNoted(unplaced, before, { ...said, wish }, at);
    const told = { index: 9, atMs: 77, epoch: null, from: n1, to, isWish: true, reason, samples: [] };
    assert.deepEqual(notes, [{ ...told, what, manager: n3, who: "mona" }]);
    assert.deepEqual(decisions, []);
  });
}

const own = { type: "own", epoch: toEpoch(5), state: "online", reason: "n1 is down", manager: n3, atMs: 77 } as const;
const stopped = { isOnline: false, frozen: null, pinnedTo: null };

test("advice is noted with the epoch that it makes, and who wanted it", () => {
  const noted = (placement: Partial<Placement>, command: Partial<typeof own> & { currentOwner: typeof n2 | null }) => {
    const [note] = withAdviceNoted({ ...unplaced, ...placement }, before, { ...own, ...command }, at).notes;
    return [note?.what, note?.from, note?.to, note?.epoch, note?.isWish];
  };
  assert.deepEqual(noted({}, { currentOwner: n2 }), ["assigned", n1, n2, 5, false]);
  assert.deepEqual(noted({ move: { to: n2 } }, { currentOwner: n2 }), ["assigned", n1, n2, 5, true]);
  assert.deepEqual(noted({ move: { to: null } }, { currentOwner: n2 }), ["assigned", n1, n2, 5, true]);
  assert.deepEqual(noted({ move: { to: n3 } }, { currentOwner: n2 }), ["assigned", n1, n2, 5, false]);
  const offline = { currentOwner: null, state: "offline" as never };
  assert.deepEqual(noted({ intent: stopped }, offline), ["offline", n1, null, 5, true]);
  assert.deepEqual(noted({}, { ...offline, state: "suspended" as never }), ["suspended", n1, null, 5, false]);
});

test("of what an earlier version logged nothing is kept that it did not keep itself", () => {
  const wish = { ...said, wish: { type: "stop" }, manager: null } as const;
  assert.equal(withWishNoted(unplaced, before, wish, at), unplaced);
  assert.equal(withAdviceNoted(unplaced, before, { ...own, currentOwner: n2, manager: null }, at), unplaced);
  const lease = { ttlMs: 10_000, renewIntervalMs: 1_000, stopBudgetMs: 500, clockRateError: 0.05, isEndless: false };
  const assign = { type: "assign", owner: n2, epoch: toEpoch(5), reason: "", atMs: 1, lease, samples: [] } as const;
  const [decision] = withAssignment(
    unplaced,
    before,
    { ...assign, isMove: false, isWish: false, manager: null },
    at,
  ).decisions;
  assert.deepEqual([decision?.what, decision?.manager, decision?.who], [null, null, ""]);
});

test("wishes never push out a decision: twenty of each are kept, and told together, newest first", () => {
  let placement = withAdviceNoted(unplaced, before, { ...own, currentOwner: n2 }, toLogIndex(1));
  placement = { ...placement, decisions: placement.notes, notes: [] };
  for (let index = 2; index < 40; index++) {
    placement = withWishNoted(placement, before, { ...said, wish: { type: "stop" } }, toLogIndex(index));
  }
  const told = historyOf(placement).map(({ index }) => index);
  assert.deepEqual([told.length, told[0], told.at(-2), told.at(-1)], [21, 39, 20, 1]);
});

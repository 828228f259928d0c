// What a group's log keeps of its placement: what operators may wish when, and what each command leaves behind.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toEpoch, toGroupId, toIncarnation, toLogIndex, toNodeId } from "../../../proto/ids.ts";
import type { RecoveryStatus, StatusComponent } from "../../../proto/model.ts";
import type { Confirmation, GroupError, GroupWish, Placement } from "../../../proto/placement.ts";
import {
  asAdvice,
  confirmedOwnership,
  refuseWish,
  unplaced,
  type Wished,
  withAdvance,
  withAssignment,
  withConfirmation,
  withFailure,
  withOwners,
  withWish,
} from "../../../server/recovery/placement-record.ts";

const [n1, n2, n3] = ["n1", "n2", "n3"].map(toNodeId) as [
  Wished["owners"][0],
  Wished["owners"][0],
  Wished["owners"][0],
];
const group = toGroupId("rg");
const lease = { ttlMs: 10_000, renewIntervalMs: 1_000, stopBudgetMs: 500, clockRateError: 0.05, isEndless: false };
const broken: GroupError = { node: n2, resource: "web", reason: "Port 80 is taken", atMs: 5 };

function verdict(node: typeof n1, status: RecoveryStatus): StatusComponent {
  return { group, incarnation: toIncarnation(1), node, index: toLogIndex(1), status, reason: "" };
}

function wished(placement: Partial<Placement> = {}, statuses: readonly RecoveryStatus[] = ["up", "up", "up"]): Wished {
  return {
    group,
    owners: [n1, n2, n3],
    verdicts: [n1, n2, n3].map((node, index) => verdict(node, statuses[index] ?? "up")),
    ownership: { currentOwner: n1, epoch: toEpoch(4), state: "online", reason: "" },
    placement: { ...unplaced, ...placement },
  };
}

const frozen = { intent: { isOnline: true, frozen: "new disk", pinnedTo: null } };
const stopped = { intent: { isOnline: false, frozen: null, pinnedTo: null } };
const move = (to: typeof n1 | null, ifEpoch: number | null = null): GroupWish => {
  return { type: "move", to, ifEpoch: ifEpoch === null ? null : toEpoch(ifEpoch) };
};

function confirm(onlyOn: typeof n1, ifEpoch = 4): Confirmation {
  return { type: "confirm", onlyOn, ifEpoch: toEpoch(ifEpoch), reason: "n1 is unplugged", atMs: 77 };
}

const refusals: readonly (readonly [string, GroupWish, Wished, RegExp])[] = [
  ["a move to a stranger", move(toNodeId("n9")), wished(), /n9 is no owner of rg: its owners are n1, n2, n3/],
  ["a move to where it is", move(n1), wished(), /on n1 already/],
  ["a move to an owner that is down", move(n2), wished({}, ["up", "down", "up"]), /n2 is down/],
  [
    "a move to an owner on which it has failed",
    move(n2),
    wished({ bans: [broken] }),
    /failed on n2 \(web on n2: Port 80/,
  ],
  ["a move of another epoch", move(n2, 3), wished(), /at epoch 4, not at 3/],
  ["a move when nobody else is up", move(null), wished({}, ["up", "down", "joining"]), /No other owner of rg is up/],
  ["a move of a frozen group", move(n2), wished(frozen), /frozen \(new disk\): unfreeze it first/],
  ["a move of a stopped group", move(n2), wished(stopped), /stopped: start it where it is to run/],
  ["a move of a group in error", move(n3), wished({ error: broken }), /in error \(web on n2: Port 80 is taken\)/],
  ["a start of a group in error", { type: "start", on: null }, wished({ error: broken }), /in error/],
  ["a stop of a frozen group", { type: "stop" }, wished(frozen), /frozen/],
  ["to unfreeze what is not frozen", { type: "unfreeze" }, wished(), /not frozen/],
  ["to confirm of another epoch", confirm(n2, 3), wished(), /at epoch 4, not at 3/],
  ["to confirm that it runs on a stranger", confirm(toNodeId("n9")), wished(), /n9 is no owner of rg/],
  ["to confirm that it runs where it is", confirm(n1), wished(), /Nobody but n1 has the right to run rg/],
  ["to clear no error", { type: "clearError", forgetMoves: false }, wished(), /has no error/],
];

for (const [what, wish, of, text] of refusals) {
  test(`${what} is refused, and the reason names it`, () => {
    const refusal = refuseWish(wish, of);
    assert.equal(refusal?.code, "condition_failed");
    assert.match(refusal?.message ?? "", text);
  });
}

const carriedOut: readonly (readonly [string, GroupWish, Partial<Placement>, Partial<Placement>])[] = [
  ["a move", move(n2, 4), {}, { move: { to: n2 }, intent: { isOnline: true, frozen: null, pinnedTo: n2 } }],
  ["a move to whom the policies choose", move(null), {}, { move: { to: null } }],
  [
    "a start",
    { type: "start", on: n3 },
    stopped,
    { move: { to: n3 }, intent: { ...stopped.intent, isOnline: true, pinnedTo: n3 } },
  ],
  ["a stop", { type: "stop" }, { move: { to: n2 } }, { ...stopped, move: null }],
  ["a freeze", { type: "freeze", reason: "new disk" }, {}, frozen],
  ["to unfreeze", { type: "unfreeze" }, frozen, {}],
  ["a confirmation, which unfreezes too,", confirm(n2), frozen, {}],
  [
    "to clear an error",
    { type: "clearError", forgetMoves: false },
    { error: broken, bans: [broken], movesMs: [1] },
    { movesMs: [1] },
  ],
  ["to forget the moves too", { type: "clearError", forgetMoves: true }, { bans: [broken], movesMs: [1] }, {}],
];

for (const [what, wish, before, after] of carriedOut) {
  test(`${what} is put on record`, () => {
    const of = wished(before);
    assert.equal(refuseWish(wish, of), null);
    assert.deepEqual(withWish(wish, of.placement, true), { ...unplaced, ...after });
  });
}

test("an operator's start is on record also where nobody is named, as long as nothing runs", () => {
  assert.deepEqual(withWish({ type: "start", on: null }, unplaced, false).move, { to: null });
  assert.equal(withWish({ type: "start", on: null }, unplaced, true).move, null);
});

const at = toLogIndex(9);
const assign = {
  type: "assign",
  owner: n2,
  epoch: toEpoch(5),
  reason: "n1 is down",
  atMs: 77,
  isMove: true,
  isWish: false,
  lease,
  samples: [],
  manager: n3,
} as const;

const told = (node: Parameters<typeof confirm>[0]) =>
  ({ type: "wish", wish: confirm(node), who: "mona", why: "", manager: n3, atMs: 77 }) as const;

test("a confirmation ends the right of another owner, for good: it goes where the operator says, and gives account", () => {
  const { ownership } = wished();
  const text = "An operator confirmed that it runs only on n2: n1 is unplugged";
  const ended = { currentOwner: null, epoch: toEpoch(4), state: "offline", reason: text };
  assert.deepEqual(confirmedOwnership(confirm(n2), ownership), ended);
  const { target, decisions } = withConfirmation(told(n2), unplaced, ownership, at);
  assert.equal(target, n2);
  const decision = { index: at, atMs: 77, epoch: null, from: n1, to: null, isWish: true, reason: text, samples: [] };
  assert.deepEqual(decisions, [{ ...decision, what: "confirmed", manager: n3, who: "mona" }]);
});

test("a confirmation that it runs where its right is ends nothing", () => {
  const { ownership } = wished();
  assert.equal(confirmedOwnership(confirm(n1), ownership), ownership);
  const { target, decisions } = withConfirmation(told(n1), unplaced, ownership, at);
  assert.deepEqual([target, decisions[0]?.from, decisions[0]?.to], [null, n1, n1]);
  const nobody = { ...ownership, currentOwner: null };
  assert.equal(confirmedOwnership(confirm(n2), nobody), nobody);
});

test("an assignment fixes the terms of its epoch, ends the wish, and counts as a move where nobody asked for it", () => {
  const before = wished({ move: { to: null }, intent: { isOnline: true, frozen: null, pinnedTo: n1 } });
  const after = withAssignment(before.placement, before.ownership, assign, at);
  assert.deepEqual([after.lease, after.move, after.movesMs, after.intent.pinnedTo], [lease, null, [77], null]);
  const { from, to, epoch, index } = after.decisions[0] ?? {};
  assert.deepEqual([from, to, epoch, index], [n1, n2, 5, 9]);
  const asked = withAssignment(before.placement, before.ownership, { ...assign, isMove: false, isWish: true }, at);
  assert.deepEqual([asked.movesMs, asked.decisions[0]?.isWish, asked.intent.pinnedTo], [[], true, n1]);
});

test("the owner that an operator chose counts until the application has been there and left, also in order", () => {
  const intent = { isOnline: true, frozen: null, pinnedTo: n1 };
  const ran = (node: typeof n1) => {
    const { placement } = wished({ intent });
    return withAssignment(placement, wished().ownership, { ...assign, owner: node, isMove: false }, at);
  };
  const released = { currentOwner: null, epoch: toEpoch(5), state: "offline", reason: "" } as const;
  const next = { ...assign, owner: n3, epoch: toEpoch(6), isMove: false };
  assert.equal(withAssignment(ran(n1), released, next, at).intent.pinnedTo, null);
  const underway = { ...ran(n2), intent };
  assert.equal(withAssignment(underway, released, next, at).intent.pinnedTo, n1);
});

test("an application that an operator wanted to leave stays where it went, as if he had named that owner", () => {
  const { ownership } = wished();
  const leaving = { ...unplaced, move: { to: null }, target: n3 };
  const left = withAssignment(leaving, ownership, { ...assign, isMove: false, isWish: true }, at);
  assert.equal(left.intent.pinnedTo, n2);
  // He wants it started, wherever: not that it stays there.
  const started = withAssignment(withWish({ type: "start", on: null }, leaving, false), ownership, assign, at);
  assert.equal(started.intent.pinnedTo, null);
});

test("an application that could not leave as an operator wanted is held to no owner", () => {
  const { placement, ownership } = wished();
  const ran = withAssignment(placement, ownership, { ...assign, isMove: false }, at);
  const leaving = { ...withWish({ type: "move", to: null, ifEpoch: null }, ran, true), target: n3 };
  const released = { currentOwner: null, epoch: toEpoch(5), state: "offline", reason: "" } as const;
  const back = withAssignment(leaving, released, { ...assign, epoch: toEpoch(6), isMove: false }, at);
  assert.equal(back.intent.pinnedTo, null);
});

test("no more decisions and moves are kept than are ever looked at", () => {
  let { placement, ownership } = wished();
  for (let count = 0; count < 300; count++)
    placement = withAssignment(placement, ownership, { ...assign, atMs: count }, at);
  assert.deepEqual([placement.decisions.length, placement.movesMs.length, placement.movesMs.at(-1)], [20, 101, 299]);
});

test("of the failures on an owner the latest is kept, and only a final one is the group's", () => {
  const fail = { type: "failPlacement", epoch: toEpoch(4), error: broken, isFinal: false, manager: n3 } as const;
  const once = withFailure(unplaced, fail, at);
  assert.deepEqual([once.bans, once.error], [[broken], null]);
  const later = { ...broken, reason: "No such file" };
  const twice = withFailure(once, { ...fail, error: later, isFinal: true }, at);
  assert.deepEqual([twice.bans, twice.error], [[later], later]);
});

test("what advances is told with its reason, and makes no epoch", () => {
  const { ownership } = wished();
  const advance = {
    type: "advance",
    owner: null,
    to: null,
    epoch: toEpoch(4),
    state: "offline",
    reason: "Stopped",
    atMs: 3,
    manager: n3,
  } as const;
  const [decision] = withAdvance(unplaced, ownership, advance, at).decisions;
  assert.deepEqual([decision?.epoch, decision?.from, decision?.to, decision?.reason], [null, n1, null, "Stopped"]);
});

test("nothing is remembered of nodes that own the group no more", () => {
  const of = wished({ bans: [broken], move: { to: n2 }, intent: { isOnline: true, frozen: null, pinnedTo: n2 } });
  const { bans, move: left, intent } = withOwners(of.placement, [n1, n3]);
  assert.deepEqual([bans, left, intent.pinnedTo], [[], null, null]);
  assert.equal(withOwners(of.placement, [n1, n2]), of.placement);
});

test("an application that leaves its owner for another one is known to, until that one has it", () => {
  const { ownership } = wished();
  const step = { type: "advance", epoch: toEpoch(4), reason: "", atMs: 3, manager: n3 } as const;
  const leaving = withAdvance(unplaced, ownership, { ...step, owner: n1, to: n2, state: "releasing" }, at);
  const gone = withAdvance(leaving, ownership, { ...step, owner: null, to: null, state: "offline" }, at);
  assert.deepEqual([leaving.target, gone.target], [n2, n2]);
  assert.equal(withAssignment(gone, ownership, assign, at).target, null);
  assert.equal(withWish({ type: "stop" }, gone, false).target, null);
});

test("advice has no terms", () => {
  assert.deepEqual(asAdvice({ ...unplaced, lease, move: { to: n2 } }), unplaced);
  assert.equal(asAdvice(unplaced), unplaced);
});

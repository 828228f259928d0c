import assert from "node:assert/strict";
import { test } from "node:test";
import { countMoves } from "../../../server/recovery/anti-flap.ts";
import { planPlacement } from "../../../server/recovery/placement-plan.ts";
import {
  admittedBy,
  errorOn,
  failed,
  hourMs,
  noonMs,
  placementOf,
  ranOn,
  reportOf,
  stepText,
  unowned,
  viewOf,
} from "./placement-fixtures.ts";

const moved = (...agoMs: readonly number[]) => agoMs.map((ago) => noonMs - ago);
const limited = (...agoMs: readonly number[]) => placementOf({ movesMs: moved(...agoMs), decisions: [ranOn("n208")] });

test("countMoves() counts those within the window, and says when the limit lets one more happen", () => {
  const count = countMoves(viewOf({ placement: limited(hourMs, hourMs - 1, 2_000, 1_000) }));
  assert.deepEqual(count, {
    moves: 3,
    isExhausted: true,
    forgetsMs: noonMs + 1,
    text: "3 of at most 3 moves in 3600000 ms",
  });
});

test("countMoves() counts a move of the future, and waits for the second oldest when there are more than the limit", () => {
  const count = countMoves(viewOf({ placement: limited(4_000, 3_000, 2_000, -1_000) }));
  assert.equal(count.moves, 4);
  assert.equal(count.forgetsMs, noonMs - 3_000 + hourMs);
});

test("countMoves() leaves out what is further in the future than the window is long: one of the clocks is wrong", () => {
  assert.equal(countMoves(viewOf({ placement: limited(-hourMs, 1 - hourMs) })).moves, 1);
});

test("countMoves() has nothing to forget without moves", () => {
  assert.deepEqual(countMoves(viewOf()).forgetsMs, null);
});

test("a fail-over within the limit is a move, and the one beyond it fails with the numbers", () => {
  const lost = { ...failed("n208"), reservations: admittedBy("n210") };
  assert.equal(stepText(planPlacement(viewOf({ ...lost, placement: limited(3_000, 2_000) }))), "assign n210 as a move");
  const step = planPlacement(viewOf({ ...lost, placement: limited(3_000, 2_000, 1_000) }));
  assert.equal(stepText(step), "fail n208 for good");
  assert.equal(step.reason, "3 of at most 3 moves in 3600000 ms: rg226 is not moved to n210 without an operator");
});

test("an owner that gets it back after it was suspended counts as a move as well", () => {
  const view = viewOf({ ownership: unowned("suspended"), reservations: admittedBy("n208"), placement: limited() });
  assert.equal(stepText(planPlacement(view)), "assign n208 as a move");
  const exhausted = viewOf({ ...view, placement: limited(3, 2, 1) });
  assert.equal(stepText(planPlacement(exhausted)), "fail n208 for good");
});

test("the failure that follows too many moves is final, although others could take it", () => {
  const view = viewOf({ report: reportOf("error", "exit status 1"), placement: limited(3, 2, 1) });
  assert.equal(stepText(planPlacement(view)), "fail n208 for good");
});

test("what an operator asks for is no move, whatever the limit", () => {
  const released = { ownership: unowned(), reservations: admittedBy("n212") };
  const placement = { ...limited(3, 2, 1), move: { to: viewOf().owners[2] ?? null } };
  assert.equal(stepText(planPlacement(viewOf({ ...released, placement }))), "assign n212");
});

test("a start after an operator cleared the error is no move, also if he kept the moves", () => {
  const view = viewOf({ ownership: unowned("error"), reservations: admittedBy("n208"), placement: limited(3, 2, 1) });
  assert.equal(stepText(planPlacement(view)), "assign n208");
});

test("leaving an owner on which it failed is a move", () => {
  const placement = placementOf({ bans: [errorOn("n208")], decisions: [ranOn("n208")] });
  const view = viewOf({ ownership: unowned(), reservations: admittedBy("n210"), placement });
  assert.equal(stepText(planPlacement(view)), "assign n210 as a move");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { FallbackPolicy } from "../../../proto/policies.ts";
import { planPlacement } from "../../../server/recovery/placement-plan.ts";
import { ms } from "./fixtures.ts";
import {
  admittedBy,
  ownedBy,
  placementOf,
  policiesOf,
  secondOwner,
  statuses,
  stepText,
  viewOf,
} from "./placement-fixtures.ts";

const everyDay: ReadonlySet<number> = new Set([0, 1, 2, 3, 4, 5, 6]);
const onSecond = (fallback: FallbackPolicy) => ({ ownership: ownedBy("n210"), policies: policiesOf({ fallback }) });
const plan = (fields: Parameters<typeof viewOf>[0]) => stepText(planPlacement(viewOf(fields)));

test("the application stays where it is when fallback is never", () => {
  assert.equal(plan(onSecond({ type: "never" })), "wait");
});

test("it returns at once when fallback is immediate: a place is reserved, then it is released", () => {
  const view = onSecond({ type: "immediate" });
  assert.equal(plan(view), "reserve n208");
  assert.equal(plan({ ...view, reservations: admittedBy("n208", 5) }), "reserve n208");
  assert.equal(plan({ ...view, reservations: admittedBy("n208") }), "releasing n210");
});

test("it returns when the better owner has been up for the delay, and waits until then", () => {
  assert.equal(plan(onSecond({ type: "delayed", delayMs: 500_001 })), "wait until 1000001");
  assert.equal(plan(onSecond({ type: "delayed", delayMs: 500_000 })), "reserve n208");
});

test("of two better owners the one whose delay is over takes it", () => {
  const view = { ...onSecond({ type: "delayed", delayMs: 500_000 }), ownership: ownedBy("n212") };
  assert.equal(
    plan({ ...view, upSinceMs: new Map([...viewOf().upSinceMs, ["n208" as never, ms(999_000)]]) }),
    "reserve n210",
  );
});

test("it does not return while nobody knows since when the better owner is up", () => {
  assert.equal(plan({ ...onSecond({ type: "delayed", delayMs: 0 }), upSinceMs: new Map() }), "wait");
});

test("it returns within the window, and waits for its opening", () => {
  const open = { fromMinute: 12 * 60, toMinute: 13 * 60, days: everyDay };
  assert.equal(plan(onSecond({ type: "window", window: open })), "reserve n208");
  const closed = { fromMinute: 12 * 60 + 1, toMinute: 13 * 60, days: everyDay };
  assert.equal(plan(onSecond({ type: "window", window: closed })), "wait until 1060000");
});

test("it does not return to an owner that is down, banned for it, or refuses it", () => {
  const view = onSecond({ type: "immediate" });
  assert.equal(plan({ ...view, verdicts: statuses({ n208: "down" }) }), "wait");
  assert.equal(plan({ ...view, verdicts: statuses({ n208: "maintenance" }) }), "wait");
  const refused = new Map([["n208" as never, { type: "refused", reason: "full" } as const]]);
  assert.equal(plan({ ...view, reservations: refused }), "wait");
});

test("it does not return from the owner that an operator chose", () => {
  const placement = placementOf({ intent: { pinnedTo: secondOwner } });
  assert.equal(plan({ ...onSecond({ type: "immediate" }), placement }), "wait");
});

test("it does not return before it is online", () => {
  const view = { ...onSecond({ type: "immediate" }), ownership: ownedBy("n210", "acquiring"), report: null };
  assert.equal(plan(view), "wait");
});

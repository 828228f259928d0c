import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { agentLimits } from "../../../client/agent/agent-limits.ts";
import { beatPauseMs, GuardWatch } from "../../../client/agent/guard-watch.ts";
import type { Right } from "../../../client/agent/run-spec.ts";

/** @returns when a guard that answers until `hangsMs`, and nothing after that, is found to hang */
function foundMs(right: Right, hangsMs: number): number {
  const watch = new GuardWatch();
  for (let nowMs = 0; ; ) {
    watch.asked(nowMs);
    if (nowMs < hangsMs) watch.heard();
    if (watch.isHung(nowMs, [right])) return nowMs;
    nowMs += beatPauseMs(nowMs, [right]);
  }
}

test("a guard that hangs while a right lasts is given seconds", () => {
  const ms = foundMs({ stopAtMs: 60_000, killAtMs: 65_000 }, 1_000);
  assert.ok(ms >= 6_000 && ms <= 6_500, String(ms));
});

test("a guard that stood still together with its agent is left alone, and one that hangs is found by an agent that is slow all the time", () => {
  const watch = new GuardWatch();
  const right = { stopAtMs: 600_000, killAtMs: 605_000 };
  const isHungAt = (nowMs: number) => {
    watch.asked(nowMs);
    return watch.isHung(nowMs, [right]);
  };
  assert.deepEqual([0, 60_000, 60_250].map(isHungAt), [false, false, false]);
  watch.heard();
  assert.deepEqual([61_000, 71_000, 81_000, 91_000, 101_000].map(isHungAt), [false, false, false, false, false]);
  assert.equal(isHungAt(111_000), true);
});

test("a guard that hangs when stopping has to begin is found out while there is time for it", () => {
  assert.ok(foundMs({ stopAtMs: 10_000, killAtMs: 15_000 }, 9_000) <= 10_300);
  assert.ok(foundMs({ stopAtMs: 10_000, killAtMs: 11_000 }, 10_000) <= 10_300);
});

test("a guard that hangs before the end of a right is found out before it, however long stopping may take", () => {
  const choice = fc.record({ hangsMs: fc.nat(20_000 - agentLimits.killLeadMs), budgetMs: fc.nat(10_000) });
  fc.assert(
    fc.property(choice, ({ hangsMs, budgetMs }) => {
      const right = { stopAtMs: 20_000 - budgetMs, killAtMs: 20_000 };
      assert.ok(foundMs(right, hangsMs) < right.killAtMs);
    }),
  );
});

test("a guard that answers within its time is left alone, also when a right ends", () => {
  const watch = new GuardWatch();
  const right = { stopAtMs: 1_000, killAtMs: 1_500 };
  for (let nowMs = 0; nowMs < 3_000; nowMs += beatPauseMs(nowMs, [right])) {
    watch.asked(nowMs);
    assert.equal(watch.isHung(nowMs + agentLimits.urgentPatienceMs - 1, [right]), false);
    watch.heard();
  }
});

test("a right that is over does not hurry the guard, for what still runs then cannot be killed", () => {
  const right = { stopAtMs: 10_000, killAtMs: 15_000 };
  const overMs = right.killAtMs + agentLimits.rightOverMs + 1;
  assert.equal(beatPauseMs(overMs, [right]), agentLimits.beatMs);
  const ms = foundMs(right, overMs);
  assert.ok(ms >= overMs + agentLimits.guardPatienceMs - agentLimits.beatMs, String(ms));
});

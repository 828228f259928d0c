import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { TimeWindow } from "../../../proto/policies.ts";
import { isOpen, nextOpeningMs, windowText } from "../../../server/recovery/time-window.ts";

const everyDay: ReadonlySet<number> = new Set([0, 1, 2, 3, 4, 5, 6]);
const at = (text: string) => Date.parse(`${text}Z`);
const windowOf = (fromMinute: number, toMinute: number, days = everyDay): TimeWindow => ({
  fromMinute,
  toMinute,
  days,
});

test("isOpen() holds from the first minute until before the last", () => {
  const night = windowOf(120, 240);
  assert.equal(isOpen(night, at("2026-03-04T01:59:59.999")), false);
  assert.equal(isOpen(night, at("2026-03-04T02:00:00")), true);
  assert.equal(isOpen(night, at("2026-03-04T03:59:59.999")), true);
  assert.equal(isOpen(night, at("2026-03-04T04:00:00")), false);
});

test("isOpen() goes on over midnight, by the day on which the window opens", () => {
  const saturday = windowOf(23 * 60, 60, new Set([6]));
  assert.equal(isOpen(saturday, at("2026-03-07T23:30:00")), true);
  assert.equal(isOpen(saturday, at("2026-03-08T00:30:00")), true);
  assert.equal(isOpen(saturday, at("2026-03-07T00:30:00")), false);
  assert.equal(isOpen(saturday, at("2026-03-08T23:30:00")), false);
});

test("isOpen() lasts a whole day when it opens and closes at one minute", () => {
  const sunday = windowOf(600, 600, new Set([0]));
  assert.equal(isOpen(sunday, at("2026-03-08T09:59:00")), false);
  assert.equal(isOpen(sunday, at("2026-03-08T10:00:00")), true);
  assert.equal(isOpen(sunday, at("2026-03-09T09:59:59")), true);
  assert.equal(isOpen(sunday, at("2026-03-09T10:00:00")), false);
});

test("nextOpeningMs() is the next chosen day's, also a week away", () => {
  const monday = windowOf(120, 240, new Set([1]));
  assert.equal(nextOpeningMs(monday, at("2026-03-04T12:00:00")), at("2026-03-09T02:00:00"));
  assert.equal(nextOpeningMs(monday, at("2026-03-09T01:00:00")), at("2026-03-09T02:00:00"));
  assert.equal(nextOpeningMs(monday, at("2026-03-09T02:00:00")), at("2026-03-16T02:00:00"));
  assert.equal(nextOpeningMs(windowOf(120, 240, new Set()), at("2026-03-09T02:00:00")), null);
});

test("windowText() tells the times of day", () => {
  assert.equal(windowText(windowOf(125, 1439)), "02:05 to 23:59 UTC");
});

test("a window is open at each of its openings, and never between its end and the next", () => {
  const minutes = fc.integer({ min: 0, max: 1439 });
  const days = fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 1 }).map((chosen) => new Set(chosen));
  fc.assert(
    fc.property(minutes, minutes, days, fc.integer({ min: 0, max: 4e12 }), (fromMinute, toMinute, chosen, wallMs) => {
      const window = windowOf(fromMinute, toMinute, chosen);
      const opensMs = nextOpeningMs(window, wallMs) ?? -1;
      assert.ok(opensMs > wallMs && opensMs <= wallMs + 7 * 86_400_000);
      assert.equal(isOpen(window, opensMs), true);
      assert.equal(chosen.has(new Date(opensMs).getUTCDay()), true);
      if (!isOpen(window, wallMs)) assert.equal(isOpen(window, opensMs - 1), false);
    }),
  );
});

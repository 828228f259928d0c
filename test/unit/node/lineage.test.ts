// What a list of starts proves about what is remembered of the node.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toBootNumber } from "../../../proto/ids.ts";
import type { Start } from "../../../proto/messages.ts";
import { limits } from "../../../server/node/limits.ts";
import { lineageWith, standingOf } from "../../../server/node/lineage.ts";

let drawn = 0;
function start(boot: number, lap = 0): Start {
  drawn += 1;
  return { boot: toBootNumber(boot), nonce: drawn.toString(16).padStart(16, "0"), lap };
}

test("nothing remembered, the present start and an earlier one of the same line are all well", () => {
  const line = [start(1), start(2, 4), start(5)];
  const [first, second, third] = line as [Start, Start, Start];
  assert.equal(standingOf(line, null, 0), "ahead");
  assert.equal(standingOf(line, first, 0), "ahead");
  assert.equal(standingOf(line, { ...second, lap: 3 }, 0), "ahead");
  assert.equal(standingOf(line, third, 0), "current");
});

test("a start that is missing, one with another number drawn, and a lap not reached are those of another line", () => {
  const line = [start(3), start(4, 2), start(6)];
  assert.equal(standingOf(line, start(7), 0), "restored");
  assert.equal(standingOf(line, start(6), 0), "restored");
  assert.equal(standingOf(line, start(4), 0), "restored");
  assert.equal(standingOf(line, { ...(line[1] as Start), lap: 3 }, 0), "restored");
  assert.equal(standingOf(line, start(5), 0), "restored");
  // Forgotten: nobody can tell.
  assert.equal(standingOf(line, start(2), 0), "restored");
});

test("what is remembered of a start before the last quarantine does not matter, of that one and later ones it does", () => {
  const line = [start(3), start(4)];
  assert.equal(standingOf(line, start(2), 3), "ahead");
  assert.equal(standingOf(line, line[0] ?? null, 3), "ahead");
  assert.equal(standingOf(line, start(3), 3), "restored");
  assert.equal(standingOf(line, start(5), 3), "restored");
});

test("lineageWith() keeps the newest starts, and takes none that is not later", () => {
  let line: readonly Start[] = [];
  for (let boot = 1; boot <= limits.lineageMax + 5; boot++) line = lineageWith(line, start(boot));
  assert.deepEqual([line.length, line[0]?.boot], [limits.lineageMax, 6]);
  assert.throws(() => lineageWith(line, start(limits.lineageMax + 5)), /after start/);
});

test("a process that ends again and again makes a lineage forget no start in which something was promised", () => {
  const early = [start(1, 3), start(2), start(3, 1)];
  const [first, idle, third] = early as [Start, Start, Start];
  let line: readonly Start[] = early;
  for (let boot = 4; boot <= 3 * limits.lineageMax; boot++) line = lineageWith(line, start(boot));
  assert.equal(line.length, limits.lineageMax);
  assert.equal(standingOf(line, first, 0), "ahead");
  assert.equal(standingOf(line, third, 0), "ahead");
  for (const late of line.slice(-limits.lineageMax / 2)) assert.notEqual(standingOf(line, late, 0), "restored");
  assert.equal(line.at(-1)?.boot, 3 * limits.lineageMax);
  for (const other of [idle, start(1, 3), start(500, 1), { ...third, lap: 2 }])
    assert.equal(standingOf(line, other, 0), "restored");
});

test("what is older than a full lineage matters no more where all old starts of that made promises", () => {
  const lineOf = (laps: number) => Array.from({ length: limits.lineageMax }, (_, at) => start(at + 10, laps));
  assert.equal(standingOf(lineOf(1), start(9, 4), 0), "ahead");
  assert.equal(standingOf(lineOf(1), start(10, 4), 0), "restored");
  assert.equal(standingOf(lineOf(1).slice(1), start(9, 4), 0), "restored");
  assert.equal(standingOf(lineOf(0), start(9, 4), 0), "restored");
});

/** A history: starts, laps, and once an image taken and put back. */
const history = fc.record({
  before: fc.array(fc.nat(3), { minLength: 1, maxLength: 6 }),
  lost: fc.array(fc.nat(3), { maxLength: 6 }),
  lapsLost: fc.nat(3),
  after: fc.integer({ min: 1, max: 8 }),
});

test("an image that was put back is found out by whoever has seen anything that it misses, and by nobody else", () => {
  fc.assert(
    fc.property(history, ({ before, lost, lapsLost, after }) => {
      let boot = 0;
      const image = before.map((laps) => start(++boot, laps));
      const last = image.at(-1) as Start;
      const missing = [{ ...last, lap: last.lap + lapsLost }, ...lost.map((laps, at) => start(boot + at + 1, laps))];
      let line: readonly Start[] = image;
      for (let at = 1; at <= after; at++) line = lineageWith(line, start(boot + at));
      for (const remembered of image) assert.notEqual(standingOf(line, remembered, 0), "restored");
      for (const [at, remembered] of missing.entries()) {
        const isMissed = at > 0 || lapsLost > 0;
        assert.equal(standingOf(line, remembered, 0) === "restored", isMissed);
      }
    }),
  );
});

// The small pure parts of the adapters: back-off, counts, membership, silence.

import assert from "node:assert/strict";
import { test } from "node:test";
import { InvariantError } from "../../../proto/assert.ts";
import { toNodeId } from "../../../proto/ids.ts";
import { backoffMs } from "../../../server/adapters/backoff.ts";
import { Counters } from "../../../server/adapters/counters.ts";
import { Membership } from "../../../server/adapters/membership.ts";
import { Silence } from "../../../server/adapters/silence.ts";

test("backoffMs() is zero without a failure, then doubles from half with jitter up to the ceiling", () => {
  const limits = { minMs: 50, maxMs: 2_000 };
  assert.equal(backoffMs(0, limits, 0.99), 0);
  assert.deepEqual(
    [1, 2, 3, 6, 7, 100].map((failures) => backoffMs(failures, limits, 0)),
    [25, 50, 100, 800, 1_000, 1_000],
  );
  assert.equal(backoffMs(1, limits, 0.5), 37.5);
  assert.ok(backoffMs(1_000_000, limits, 0.999) < 2_000);
});

test("Counters counts by name, in the order of names", () => {
  const counters = new Counters();
  counters.add("late", 3);
  counters.add("early");
  counters.add("late");
  assert.equal(counters.get("late"), 4);
  assert.equal(counters.get("never"), 0);
  assert.deepEqual(counters.entries(), [
    ["early", 1],
    ["late", 4],
  ]);
});

test("Counters refuses to grow without bound", () => {
  const counters = new Counters();
  for (let number = 0; number < 1_000; number++) counters.add(`name ${number}`);
  counters.add("name 0");
  assert.throws(() => counters.add("one too many"), InvariantError);
});

test("Membership.replace() names those who left or changed identity, not those who moved", () => {
  const [a, b, c] = [toNodeId("a"), toNodeId("b"), toNodeId("c")];
  const at = (identity: string, port = 1) => ({ identity, host: "127.0.0.1", port });
  const membership = new Membership(
    new Map([
      [a, at("A")],
      [b, at("B")],
      [c, at("C")],
    ]),
  );
  const gone = membership.replace(
    new Map([
      [b, at("B2")],
      [c, at("C", 2)],
    ]),
  );
  assert.deepEqual(gone, [a, b]);
  assert.equal(membership.node("A"), null);
  assert.equal(membership.node("B"), null);
  assert.equal(membership.node("B2"), b);
  assert.equal(membership.address(a), null);
  assert.equal(membership.address(c)?.port, 2);
});

test("Silence probes a peer that owes a sign of life, and gives it up when the probe is not answered", () => {
  const silence = new Silence(5_000);
  silence.owes(1_000);
  silence.owes(4_000);
  assert.equal(silence.check(5_999), "fine");
  assert.equal(silence.check(6_000), "probe");
  assert.equal(silence.check(10_999), "fine");
  assert.equal(silence.check(11_000), "dead");
});

test("Silence asks nothing of a peer that owes nothing, or that was heard since", () => {
  const silence = new Silence(5_000);
  assert.equal(silence.check(1_000_000), "fine");
  silence.owes(1_000_000);
  silence.heard();
  assert.equal(silence.check(2_000_000), "fine");
  silence.owes(2_000_000);
  assert.equal(silence.check(2_005_000), "probe");
  silence.heard();
  assert.equal(silence.check(3_000_000), "fine");
});

test("Silence starts anew after a stall of this process", () => {
  const silence = new Silence(5_000);
  silence.owes(0);
  silence.restart(60_000);
  assert.equal(silence.check(60_000), "fine");
  assert.equal(silence.check(65_000), "probe");
  silence.restart(120_000);
  assert.equal(silence.check(120_000), "fine");
  assert.equal(silence.check(125_000), "dead");
});

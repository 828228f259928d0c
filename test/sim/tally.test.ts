// What `torture` adds up, and when it says that a run of seeds failed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { exitCodeOfWorst } from "../../server/simulation/exit-codes.ts";
import type { SeedLine } from "./report.ts";
import { Tally } from "./tally.ts";

function line(seed: number, changes: Partial<SeedLine> = {}): SeedLine {
  const counts = { virtualMs: 1_800_000, operations: 5, acknowledged: 4, checked: 3, snapshots: 0, publications: 0 };
  const ownership = null;
  return {
    seed,
    kind: null,
    checker: null,
    hash: "",
    faults: { crash: 1 },
    text: "",
    ownership,
    ...counts,
    ...changes,
  };
}

const run = { name: "consensus", commit: "abc", date: "2026-01-01T00:00:00.000Z", seedFrom: 1 };

test("a line of the ledger holds sums, faults by kind, and each failure with its seed", () => {
  const tally = new Tally();
  tally.add(line(1));
  tally.add(line(2, { kind: "liveness", checker: "survey", faults: { crash: 2, pause: 7 } }));
  assert.deepEqual(tally.ledgerLine(run), {
    ...run,
    seeds: 2,
    virtualHours: 1,
    faults: { crash: 3, pause: 7 },
    operations: 10,
    acknowledged: 8,
    checked: 6,
    invalid: 0,
    failures: [{ seed: 2, kind: "liveness", checker: "survey" }],
  });
  assert.equal(exitCodeOfWorst(tally.kinds), 10);
});

test("the worst failure decides; a few seeds that proved nothing do not, many do", () => {
  const tally = new Tally();
  for (let seed = 1; seed <= 20; seed++) tally.add(line(seed));
  tally.add(line(21, { kind: "invalid", checker: "faults" }));
  assert.equal(exitCodeOfWorst(tally.kinds), 0);
  for (let seed = 22; seed <= 24; seed++) tally.add(line(seed, { kind: "invalid", checker: "faults" }));
  assert.equal(exitCodeOfWorst(tally.kinds), 13);
  tally.add(line(25, { kind: "crash", checker: "InvariantError" }));
  tally.add(line(26, { kind: "correctness", checker: "replay" }));
  assert.equal(exitCodeOfWorst(tally.kinds), 12);
});

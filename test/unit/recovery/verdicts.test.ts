import assert from "node:assert/strict";
import { test } from "node:test";
import { toNodeId } from "../../../proto/ids.ts";
import { type RecoveryStatus, recoveryStatuses } from "../../../proto/model.ts";
import type { Hearing } from "../../../server/recovery/silence.ts";
import { planVerdicts } from "../../../server/recovery/verdicts.ts";
import { nodesOf, verdictOf } from "./fixtures.ts";

const self = toNodeId("a");

interface Seen {
  readonly hearing?: Hearing;
  readonly quarantine?: string;
}

/** What the manager a proposes about b, by status, with itself up. */
function planned(recorded: RecoveryStatus | null, seen: Seen): RecoveryStatus | null {
  const verdicts = [verdictOf("a", "up"), ...(recorded === null ? [] : [verdictOf("b", recorded)])];
  const changes = planVerdicts({
    owners: nodesOf("a b"),
    self,
    verdicts,
    heard: () => seen.hearing ?? "heard",
    quarantined: (node) => (node === "b" ? (seen.quarantine ?? "") : ""),
    downMs: 2000,
  });
  assert.ok(changes.length <= 1);
  return changes[0]?.status ?? null;
}

const table: readonly [seen: Seen, due: Partial<Record<RecoveryStatus | "nothing", RecoveryStatus>>][] = [
  [{ hearing: "heard" }, { nothing: "up", joining: "up", suspect: "up", partial: "up", down: "up" }],
  [{ hearing: "silent" }, { up: "down", suspect: "down", partial: "down", draining: "down", maintenance: "down" }],
  [{ hearing: "suspect" }, {}],
  [{ hearing: "unknown" }, {}],
  [
    { quarantine: "empty disk" },
    {
      nothing: "down",
      joining: "down",
      up: "down",
      suspect: "down",
      partial: "down",
      draining: "down",
      maintenance: "down",
      down: "down",
    },
  ],
];

for (const [seen, due] of table) {
  test(`planVerdicts() of a node seen as ${seen.quarantine ?? seen.hearing}, for every recorded status`, () => {
    assert.equal(planned(null, seen), due.nothing ?? null, "nothing recorded");
    for (const recorded of recoveryStatuses) assert.equal(planned(recorded, seen), due[recorded] ?? null, recorded);
  });
}

test("planVerdicts() finds the manager itself up without asking whether it is heard", () => {
  const view = {
    owners: nodesOf("a"),
    self,
    verdicts: [],
    heard: () => assert.fail("asked about itself"),
    quarantined: () => "",
    downMs: 2000,
  };
  assert.deepEqual(planVerdicts(view), [{ node: "a", status: "up", reason: "Manages the group" }]);
  assert.deepEqual(planVerdicts({ ...view, verdicts: [verdictOf("a", "up")] }), []);
});

test("planVerdicts() proposes all changes at once, in owner list order, with reasons", () => {
  const hearing: Record<string, Hearing> = { b: "silent", c: "heard", d: "heard" };
  const changes = planVerdicts({
    owners: nodesOf("d c b a"),
    self,
    verdicts: [verdictOf("a", "up"), verdictOf("b", "up"), verdictOf("c", "down"), verdictOf("x", "up")],
    heard: (node) => hearing[node] ?? "unknown",
    quarantined: () => "",
    downMs: 2000,
  });
  assert.deepEqual(changes, [
    { node: "d", status: "up", reason: "Heard by a" },
    { node: "c", status: "up", reason: "Heard again by a" },
    { node: "b", status: "down", reason: "Not heard by a for 2000 ms" },
  ]);
});

test("planVerdicts() says of a node that was silent first, and comes back in quarantine, why it is down", () => {
  const seen = {
    owners: nodesOf("b"),
    self,
    heard: () => "heard" as const,
    quarantined: () => "empty disk",
    downMs: 2000,
  };
  const silent = { ...verdictOf("b", "down"), reason: "Not heard by a for 2000 ms" };
  const [change] = planVerdicts({ ...seen, verdicts: [silent] });
  assert.deepEqual(change, { node: "b", status: "down", reason: "Quarantined: empty disk" });
  assert.deepEqual(planVerdicts({ ...seen, verdicts: [{ ...silent, reason: "Quarantined: empty disk" }] }), []);
});

test("planVerdicts() keeps a reason within the stored length", () => {
  const [change] = planVerdicts({
    owners: nodesOf("b"),
    self,
    verdicts: [verdictOf("b", "up")],
    heard: () => "heard",
    quarantined: () => "x".repeat(5000),
    downMs: 2000,
  });
  assert.equal(change?.reason.length, 200);
  assert.match(change?.reason ?? "", /^Quarantined: x+\.\.\.$/);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { toEpoch, toNodeId } from "../../../proto/ids.ts";
import type { Placement } from "../../../proto/placement.ts";
import { chooseOwner, type OwnershipView, planAdvice } from "../../../server/recovery/placement.ts";
import { unplaced } from "../../../server/recovery/placement-record.ts";
import { nodesOf, ownershipOf, verdictOf } from "./fixtures.ts";

/** Of a group of which nobody has wanted anything. */
const planOwnership = (view: OwnershipView) => planAdvice(view, unplaced);

const owners = nodesOf("n208 n210 n212");
const up = (names: string) => nodesOf(names).map((name) => verdictOf(name, "up"));
const never = ownershipOf(null, { epoch: toEpoch(0), state: "offline" });

test("chooseOwner() takes the first in list order that is up, whatever the order of the verdicts (S1 Fig. 4, 406)", () => {
  assert.equal(chooseOwner({ owners, verdicts: up("n212 n210 n208") }), "n208");
  assert.equal(chooseOwner({ owners, verdicts: [...up("n212 n210"), verdictOf("n208", "down")] }), "n210");
  for (const status of ["joining", "suspect", "draining", "maintenance", "left", "partial"] as const) {
    assert.equal(chooseOwner({ owners, verdicts: [verdictOf("n208", status), ...up("n212")] }), "n212");
  }
  assert.equal(chooseOwner({ owners, verdicts: up("n999") }), null);
});

test("planOwnership() gives the group its first owner", () => {
  assert.deepEqual(planOwnership({ ownership: never, owners, verdicts: up("n208 n210") }), {
    currentOwner: "n208",
    state: "online",
    reason: "n208 is the first owner in the list that is up",
  });
});

test("planOwnership() moves the group of a failed owner to the next (S1: rg226 from n208 to n210)", () => {
  const verdicts = [{ ...verdictOf("n208", "down"), reason: "Not heard by n210 for 2000 ms" }, ...up("n212 n210")];
  assert.deepEqual(planOwnership({ ownership: ownershipOf("n208"), owners, verdicts }), {
    currentOwner: "n210",
    state: "online",
    reason: "n208 is down (Not heard by n210 for 2000 ms); n210 is the first owner in the list that is up",
  });
});

test("planOwnership() leaves the group where it is while its owner is up, also when a better one returns (410)", () => {
  assert.equal(planOwnership({ ownership: ownershipOf("n210"), owners, verdicts: up("n208 n210 n212") }), null);
});

test("planOwnership() suspends the group when no owner is up (412), once, and resumes it (416)", () => {
  const suspended = planOwnership({ ownership: ownershipOf("n208"), owners, verdicts: [verdictOf("n208", "down")] });
  assert.deepEqual(suspended, { currentOwner: null, state: "suspended", reason: "No owner is up" });
  assert.equal(planOwnership({ ownership: ownershipOf(null), owners, verdicts: [] }), null);
  assert.deepEqual(planOwnership({ ownership: ownershipOf(null), owners, verdicts: up("n212") }), {
    currentOwner: "n212",
    state: "online",
    reason: "Resumed: n212 is the first owner in the list that is up",
  });
});

test("planOwnership() has nothing to suspend in a group that never had an owner", () => {
  assert.equal(planOwnership({ ownership: never, owners, verdicts: [] }), null);
});

test("planOwnership() moves a group whose owner is no longer in the list", () => {
  const plan = planOwnership({ ownership: ownershipOf("n214"), owners, verdicts: up("n214 n210") });
  assert.equal(plan?.currentOwner, "n210");
  assert.match(plan?.reason ?? "", /^n214 is no longer an owner/);
});

test("planOwnership() brings an owner that is up from another state back online", () => {
  const ownership = ownershipOf("n208", { state: "suspended" });
  assert.equal(planOwnership({ ownership, owners, verdicts: up("n208") })?.state, "online");
});

test("planOwnership() waits for an awaited owner of higher precedence before the first choice, and only then", () => {
  const awaited = (node: string) => node === "n208";
  const verdicts = up("n210 n212");
  assert.equal(planOwnership({ ownership: never, owners, verdicts, awaited }), null);
  assert.equal(
    planOwnership({ ownership: never, owners, verdicts: [...verdicts, verdictOf("n208", "joining")], awaited }),
    null,
  );
  assert.equal(
    planOwnership({ ownership: never, owners, verdicts: up("n208"), awaited: () => true })?.currentOwner,
    "n208",
  );
  const down = [...verdicts, verdictOf("n208", "down")];
  assert.equal(planOwnership({ ownership: never, owners, verdicts: down, awaited })?.currentOwner, "n210");
  assert.equal(planOwnership({ ownership: ownershipOf(null), owners, verdicts, awaited })?.currentOwner, "n210");
});

test("planOwnership() moves the application off a node that drains as soon as another owner is up", () => {
  const draining = { ...verdictOf("n208", "draining"), reason: "Drained: new disk" };
  assert.deepEqual(planOwnership({ ownership: ownershipOf("n208"), owners, verdicts: [draining, ...up("n212")] }), {
    currentOwner: "n212",
    state: "online",
    reason: "n208 is draining (Drained: new disk); n212 is the first owner in the list that is up",
  });
});

test("planOwnership() leaves the application on a node that drains while nobody else is up", () => {
  for (const others of [[], [verdictOf("n210", "down"), verdictOf("n212", "maintenance")]]) {
    const verdicts = [verdictOf("n208", "draining"), ...others];
    assert.equal(planOwnership({ ownership: ownershipOf("n208"), owners, verdicts }), null);
  }
  const left = [verdictOf("n214", "draining"), verdictOf("n208", "down")];
  assert.equal(planOwnership({ ownership: ownershipOf("n214"), owners, verdicts: left })?.state, "suspended");
});

test("planOwnership() starts nothing on a drained node, and moves nothing back by itself", () => {
  const verdicts = [verdictOf("n208", "maintenance"), ...up("n210")];
  assert.equal(planOwnership({ ownership: never, owners, verdicts })?.currentOwner, "n210");
  assert.equal(
    planOwnership({ ownership: ownershipOf(null), owners, verdicts: [verdictOf("n208", "maintenance")] }),
    null,
  );
  assert.equal(planOwnership({ ownership: ownershipOf("n210"), owners, verdicts: up("n208 n210") }), null);
});

const advised = { owners: nodesOf("n1 n2 n3"), ownership: ownershipOf("n1") };
const allUp = ["n1", "n2", "n3"].map((node) => verdictOf(node, "up"));

test("an operator moves, stops and freezes what is advice too", () => {
  const advice = (placement: Partial<Placement>, verdicts = allUp) => {
    const { currentOwner, state } = planAdvice({ ...advised, verdicts }, { ...unplaced, ...placement }) ?? {};
    return state === undefined ? "nothing" : `${currentOwner} ${state}`;
  };
  assert.equal(advice({ move: { to: toNodeId("n3") } }), "n3 online");
  assert.equal(advice({ move: { to: null } }), "n2 online");
  assert.equal(advice({ move: { to: toNodeId("n1") } }), "nothing");
  assert.equal(advice({ intent: { ...unplaced.intent, isOnline: false } }), "null offline");
  const failed = [verdictOf("n1", "down"), verdictOf("n2", "up"), verdictOf("n3", "up")];
  assert.equal(advice({}, failed), "n2 online");
  assert.equal(advice({ intent: { ...unplaced.intent, frozen: "hands off" } }, failed), "nothing");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { toBootNumber, toNodeId } from "../../../proto/ids.ts";
import { heldBack, startsToNote } from "../../../server/recovery/cold-start.ts";
import { withOwners, withStarts, withWish } from "../../../server/recovery/placement-record.ts";
import type { PlacementView } from "../../../server/recovery/placement-view.ts";
import { nodesOf } from "./fixtures.ts";
import { idle, never, owners, placementOf, policiesOf, reportOf, unowned, viewOf } from "./placement-fixtures.ts";

/** `node boot` each. */
function startsOf(text: string) {
  const words = text === "" ? [] : text.split(", ").map((each) => each.split(" "));
  return words.map(([node = "", boot = ""]) => ({ node: toNodeId(node), boot: toBootNumber(Number(boot)) }));
}

const startedByOperators = policiesOf({ startsAutomatically: false });

/** @param noted in the group's log @param present with whom the manager is in touch */
function view(noted: string, present: string, fields: Partial<PlacementView> = {}): PlacementView {
  const starts = new Map(startsOf(present).map(({ node, boot }) => [node, boot]));
  const placement = placementOf({ starts: startsOf(noted) });
  return viewOf({ isRenewed: false, report: null, policies: startedByOperators, placement, starts, ...fields });
}

const isHeldBack = (...of: Parameters<typeof view>) => heldBack(view(...of)) !== null;

test("a group is held back when nobody with whom its manager is in touch has lived through the end of its right", () => {
  const noted = "n208 3, n210 5, n212 2";
  assert.equal(isHeldBack(noted, "n208 4, n210 6, n212 3"), true);
  assert.equal(isHeldBack(noted, "n208 4, n210 6"), true);
  assert.equal(isHeldBack(noted, "n208 4, n210 6, n212 2"), false);
  assert.equal(isHeldBack(noted, "n208 4, n210 6, n212 3", { ownership: unowned("suspended"), ...idle }), true);
});

test("a group is not held back whose manager has renewed its right, or whose agent runs it, or that starts by itself", () => {
  const all = ["n208 3, n210 5", "n208 4, n210 6"] as const;
  assert.equal(isHeldBack(...all, { isRenewed: true }), false);
  assert.equal(isHeldBack(...all, { report: reportOf("online") }), false);
  assert.equal(isHeldBack(...all, { report: reportOf("offline") }), true);
  assert.equal(isHeldBack(...all, { policies: policiesOf({}) }), false);
  assert.equal(isHeldBack("", "n208 4, n210 6"), false, "nobody has looked");
});

test("an operator's start ends that, on an owner or on whichever, while the log still has an owner too", () => {
  const placement = placementOf({ starts: startsOf("n208 3, n210 5") });
  const started = (isOwned: boolean) => {
    return heldBack(
      view("", "n208 4, n210 6", { placement: withWish({ type: "start", on: null }, placement, isOwned) }),
    );
  };
  assert.deepEqual([started(true), started(false)], [null, null]);
  assert.equal(isHeldBack("", "n208 1", { ownership: never }), true, "the first time it waits");
});

test("what the log is told of starts is what it does not know, while the right is renewed and operators start the group", () => {
  const toNote = (...of: Parameters<typeof view>) => startsToNote(view(...of));
  const renewed = { isRenewed: true };
  assert.deepEqual(toNote("n208 3, n210 5", "n208 3, n210 6, n212 1", renewed), startsOf("n210 6, n212 1"));
  assert.deepEqual(toNote("n208 3", "n208 3", renewed), []);
  assert.deepEqual(toNote("n208 3", "n208 4"), []);
  assert.deepEqual(toNote("n208 3", "n208 4", { ...renewed, ownership: unowned() }), []);
  assert.deepEqual(toNote("n208 3", "n208 4", { ...renewed, policies: policiesOf({}) }), []);
});

test("the log keeps one start an owner, and none of who owns the group no more", () => {
  const noted = withStarts(placementOf({ starts: startsOf("n208 3, n212 1") }), startsOf("n212 2, n210 5"));
  assert.deepEqual(noted.starts, startsOf("n208 3, n210 5, n212 2"));
  assert.deepEqual(withOwners(noted, nodesOf("n208 n212")).starts, startsOf("n208 3, n212 2"));
  assert.equal(withOwners(noted, owners), noted);
});

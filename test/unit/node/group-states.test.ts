// What a watch of a group's status is told, and when that counts as what there was at its beginning.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toGroupId, toLogIndex } from "../../../proto/ids.ts";
import type { GroupStatus, WatchGroupRequest } from "../../../proto/requests.ts";
import { GroupStates, openingOf } from "../../../server/node/group-states.ts";

const request: WatchGroupRequest = {
  type: "watchGroup",
  group: toGroupId("g"),
  startIndex: null,
  initial: true,
  includeProgress: false,
  progressIntervalMs: 0,
};

const states = (changed: number, applied: number) =>
  new GroupStates(toLogIndex(changed), toLogIndex(applied), () => ({}) as GroupStatus);

test("only the first state is what there was, also where keys were written since it came about", () => {
  const { filter, position, initialThrough } = openingOf(request, toLogIndex(60));
  const first = states(50, 60).next({ filter, position, initialThrough });
  assert.deepEqual(first?.type === "groupState" && [first.revision, first.initial], [50, true]);
  assert.equal(states(50, 60).next({ filter, position: 50, initialThrough }), null);
  const next = states(61, 61).next({ filter, position: 50, initialThrough });
  assert.deepEqual(next?.type === "groupState" && [next.revision, next.initial], [61, false]);
});

test("who does not ask for what there is gets changes alone", () => {
  const { filter, position, initialThrough } = openingOf({ ...request, initial: false }, toLogIndex(60));
  assert.equal(states(50, 60).next({ filter, position, initialThrough }), null);
  const from = openingOf({ ...request, initial: false, startIndex: toLogIndex(0) }, toLogIndex(60));
  const told = states(50, 60).next(from);
  assert.equal(told?.type === "groupState" && told.initial, false);
});

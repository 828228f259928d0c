import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, toGroupId, toIncarnation, toLogIndex, toMillis, toTerm } from "../../../proto/ids.ts";
import { founderId } from "../../../proto/membership.ts";
import { Beats, type LedGroup } from "../../../server/node/beats.ts";
import { limits } from "../../../server/node/limits.ts";
import { n1, n2, n3, n4, sentBy, worldOf } from "./cluster.ts";

const index = toLogIndex(5);

function led(group: string, others: readonly NodeId[]): LedGroup {
  const beat = { type: "beat", term: toTerm(1), round: 1, commit: index, last: index } as const;
  const key = { group: toGroupId(group), incarnation: toIncarnation(1) };
  return {
    peers: others,
    addressTo: () => ({ ...key, fromMember: founderId, toMember: founderId }),
    beatFor: () => beat,
  };
}

test("one beat goes to each node, with all groups that both share", () => {
  const world = worldOf(n1);
  new Beats(world).deadline([led("ga", [n2, n3]), led("gb", [n3])], [n3, n4], index, toMillis(0));
  const shown = sentBy(world).map(([to, message]) => {
    return message.type === "beat" ? `${to} ${message.groups.map(({ group }) => group)}` : "";
  });
  assert.deepEqual(shown, ["n2 ga", "n3 ga,gb", "n4 "]);
});

test("who leads sends at every interval and no sooner; who leads nothing wants no deadline", () => {
  const world = worldOf(n1);
  const beats = new Beats(world);
  const groups = [led("ga", [n2])];
  for (const at of [0, 1, limits.beatIntervalMs - 1, limits.beatIntervalMs])
    beats.deadline(groups, [], index, toMillis(at));
  assert.equal(sentBy(world).length, 2);
  assert.equal(beats.deadlineMs(), 2 * limits.beatIntervalMs);
  beats.deadline([], [], index, toMillis(2 * limits.beatIntervalMs));
  assert.equal(beats.deadlineMs(), null);
  beats.wake(toMillis(5000));
  assert.equal(beats.deadlineMs(), 5000);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { toLogIndex, toMillis } from "../../../proto/ids.ts";
import { Beats } from "../../../server/node/beats.ts";
import { limits } from "../../../server/node/limits.ts";
import { n1, n2, n3, n4, sentBy, worldOf } from "./cluster.ts";
import { FakeParty } from "./fake-party.ts";

const index = toLogIndex(5);

test("one beat goes to each node, with all groups that both share", () => {
  const world = worldOf(n1);
  for (const party of [new FakeParty("ga", n1, [n2, n3]), new FakeParty("gb", n1, [n3])]) world.vouching.changed(party);
  new Beats(world).deadline([n3, n4], index, toMillis(0));
  const shown = sentBy(world).map(([to, message]) => {
    return message.type === "beat" ? `${to} ${message.groups.map(({ group }) => group)}` : "";
  });
  assert.deepEqual(shown, ["n2 ga", "n3 ga,gb", "n4 "]);
});

test("who leads sends at every interval and no sooner; who leads nothing wants no deadline", () => {
  const world = worldOf(n1);
  const beats = new Beats(world);
  const party = new FakeParty("ga", n1, [n2]);
  world.vouching.changed(party);
  for (const at of [0, 1, limits.beatIntervalMs - 1, limits.beatIntervalMs]) beats.deadline([], index, toMillis(at));
  assert.equal(sentBy(world).length, 2);
  assert.equal(beats.deadlineMs(), 2 * limits.beatIntervalMs);
  world.vouching.gone(party);
  beats.deadline([], index, toMillis(2 * limits.beatIntervalMs));
  assert.equal(beats.deadlineMs(), null);
  beats.wake(toMillis(5000));
  assert.equal(beats.deadlineMs(), 5000);
});

test("a beat that cannot wait names its groups, and stands for no others", () => {
  const world = worldOf(n1);
  const [one, other] = [new FakeParty("ga", n1, [n2, n3]), new FakeParty("gb", n1, [n2])];
  for (const party of [one, other]) world.vouching.changed(party);
  new Beats(world).beat([one], index, toMillis(0));
  const shown = sentBy(world).map(([to, message]) => {
    return message.type === "beat" ? [to, message.groups.map(({ group }) => group), message.vouch] : [];
  });
  assert.deepEqual(shown, [
    [n2, ["ga"], null],
    [n3, ["ga"], null],
  ]);
});

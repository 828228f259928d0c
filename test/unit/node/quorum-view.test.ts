import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeId } from "../../../proto/ids.ts";
import { toMillis } from "../../../proto/ids.ts";
import { firstConfiguration } from "../../../proto/membership.ts";
import { limits } from "../../../server/node/limits.ts";
import { decisiveVoters, noQuorumFailure, quorumOf } from "../../../server/node/quorum-view.ts";
import { n1, n2, n3, worldOf } from "./cluster.ts";

function view(
  connected: readonly NodeId[],
  leader: NodeId | null,
  leaderlessMs: number,
  quarantined: readonly NodeId[] = [],
  silent: readonly NodeId[] | null = null,
) {
  const world = worldOf(n1);
  for (const node of connected) world.connected.add(node);
  for (const node of quarantined) world.quarantines.set(node, "lost");
  const group = {
    leader,
    membership: firstConfiguration([n1, n2, n3]).membership,
    leaderlessMs: () => leaderlessMs,
    silent: () => silent,
  };
  const { hasQuorum, needed, missing } = quorumOf(group, world, toMillis(0));
  const failure = noQuorumFailure("rg", group, world, toMillis(0));
  return [hasQuorum, needed, missing.join(" "), failure?.details.missing ?? null];
}

const long = limits.noQuorumGraceMs;

test("a leader is proof of a quorum, whoever is connected", () => {
  assert.deepEqual(view([], n2, 0), [true, 2, "n2 n3", null]);
});

test("a leader counts whom it hears, not whom it is connected with", () => {
  assert.deepEqual(view([n2, n3], n1, 0, [], [n3]), [true, 2, "n3", null]);
});

test("while an election may still bring a leader nobody is told that there is none", () => {
  assert.deepEqual(view([n2], null, long - 1), [true, 2, "n3", null]);
  assert.deepEqual(view([], null, long - 1), [false, 2, "n2 n3", null]);
});

test("with too few owners for long, the missing ones are named", () => {
  assert.deepEqual(view([], null, long), [false, 2, "n2 n3", "n2,n3"]);
});

test("an owner in quarantine is missing although it is connected", () => {
  assert.deepEqual(view([n2], null, long, [n2]), [false, 2, "n2 n3", "n2,n3"]);
});

test("enough owners without a leader wait on", () => {
  assert.deepEqual(view([n2], null, 10 * long), [false, 2, "n3", null]);
});

test("a replica that has received nothing yet knows of a quorum by its leader alone", () => {
  const { membership } = firstConfiguration([]);
  const blank = (leader: NodeId | null) => ({ leader, membership, leaderlessMs: () => long, silent: () => null });
  assert.deepEqual(quorumOf(blank(n2), worldOf(n1), toMillis(0)), { hasQuorum: true, needed: 0, missing: [] });
  assert.deepEqual(quorumOf(blank(null), worldOf(n1), toMillis(0)), { hasQuorum: false, needed: 0, missing: [] });
});

test("while two sets of voters decide together, the one that can spare less is told", () => {
  const { membership } = firstConfiguration([n1, n2, n3]);
  const joint = { ...membership, outgoing: membership.voters.slice(0, 2) };
  const world = worldOf(n1);
  world.connected.add(n3);
  const group = { leader: null, membership: joint, leaderlessMs: () => long, silent: () => null };
  assert.deepEqual(quorumOf(group, world, toMillis(0)), { hasQuorum: false, needed: 2, missing: [n2] });
  assert.match(
    noQuorumFailure("rg", group, world, toMillis(0))?.message ?? "",
    /2 of 2 owners must be up, missing are n2/,
  );
  assert.deepEqual(decisiveVoters(joint, []), joint.outgoing);
  assert.deepEqual(decisiveVoters({ ...joint, outgoing: membership.voters }, [n2]), membership.voters);
});

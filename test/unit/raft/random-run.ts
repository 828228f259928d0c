// One random world of Raft members from its seed to its end: safety at every step, then progress once all faults are over.

import { strict as assert } from "node:assert";
import type { DiskMember } from "./disk-member.ts";
import { textOf } from "./fixtures.ts";
import { World } from "./random-world.ts";

const eventsPerSeed = 1_200;
/** Virtual time within which a group must have a leader, or have finished a change, when nothing is disturbed. */
const patienceMs = 5_000;
/** Several election timeouts. */
const deafMs = 1_500;

/** @throws {Error} what the world did not keep @returns the world at its end */
export function runWorld(seed: number): World {
  const world = new World(seed);
  for (let event = 0; event < eventsPerSeed; event++) world.event();
  demandProgress(world);
  return world;
}

function demandProgress(world: World): void {
  world.heal();
  waitFor(world, "A healed network elects a leader", () => world.leader());
  waitFor(world, "A change under way is finished, or begun again", () => world.isSettled() || null);
  waitFor(world, "Another one begins", () => world.changeOnceMore() || null);
  waitFor(world, "and is finished", () => world.isSettled() || null);
  demandCommit(world, "A healed network commits");
  waitFor(world, "All owners hold the same", () => {
    const [first, ...others] = world.owners();
    return (first && others.every((other) => isEqual(first, other))) || null;
  });
  waitFor(world, "All is at rest", () => world.isAtRest() || null);
  demandThatDeafFollowerDeposesNobody(world);
  demandThatDeafLeaderGivesWay(world);
  waitFor(world, "All is at rest again", () => world.isAtRest() || null);
  world.loseLeader();
  demandCommit(world, "The others go on without their leader");
}

/** While it cannot hear the leader, or anybody, and when it does again. */
function demandThatDeafFollowerDeposesNobody(world: World): void {
  // A leader may have handed over just before all was calm, and its word be still on its way.
  world.calm(deafMs);
  const [leader, follower] = [world.leader(), world.spareFollower()];
  if (leader === undefined || follower === null) return;
  const { term } = leader.running.status();
  for (const from of [leader, null]) {
    world.deafen(follower, from);
    world.calm(deafMs);
    world.unite();
    world.calm(deafMs);
    const isLeading = world.leader() === leader && leader.running.status().term === term;
    assert.ok(isLeading, "A follower that does not hear its leader deposes it");
  }
}

function demandThatDeafLeaderGivesWay(world: World): void {
  const leader = world.spareLeader();
  if (leader === null) return;
  world.deafen(leader, null);
  demandCommit(world, "A leader that hears nobody gives way");
  world.unite();
}

function demandCommit(world: World, what: string): void {
  const before = world.safety.committed;
  waitFor(world, what, () => {
    const leader = world.leader();
    if (leader !== undefined) world.propose(leader);
    return world.safety.committed > before || null;
  });
}

function isEqual(left: DiskMember, right: DiskMember): boolean {
  return left.applied.map(textOf).join() === right.applied.map(textOf).join();
}

function waitFor<Value>(world: World, what: string, look: () => Value | null | undefined): Value {
  for (const endMs = world.nowMs + patienceMs; world.nowMs < endMs; world.calm(20)) {
    const found = look();
    if (found !== null && found !== undefined) return found;
  }
  throw new Error(what);
}

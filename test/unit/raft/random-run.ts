// One random world of Raft members from its seed to its end: safety at every step, then progress once all faults are over.

import type { DiskMember } from "./disk-member.ts";
import { textOf } from "./fixtures.ts";
import { World } from "./random-world.ts";

const eventsPerSeed = 600;
/** Virtual time within which a group must have a leader, or have finished a change, when nothing is disturbed. */
const patienceMs = 5_000;

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
  world.loseLeader();
  demandCommit(world, "The others go on without their leader");
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

// Which incarnation of the cluster group an index of its log is of. The log of each begins far above all that the one before
// can have reached, so that nodes which tell each other no more than how far they are also hear that the group has begun anew,
// and copies never mix two logs.

import { type Incarnation, type LogIndex, toIncarnation, toLogIndex } from "../../proto/ids.ts";
import type { Random } from "../../proto/random.ts";
import { limits } from "./limits.ts";

/** At a hundred entries a second it lasts for 21 years. */
const indexesEach = 2 ** 36;
/** So often a group can go on from one node before its numbers meet those of the next incarnation of the cluster group. */
const groupIncarnationsEach = 1_000;

export function incarnationAt(index: LogIndex): Incarnation {
  return toIncarnation(Math.floor(index / indexesEach) + 1);
}

/** Where the log of an incarnation begins. */
export function beginningOf(incarnation: Incarnation): LogIndex {
  return toLogIndex((incarnation - 1) * indexesEach);
}

/**
 * Of a group that is made under an incarnation of the cluster group. One of the same name that was made before, and forgotten
 * when the cluster group went on without it, is another group.
 */
export function firstOfGroup(cluster: Incarnation): Incarnation {
  return toIncarnation((cluster - 1) * groupIncarnationsEach + 1);
}

/**
 * A later one, by chance: should two nodes go on at once, apart from each other, or one of them twice because power was lost,
 * one incarnation is later than the other, and wins.
 */
export function successorOf(incarnation: Incarnation, random: Random): Incarnation {
  return toIncarnation(incarnation + random.between(1, limits.clusterIncarnationStepMax));
}

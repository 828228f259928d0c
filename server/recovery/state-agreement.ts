// What the state hashes of a group's replicas at one index say: which state is the group's, and whose is another (G3). Only
// replicas that hold data have a say, each with its votes and as one of those that answered: votes tell who may decide, not whose
// memory is right, and no replica of several is the group's state by itself. What the voters' log says is the same for all of them.

import type { NodeId } from "../../proto/ids.ts";

export interface DataReplica {
  readonly node: NodeId;
  readonly votes: number;
  /** null: not known. */
  readonly hash: string | null;
}

export interface Agreement {
  /**
   * - `agreed`: the replicas with `hash` have more than half of the votes of all, and are more than half of those that are known,
   *   two at least where there are several.
   * - `disputed`: there are different ones, and none has that.
   * - `open`: too few are known.
   */
  readonly type: "agreed" | "disputed" | "open";
  /** What is agreed on; null: nothing. */
  readonly hash: string | null;
  /** Who has another hash than the one agreed on. */
  readonly differing: readonly NodeId[];
  /** Whose hash is not known. */
  readonly silent: readonly NodeId[];
}

export function agreementOf(replicas: readonly DataReplica[]): Agreement {
  const hashes = new Set(replicas.flatMap(({ hash }) => hash ?? []));
  const silent = replicas.filter(({ hash }) => hash === null).map(({ node }) => node);
  const hash = [...hashes].find((each) => hasQuorum(replicas, each)) ?? null;
  if (hash === null) return { type: hashes.size > 1 ? "disputed" : "open", hash, differing: [], silent };
  const others = replicas.filter((replica) => replica.hash !== null && replica.hash !== hash);
  return { type: "agreed", hash, differing: others.map(({ node }) => node), silent };
}

function hasQuorum(replicas: readonly DataReplica[], wanted: string): boolean {
  const holders = replicas.filter(({ hash }) => hash === wanted);
  const known = replicas.filter(({ hash }) => hash !== null);
  const areMost = 2 * holders.length > known.length && (holders.length > 1 || replicas.length === 1);
  return areMost && 2 * votesOf(holders) > votesOf(replicas);
}

function votesOf(replicas: readonly DataReplica[]): number {
  return replicas.reduce((sum, { votes }) => sum + votes, 0);
}

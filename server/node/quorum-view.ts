// Whether a group has a quorum, as far as one of its owners can tell, and who is missing.

import { type Failure, failure } from "../../proto/errors.ts";
import type { Millis, NodeId } from "../../proto/ids.ts";
import type { QuorumView } from "./group-replies.ts";
import { limits } from "./limits.ts";
import type { World } from "./world.ts";

/** A replica with its fellow voters, of a resource group or of the cluster group. */
export interface Quorate {
  readonly leader: NodeId | null;
  /** The other voters. */
  readonly others: readonly NodeId[];
  leaderlessMs(nowMs: Millis): number;
  /** Others that this member, leading, has not heard in the group; null: it does not lead, and hears nobody by itself. */
  silent(nowMs: Millis): readonly NodeId[] | null;
}

/** A leader knows whom it hears, and is proof of a quorum; others know no more than their open connections. */
export function quorumOf(group: Quorate, world: World, nowMs: Millis): QuorumView {
  const needed = Math.floor((group.others.length + 1) / 2) + 1;
  const silent = group.silent(nowMs);
  const missing = group.others.filter((owner) => {
    return silent?.includes(owner) ?? (!world.connected.has(owner) || world.quarantines.has(owner));
  });
  const reachable = 1 + group.others.length - missing.length;
  const isElecting = reachable >= needed && group.leaderlessMs(nowMs) < limits.noQuorumGraceMs;
  return { hasQuorum: group.leader !== null || isElecting, needed, missing };
}

/** Why a call cannot wait any longer for a leader; null while an election may still bring one. */
export function noQuorumFailure(name: string, group: Quorate, world: World, nowMs: Millis): Failure | null {
  if (group.leader !== null || group.leaderlessMs(nowMs) < limits.noQuorumGraceMs) return null;
  const { needed, missing } = quorumOf(group, world, nowMs);
  const voters = group.others.length + 1;
  if (voters - missing.length >= needed) return null;
  const message = `The group ${name} has no quorum: ${needed} of ${voters} owners must be up, missing are ${missing.join(", ")}`;
  return failure("no_quorum", message, { group: name, missing: missing.join(",") });
}

/** Why a node that is no owner cannot pass a call on. */
export function unreachableFailure(name: string, owners: readonly NodeId[]): Failure {
  const missing = owners.join(", ");
  const message = `The group ${name} has no quorum: none of its ${owners.length} owners can be reached, missing are ${missing}`;
  return failure("no_quorum", message, { group: name, missing: owners.join(",") });
}

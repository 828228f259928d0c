// Short forms for the recovery tests.

import {
  type Millis,
  type NodeId,
  toEpoch,
  toGroupId,
  toIncarnation,
  toLogIndex,
  toMillis,
  toNodeId,
} from "../../../proto/ids.ts";
import type { DirectoryEntry, Ownership, RecoveryStatus, StatusComponent } from "../../../proto/model.ts";

export const nodesOf = (names: string): NodeId[] => names.split(" ").map(toNodeId);
export const ms = (value: number): Millis => toMillis(value);

export function verdictOf(
  node: string,
  status: RecoveryStatus,
  at: { group?: string; index?: number } = {},
): StatusComponent {
  return {
    node: toNodeId(node),
    group: toGroupId(at.group ?? "g"),
    incarnation: toIncarnation(1),
    index: toLogIndex(at.index ?? 1),
    status,
    reason: "",
  };
}

export function entryOf(group: string, owners: string, incarnation = 1): DirectoryEntry {
  return {
    group: toGroupId(group),
    incarnation: toIncarnation(incarnation),
    owners: nodesOf(owners),
    index: toLogIndex(0),
  };
}

export function ownershipOf(owner: string | null, fields: Partial<Ownership> = {}): Ownership {
  const currentOwner = owner === null ? null : toNodeId(owner);
  return { currentOwner, epoch: toEpoch(1), state: owner === null ? "suspended" : "online", reason: "", ...fields };
}

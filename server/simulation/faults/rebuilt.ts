// Whether a node that was quarantined is a member of all its groups again, by what these have committed and by its disk, and
// not by its own word.

import { type GroupId, type NodeId, toIncarnation } from "../../../proto/ids.ts";
import type { Membership } from "../../../proto/membership.ts";
import { decodeGroupRecord } from "../../../storage/group-record.ts";
import { groupKey, metaKey } from "../../../storage/keys.ts";
import type { SimDisk } from "../sim-disk.ts";
import { type Topology, votersOf } from "../topology.ts";

const firstIncarnation = toIncarnation(1);

export interface RebuiltView {
  readonly topology: Topology;
  readonly diskOf: (node: NodeId) => SimDisk;
  /** The newest that is committed. */
  readonly membershipOf: (group: GroupId) => Membership;
}

export function isRebuilt(node: NodeId, { topology, diskOf, membershipOf }: RebuiltView): boolean {
  const disk = diskOf(node);
  if (disk.durableRow(metaKey("quarantine")) !== null) return false;
  const own = [...topology.groups.keys()].filter((group) => votersOf(topology, group).includes(node));
  return own.every((group) => {
    const { voters, outgoing } = membershipOf(group);
    const voter = voters.find((each) => each.node === node);
    return voter !== undefined && outgoing.length === 0 && voter.member === memberOn(disk, group);
  });
}

function memberOn(disk: SimDisk, group: GroupId): number | null {
  const bytes = disk.durableRow(groupKey(group, firstIncarnation));
  const record = bytes === null ? "" : decodeGroupRecord(bytes);
  return typeof record !== "string" && record.role === "owner" ? record.member : null;
}

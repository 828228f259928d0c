// Recovery statuses, ownership states and verdicts, from the domain to the public schema.

import { create } from "@bufbuild/protobuf";
import { uint64 } from "../../../proto/codec/integers.ts";
import {
  type InterlockSummary,
  InterlockSummarySchema,
  OwnershipState,
} from "../../../proto/gen/bailiwick/v1/group_pb.ts";
import { RecoveryStatus, type Verdict, VerdictSchema } from "../../../proto/gen/bailiwick/v1/status_pb.ts";
import { compareNames, type NodeId } from "../../../proto/ids.ts";
import type * as model from "../../../proto/model.ts";
import { readConfig } from "./configs.ts";

export const recoveryStatuses = {
  joining: RecoveryStatus.JOINING,
  up: RecoveryStatus.UP,
  suspect: RecoveryStatus.SUSPECT,
  partial: RecoveryStatus.PARTIAL,
  down: RecoveryStatus.DOWN,
  draining: RecoveryStatus.DRAINING,
  maintenance: RecoveryStatus.MAINTENANCE,
  left: RecoveryStatus.LEFT,
} as const satisfies Record<model.RecoveryStatus, RecoveryStatus>;

export const ownershipStates = {
  offline: OwnershipState.OFFLINE,
  acquiring: OwnershipState.ACQUIRING,
  online: OwnershipState.ONLINE,
  releasing: OwnershipState.RELEASING,
  suspended: OwnershipState.SUSPENDED,
  error: OwnershipState.ERROR,
} as const satisfies Record<model.OwnershipState, OwnershipState>;

export function toVerdict(component: model.StatusComponent): Verdict {
  return create(VerdictSchema, {
    group: component.group,
    node: component.node,
    status: recoveryStatuses[component.status],
    incarnation: uint64.toWire(component.incarnation, "incarnation"),
    index: uint64.toWire(component.index, "index"),
    why: component.reason,
  });
}

/** @param members the nodes of the group or the node that is told: those through which it hears of this one */
export function toInterlockSummary(summary: model.GroupSummary, members: readonly NodeId[]): InterlockSummary {
  const { ownership } = summary;
  const result = create(InterlockSummarySchema, {
    group: summary.group,
    incarnation: uint64.toWire(summary.incarnation, "incarnation"),
    index: uint64.toWire(summary.index, "index"),
    owners: [...summary.owners],
    currentOwner: ownership.currentOwner ?? "",
    epoch: uint64.toWire(ownership.epoch, "epoch"),
    ownershipState: ownershipStates[ownership.state],
    sharedNodes: summary.owners.filter((owner) => members.includes(owner)).toSorted(compareNames),
  });
  if (summary.placement.byteLength > 0) result.placement = readConfig(summary.placement);
  return result;
}

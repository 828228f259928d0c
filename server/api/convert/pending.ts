// What is under way with nodes and with the owners of groups, for the status of the cluster; moves are in placements.ts.

import { create } from "@bufbuild/protobuf";
import {
  PendingOperation_Kind as PendingKind,
  type PendingOperation,
  PendingOperationSchema,
} from "../../../proto/gen/bailiwick/v1/cluster_pb.ts";
import type { Node } from "../../../proto/gen/bailiwick/v1/node_pb.ts";
import { RecoveryStatus } from "../../../proto/gen/bailiwick/v1/status_pb.ts";
import type { GroupStatus } from "../../../proto/requests.ts";

/** null: its applications have gone, or are to stay. */
export function toPendingDrain({ name, recoveryStatus, manages, since }: Node): PendingOperation | null {
  if (recoveryStatus !== RecoveryStatus.DRAINING) return null;
  const left = manages.length === 0 ? "" : `, still there: ${manages.join(", ")}`;
  const what = `Its applications move off${left}`;
  return create(PendingOperationSchema, { kind: PendingKind.DRAIN, node: name, what, ...(since && { since }) });
}

/** null: its members are as they are to be. Since when they are not is nowhere on record. */
export function toPendingOwners({ object, membership }: GroupStatus): PendingOperation | null {
  const { target, learners } = membership;
  if (target === null) return null;
  const catchingUp = learners.map(({ node }) => node);
  const wait = catchingUp.length === 0 ? "" : `, waits for ${catchingUp.join(", ")} to catch up`;
  const what = `On its way to the members ${target.map(({ node }) => node).join(", ")}${wait}`;
  return create(PendingOperationSchema, { kind: PendingKind.OWNER_CHANGE, group: object.group, what });
}

// The cluster as a whole, from the cluster database to the public schema.

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { uint64 } from "../../../proto/codec/integers.ts";
import {
  type Cluster,
  ClusterSchema,
  type Failure,
  FailureSchema,
  PendingOperation_Kind as PendingKind,
  type PendingOperation,
  PendingOperationSchema,
} from "../../../proto/gen/bailiwick/v1/cluster_pb.ts";
import { compareNames, type LogIndex, type NodeId } from "../../../proto/ids.ts";
import type { ClusterEvent, DirectoryEntry } from "../../../proto/model.ts";
import type { GroupStatus } from "../../../proto/requests.ts";
import { limits } from "../../node/limits.ts";
import type { ApiIdentity } from "../call-context.ts";
import { toQuorum } from "./groups.ts";

interface ClusterParts {
  readonly self: ApiIdentity;
  readonly index: LogIndex;
  readonly voters: readonly NodeId[];
  readonly leader: NodeId | null;
  /** Of the system group; null: no voter answered. */
  readonly clusterStatus: GroupStatus | null;
  readonly entries: readonly DirectoryEntry[];
}

export function toCluster({ self, index, voters, leader, clusterStatus, entries }: ClusterParts): Cluster {
  const heard = uint64.toWire(index, "index");
  const newest = uint64.toWire(Math.max(index, clusterStatus?.applied ?? 0), "newestIndex");
  const cluster = create(ClusterSchema, {
    id: self.cluster,
    name: self.clusterName,
    index: heard,
    newestIndex: newest,
    voters: voters.toSorted(compareNames),
    leader: leader ?? "",
    groups: entries.toSorted((left, right) => compareNames(left.group, right.group)).map(toEntry),
  });
  if (clusterStatus !== null) cluster.quorum = toQuorum(clusterStatus);
  return cluster;
}

/** Null: the voters are not being changed. */
export function toVoterChange({ membership }: GroupStatus): PendingOperation | null {
  const { voters, outgoing, target } = membership;
  if (target === null && outgoing.length === 0) return null;
  const next = target ?? voters;
  const before = outgoing.length > 0 ? outgoing : voters;
  const joined = next.filter(
    (voter) => !before.some(({ node, member }) => node === voter.node && member === voter.member),
  );
  const names = joined.map(({ node }) => node).join(", ");
  const what = `The voters of the cluster database are to be ${next.map(({ node }) => node).join(", ")}`;
  return create(PendingOperationSchema, { kind: PendingKind.VOTER_CHANGE, node: names, what });
}

/** A voter stays away, and its place is not taken; null: it is not so. */
export function toVoterFailure({ hindrance }: GroupStatus): Failure | null {
  return hindrance === "" ? null : create(FailureSchema, { what: `Voters of the cluster database: ${hindrance}` });
}

/** What went wrong lately, newest first. */
export function toFailures(events: readonly ClusterEvent[]): Failure[] {
  const failures = events.flatMap(({ atMs, change }) => {
    if (change.type !== "nodeFailed") return [];
    const what = change.reason === "" ? "The node failed" : change.reason;
    return [create(FailureSchema, { time: timestampFromMs(atMs), node: change.node, what })];
  });
  return failures.toReversed().slice(0, limits.failuresShownMax);
}

function toEntry({ group, incarnation, owners }: DirectoryEntry) {
  return { group, incarnation: uint64.toWire(incarnation, "incarnation"), owners: [...owners] };
}

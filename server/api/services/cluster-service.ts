// ClusterService: the cluster at a glance, its database as this node holds it, and its events.

import { create } from "@bufbuild/protobuf";
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { uint64 } from "../../../proto/codec/integers.ts";
import type { Cluster, Failure, PendingOperation } from "../../../proto/gen/bailiwick/v1/cluster_pb.ts";
import * as wire from "../../../proto/gen/bailiwick/v1/cluster_service_pb.ts";
import type { Group } from "../../../proto/gen/bailiwick/v1/group_pb.ts";
import type { Node } from "../../../proto/gen/bailiwick/v1/node_pb.ts";
import { TopologySchema } from "../../../proto/gen/bailiwick/v1/topology_pb.ts";
import { compareNames, toLogIndex } from "../../../proto/ids.ts";
import type { DirectoryEntry } from "../../../proto/model.ts";
import type { GroupStatus } from "../../../proto/requests.ts";
import { limits } from "../../node/limits.ts";
import type { CallContext } from "../call-context.ts";
import { toCluster, toFailures, toVoterChange, toVoterFailure } from "../convert/clusters.ts";
import { readMs } from "../convert/fields.ts";
import { toGroup, toGroupOfEntry } from "../convert/groups.ts";
import { toNodeHeader } from "../convert/headers.ts";
import { addRoles, rolesIn, toKnownNode, toNode, toNodeConfig } from "../convert/nodes.ts";
import { toPendingDrain, toPendingOwners } from "../convert/pending.ts";
import { toPendingMove, toStartFailures } from "../convert/placements.ts";
import { defineService } from "../service.ts";
import { askClusterGroup, askLocal, type LocalView } from "./ask-groups.ts";
import { listClusterEvents } from "./cluster-events.ts";
import { recoverCluster } from "./recover-cluster.ts";

export const clusterService = defineService(
  wire.ClusterService,
  { getStatus, getCluster, listClusterEvents, recoverCluster },
  { plan: "leases and allocation" },
);

async function getStatus(request: wire.GetStatusRequest, context: CallContext): Promise<wire.GetStatusResponse> {
  readMs(request.timeoutMs, "timeout_ms", { usual: limits.fanOutMs, min: 100, max: 30_000 });
  const view = request.local ? await viewHere(context) : await viewEverywhere(context);
  const names = new Set<string>(request.groups);
  const isWanted = (name: string) => names.size === 0 || names.has(name);
  const groups = view.groups.filter(({ object }) => isWanted(object.group));
  const entries = view.entries.filter(({ group }) => isWanted(group));
  const members = new Set<string>(entries.flatMap(({ owners }) => owners));
  const nodes = view.nodes.filter(({ name }) => names.size === 0 || members.has(name)).toSorted(byName);
  return create(wire.GetStatusResponseSchema, {
    header: toNodeHeader(context.self),
    cluster: view.cluster,
    nodes,
    groups: entries.map((entry) => toListed(entry, groups)).toSorted(byName),
    pending: [...votersOf(view, toVoterChange), ...pendingOf(nodes, groups)],
    failures: [
      ...votersOf(view, toVoterFailure),
      ...newestFailures([...groups.flatMap(toStartFailures), ...view.failures]),
    ],
    unreachable: [...view.unreachable],
    unreachableGroups: entries.map(({ group }) => group).filter((name) => !view.answered.has(name)),
    answeredAt: { groups: groups.map(toAnswered) },
  });
}

/** What is to be said of the voters, if anything is. */
function votersOf<Said>({ clusterStatus }: ClusterView, say: (status: GroupStatus) => Said | null): Said[] {
  const said = clusterStatus === null ? null : say(clusterStatus);
  return said === null ? [] : [said];
}

/** Oldest first; before them those of which nobody knows since when. */
function pendingOf(nodes: readonly Node[], groups: readonly GroupStatus[]): PendingOperation[] {
  const all = [...groups.map(toPendingOwners), ...nodes.map(toPendingDrain), ...groups.map(toPendingMove)];
  const pending = all.filter((each) => each !== null);
  return pending.toSorted((left, right) => msOf(left.since) - msOf(right.since)).slice(0, limits.pendingShownMax);
}

function newestFailures(failures: readonly Failure[]): Failure[] {
  return failures.toSorted((left, right) => msOf(right.time) - msOf(left.time)).slice(0, limits.failuresShownMax);
}

function msOf(time: Timestamp | undefined): number {
  return time === undefined ? 0 : timestampMs(time);
}

/** The parts of a status, however they were gathered. */
interface ClusterView {
  readonly cluster: Cluster;
  /** Of the system group; null: no voter answered. */
  readonly clusterStatus: GroupStatus | null;
  readonly nodes: readonly Node[];
  readonly entries: readonly DirectoryEntry[];
  readonly groups: readonly GroupStatus[];
  /** Names of `groups`. */
  readonly answered: ReadonlySet<string>;
  readonly failures: Failure[];
  readonly unreachable: readonly string[];
}

async function viewEverywhere(context: CallContext): Promise<ClusterView> {
  const [{ status }, directory, clusterStatus] = await Promise.all([
    context.ask({ type: "clusterStatus" }),
    context.ask({ type: "directory" }),
    askClusterGroup(context),
  ]);
  const { groups, voters } = status;
  const roles = rolesIn(groups, voters);
  return {
    cluster: toCluster({
      self: context.self,
      index: status.clusterIndex,
      voters,
      leader: status.coordinator ?? clusterStatus?.manager ?? null,
      clusterStatus,
      entries: directory.groups,
    }),
    clusterStatus,
    nodes: status.nodes.map((node) => addRoles(toNode(node), roles)),
    entries: directory.groups,
    groups,
    answered: namesOf(groups),
    failures: toFailures(status.events),
    unreachable: status.unreachableNodes,
  };
}

async function viewHere(context: CallContext): Promise<ClusterView> {
  const view = await askLocal(context);
  const { directory, groups, self, voters } = view;
  const roles = rolesIn(groups, voters);
  const { events } = await context.ask({ type: "clusterEvents", after: toLogIndex(0), limit: limits.listRowsMax });
  return {
    cluster: localCluster(view, context),
    clusterStatus: view.cluster,
    nodes: directory.nodes.map((record) => addRoles(toKnownNode(record, directory.groups, self.statuses), roles)),
    entries: directory.groups,
    groups,
    answered: namesOf(groups),
    failures: toFailures(events),
    unreachable: [],
  };
}

function namesOf(groups: readonly GroupStatus[]): ReadonlySet<string> {
  return new Set(groups.map(({ object }) => object.group));
}

function toListed(entry: DirectoryEntry, groups: readonly GroupStatus[]): Group {
  const status = groups.find(({ object }) => object.group === entry.group);
  if (status === undefined) return toGroupOfEntry(entry);
  return Object.assign(toGroup(status, { withConfig: false }), { replicas: [] });
}

function toAnswered({ object, revision, applied }: GroupStatus) {
  return {
    group: object.group,
    incarnation: uint64.toWire(object.incarnation, "incarnation"),
    revision: uint64.toWire(revision, "revision"),
    index: uint64.toWire(applied, "applied"),
  };
}

async function getCluster(_: wire.GetClusterRequest, context: CallContext): Promise<wire.GetClusterResponse> {
  const view = await askLocal(context);
  const cluster = localCluster(view, context);
  cluster.topology = create(TopologySchema, { nodes: view.directory.nodes.map(toNodeConfig) });
  return create(wire.GetClusterResponseSchema, { header: toNodeHeader(context.self), cluster });
}

function localCluster({ directory, self, voters, cluster }: LocalView, context: CallContext): Cluster {
  return toCluster({
    self: context.self,
    index: self.clusterIndex,
    voters,
    leader: cluster?.manager ?? null,
    clusterStatus: cluster,
    entries: directory.groups,
  });
}

function byName(left: { readonly name: string }, right: { readonly name: string }): number {
  return compareNames(left.name, right.name);
}

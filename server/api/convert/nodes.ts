// Nodes, from the cluster database, their sphere and themselves, to the public schema.

import { create } from "@bufbuild/protobuf";
import { uint64 } from "../../../proto/codec/integers.ts";
import { type Node, NodeSchema } from "../../../proto/gen/bailiwick/v1/node_pb.ts";
import { RecoveryStatus } from "../../../proto/gen/bailiwick/v1/status_pb.ts";
import { type NodeConfig, NodeConfigSchema } from "../../../proto/gen/bailiwick/v1/topology_pb.ts";
import { clusterGroup, compareNames } from "../../../proto/ids.ts";
import type { DirectoryEntry, NodeIntent, NodeRecord, StatusComponent } from "../../../proto/model.ts";
import type { GroupStatus, NodeSelf, NodeState, NodeStatus } from "../../../proto/requests.ts";
import { nodeStatus } from "../../node/node-status.ts";
import { recoveryStatuses, toVerdict } from "./statuses.ts";

/**
 * What this node knows of a node: its record and its groups, and in its own sphere the verdicts on it.
 *
 * @param held all verdicts held here
 */
export function toKnownNode(
  record: NodeRecord,
  directory: readonly DirectoryEntry[],
  held: readonly StatusComponent[],
): Node {
  const entries = directory.filter((entry) => entry.owners.includes(record.node));
  const components = held.filter(({ node }) => node === record.node);
  return create(NodeSchema, {
    ...recordFields(record),
    groups: entries.map(({ group }) => group).toSorted(compareNames),
    verdicts: sortedVerdicts(components),
    recoveryStatus:
      components.length === 0 ? RecoveryStatus.UNSPECIFIED : recoveryStatuses[nodeStatus(components, entries)],
  });
}

/** What its sphere knows of a node, beside its record. */
export function toNode(status: NodeStatus): Node {
  const { record, self } = status;
  return create(NodeSchema, {
    ...recordFields(record),
    groups: status.groups.toSorted(compareNames),
    recoveryStatus: recoveryStatuses[status.status],
    verdicts: sortedVerdicts(status.components),
    ...intentFields(status.intent),
    ...(self !== null && selfFields(self)),
  });
}

/** What a watch says of a node: what its sphere has been told. */
export function toWatchedNode({ record, status, components, groups }: NodeState): Node {
  return create(NodeSchema, {
    ...recordFields(record),
    groups: groups.toSorted(compareNames),
    recoveryStatus: recoveryStatuses[status],
    verdicts: sortedVerdicts(components),
  });
}

/** What nodes do in the groups that were asked; the system group counts for its voters alone. */
export interface Roles {
  readonly managed: NamesByNode;
  readonly led: NamesByNode;
  readonly voters: ReadonlySet<string>;
}

/** Names of groups, in order. */
type NamesByNode = ReadonlyMap<string | null, readonly string[]>;

/**
 * Gathers the roles of all nodes at once.
 *
 * @param voters of the cluster database, as far as they are known
 */
export function rolesIn(groups: readonly GroupStatus[], voters: readonly string[]): Roles {
  const held = groups
    .filter(({ object }) => object.group !== clusterGroup)
    .toSorted((left, right) => compareNames(left.object.group, right.object.group));
  return {
    managed: namesBy(held, ({ ownership }) => ownership.currentOwner),
    led: namesBy(held, ({ manager }) => manager),
    voters: new Set(voters),
  };
}

function namesBy(groups: readonly GroupStatus[], nodeOf: (status: GroupStatus) => string | null): NamesByNode {
  const byNode = Map.groupBy(groups, nodeOf);
  return new Map([...byNode].map(([node, held]) => [node, held.map(({ object }) => object.group)]));
}

export function addRoles(node: Node, { managed, led, voters }: Roles): Node {
  node.manages = [...(managed.get(node.name) ?? [])];
  node.leads = [...(led.get(node.name) ?? [])];
  node.clusterVoter = voters.has(node.name);
  return node;
}

export function toNodeConfig(record: NodeRecord): NodeConfig {
  const capacity = record.capacity.map(([name, amount]) => [name, uint64.toWire(amount, "capacity")]);
  return create(NodeConfigSchema, { ...recordFields(record), capacity: Object.fromEntries(capacity) });
}

function intentFields(intent: NodeIntent | null) {
  if (intent === null || intent.wanted === "none") return {};
  return { intent: RecoveryStatus.MAINTENANCE, intentWhy: intent.reason };
}

function selfFields(self: NodeSelf) {
  return {
    bootNumber: uint64.toWire(self.boot, "boot"),
    quarantined: self.quarantine !== null,
    quarantineReason: self.quarantine ?? "",
    clusterIndex: uint64.toWire(self.clusterIndex, "clusterIndex"),
    diskFreeBytes: uint64.toWire(self.diskFreeBytes ?? 0, "diskFreeBytes"),
    writesRefusedWhy: self.writesRefused ?? "",
  };
}

function recordFields(record: NodeRecord) {
  return {
    name: record.node,
    identity: record.identity,
    peerAddresses: [record.peerAddress],
    apiAddress: record.apiAddress,
    labels: Object.fromEntries(record.labels),
  };
}

function sortedVerdicts(components: readonly StatusComponent[]) {
  return components.toSorted((left, right) => compareNames(left.group, right.group)).map(toVerdict);
}

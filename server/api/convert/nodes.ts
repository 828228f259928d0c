// Nodes, from the cluster database, their sphere and themselves, to the public schema.

import { create } from "@bufbuild/protobuf";
import { uint64 } from "../../../proto/codec/integers.ts";
import { type Node, NodeSchema } from "../../../proto/gen/bailiwick/v1/node_pb.ts";
import { RecoveryStatus } from "../../../proto/gen/bailiwick/v1/status_pb.ts";
import { type NodeConfig, NodeConfigSchema } from "../../../proto/gen/bailiwick/v1/topology_pb.ts";
import { clusterGroup, compareNames } from "../../../proto/ids.ts";
import type { DirectoryEntry, NodeRecord, StatusComponent } from "../../../proto/model.ts";
import type { GroupStatus, NodeSelf, NodeStatus } from "../../../proto/requests.ts";
import { recoveryStatuses, toVerdict } from "./statuses.ts";

/** What every node knows of a node: its record, and which groups the directory gives it. */
export function toNodeOfRecord(record: NodeRecord, directory: readonly DirectoryEntry[]): Node {
  const groups = directory.filter((entry) => entry.owners.includes(record.node)).map(({ group }) => group);
  return create(NodeSchema, { ...recordFields(record), groups: groups.toSorted(compareNames) });
}

/** What its sphere knows of a node, beside its record. */
export function toNode(status: NodeStatus): Node {
  const { record, self } = status;
  return create(NodeSchema, {
    ...recordFields(record),
    groups: status.groups.toSorted(compareNames),
    recoveryStatus: recoveryStatuses[status.status],
    verdicts: sortedVerdicts(status.components),
    ...(self !== null && selfFields(self)),
  });
}

/**
 * Adds what the groups that were asked say of the node's part in them.
 *
 * @param voters of the cluster database, as far as they are known
 */
export function addRoles(node: Node, groups: readonly GroupStatus[], voters: readonly string[]): Node {
  const namesWhere = (holds: (status: GroupStatus) => boolean) =>
    groups
      .filter((status) => status.object.group !== clusterGroup && holds(status))
      .map(({ object }): string => object.group)
      .toSorted(compareNames);
  node.manages = namesWhere(({ ownership }) => ownership.currentOwner === node.name);
  node.leads = namesWhere(({ manager }) => manager === node.name);
  node.clusterVoter = voters.includes(node.name);
  return node;
}

/** Adds the verdicts that the answering node holds, where it holds any. */
export function addVerdicts(node: Node, held: readonly StatusComponent[]): Node {
  const components = held.filter((component) => component.node === node.name);
  node.verdicts = sortedVerdicts(components);
  node.recoveryStatus = mergedStatus(components);
  return node;
}

export function toNodeConfig(record: NodeRecord): NodeConfig {
  return create(NodeConfigSchema, recordFields(record));
}

function selfFields(self: NodeSelf) {
  return {
    bootNumber: uint64.toWire(self.boot, "boot"),
    quarantined: self.quarantine !== null,
    quarantineReason: self.quarantine ?? "",
    clusterIndex: uint64.toWire(self.clusterIndex, "clusterIndex"),
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

/** Of what is held here, which may be less than there is: the word that all verdicts agree on, else `partial` (A2). */
function mergedStatus(components: readonly StatusComponent[]): RecoveryStatus {
  const words = new Set(components.map(({ status }) => status));
  const [only] = words;
  if (only === undefined) return RecoveryStatus.UNSPECIFIED;
  return words.size === 1 ? recoveryStatuses[only] : RecoveryStatus.PARTIAL;
}

// The bootstrap of a cluster: cluster.yaml complete, checked, in one normal form. Whoever starts from the same bootstrap is
// in the same cluster, and its digest is the cluster's identity: another file is another cluster.

import { createHash } from "node:crypto";
import {
  type ClusterId,
  compareNames,
  type NodeId,
  toClusterId,
  toGroupId,
  toIncarnation,
  toNodeId,
} from "../../proto/ids.ts";
import type { GroupObject, NodeRecord } from "../../proto/model.ts";
import type { VoterReplacement } from "../node/voter-replacement.ts";
import {
  type ClusterFile,
  configOf,
  type FileNode,
  leaseReadOf,
  readClusterFile,
  voterReplacementOf,
} from "./cluster-file.ts";
import { chooseVoters } from "./voters.ts";
import { YamlSource } from "./yaml-source.ts";

/** Frozen, and the same for any order in which a file names its nodes, groups and labels. */
export interface Bootstrap {
  readonly name: string;
  readonly cluster: ClusterId;
  /** By name. */
  readonly nodes: readonly NodeRecord[];
  /** By name, each of incarnation 1. */
  readonly groups: readonly GroupObject[];
  /** First voters of the cluster database, by name. */
  readonly voters: readonly NodeId[];
  /** null: every linearizable read takes a round. */
  readonly leaseRead: { readonly clockRateErrorMax: number } | null;
  /** No part of the cluster's identity: it counts for whoever leads the cluster group, and may be changed by a restart. */
  readonly voterReplacement: VoterReplacement;
}

/**
 * @param file for messages only
 * @throws {DbError} `invalid_argument` with file, line, column and field: what `readClusterFile` refuses, a missing address
 *   or identity, two nodes with one address or identity
 */
export function parseBootstrap(file: string, text: string): Bootstrap {
  const source = YamlSource.parse(file, text);
  const cluster = readClusterFile(source);
  const nodes = cluster.nodes.map((node, position) => toRecord(source, node, position));
  refuseShared(source, nodes);
  const content = {
    name: cluster.name,
    nodes: nodes.toSorted((left, right) => compareNames(left.node, right.node)),
    groups: toGroups(source, cluster).toSorted((left, right) => compareNames(left.group, right.group)),
    voters: chooseVoters(cluster),
    leaseRead: leaseReadOf(cluster),
  };
  return deepFreeze({
    ...content,
    cluster: clusterIdOf(content),
    voterReplacement: voterReplacementOf(cluster),
  });
}

function toRecord(source: YamlSource, node: FileNode, position: number): NodeRecord {
  const required = (field: "identity" | "peerAddresses" | "apiAddress") => {
    const value = node[field];
    if (value !== undefined) return typeof value === "string" ? value : (value[0] ?? "");
    const path = ["nodes", position, field];
    throw source.problem(path, `nodes[${position}].${field} of node "${node.name}" is missing`);
  };
  return {
    node: toNodeId(node.name),
    identity: required("identity"),
    peerAddress: required("peerAddresses"),
    apiAddress: required("apiAddress"),
    labels: byName(node.labels),
    capacity: byName(node.capacity),
  };
}

function byName<Value>(entries: Readonly<Record<string, Value>>): (readonly [name: string, value: Value])[] {
  return Object.entries(entries).toSorted(([left], [right]) => compareNames(left, right));
}

function refuseShared(source: YamlSource, nodes: readonly NodeRecord[]): void {
  const holders = new Map<string, string>();
  const claim = (value: string, node: string, path: readonly PropertyKey[]) => {
    const holder = holders.get(value);
    if (holder === node) throw source.problem(path, `Address ${value} of node "${node}" is used twice`);
    if (holder !== undefined) throw source.problem(path, `${value} of node "${node}" is also of node "${holder}"`);
    holders.set(value, node);
  };
  nodes.forEach((node, position) => {
    claim(node.identity, node.node, ["nodes", position, "identity"]);
    claim(node.peerAddress, node.node, ["nodes", position, "peerAddresses", 0]);
    claim(node.apiAddress, node.node, ["nodes", position, "apiAddress"]);
  });
}

function toGroups(source: YamlSource, { groups }: ClusterFile): GroupObject[] {
  return groups.map((group, position) => ({
    group: toGroupId(group.name),
    incarnation: toIncarnation(1),
    owners: group.owners.map(toNodeId),
    config: configOf(source, group, { position }),
  }));
}

type Identity = Omit<Bootstrap, "cluster" | "voterReplacement">;

/** Over everything in a fixed order. The leading word separates this digest from any other form of it. */
function clusterIdOf({ name, nodes, groups, voters, leaseRead }: Identity): ClusterId {
  const form: unknown[] = [
    "bailiwick bootstrap 1",
    name,
    nodes.map((node) => [node.node, node.identity, node.peerAddress, node.apiAddress, node.labels, ...sizeOf(node)]),
    groups.map((group) => [group.group, group.owners, Buffer.from(group.config).toString("hex")]),
    voters,
  ];
  // A leader may count on its lease only where every member keeps the promise behind it: a file without it is another cluster.
  if (leaseRead !== null) form.push(["lease reads", leaseRead.clockRateErrorMax]);
  return toClusterId(createHash("sha256").update(JSON.stringify(form)).digest("hex").slice(0, 32));
}

/** A node without any has the form that it had before nodes could have one. */
function sizeOf({ capacity }: NodeRecord): readonly unknown[] {
  return capacity.length === 0 ? [] : [["capacity", capacity]];
}

/** Bytes cannot be frozen; nobody writes to a config object. */
function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}

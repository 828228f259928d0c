// The reference cluster as one of its nodes answers for it: what a fake node says in the tests of the administration calls.

import { create, toBinary } from "@bufbuild/protobuf";
import { failure } from "../../proto/errors.ts";
import { GroupConfigSchema } from "../../proto/gen/bailiwick/v1/group_config_pb.ts";
import {
  toBootNumber,
  toEpoch,
  toGroupId,
  toIncarnation,
  toLogIndex,
  toNodeId,
  toRevision,
  toTerm,
} from "../../proto/ids.ts";
import { firstConfiguration } from "../../proto/membership.ts";
import type { ClusterEvent, DirectoryEntry, NodeRecord, StatusComponent } from "../../proto/model.ts";
import type { ClusterStatus, GroupStatus, NodeSelf, NodeStatus, Reply } from "../../proto/requests.ts";
import { unplaced } from "../../server/recovery/placement-record.ts";
import { self } from "./api-harness.ts";

export const n202 = toNodeId("n202");
export const n208 = toNodeId("n208");
const n214 = toNodeId("n214");
export const rg220 = toGroupId("rg220");
export const rg226 = toGroupId("rg226");
export const config = create(GroupConfigSchema, { description: "orders", labels: { tier: "one" } });

export function entry(group: string, owners: readonly string[]): DirectoryEntry {
  return { group: toGroupId(group), incarnation: toIncarnation(3), owners: owners.map(toNodeId), index: toLogIndex(0) };
}

export const entries = [entry("rg226", ["n208", "n210", "n212"]), entry("rg220", ["n202", "n208", "n214"])];
export const cluster = entry("cluster", ["n202", "n204", "n206"]);

function record(node: string): NodeRecord {
  return {
    node: toNodeId(node),
    identity: `id-${node}`,
    peerAddress: "127.0.0.1:7301",
    apiAddress: "127.0.0.1:7401",
    labels: [["rack", node === "n202" ? "r1" : "r2"]],
    capacity: node === "n202" ? [["cpu", 16]] : [],
  };
}

export const records = ["n214", "n202", "n208"].map(record);

function verdict(node: string, status: StatusComponent["status"], group = "rg220"): StatusComponent {
  return {
    group: toGroupId(group),
    incarnation: toIncarnation(3),
    node: toNodeId(node),
    index: toLogIndex(12),
    status,
    reason: "No beat for 2,000 ms",
  };
}

export function statusOf(of: DirectoryEntry, changes: Partial<GroupStatus> = {}): GroupStatus {
  return {
    object: { ...of, config: toBinary(GroupConfigSchema, config) },
    node: of.owners[0] ?? n202,
    manager: of.owners[0] ?? n202,
    term: toTerm(4),
    ownership: {
      currentOwner: of.owners[0] ?? null,
      epoch: toEpoch(5),
      state: "online",
      reason: "First owner that is up",
    },
    placement: unplaced,
    resources: [],
    hasQuorum: true,
    needed: 2,
    membership: firstConfiguration(of.owners).membership,
    membershipIndex: of.index,
    isDegraded: false,
    hindrance: "",
    openTransactions: 0,
    minimumMissing: ["2 of at least 3 owners are up"],
    dispute: null,
    compared: null,
    missing: of.owners.slice(2),
    verdicts: [verdict("n214", "down"), verdict("n202", "up")],
    revision: toRevision(41),
    compactedRevision: toRevision(9),
    applied: toLogIndex(77),
    commit: toLogIndex(78),
    stateHash: "00112233445566ff",
    keys: 6,
    bytes: 1234,
    replicas: of.owners.slice(1).map((node) => ({ node, matched: toLogIndex(70), state: "snapshot" })),
    ...changes,
  };
}

export const nodeSelf: NodeSelf = {
  node: n202,
  boot: toBootNumber(2),
  uptimeMs: 5,
  clusterIndex: toLogIndex(31),
  quarantine: null,
  connected: [n208],
  summaries: [
    {
      ...entry("rg226", ["n208", "n210", "n212"]),
      index: toLogIndex(8),
      ownership: { currentOwner: n208, epoch: toEpoch(2), state: "online", reason: "" },
      placement: new Uint8Array(0),
    },
  ],
  statuses: [verdict("n202", "up"), verdict("n214", "down"), verdict("n208", "up"), verdict("n208", "down", "rg226")],
  counters: [],
  diskFreeBytes: 5_000_000,
  writesRefused: "The disk of n202 has 5000000 bytes free",
};

export function nodeStatus(node: string, own: NodeSelf | null): NodeStatus {
  return {
    record: record(node),
    status: "partial",
    components: [verdict(node, "down", "rg226"), verdict(node, "up")],
    sphere: [n214, n202, n208],
    groups: [rg220],
    self: own,
    intent: null,
  };
}

export const events: ClusterEvent[] = [
  { index: toLogIndex(3), atMs: 1_000, change: { type: "groupCreated", entry: entry("rg220", ["n202", "n208"]) } },
  { index: toLogIndex(5), atMs: 2_000, change: { type: "nodeFailed", node: n208, reason: "Its groups say so" } },
  { index: toLogIndex(5), atMs: 2_000, change: { type: "nodeFailed", node: n214, reason: "" } },
  { index: toLogIndex(8), atMs: 3_000, change: { type: "nodeReintegrated", node: n208, reason: "" } },
];

export const clusterStatus: ClusterStatus = {
  cluster: self.cluster,
  node: n202,
  clusterIndex: toLogIndex(31),
  coordinator: toNodeId("n204"),
  voters: [n202, toNodeId("n204"), toNodeId("n206")],
  nodes: ["n202", "n208", "n214"].map((node) => nodeStatus(node, node === "n202" ? nodeSelf : null)),
  groups: [statusOf(entry("rg220", ["n202", "n208", "n214"]))],
  unreachableGroups: [rg226],
  unreachableNodes: [toNodeId("n212")],
  events,
};

export const failed: Reply = { type: "failed", failure: failure("no_quorum", "Too few owners", { group: "rg226" }) };

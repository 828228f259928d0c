// The reference cluster of S1 Fig. 2A and what each of its nodes must hold, as data.

import {
  type GroupId,
  type NodeId,
  toEpoch,
  toGroupId,
  toIncarnation,
  toLogIndex,
  toNodeId,
} from "../../../proto/ids.ts";
import type { DirectoryEntry, GroupSummary, RecoveryStatus, StatusComponent } from "../../../proto/model.ts";
import { Directory } from "../../../server/sphere/directory.ts";

export function nodesOf(names: string): NodeId[] {
  return names.split(" ").map((name) => toNodeId(`n${name}`));
}

export function entryOf(group: string, owners: string, incarnation = 1): DirectoryEntry {
  return {
    group: toGroupId(group),
    incarnation: toIncarnation(incarnation),
    owners: nodesOf(owners),
    index: toLogIndex(0),
  };
}

export const referenceNodes = nodesOf("202 204 206 208 210 212 214 216 218");
export const referenceGroups = [
  entryOf("rg220", "202 208 214"),
  entryOf("rg222", "204 210 216"),
  entryOf("rg224", "206 212 218"),
  entryOf("rg226", "208 210 212"),
];

export function referenceDirectory(): Directory {
  return new Directory({ nodes: referenceNodes.toReversed(), groups: referenceGroups.toReversed() });
}

/** What each node stores beside the cluster database. */
export const holdings = [
  { node: "202", groups: "rg220", statuses: "202 208 214", summaries: "rg226" },
  { node: "214", groups: "rg220", statuses: "202 208 214", summaries: "rg226" },
  { node: "204", groups: "rg222", statuses: "204 210 216", summaries: "rg226" },
  { node: "216", groups: "rg222", statuses: "204 210 216", summaries: "rg226" },
  { node: "206", groups: "rg224", statuses: "206 212 218", summaries: "rg226" },
  { node: "218", groups: "rg224", statuses: "206 212 218", summaries: "rg226" },
  { node: "208", groups: "rg220 rg226", statuses: "202 208 210 212 214", summaries: "rg222 rg224" },
  { node: "210", groups: "rg222 rg226", statuses: "204 208 210 212 216", summaries: "rg220 rg224" },
  { node: "212", groups: "rg224 rg226", statuses: "206 208 210 212 218", summaries: "rg220 rg222" },
] as const;

export interface ComponentFields {
  readonly node: string;
  readonly group: string;
  readonly incarnation?: number;
  readonly index?: number;
  readonly status?: RecoveryStatus;
}

export function componentOf(fields: ComponentFields): StatusComponent {
  const { node, group, incarnation = 1, index = 1, status = "up" } = fields;
  return {
    node: toNodeId(`n${node}`),
    group: toGroupId(group),
    incarnation: toIncarnation(incarnation),
    index: toLogIndex(index),
    status,
    reason: `${group} at ${incarnation}.${index}`,
  };
}

export function summaryOf(group: string, version: { incarnation?: number; index?: number } = {}): GroupSummary {
  return {
    group: toGroupId(group),
    incarnation: toIncarnation(version.incarnation ?? 1),
    index: toLogIndex(version.index ?? 1),
    owners: [],
    ownership: { currentOwner: null, epoch: toEpoch(version.index ?? 1), state: "online", reason: "" },
    placement: new Uint8Array(0),
  };
}

/** Every verdict and every summary of the reference cluster. */
export function everything(): { components: StatusComponent[]; summaries: GroupSummary[] } {
  const components = referenceGroups.flatMap(({ group, owners }) =>
    owners.map((owner) => componentOf({ node: owner.slice(1), group })),
  );
  return { components, summaries: referenceGroups.map(({ group }) => summaryOf(group)) };
}

export function groupNames(names: string): GroupId[] {
  return names.split(" ").map(toGroupId);
}

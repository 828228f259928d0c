// What a node's disk holds, as `inspect` prints it.

import { clusterGroup, compareNames, toNodeId } from "../../proto/ids.ts";
import { emptyBytes, textOf } from "../../storage/bytes.ts";
import { ClusterState } from "../node/cluster-state.ts";
import { Directory } from "../sphere/directory.ts";
import type { DiskContent, StoredGroup } from "./disk-content.ts";
import { type ForeignRecord, findForeign } from "./foreign.ts";
import { emptyReplica, readReplica } from "./replica-content.ts";

/** The contract of `inspect -o json`; all lists sorted by name. */
export interface DiskReport {
  readonly node: string;
  readonly groups: readonly { readonly name: string; readonly keys: readonly string[]; readonly revision: number }[];
  readonly witnessOf: readonly string[];
  readonly nodeStatuses: readonly string[];
  readonly interlocked: readonly string[];
  readonly cluster: { readonly nodes: readonly string[] };
  /** What should not be there. */
  readonly foreign: readonly ForeignRecord[];
}

export function reportOf(content: DiskContent): DiskReport {
  const self = toNodeId(textOf(content.meta.get("nodeId") ?? emptyBytes));
  const state = readDatabase(content);
  const directory = state?.directory ?? new Directory({ nodes: [], groups: [] });
  const groups = content.groups.filter(({ group }) => group !== clusterGroup);
  const replicas = groups.filter(storesState).map((record) => ({ record, content: readSlot(record, content) }));
  const witnessOf = groups.filter(({ role }) => role === "witness").map(({ group }) => group);
  return {
    node: self,
    groups: replicas
      .map(({ record, content: { keys, revision } }) => ({ name: record.group as string, keys, revision }))
      .toSorted((left, right) => compareNames(left.name, right.name)),
    witnessOf: sortedNames(witnessOf),
    nodeStatuses: sortedNames([
      ...content.statuses.map(({ node }) => node),
      ...replicas.flatMap((replica) => replica.content.judged),
    ]),
    interlocked: sortedNames(content.summaries.map(({ group }) => group)),
    cluster: { nodes: directory.nodes },
    foreign: findForeign(content, { self, directory, voters: state?.voters ?? [], replicas }),
  };
}

/** Of a group that it witnesses for, or that it left, a node keeps a number. */
function storesState({ role }: StoredGroup): boolean {
  return role === "owner" || role === "learner";
}

function readSlot(record: StoredGroup, content: DiskContent) {
  const slot = content.slots.get(record.slot);
  return slot === undefined ? emptyReplica : readReplica(slot);
}

/** The cluster database on this disk; null when it is missing or damaged. */
function readDatabase(content: DiskContent): ClusterState | null {
  const record = content.groups.find((stored) => stored.group === clusterGroup && storesState(stored));
  const slot = record === undefined ? undefined : content.slots.get(record.slot);
  if (slot === undefined) return null;
  try {
    return ClusterState.fromRows(slot.slot, slot.small);
  } catch {
    return null;
  }
}

function sortedNames(names: readonly string[]): readonly string[] {
  return [...new Set(names)].toSorted(compareNames);
}

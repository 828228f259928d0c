// Who first votes in the cluster database. Rule: as many as `settings.voters` says, otherwise 5 from five candidates on, 3
// from three on, and 1 of fewer. One after the other is taken from the failure domain (label `failure-domain`; a node
// without it is its own) with the fewest taken so far; among equals the node in the fewest groups, then the first by name.

import { compareNames, type NodeId, toNodeId } from "../../proto/ids.ts";
import type { ClusterFile } from "./cluster-file.ts";

interface Candidate {
  readonly name: string;
  readonly domain: string;
  readonly groups: number;
}

/** @returns by name; depends on what the file says, not on its order */
export function chooseVoters(file: ClusterFile): readonly NodeId[] {
  const candidates = candidatesOf(file);
  const count = file.settings.voters ?? defaultCount(candidates.length);
  const taken: Candidate[] = [];
  while (taken.length < count) {
    const left = candidates.filter((candidate) => !taken.includes(candidate));
    const best = left.toSorted((a, b) => takenIn(a, taken) - takenIn(b, taken) || byLoad(a, b))[0];
    if (best === undefined) break;
    taken.push(best);
  }
  return taken.map((candidate) => toNodeId(candidate.name)).toSorted(compareNames);
}

function candidatesOf({ nodes, groups, settings }: ClusterFile): readonly Candidate[] {
  const { voterCandidates } = settings;
  const load = new Map<string, number>();
  for (const owner of groups.flatMap((group) => group.owners)) load.set(owner, (load.get(owner) ?? 0) + 1);
  return nodes
    .filter((node) => voterCandidates.length === 0 || voterCandidates.includes(node.name))
    .map(({ name, labels }) => ({
      name,
      // The slash keeps a node without the label apart from a domain of the same name.
      domain: labels["failure-domain"] ?? `/${name}`,
      groups: load.get(name) ?? 0,
    }));
}

function defaultCount(candidates: number): number {
  if (candidates >= 5) return 5;
  return candidates >= 3 ? 3 : 1;
}

function takenIn({ domain }: Candidate, taken: readonly Candidate[]): number {
  return taken.filter((other) => other.domain === domain).length;
}

function byLoad(left: Candidate, right: Candidate): number {
  return left.groups - right.groups || compareNames(left.name, right.name);
}

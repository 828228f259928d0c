// Who first votes in the cluster database: as many as `settings.voters` says, otherwise 5 from five candidates on, 3 from three
// on, and 1 of fewer; which ones, voter-choice.ts says.

import { compareNames, type NodeId, toNodeId } from "../../proto/ids.ts";
import { domainLabel, domainOf, nextVoter, type VoterCandidate } from "../recovery/voter-choice.ts";
import type { ClusterFile } from "./cluster-file.ts";

/** @returns by name; depends on what the file says, not on its order */
export function chooseVoters(file: ClusterFile): readonly NodeId[] {
  const candidates = candidatesOf(file);
  const count = file.settings.voters ?? defaultCount(candidates.length);
  const taken: VoterCandidate[] = [];
  while (taken.length < count) {
    const best = nextVoter(candidates, taken);
    if (best === null) break;
    taken.push(best);
  }
  return taken.map(({ node }) => node).toSorted(compareNames);
}

function candidatesOf({ nodes, groups, settings }: ClusterFile): readonly VoterCandidate[] {
  const { voterCandidates } = settings;
  const load = new Map<string, number>();
  for (const owner of groups.flatMap((group) => group.owners)) load.set(owner, (load.get(owner) ?? 0) + 1);
  return nodes
    .filter((node) => voterCandidates.length === 0 || voterCandidates.includes(node.name))
    .map(({ name, labels }) => {
      const node = toNodeId(name);
      return { node, domain: domainOf(node, labels[domainLabel]), groups: load.get(name) ?? 0 };
    });
}

function defaultCount(candidates: number): number {
  if (candidates >= 5) return 5;
  return candidates >= 3 ? 3 : 1;
}

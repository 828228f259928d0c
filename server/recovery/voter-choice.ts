// Who is to vote in the cluster database, at first and in place of another: one after the other is taken from the failure domain
// (label `failure-domain`; a node without it is its own) with the fewest taken so far; among equals the node in the fewest
// groups, then the first by name.

import { compareNames, type NodeId } from "../../proto/ids.ts";

export const domainLabel = "failure-domain";

export interface VoterCandidate {
  readonly node: NodeId;
  readonly domain: string;
  /** In which it is an owner. */
  readonly groups: number;
}

/** @param label of its failure domain. The slash keeps a node without one apart from a domain of the same name. */
export function domainOf(node: NodeId, label: string | undefined): string {
  return label ?? `/${node}`;
}

/** @returns null when nobody is left besides those that are `taken` */
export function nextVoter(
  candidates: readonly VoterCandidate[],
  taken: readonly VoterCandidate[],
): VoterCandidate | null {
  const left = candidates.filter(({ node }) => !taken.some((other) => other.node === node));
  return left.toSorted((a, b) => votersIn(a.domain, taken) - votersIn(b.domain, taken) || byLoad(a, b))[0] ?? null;
}

export function votersIn(domain: string, voters: readonly VoterCandidate[]): number {
  return voters.filter((voter) => voter.domain === domain).length;
}

function byLoad(left: VoterCandidate, right: VoterCandidate): number {
  return left.groups - right.groups || compareNames(left.node, right.node);
}

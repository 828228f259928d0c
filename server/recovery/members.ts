// Who should vote in a group: its owners and its quorum policy in, the voters out. Pure; the group's log gets there by itself.

import { compareNames, type NodeId } from "../../proto/ids.ts";
import type { Membership, QuorumPolicy, Voter } from "../../proto/membership.ts";

export interface WantedVoter {
  readonly node: NodeId;
  readonly votes: number;
  readonly isWitness: boolean;
}

export interface MembersPlan {
  /** In order of precedence. */
  readonly owners: readonly NodeId[];
  readonly policy: QuorumPolicy;
  /** The witness that the group has now; null: none. */
  readonly witness: NodeId | null;
  /** Nodes that could be one, in order of preference; see {@link rankWitnesses}. Asked only when the policy wants one. */
  readonly candidates: () => readonly NodeId[];
}

/**
 * The voters that the policy asks for; a witness that is there and is still a candidate stays. One that is named and cannot be
 * one is passed over: no group is without a witness for that.
 */
export function wantedVoters({ owners, policy, witness, candidates }: MembersPlan): readonly WantedVoter[] {
  const votesOf = (node: NodeId) => (policy.type === "weighted" ? (policy.votes.get(node) ?? 1) : 1);
  const voters = owners.map((node) => ({ node, votes: votesOf(node), isWitness: false }));
  const chosen = chooseWitness({ owners, policy, witness, candidates });
  return chosen === null ? voters : [...voters, { node: chosen, votes: 1, isWitness: true }];
}

/** Why the policy cannot be put in force for these owners; null when it can. */
export function refusePolicy(owners: readonly NodeId[], policy: QuorumPolicy): string | null {
  if (policy.type === "weighted") return refuseWeights(owners, policy.votes);
  if (policy.type !== "witness" || policy.node === null) return null;
  return owners.includes(policy.node) ? `The witness ${policy.node} is an owner, it must be another node` : null;
}

/**
 * Weights that got there all the same and allow for no quorum change nothing: the votes stay as they are, so that owners can be
 * renewed, and others put in force.
 */
export function policyFor(owners: readonly NodeId[], policy: QuorumPolicy, { voters }: Membership): QuorumPolicy {
  if (policy.type !== "weighted" || refuseWeights(owners, policy.votes) === null) return policy;
  if (voters.some(({ isWitness }) => isWitness)) return { type: "witness", node: null };
  const votes = new Map(voters.flatMap((voter) => (owners.includes(voter.node) ? [[voter.node, voter.votes]] : [])));
  return refuseWeights(owners, votes) === null ? { type: "weighted", votes } : { type: "majority" };
}

/** Why a policy that got there all the same is not in force as it is written; null: it is. */
export function policyMisfit(
  owners: readonly NodeId[],
  {
    policy,
    witnesses,
  }: { readonly policy: QuorumPolicy; readonly witnesses: (owners: readonly NodeId[]) => readonly NodeId[] },
): string | null {
  const refusal = refusePolicy(owners, policy);
  if (refusal !== null || policy.type !== "witness" || policy.node === null) return refusal;
  return witnesses(owners).includes(policy.node) ? null : `The witness ${policy.node} is no node of the cluster`;
}

/**
 * Nodes that may witness for the owners, the best first: those that share the fewest labels' values with them (failure
 * domains), and of these one that differs from group to group, so that not one node witnesses for all.
 */
export function rankWitnesses(
  nodes: readonly { readonly node: NodeId; readonly labels: readonly (readonly [name: string, value: string])[] }[],
  owners: readonly NodeId[],
  spread: (node: NodeId) => number,
): readonly NodeId[] {
  const taken = new Set(nodes.filter(({ node }) => owners.includes(node)).flatMap(({ labels }) => labels.map(textOf)));
  const shared = new Map(
    nodes.map(({ node, labels }) => [node, labels.filter((label) => taken.has(textOf(label))).length]),
  );
  const outside = nodes.map(({ node }) => node).filter((node) => !owners.includes(node));
  const rank = (node: NodeId) => shared.get(node) ?? 0;
  return outside.toSorted((left, right) => {
    return rank(left) - rank(right) || spread(left) - spread(right) || compareNames(left, right);
  });
}

/** Whether the group is on its way to other owners; another order of the same ones is no such change. */
export function areOwnersChanging({ owners, outgoing, target }: Membership): boolean {
  const sets = [...(target === null ? [] : [target]), ...(outgoing.length === 0 ? [] : [outgoing])];
  return sets.some((voters) => !areOwners(voters, owners));
}

/**
 * Owners whom the change under way leaves out, or the one that is about to begin.
 *
 * @param owners as far as the log is applied
 * @param membership of the whole log: its owner list may already be the next one
 * @param asked owners of the change that is about to begin; null: there is none
 */
export function leavingOwners(
  owners: readonly NodeId[],
  membership: Membership,
  asked: readonly NodeId[] | null,
): readonly NodeId[] {
  const { voters, outgoing, target } = membership;
  const next = (target ?? (outgoing.length > 0 ? voters : null))?.map(({ node }) => node);
  const lists = [membership.owners, next, asked].filter((list) => list !== null && list !== undefined);
  return owners.filter((owner) => lists.some((list) => !list.includes(owner)));
}

function areOwners(voters: readonly Voter[], owners: readonly NodeId[]): boolean {
  const nodes = voters.filter(({ isWitness }) => !isWitness).map(({ node }) => node);
  return nodes.length === owners.length && nodes.every((node) => owners.includes(node));
}

function chooseWitness({ owners, policy, witness, candidates }: MembersPlan): NodeId | null {
  const isWanted = policy.type === "witness" || (policy.type === "usual" && owners.length === 2);
  if (!isWanted) return null;
  const nodes = candidates();
  const named = policy.type === "witness" ? policy.node : null;
  const isPresent = named !== null && named === witness && !owners.includes(named);
  if (named !== null && (isPresent || nodes.includes(named))) return named;
  return witness !== null && nodes.includes(witness) ? witness : (nodes[0] ?? null);
}

function refuseWeights(owners: readonly NodeId[], votes: ReadonlyMap<NodeId, number>): string | null {
  const stranger = [...votes.keys()].find((node) => !owners.includes(node));
  if (stranger !== undefined) return `Votes are given to ${stranger}, which is no owner`;
  const wrong = [...votes].find(([, count]) => count > 100);
  if (wrong !== undefined) return `The owner ${wrong[0]} has ${wrong[1]} votes, limit 100`;
  return owners.every((node) => votes.get(node) === 0) ? "No owner has a vote" : null;
}

function textOf([name, value]: readonly [name: string, value: string]): string {
  return `${name}=${value}`;
}

// When a voter of the cluster database that stays away gives its place to another node, and to which one. What its leader knows
// goes in, the next change comes out. Pure, and in doubt it changes nothing: only one voter at a time, only while a quorum is
// heard, and never so that the loss of one failure domain would take a quorum that it did not take before.

import type { NodeId } from "../../proto/ids.ts";
import { nextVoter, type VoterCandidate, votersIn } from "./voter-choice.ts";

export interface SeenVoter extends VoterCandidate {
  /** Since the leader heard it last, or has known it as a voter. The leader itself: 0. */
  readonly silentMs: number;
  /** It is heard now: it counts for a quorum. */
  readonly isHeard: boolean;
  /** It has its vote; false: it is still brought up for it. */
  readonly hasVote: boolean;
}

export interface VoterView {
  /** Silence after which a voter is replaced; null: none ever is. */
  readonly afterMs: number | null;
  /** Who is to vote, in order: when a change is under way, those that it leads to. */
  readonly voters: readonly SeenVoter[];
  /** `joint`: two sets decide together, and the change can only be completed. `underWay`: new voters are brought up. */
  readonly change: "none" | "underWay" | "joint";
  /** Nodes that may vote, and are up. Voters among them are passed over. */
  readonly candidates: readonly VoterCandidate[];
}

export type VoterPlan =
  /** `voters`: all of them from then on, in order. `reason`: why the heir becomes one. */
  | {
      readonly type: "change";
      readonly heir: NodeId;
      readonly voters: readonly NodeId[];
      readonly reason: string;
    }
  /** `why`: a voter stays away all the same; null: none does. */
  | { readonly type: "keep"; readonly why: string | null };

export function planVoters(view: VoterView): VoterPlan {
  const lost = lostVoters(view);
  const [first] = lost;
  if (first === undefined) return freePlace(view);
  const hindrance = hindranceOf(view);
  if (hindrance !== null) return { type: "keep", why: `${awayText(first)}; ${hindrance}` };
  for (const voter of lost) {
    const heir = heirOf(voter, view);
    if (heir !== null) return replacement(voter, heir, view);
  }
  return { type: "keep", why: `${awayText(first)}; ${whyNobody(view)}` };
}

/** Of an even number one was lost on its way back as another member, and its change given up. */
function freePlace(view: VoterView): VoterPlan {
  const { afterMs, voters, change } = view;
  const isFree = afterMs !== null && change === "none" && voters.length % 2 === 0;
  const heir = isFree ? heirOf(null, view)?.node : undefined;
  if (heir === undefined) return { type: "keep", why: null };
  const next = [...voters.map(({ node }) => node), heir];
  return { type: "change", heir, voters: next, reason: `only ${voters.length} nodes voted` };
}

/** The longest silent first. Nobody is given up for a change that goes on without it. */
function lostVoters({ afterMs, voters, change }: VoterView): readonly SeenVoter[] {
  if (afterMs === null) return [];
  const isNeeded = (voter: SeenVoter) => change === "none" || !voter.hasVote;
  const lost = voters.filter((voter) => voter.silentMs >= afterMs && isNeeded(voter));
  return lost.toSorted((left, right) => right.silentMs - left.silentMs);
}

function hindranceOf({ voters, change }: VoterView): string | null {
  if (change === "joint") return "another change of the voters is being completed";
  const voting = voters.filter(({ hasVote }) => hasVote);
  const heard = voting.filter(({ isHeard }) => isHeard);
  return heard.length * 2 > voting.length ? null : `only ${heard.length} of ${voting.length} voters are heard`;
}

function heirOf(lost: SeenVoter | null, { voters, candidates }: VoterView): VoterCandidate | null {
  const others = voters.filter(({ node }) => node !== lost?.node);
  const before = fatalDomains(voters);
  const fits = (candidate: VoterCandidate) =>
    [...fatalDomains([...others, candidate])].every((domain) => before.has(domain));
  const outside = candidates.filter(({ node }) => node !== lost?.node);
  return nextVoter(outside.filter(fits), others);
}

/** Domains each of which takes the quorum with it. */
function fatalDomains(voters: readonly VoterCandidate[]): ReadonlySet<string> {
  const domains = new Set(voters.map(({ domain }) => domain));
  return new Set([...domains].filter((domain) => (voters.length - votersIn(domain, voters)) * 2 <= voters.length));
}

function replacement(lost: SeenVoter, { node: heir }: VoterCandidate, { voters }: VoterView): VoterPlan {
  const next = voters.map(({ node }) => (node === lost.node ? heir : node));
  return { type: "change", heir, voters: next, reason: awayText(lost) };
}

function awayText({ node, silentMs }: SeenVoter): string {
  return `${node} was not heard for ${Math.round(silentMs / 1_000)} s`;
}

function whyNobody({ voters, candidates }: VoterView): string {
  const outside = candidates.filter(({ node }) => !voters.some((voter) => voter.node === node));
  if (outside.length === 0) return "no other node that may vote is up";
  const names = outside.map(({ node }) => node).join(", ");
  return `a failure domain would take the quorum with it if ${names} voted in its place`;
}

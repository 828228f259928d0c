// What the leader of the cluster group sees of its voters, and of the nodes that could take the place of one
// (recovery/voter-succession.ts). All of it counts from when it began to lead: what was before it does not know.

import type { MemberId, Millis, NodeId } from "../../proto/ids.ts";
import type { Learner, Membership } from "../../proto/membership.ts";
import { isJoint } from "../raft/changes.ts";
import type { RaftStatus } from "../raft/types.ts";
import { domainLabel, domainOf, type VoterCandidate } from "../recovery/voter-choice.ts";
import { planVoters, type SeenVoter, type VoterPlan, type VoterView } from "../recovery/voter-succession.ts";
import type { ClusterState } from "./cluster-state.ts";
import { limits } from "./limits.ts";
import type { World } from "./world.ts";

interface Known {
  readonly member: MemberId;
  readonly sinceMs: Millis;
}

export class VoterKeeper {
  readonly #world: World;
  readonly #known = new Map<NodeId, Known>();
  /** Nodes that were to vote and were not heard: connected or not, they are passed over for as long again. */
  readonly #givenUpMs = new Map<NodeId, Millis>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Whether there may be something to do; for that the status need not be the newest. */
  isNeeded({ status, nowMs }: Sight): boolean {
    const { afterMs } = this.#world.voterReplacement;
    if (afterMs === null || status.role !== "leader" || status.commit < status.membershipIndex) return false;
    this.#follow(status.membership, nowMs);
    const voters = wantedOf(status.membership);
    return voters.length % 2 === 0 || voters.some((voter) => this.#silentMs(voter, { status, nowMs }) >= afterMs);
  }

  plan(sight: Sight, state: ClusterState): VoterPlan {
    const { afterMs } = this.#world.voterReplacement;
    const { membership } = sight.status;
    const voters = wantedOf(membership).map((voter) => this.#see(voter, sight, state));
    const candidates = this.#candidates(state, sight.nowMs);
    const plan = planVoters({ afterMs, voters, change: changeOf(membership), candidates });
    for (const { node, hasVote } of voters) {
      if (plan.type === "change" && !hasVote && !plan.voters.includes(node)) this.#givenUpMs.set(node, sight.nowMs);
    }
    return plan;
  }

  #follow({ voters, outgoing, target }: Membership, nowMs: Millis): void {
    const members = new Map([...outgoing, ...voters, ...(target ?? [])].map(({ node, member }) => [node, member]));
    for (const [node, member] of members) {
      if (this.#known.get(node)?.member !== member) this.#known.set(node, { member, sinceMs: nowMs });
    }
    for (const node of [...this.#known.keys()]) if (!members.has(node)) this.#known.delete(node);
  }

  #see({ node, member }: Learner, sight: Sight, state: ClusterState): SeenVoter {
    const { voters } = sight.status.membership;
    return {
      ...candidateOf(node, state),
      silentMs: this.#silentMs({ node, member }, sight),
      isHeard: node === this.#world.self || sight.nowMs - (heardMs(node, sight) ?? 0) < limits.suspectMs,
      hasVote: voters.some((voter) => voter.node === node && voter.member === member),
    };
  }

  #silentMs({ node }: Learner, sight: Sight): number {
    if (node === this.#world.self) return 0;
    const sinceMs = this.#known.get(node)?.sinceMs ?? sight.nowMs;
    return sight.nowMs - Math.max(sinceMs, heardMs(node, sight) ?? 0);
  }

  /** A node keeps a connection to every voter: one without is not up. */
  #candidates(state: ClusterState, nowMs: Millis): readonly VoterCandidate[] {
    const { connected, quarantines, voterReplacement } = this.#world;
    const { candidates, afterMs } = voterReplacement;
    const nodes = state.directory.nodes.filter((node) => candidates.length === 0 || candidates.includes(node));
    const isUp = (node: NodeId) => connected.has(node) && !quarantines.has(node) && state.recorded(node) !== "down";
    const isGivenUp = (node: NodeId) =>
      nowMs - (this.#givenUpMs.get(node) ?? Number.NEGATIVE_INFINITY) < (afterMs ?? 0);
    const isFit = (node: NodeId) => isUp(node) && !isGivenUp(node) && state.intent(node)?.wanted !== "drained";
    return nodes.filter(isFit).map((node) => candidateOf(node, state));
  }
}

interface Sight {
  readonly status: RaftStatus;
  readonly nowMs: Millis;
}

/** Who votes when the change under way is complete. */
function wantedOf({ voters, target }: Membership): readonly Learner[] {
  return target ?? voters;
}

function changeOf(membership: Membership): VoterView["change"] {
  if (isJoint(membership)) return "joint";
  return membership.target === null ? "none" : "underWay";
}

function heardMs(node: NodeId, { status }: Sight): Millis | null {
  return status.peers.find(({ peer }) => peer === node)?.heardMs ?? null;
}

function candidateOf(node: NodeId, state: ClusterState): VoterCandidate {
  const label = state.node(node)?.labels.find(([name]) => name === domainLabel)?.[1];
  return { node, domain: domainOf(node, label), groups: state.directory.groupsOf(node).length };
}

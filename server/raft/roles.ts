// Changes of role that need nothing of the other roles: to follower, to pre-candidate, to candidate.

import { assert } from "../../proto/assert.ts";
import { type NodeId, type Term, toTerm } from "../../proto/ids.ts";
import type { Member } from "./member.ts";

/** @param leader who leads `term`, as far as known */
export function becomeFollower(member: Member, term: Term, leader: NodeId | null): void {
  assert(term >= member.term, () => `Term ${term} after ${member.term}`);
  if (term > member.term) member.enterTerm(term, null);
  member.output.refuseReads(member.leadership?.reads.refuse() ?? []);
  member.leadership = null;
  member.role = "follower";
  member.leader = leader;
  member.votes.clear();
  member.drawElectionTimeout();
}

/** Asks, without touching the term, whether an election could be won. */
export function becomePreCandidate(member: Member): void {
  assert(member.role !== "leader", () => `The leader of term ${member.term} asks for votes`);
  member.role = "preCandidate";
  member.leader = null;
  member.votes.clear();
  member.votes.set(member.self, true);
  member.drawElectionTimeout();
}

/** Begins a term of its own. The own vote counts when it is durable, not before. */
export function becomeCandidate(member: Member): void {
  assert(member.role === "preCandidate", () => `A ${member.role} of term ${member.term} stands for election`);
  member.enterTerm(toTerm(member.term + 1), member.self);
  member.role = "candidate";
  member.leader = null;
  member.votes.clear();
  member.drawElectionTimeout();
}

// Leadership handed over on purpose: the leader takes no more proposals and tells a voter with its whole log to ask for votes
// at once. When that comes to nothing, the leader goes on after an election timeout. Source: Raft thesis 3.10.

import { type NodeId, toMillis } from "../../proto/ids.ts";
import { allVoters } from "./changes.ts";
import type { Member } from "./member.ts";

/** @returns false when `to` may not lead or its log is not as long as the leader's: nothing happens */
export function beginTransfer(member: Member, to: NodeId): boolean {
  const { leading, log, term, options } = member;
  const progress = leading.progress.get(to);
  if (leading.transfer !== null || progress?.state !== "replicate" || progress.matched < log.lastIndex) return false;
  if (!mayLead(member, to)) return false;
  leading.transfer = { to, untilMs: toMillis(member.nowMs + options.electionTimeoutMs) };
  // A late `timeoutNow` may still unseat this leader at any moment of the term (etcd issue 12704).
  leading.lease?.revoke();
  member.output.send(to, { type: "timeoutNow", term });
  return true;
}

/** The time of a transfer is over: whoever was to lead did not begin a term. */
export function endTransferIfDue(member: Member): void {
  const { leading } = member;
  if (leading.transfer !== null && member.nowMs >= leading.transfer.untilMs) leading.transfer = null;
}

/** Tells the best of the voters to ask for votes: for a leader that is none itself any more. */
export function bequeath(member: Member): void {
  const heirs = [...member.leading.progress.values()].filter(({ peer }) => mayLead(member, peer));
  heirs.sort((left, right) => right.matched - left.matched);
  const [heir] = heirs;
  if (heir !== undefined) member.output.send(heir.peer, { type: "timeoutNow", term: member.term });
}

function mayLead(member: Member, node: NodeId): boolean {
  return allVoters(member.membership).some((voter) => voter.node === node && !voter.isWitness && voter.votes > 0);
}

// Leadership handed over on purpose: the leader takes no more proposals and tells a voter, as soon as that has its whole log,
// to ask for votes at once. When that comes to nothing, the leader goes on after an election timeout. Source: Raft thesis 3.10.

import { type NodeId, toMillis } from "../../proto/ids.ts";
import { allVoters } from "./changes.ts";
import type { Member } from "./member.ts";

/** @returns false when `to` may not lead or is far behind: nothing happens */
export function beginTransfer(member: Member, to: NodeId): boolean {
  const { leading, log, options } = member;
  const progress = leading.progress.get(to);
  if (leading.transfer !== null || progress?.state !== "replicate") return false;
  if (log.lastIndex - progress.matched > options.lagEntriesMax || !mayLead(member, to)) return false;
  leading.transfer = { to, untilMs: toMillis(member.nowMs + options.electionTimeoutMs), isAsked: false };
  // A late `timeoutNow` may still unseat this leader at any moment of the term (etcd issue 12704).
  leading.lease?.revoke();
  askHeir(member);
  return true;
}

/** Under load the end of the log is reached only when it grows no more. */
export function askHeir(member: Member): void {
  const { leading, log, term } = member;
  const { transfer } = leading;
  if (transfer === null || transfer.isAsked) return;
  const matched = leading.progress.get(transfer.to)?.matched ?? 0;
  if (matched < log.lastIndex || !mayLead(member, transfer.to)) return;
  transfer.isAsked = true;
  member.output.send(transfer.to, { type: "timeoutNow", term });
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

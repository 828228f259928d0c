// What a state must remember of its past so that safety can be judged, and the judgement: who led which term, and what was
// committed. Part of each state, so that two pasts that are to be judged differently stay two states.

import type { NodeId } from "../../proto/ids.ts";
import { quorumVotes, totalVotes, voterSets } from "../../server/raft/quorum.ts";
import type { Commit, Local, Peak } from "./local.ts";

export interface History {
  /** By term: the node that led it, or null. */
  readonly leaders: readonly (NodeId | null)[];
  /** By position in the log: the number of the prefix, and the term of the leader that committed it. */
  readonly committed: readonly { readonly prefix: number; readonly by: number }[];
}

export const noHistory: History = { leaders: [], committed: [] };

export function textOfHistory({ leaders, committed }: History): string {
  return `${leaders} ${committed.map(({ prefix, by }) => `${prefix}/${by}`)}`;
}

/** One member went from `before` to `after`; the others stand still. A text: what must not be. */
export function judge(history: History, before: Local, after: Local & Peak, group: readonly Local[]): History | string {
  const led = recordLeader(history, after);
  if (typeof led === "string") return led;
  const next = recordCommit(led, before, after, group);
  if (typeof next === "string") return next;
  return refuseMismatch(after, group) ?? refuseIncomplete(next, group) ?? next;
}

/** Election safety. */
function recordLeader(history: History, { role, term, node }: Local): History | string {
  if (role !== "leader") return history;
  const known = history.leaders[term] ?? null;
  if (known === node) return history;
  if (known !== null) return `Election safety: ${known} and ${node} lead term ${term}`;
  const leaders = Array.from({ length: Math.max(term + 1, history.leaders.length) }, (_, at) =>
    at === term ? node : (history.leaders[at] ?? null),
  );
  return { ...history, leaders };
}

/** Log matching: one entry in two logs has the same before it in both. */
function refuseMismatch(left: Local, group: readonly Local[]): string | null {
  for (const right of group) {
    for (let at = Math.min(left.terms.length, right.terms.length) - 1; at >= 0; at--) {
      if (left.terms[at] !== right.terms[at] || left.prefixes[at] === right.prefixes[at]) continue;
      return `Log matching: entry ${left.terms[at]}/${at + 1} of ${left.node} and ${right.node} differ, or what is before it`;
    }
  }
  return null;
}

/** Leader completeness: who leads a term holds all that was committed in it and before. */
function refuseIncomplete({ committed }: History, group: readonly Local[]): string | null {
  for (const { node, role, term, prefixes } of group) {
    if (role !== "leader") continue;
    const missing = committed.findIndex(({ prefix, by }, at) => by <= term && prefixes[at] !== prefix);
    if (missing >= 0) return `Leader completeness: ${node} leads term ${term} without committed entry ${missing + 1}`;
  }
  return null;
}

/** State machine safety; and committed is only what is durable on a quorum. */
function recordCommit(history: History, before: Local, after: Local & Peak, group: readonly Local[]): History | string {
  const { committed } = history;
  const { commit, prefixes, node, term } = after;
  const shared = Math.min(commit, committed.length);
  if (shared > 0 && prefixes[shared - 1] !== committed[shared - 1]?.prefix)
    return `State machine safety: ${node} commits another entry ${shared}`;
  if (commit <= committed.length) return history;
  if (![before, after].some((of) => of.role === "leader" && of.term === term))
    return `State machine safety: ${node} commits entry ${commit}, which no leader committed`;
  for (const each of after.commits) {
    const lacking = refuseFewHolders(each, after, group);
    if (lacking !== null) return lacking;
  }
  const fresh = prefixes.slice(committed.length, commit).map((prefix) => ({ prefix, by: term }));
  return { ...history, committed: [...committed, ...fresh] };
}

function refuseFewHolders({ commit, membership }: Commit, { prefixes, node }: Local, group: readonly Local[]) {
  const holders = group.filter((of) => of.prefixes[commit - 1] === prefixes[commit - 1]).map((of) => of.node);
  for (const voters of voterSets(membership)) {
    const votes = totalVotes(voters.filter((voter) => holders.includes(voter.node)));
    if (votes >= quorumVotes(voters)) continue;
    return `Durability: ${node} commits entry ${commit}, held by ${holders} of ${voters.map((voter) => voter.node)}`;
  }
  return null;
}

// Whoever nobody speaks to any more may have been left out while it was away, and then none of those that it knows can tell it.
// A pre-vote for an empty log asks whoever knows more, and is never granted.

import { type MemberId, type NodeId, type Term, toLogIndex, toTerm } from "../../proto/ids.ts";
import { anyMember } from "../../proto/membership.ts";
import type { GroupKey } from "../../proto/model.ts";
import type { EntryId, RaftMessage } from "../../proto/raft.ts";
import type { Outbox } from "./outbox.ts";

const noEntry: EntryId = { term: toTerm(0), index: toLogIndex(0) };

export interface Asking {
  readonly key: GroupKey;
  readonly member: MemberId;
  readonly term: Term;
}

/** Not by the numbers that the asking member knows of others: they may have begun anew since. */
export function askWhetherLeftOut({ key, member, term }: Asking, others: readonly NodeId[], out: Outbox): void {
  const message: RaftMessage = {
    type: "preVote",
    term: toTerm(term + 1),
    last: noEntry,
    subterm: 0,
    isTransfer: false,
  };
  for (const to of others) out.send(to, { type: "raft", ...key, fromMember: member, toMember: anyMember, message });
}

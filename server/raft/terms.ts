// The rules on terms that come before any role's own: what a message of another term does to a member, and whether the
// member's handler still gets to see it. Source: Raft thesis 3.3, 4.2.3, 9.6.

import { type NodeId, toLogIndex } from "../../proto/ids.ts";
import type { RaftMessage } from "../../proto/raft.ts";
import type { Member } from "./member.ts";
import { becomeFollower } from "./roles.ts";

/**
 * Brings the member to the term of the message, or answers a sender that lags behind.
 *
 * @returns whether the handler of the member's role is to see the message
 */
export function admitTerm(member: Member, from: NodeId, message: RaftMessage): boolean {
  if (isAboutNextTerm(message)) return true;
  if (message.term > member.term) return adoptTerm(member, from, message);
  if (message.term === member.term) return true;
  answerOlder(member, from, message);
  return false;
}

const leadersOwn: ReadonlySet<RaftMessage["type"]> = new Set(["append", "beat", "standIn", "timeoutNow"]);

/** A pre-vote and its grant speak of a term that nobody has begun. */
function isAboutNextTerm(message: RaftMessage): boolean {
  return message.type === "preVote" || (message.type === "preVoteReply" && message.granted);
}

function adoptTerm(member: Member, from: NodeId, message: RaftMessage): boolean {
  if (message.type === "vote" && member.hearsLeader && !message.isTransfer) return false;
  const isFromLeader = leadersOwn.has(message.type);
  becomeFollower(member, message.term, isFromLeader ? from : null);
  return true;
}

/** A leader or candidate of an older term learns the newer one; late replies are dropped. */
function answerOlder(member: Member, from: NodeId, message: RaftMessage): void {
  const { term, output } = member;
  switch (message.type) {
    case "vote":
      output.send(from, { type: "voteReply", term, granted: false });
      break;
    case "append":
      output.send(from, {
        type: "appendReject",
        term,
        rejected: message.slice.previous.index,
        last: member.log.last,
        isBlank: member.isBlank,
      });
      break;
    case "beat":
      output.send(from, { type: "beatReply", term, round: message.round, matched: toLogIndex(0) });
      break;
    default:
  }
}

// Messages that can do nothing any more, whenever they arrive: they need not be kept in flight.

import type { Packet } from "../unit/raft/disk-member.ts";
import type { Local } from "./local.ts";

/** A member's term never falls, and it leads or stands in a term but once. */
export function isStale({ content }: Packet, { term, role }: Local, termMax: number): boolean {
  if (content.type !== "raft") return false;
  const { message } = content;
  switch (message.type) {
    case "voteReply":
      return message.term < term || (message.term === term && role !== "candidate");
    case "appendReply":
    case "appendReject":
    case "beatReply":
      return message.term < term || (message.term === term && role !== "leader");
    case "timeoutNow":
      // It would begin a term beyond the bounds.
      return message.term < term || message.term >= termMax;
    default:
      return false;
  }
}

// The Raft core of one replica, with the node's limits.

import type { LogIndex, MemberId, Millis, NodeId } from "../../proto/ids.ts";
import type { Configuration } from "../../proto/membership.ts";
import type { HardState, LogSlice } from "../../proto/raft.ts";
import type { Random } from "../../proto/random.ts";
import { Raft } from "../raft/raft.ts";
import type { LeaseRead } from "../raft/types.ts";
import { limits } from "./limits.ts";

export interface RaftStart {
  readonly self: NodeId;
  readonly member: MemberId;
  readonly isWitness: boolean;
  readonly configuration: Configuration;
  readonly hardState: HardState;
  readonly log: LogSlice;
  readonly applied: LogIndex;
  readonly leaseRead: LeaseRead | null;
}

export function createRaft(start: RaftStart, random: Random, nowMs: Millis): Raft {
  const { self, member, isWitness, configuration, log, applied, leaseRead } = start;
  const hardState = notBehind(start.hardState, log);
  const { electionTimeoutMs, diskPatienceMs, resendMs, lagEntriesMax, inflightEntriesMax, inflightBytesMax } = limits;
  const { appendBytesMax, uncommittedBytesMax } = limits;
  const options = {
    electionTimeoutMs,
    diskPatienceMs,
    resendMs,
    lagEntriesMax,
    inflightEntriesMax,
    inflightBytesMax,
    appendBytesMax,
    uncommittedBytesMax,
  };
  const role = { self, member, isWitness, leaseRead };
  return new Raft({ ...role, ...options }, { hardState, log, applied, configuration }, random, nowMs);
}

/**
 * Rows and hard state are written side by side, so that after a crash the log may be of a term that the hard state does not
 * know. Then nothing that was promised in that term has left: no vote stands in its way.
 */
function notBehind(hardState: HardState, log: LogSlice): HardState {
  const { term } = log.entries.at(-1) ?? log.previous;
  return term > hardState.term ? { term, vote: null, standIn: null } : hardState;
}

// The Raft core of one replica, with the node's limits.

import type { LogIndex, Millis, NodeId } from "../../proto/ids.ts";
import type { HardState, LogSlice } from "../../proto/raft.ts";
import type { Random } from "../../proto/random.ts";
import { Raft } from "../raft/raft.ts";
import { limits } from "./limits.ts";

export interface RaftStart {
  readonly self: NodeId;
  readonly voters: readonly NodeId[];
  readonly hardState: HardState;
  readonly log: LogSlice;
  readonly applied: LogIndex;
}

export function createRaft(start: RaftStart, random: Random, nowMs: Millis): Raft {
  const { self, voters, hardState, log, applied } = start;
  const { electionTimeoutMs, resendMs, inflightEntriesMax, inflightBytesMax, appendBytesMax, uncommittedBytesMax } =
    limits;
  const options = {
    electionTimeoutMs,
    resendMs,
    inflightEntriesMax,
    inflightBytesMax,
    appendBytesMax,
    uncommittedBytesMax,
  };
  return new Raft({ self, voters, ...options }, { hardState, log, applied }, random, nowMs);
}

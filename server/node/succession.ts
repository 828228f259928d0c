// A group that lost its quorum for good goes on from one replica. All of that replica's log counts, committed or not, for any
// of it may have been acknowledged. It begins another incarnation, one entry behind the log's end: no earlier member has a say
// in it. As a value; it depends on nothing but the replica, so that after a crash before it is stored the same comes out.

import { toLogIndex, toTerm } from "../../proto/ids.ts";
import { recoveredConfiguration } from "../../proto/membership.ts";
import type { GroupRecovery } from "../../proto/model.ts";
import type { EntryId } from "../../proto/raft.ts";
import type { Slot } from "../../storage/keys.ts";
import type { Operation } from "../../storage/ordered-store.ts";
import { Applier } from "./applier.ts";
import type { GroupReplica } from "./group-replies.ts";
import { GroupState } from "./group-state.ts";

export interface Successor {
  readonly state: GroupState;
  /** Where its log begins: everything up to here is in the state. */
  readonly last: EntryId;
  /** All rows of the state. */
  readonly operations: readonly Operation[];
}

/** @param old not to be used any more @param slot holds nothing */
export function succeed(old: GroupReplica, recovery: GroupRecovery, slot: Slot): Successor {
  const end = old.applyRest();
  const last = { term: toTerm(end.term + 1), index: toLogIndex(end.index + 1) };
  const { incarnation, from } = recovery;
  const configuration = recoveredConfiguration(recovery, last.index);
  const state = GroupState.goOn(old.state, { incarnation, slot, configuration, reason: `recovered from ${from}` });
  return { state, last, operations: new Applier(state, last).takeOperations() };
}

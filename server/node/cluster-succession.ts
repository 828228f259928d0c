// The cluster group goes on from one node's data, as succession.ts has a resource group go on. There is no one above it to
// decide: the node does it by itself, and others hear of it by indexes that are higher than any before.

import type { Incarnation, NodeId } from "../../proto/ids.ts";
import { toTerm } from "../../proto/ids.ts";
import { recoveredConfiguration } from "../../proto/membership.ts";
import type { EntryId } from "../../proto/raft.ts";
import type { Slot } from "../../storage/keys.ts";
import type { Operation } from "../../storage/ordered-store.ts";
import { Applier } from "./applier.ts";
import { beginningOf } from "./cluster-incarnations.ts";
import { type ClusterOutcome, ClusterState } from "./cluster-state.ts";

export interface ClusterHeir {
  readonly applier: Applier<ClusterOutcome, ClusterState>;
  /** Where its log begins: everything up to here is in the state. */
  readonly last: EntryId;
  /** All rows of the state. */
  readonly operations: readonly Operation[];
}

/** @param old whole, and not to be used any more; it ends in term `end.term` @param slot holds nothing */
export function succeedCluster(
  old: ClusterState,
  end: EntryId,
  plan: {
    readonly incarnation: Incarnation;
    readonly from: NodeId;
    readonly voters: readonly NodeId[];
    readonly reason: string;
    readonly atMs: number;
    readonly slot: Slot;
  },
): ClusterHeir {
  const { incarnation, from, voters, reason, atMs, slot } = plan;
  const last = { term: toTerm(end.term + 1), index: beginningOf(incarnation) };
  const configuration = recoveredConfiguration({ from, owners: voters }, last.index);
  const change = { type: "clusterRecovered", incarnation, from, voters, reason } as const;
  const state = ClusterState.goOn(old, slot, { configuration, atMs, change });
  const applier = new Applier<ClusterOutcome, ClusterState>(state, last);
  return { applier, last, operations: applier.takeOperations() };
}

// The cluster database as its committed log makes it, entry by entry from the first: the events that every node tells of, and
// who owns what with whom in the end.

import type { LogIndex, Term } from "../../../proto/ids.ts";
import type { ClusterEvent, StatusComponent } from "../../../proto/model.ts";
import { Applier } from "../../node/applier.ts";
import { type ClusterOutcome, ClusterState } from "../../node/cluster-state.ts";
import { type Bootstrap, logStart } from "../../node/genesis.ts";
import type { MirroredEntry } from "./replica-mirror.ts";

export interface ReplayedCluster {
  /** All that there ever were, oldest first. */
  readonly events: readonly ClusterEvent[];
  /** Of the last entry. */
  readonly index: number;
  readonly directory: ClusterState["directory"];
  /** Each verdict that there ever was on a node in no group. */
  readonly verdicts: readonly StatusComponent[];
  readonly finalVerdicts: readonly StatusComponent[];
  readonly stateHash: string;
}

/** @param entries all that is committed, from the first on */
export function replayCluster(bootstrap: Bootstrap, entries: readonly MirroredEntry[]): ReplayedCluster {
  const applier = new Applier<ClusterOutcome, ClusterState>(ClusterState.genesis(bootstrap, 0), logStart);
  const { state } = applier;
  const events: ClusterEvent[] = [];
  const verdicts = new Set<StatusComponent>();
  for (const [position, { term, bytes }] of entries.entries()) {
    applier.apply({ term: term as Term, index: (position + 1) as LogIndex, payload: bytes });
    events.push(...state.eventsAfter(position as LogIndex, Number.POSITIVE_INFINITY));
    for (const verdict of state.verdicts()) verdicts.add(verdict);
  }
  const { stateHash } = applier.record();
  const finalVerdicts = state.verdicts();
  return {
    events,
    index: entries.length,
    directory: state.directory,
    verdicts: [...verdicts],
    finalVerdicts,
    stateHash,
  };
}

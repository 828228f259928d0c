// The cluster database as its committed log makes it, entry by entry from the first: the events that every node tells of, and
// who owns what with whom in the end.

import type { LogIndex, NodeId, Term } from "../../../proto/ids.ts";
import type { ClusterChange, ClusterEvent, DirectoryEntry, StatusComponent } from "../../../proto/model.ts";
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
  /** At which indexes each node has joined or left a group; absent: never. */
  readonly regrouped: ReadonlyMap<NodeId, readonly number[]>;
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
  const regrouped = new Map<NodeId, readonly number[]>();
  for (const [position, { term, bytes }] of entries.entries()) {
    const before = state.directory;
    applier.apply({ term: term as Term, index: (position + 1) as LogIndex, payload: bytes });
    for (const event of state.eventsAfter(position as LogIndex, Number.POSITIVE_INFINITY)) {
      events.push(event);
      for (const node of regroupedBy(event.change, before)) {
        regrouped.set(node, [...(regrouped.get(node) ?? []), event.index]);
      }
    }
    for (const verdict of state.verdicts()) verdicts.add(verdict);
  }
  const { stateHash } = applier.record();
  const finalVerdicts = state.verdicts();
  return {
    events,
    index: entries.length,
    directory: state.directory,
    regrouped,
    verdicts: [...verdicts],
    finalVerdicts,
    stateHash,
  };
}

function regroupedBy(change: ClusterChange, before: ClusterState["directory"]): readonly NodeId[] {
  if (!("entry" in change)) return [];
  const { group, incarnation, owners } = change.entry;
  const known: DirectoryEntry | null = before.group(group);
  if (known?.incarnation !== incarnation) return [...new Set([...(known?.owners ?? []), ...owners])];
  const joined = owners.filter((node) => !known.owners.includes(node));
  return [...joined, ...known.owners.filter((node) => !owners.includes(node))];
}

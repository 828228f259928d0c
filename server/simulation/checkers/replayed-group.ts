// A group as its committed log makes it, entry by entry from the first: what every owner must hold, whether it was there
// from the beginning or began from a snapshot.

import { assert } from "../../../proto/assert.ts";
import type { LogIndex, Revision, Term } from "../../../proto/ids.ts";
import type { GroupObject, KeyValue, StatusComponent } from "../../../proto/model.ts";
import type { KeyEvent } from "../../../proto/requests.ts";
import { Applier } from "../../node/applier.ts";
import { logStart } from "../../node/genesis.ts";
import { type GroupOutcome, GroupState } from "../../node/group-state.ts";
import { demand } from "../violation.ts";
import type { GroupVerdicts } from "./node-watches.ts";
import { Timeline, textOfKv } from "./replay.ts";
import type { MirroredEntry } from "./replica-mirror.ts";
import { textOfEvent } from "./watches.ts";

const everything = { eventsMax: Number.POSITIVE_INFINITY, bytesMax: Number.POSITIVE_INFINITY };

export interface ReplayedGroup {
  readonly timeline: Timeline;
  readonly verdicts: GroupVerdicts;
  /** As a replica at the same index has it. */
  readonly stateHash: string;
}

/**
 * @param entries all that is committed, from the first on
 * @param heard is told what came of each
 */
export function replayGroup<Entry extends MirroredEntry>(
  object: GroupObject,
  entries: readonly Entry[],
  heard: (outcome: GroupOutcome, entry: Entry, state: GroupState) => void = () => {},
): ReplayedGroup {
  const applier = new Applier<GroupOutcome, GroupState>(GroupState.genesis(object, 1), logStart);
  const events: KeyEvent[] = [];
  const verdicts = new Set<StatusComponent>(applier.state.verdicts());
  for (const [position, entry] of entries.entries()) {
    const { term, bytes } = entry;
    const { revision } = applier.state.mvcc;
    const outcome = applier.apply({ term: term as Term, index: (position + 1) as LogIndex, payload: bytes });
    if (outcome !== null) heard(outcome, entry, applier.state);
    events.push(...eventsSince(revision, applier.state));
    for (const verdict of applier.state.verdicts()) verdicts.add(verdict);
  }
  const { stateHash } = applier.record();
  const final = applier.state.verdicts();
  return { timeline: new Timeline(events), verdicts: { group: object.group, all: [...verdicts], final }, stateHash };
}

/** Taken at once: a later entry may let the group forget them. */
function eventsSince(before: Revision, { mvcc }: GroupState): readonly KeyEvent[] {
  const changes = mvcc.changesSince(before, everything);
  assert(changes.type === "changes", "an entry forgets nothing that it has written");
  return changes.revisions.flatMap(({ revision, events }) => events.map((event) => ({ ...event, revision })));
}

/** What an owner shows is what the log makes, from where its history begins. */
export function demandSame(name: string, held: Timeline, replayed: Timeline): void {
  const { revision } = held.base;
  const shown = textsOf(held.base.content, held.events);
  const behind = replayed.events.filter((event) => event.revision > revision);
  const made = textsOf(replayed.contentAt(revision), behind);
  const longer = shown.length > made.length ? shown : made;
  const differs = longer.findIndex((_text, at) => shown[at] !== made[at]);
  const isSame = differs < 0;
  demand(
    isSame,
    "replicas",
    () => `${name} shows ${shown[differs] ?? "nothing"}, its log makes ${made[differs] ?? "nothing"}`,
  );
}

function textsOf(content: readonly KeyValue[], events: readonly KeyEvent[]): readonly string[] {
  return [...content.map(textOfKv), ...events.map(textOfEvent)];
}

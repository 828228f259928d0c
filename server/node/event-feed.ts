// Cluster events as watches see them: from this node's copy of the database, by the index of the cluster's log.

import { type LogIndex, toRevision } from "../../proto/ids.ts";
import type { ClusterEvent } from "../../proto/model.ts";
import type { WatchClusterRequest, WatchMessage } from "../../proto/requests.ts";
import type { StateOpening, StateSource, StateWish } from "../watch/state-hub.ts";
import { beginningOf, incarnationAt } from "./cluster-incarnations.ts";
import type { ClusterState } from "./cluster-state.ts";
import { limits } from "./limits.ts";

export class EventFeed implements StateSource<null> {
  readonly newest: LogIndex;
  readonly #state: ClusterState;
  readonly #made = new Map<string, WatchMessage | null>();

  constructor(state: ClusterState, index: LogIndex) {
    this.#state = state;
    this.newest = index;
  }

  next(wish: StateWish<null>): WatchMessage | null {
    const name = `${wish.position} ${wish.initialThrough}`;
    const known = this.#made.get(name);
    if (known !== undefined) return known;
    const message = this.#make(wish);
    this.#made.set(name, message);
    return message;
  }

  progress(): WatchMessage {
    return { type: "progress", revision: toRevision(this.newest) };
  }

  #make({ position, initialThrough }: StateWish<null>): WatchMessage | null {
    const initial = position < initialThrough;
    const floor = Math.max(this.#state.eventsFloor, beginningOf(incarnationAt(this.newest)));
    if (!initial && position < floor) return { type: "compacted", floor: toRevision(floor + 1) };
    const through = initial ? initialThrough : this.newest;
    const events = this.#state.events.filter(({ index }) => index > position && index <= through);
    if (events.length === 0 && !initial) return null;
    const page = wholeEntries(events, limits.watchEventsMax);
    const more = page.length < events.length;
    const revision = toRevision(more ? (page.at(-1)?.index ?? through) : through);
    return { type: "clusterEvents", revision, initial, more, events: page };
  }
}

export function openingOf(request: WatchClusterRequest, index: LogIndex): Omit<StateOpening<null>, "header"> {
  const { initial, startIndex, progressIntervalMs } = request;
  const wish = { filter: null, progressIntervalMs };
  if (initial) return { ...wish, position: -1, initialThrough: index };
  return { ...wish, position: startIndex === null ? index : Math.max(startIndex - 1, 0), initialThrough: -1 };
}

/** The first `limit` events, and those that share the last one's entry. */
function wholeEntries(events: readonly ClusterEvent[], limit: number): readonly ClusterEvent[] {
  const last = events[limit - 1];
  if (last === undefined) return events;
  const end = events.findIndex(({ index }, position) => position >= limit && index !== last.index);
  return end === -1 ? events : events.slice(0, end);
}

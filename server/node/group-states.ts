// What a group says of itself, as its watches see it: a new state at each applied entry that changed it. A state says all there is,
// so that no history is kept: whoever comes back later, here or at another owner, is given the present one if it is newer.

import { type LogIndex, toRevision } from "../../proto/ids.ts";
import type { GroupStatus, WatchGroupRequest, WatchMessage } from "../../proto/requests.ts";
import type { StateOpening, StateSource, StateWish } from "../watch/state-hub.ts";

export interface GroupStateFilter {
  /** Also states in which only keys and replication have moved on. */
  readonly includeProgress: boolean;
}

/** Of this step. */
export class GroupStates implements StateSource<GroupStateFilter> {
  readonly newest: LogIndex;
  readonly #changed: LogIndex;
  readonly #status: () => GroupStatus;
  readonly #made = new Map<string, WatchMessage>();

  /** @param changed index of the last entry that changed the state, or a later one where that is not known */
  constructor(changed: LogIndex, applied: LogIndex, status: () => GroupStatus) {
    this.newest = applied;
    this.#changed = changed;
    this.#status = status;
  }

  next({ filter, position, initialThrough }: StateWish<GroupStateFilter>): WatchMessage | null {
    const index = filter.includeProgress ? this.newest : this.#changed;
    if (position >= index) return null;
    // One state says all that there is: whatever comes behind the first is a change.
    const initial = position < 0 && initialThrough >= 0;
    const name = `${index} ${initial}`;
    const known = this.#made.get(name);
    if (known !== undefined) return known;
    const message = { type: "groupState", revision: toRevision(index), initial, status: this.#status() } as const;
    this.#made.set(name, message);
    return message;
  }

  progress(): WatchMessage {
    return { type: "progress", revision: toRevision(this.newest) };
  }
}

/** @param applied up to where the group's log is applied here */
export function openingOf(
  request: WatchGroupRequest,
  applied: LogIndex,
): Omit<StateOpening<GroupStateFilter>, "header"> {
  const { includeProgress, initial, startIndex, progressIntervalMs } = request;
  const wish = { filter: { includeProgress }, progressIntervalMs };
  if (initial) return { ...wish, position: -1, initialThrough: applied };
  return { ...wish, position: startIndex === null ? applied : Math.max(startIndex - 1, -1), initialThrough: -1 };
}

// The watches of one group at one of its owners: of its keys, and of what it says of itself.

import type { LogIndex, Millis, Term } from "../../proto/ids.ts";
import { type Entry, isControl } from "../../proto/raft.ts";
import type { GroupStatus, WatchGroupRequest, WatchRequest } from "../../proto/requests.ts";
import { StateHub } from "../watch/state-hub.ts";
import { WatchHub } from "../watch/watch-hub.ts";
import { type GroupReplica, headerOf } from "./group-replies.ts";
import { type GroupStateFilter, GroupStates, openingOf } from "./group-states.ts";
import { limits } from "./limits.ts";
import { earliest } from "./millis.ts";
import { replacedBySnapshot } from "./transfers.ts";
import type { World } from "./world.ts";

export class GroupWatches {
  readonly #world: World;
  readonly #replica: GroupReplica;
  readonly #status: (nowMs: Millis) => GroupStatus;
  readonly #ofKeys = new WatchHub({
    watchesMax: limits.watchesMax,
    eventsMax: limits.watchEventsMax,
    bytesMax: limits.watchBytesMax,
    examinedMax: 16 * limits.watchEventsMax,
  });
  readonly #ofStatus = new StateHub<GroupStateFilter>(limits.watchesMax);
  /** Index of the last entry that changed what the group says of itself; after a start, where it began. */
  #statusIndex: LogIndex;
  #term: Term;

  /** @param status what the group says of itself now */
  constructor(world: World, replica: GroupReplica, status: (nowMs: Millis) => GroupStatus) {
    this.#world = world;
    this.#replica = replica;
    this.#status = status;
    this.#statusIndex = replica.record.index;
    this.#term = replica.record.term;
  }

  open(key: number, request: WatchRequest, nowMs: Millis): void {
    const { mvcc } = this.#replica.state;
    const start = { revision: mvcc.revision, compactedRevision: mvcc.floor, header: this.#header };
    for (const message of this.#ofKeys.open(key, request, start, nowMs)) this.#world.calls.stream(key, message);
  }

  openStatus(key: number, request: WatchGroupRequest, nowMs: Millis): void {
    const opening = { ...openingOf(request, this.#replica.record.index), header: this.#header };
    this.#world.calls.stream(key, this.#ofStatus.open(key, opening, nowMs));
  }

  drained(key: number): void {
    this.#ofKeys.drained(key);
    this.#ofStatus.drained(key);
  }

  /** The caller is gone. */
  close(key: number): void {
    this.#ofKeys.close(key);
    this.#ofStatus.close(key);
  }

  /** With a term comes another manager. */
  entryApplied(entry: Entry): void {
    if (isControl(entry.payload) || entry.term !== this.#term) this.#statusIndex = entry.index;
    this.#term = entry.term;
  }

  /** What the group says of itself has changed with this entry. */
  statusChanged(index: LogIndex): void {
    this.#statusIndex = index;
  }

  /** @returns true when some are left for a later step */
  poll(nowMs: Millis): boolean {
    const { deliveries, more } = this.#ofKeys.poll(this.#replica.state.mvcc, nowMs);
    for (const { call, message } of deliveries) this.#world.calls.stream(call, message);
    if (this.#ofStatus.size > 0) this.#pollStatus(nowMs);
    return more;
  }

  deadlineMs(): Millis | null {
    return earliest(this.#ofKeys.deadlineMs(), this.#ofStatus.deadlineMs());
  }

  /** A snapshot is in force: what was between is known to nobody here. */
  stateReplaced(): void {
    this.cancel();
    this.#statusIndex = this.#replica.record.index;
    this.#term = this.#replica.record.term;
  }

  /** Ends all of them; their clients go on elsewhere. */
  cancel(): void {
    const reason = replacedBySnapshot(this.#replica.key.group);
    for (const { call, message } of [...this.#ofKeys.cancelAll(reason), ...this.#ofStatus.cancelAll(reason)]) {
      this.#world.calls.stream(call, message);
    }
  }

  get #header() {
    return headerOf(this.#replica.state, this.#world.self, false);
  }

  #pollStatus(nowMs: Millis): void {
    const states = new GroupStates(this.#statusIndex, this.#replica.record.index, () => this.#status(nowMs));
    for (const { call, message } of this.#ofStatus.poll(states, nowMs)) this.#world.calls.stream(call, message);
  }
}

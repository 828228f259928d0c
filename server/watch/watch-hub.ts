// All watches of the keys of one group on one node (F2). It answers from the replica's history and remembers for each watch only
// how far it has come: nothing is queued for a slow reader, who reads on where it stopped, or learns that this place was
// compacted. That it is behind is therefore a fact to tell it, and no other way to serve it: memory stays flat.
// What it promises (etcd's words): ordered, unique, reliable, atomic per revision, resumable, bookmarked.

import { assert } from "../../proto/assert.ts";
import { type Failure, failure } from "../../proto/errors.ts";
import { type Millis, type Revision, toMillis, toRevision } from "../../proto/ids.ts";
import type { Header, WatchMessage, WatchRequest } from "../../proto/requests.ts";
import type { ChangesAnswer } from "../../storage/mvcc/mvcc.ts";
import { Listing, type ListingSource } from "./listing.ts";
import { type Changes, Scan, shapeOf } from "./scan.ts";

export interface WatchLimits {
  /** Open watches; one more is answered `overloaded`. */
  readonly watchesMax: number;
  /** Events of one message; a single revision with more is still delivered whole. */
  readonly eventsMax: number;
  /** Bytes of keys and values of one message, with the same exception. */
  readonly bytesMax: number;
  /** Events read or compared in one `poll`; the watches that did not get their turn are first in the next. */
  readonly examinedMax: number;
}

/** The history of one group's keys; `Mvcc` is one. */
export interface WatchSource extends ListingSource {
  /** Newest. */
  readonly revision: Revision;
  /** Oldest that can be read; the events of the revisions above it are known. */
  readonly floor: Revision;
  changesSince(revision: Revision, limits: { readonly eventsMax: number; readonly bytesMax: number }): ChangesAnswer;
}

/** Where the group stands when a watch is opened. */
export interface WatchStart {
  readonly revision: Revision;
  /** The floor: events are known from the next revision on. */
  readonly compactedRevision: Revision;
  readonly header: Header;
}

/** A message and the stream it is for. */
export interface WatchDelivery {
  /** The caller's name for the stream. */
  readonly call: number;
  readonly message: WatchMessage;
}

export interface WatchPoll {
  readonly deliveries: readonly WatchDelivery[];
  /** Some watch is still behind for lack of room in this poll: poll again, after other work. */
  readonly more: boolean;
}

interface Watch {
  readonly call: number;
  readonly request: WatchRequest;
  /** Watches of one shape are given the same messages. */
  readonly shape: string;
  /** What existed at `position`, while it is being read; null: all of it was. */
  listing: Listing | null;
  /** Everything wanted up to here was delivered. Above the newest revision for a watch that begins in the future. */
  position: Revision;
  /** An `events` message is on its way and the reader has not yet made room for the next. */
  isInFlight: boolean;
  /** When it is due to hear of progress if nothing is sent until then; null: never. */
  progressAtMs: Millis | null;
  /** What has happened since its unread message: counted up to `countedTo`. */
  missedBytes: number;
  countedTo: Revision;
  /** It was told, and has not caught up since. */
  isBehind: boolean;
}

interface Round {
  readonly source: WatchSource;
  readonly nowMs: Millis;
  readonly scans: Map<Revision, Scan>;
  examinedLeft: number;
  more: boolean;
}

export class WatchHub {
  readonly #limits: WatchLimits;
  /** In the order of their turns. */
  readonly #watches = new Map<number, Watch>();
  /** With the group at this revision no watch has anything to come, but those that woke since; null: not known. */
  #settledAt: Revision | null = null;
  /** Opened or drained since the last poll. */
  #woken = new Set<number>();
  /** No watch is due to hear of progress before; null: none ever. */
  #progressFromMs: Millis | null = null;

  constructor(limits: WatchLimits) {
    assert(limits.eventsMax > 0 && limits.bytesMax > 0 && limits.examinedMax > 0, "A watch limit is 0");
    this.#limits = limits;
  }

  /** Open watches. */
  get size(): number {
    return this.#watches.size;
  }

  /**
   * Opens a watch from `request.startRevision` on, or from after the newest revision, if `request.initial` says so with what
   * exists at that one first. One that begins in the future waits, and
   * sees nothing that comes before.
   *
   * @param call unique among the open watches
   * @returns `opened`; or, for a watch that was not opened, `compacted` when events that it wants are gone, or `canceled` with
   *   `overloaded`
   */
  open(call: number, request: WatchRequest, current: WatchStart, nowMs: Millis): readonly WatchMessage[] {
    assert(!this.#watches.has(call), () => `Watch ${call} is open already`);
    if (this.#watches.size >= this.#limits.watchesMax) {
      const message = `The group has ${this.#watches.size} watches here, the limit is ${this.#limits.watchesMax}`;
      return [{ type: "canceled", failure: failure("overloaded", message, { group: request.group }) }];
    }
    const position = positionBefore(request.startRevision, current);
    if (position < current.compactedRevision) return [compactedAt(current.compactedRevision)];
    const watch = newWatch(call, request, position);
    this.#watches.set(call, watch);
    this.#woken.add(call);
    this.#countProgress(watch, nowMs);
    return [{ type: "opened", header: current.header, revision: toRevision(position + 1) }];
  }

  /** Ends a watch without a word; one that is not open is passed over. */
  close(call: number): void {
    this.#watches.delete(call);
  }

  /** Ends all watches: the group is leaving this node, or its state was replaced. */
  cancelAll(reason: Failure): readonly WatchDelivery[] {
    const calls = [...this.#watches.keys()];
    this.#watches.clear();
    return calls.map((call) => ({ call, message: { type: "canceled", failure: reason } }));
  }

  /** The reader has room for its next message. One that is not open, or has room already, is passed over. */
  drained(call: number): void {
    const watch = this.#watches.get(call);
    if (watch?.isInFlight !== true) return;
    watch.isInFlight = false;
    this.#woken.add(call);
    this.#expectProgress(watch.progressAtMs);
  }

  /**
   * The next message of each watch that has something to say and a reader with room for it, at most one each. After `events`
   * or `initial` none but `behind` follows before `drained`; `compacted` is the last and closes the watch. Costs nothing while nothing is new.
   *
   * @param source never goes back: after a replacement of the state, `cancelAll` and start anew
   */
  poll(source: WatchSource, nowMs: Millis): WatchPoll {
    const isProgressDue = this.#progressFromMs !== null && nowMs >= this.#progressFromMs;
    const isSettled = this.#settledAt === source.revision && !isProgressDue;
    if (isSettled && this.#woken.size === 0) return { deliveries: [], more: false };
    const round: Round = { source, nowMs, scans: new Map(), examinedLeft: this.#limits.examinedMax, more: false };
    const deliveries = this.#takeTurns(isSettled).flatMap((watch) => {
      const message = watch.isInFlight ? this.#maybeBehind(watch, round) : this.#nextMessage(watch, round);
      return message === null ? [] : [{ call: watch.call, message }];
    });
    this.#settledAt = round.more ? null : source.revision;
    if (isProgressDue) this.#expectProgressAnew(round);
    return { deliveries, more: round.more };
  }

  /**
   * When `poll` may have progress to report.
   *
   * @returns null when no watch wants it, or every one that does has an unread message
   */
  deadlineMs(): Millis | null {
    return this.#progressFromMs;
  }

  #takeTurns(isSettled: boolean): readonly Watch[] {
    const woken = this.#woken;
    this.#woken = new Set();
    return isSettled ? [...woken].flatMap((call) => this.#watches.get(call) ?? []) : [...this.#watches.values()];
  }

  #nextMessage(watch: Watch, round: Round): WatchMessage | null {
    const { source } = round;
    if (watch.listing !== null) return this.#nextPage(watch, watch.listing, round);
    if (watch.position > source.revision) return null;
    if (watch.position === source.revision) return this.#maybeProgress(watch, round.nowMs);
    if (watch.position < source.floor) {
      this.#watches.delete(watch.call);
      return compactedAt(source.floor);
    }
    if (round.examinedLeft <= 0) {
      round.more = true;
      return null;
    }
    return this.#advance(watch, round);
  }

  /** Moves a watch that is behind by one scan, and to the end of the line. */
  #advance(watch: Watch, round: Round): WatchMessage | null {
    const scan = this.#scanFrom(watch.position, round);
    round.examinedLeft -= scan.size;
    assert(scan.through > watch.position, () => `Nothing follows revision ${watch.position}`);
    watch.position = scan.through;
    this.#watches.delete(watch.call);
    this.#watches.set(watch.call, watch);
    const { message } = scan.select(watch.shape, watch.request);
    if (message !== null) return this.#handOver(watch, message, round);
    if (watch.position === round.source.revision) return this.#maybeProgress(watch, round.nowMs);
    round.more = true;
    return null;
  }

  #nextPage(watch: Watch, listing: Listing, round: Round): WatchMessage | null {
    if (round.examinedLeft <= 0) {
      round.more = true;
      return null;
    }
    const page = listing.next(round.source, this.#limits);
    if (page === null) {
      this.#watches.delete(watch.call);
      return compactedAt(round.source.floor);
    }
    round.examinedLeft -= page.events.length + 1;
    if (!page.more) watch.listing = null;
    return this.#handOver(watch, page, round);
  }

  #handOver(watch: Watch, message: WatchMessage, { nowMs }: Round): WatchMessage {
    watch.isInFlight = true;
    watch.missedBytes = 0;
    watch.countedTo = watch.position;
    this.#countProgress(watch, nowMs);
    return message;
  }

  /** Counts what happens while a message is unread, by scans that the quick watches need as well. */
  #maybeBehind(watch: Watch, round: Round): WatchMessage | null {
    const { source } = round;
    const { bufferBytesMax } = watch.request;
    if (bufferBytesMax === 0 || watch.isBehind) return null;
    if (watch.countedTo >= source.revision || watch.countedTo < source.floor) return null;
    if (round.examinedLeft <= 0) {
      round.more = true;
      return null;
    }
    const scan = this.#scanFrom(watch.countedTo, round);
    round.examinedLeft -= scan.size;
    watch.countedTo = scan.through;
    watch.missedBytes += scan.select(watch.shape, watch.request).bytes;
    watch.isBehind = watch.missedBytes > bufferBytesMax;
    if (watch.isBehind) return { type: "behind", delivered: watch.position, newest: source.revision };
    if (watch.countedTo < source.revision) round.more = true;
    return null;
  }

  #scanFrom(position: Revision, round: Round): Scan {
    const known = round.scans.get(position);
    if (known !== undefined) return known;
    const scan = new Scan(mustHaveChanges(round.source.changesSince(position, this.#limits)));
    round.scans.set(position, scan);
    round.examinedLeft -= scan.size;
    return scan;
  }

  /** Only for a watch that has been given everything, so that progress never runs ahead of events. */
  #maybeProgress(watch: Watch, nowMs: Millis): WatchMessage | null {
    const isDue = watch.progressAtMs !== null && nowMs >= watch.progressAtMs;
    if (!isDue && !watch.isBehind) return null;
    watch.isBehind = false;
    this.#countProgress(watch, nowMs);
    return { type: "progress", revision: watch.position };
  }

  #countProgress(watch: Watch, nowMs: Millis): void {
    const intervalMs = watch.request.progressIntervalMs;
    if (intervalMs <= 0) return;
    watch.progressAtMs = toMillis(nowMs + intervalMs);
    if (!watch.isInFlight) this.#expectProgress(watch.progressAtMs);
  }

  #expectProgress(atMs: Millis | null): void {
    if (atMs === null) return;
    if (this.#progressFromMs === null || atMs < this.#progressFromMs) this.#progressFromMs = atMs;
  }

  /**
   * A watch with an unread message is expected again when it is drained. One that begins in the future and is overdue hears of
   * progress when the group gets there, which is polled anyway.
   */
  #expectProgressAnew({ source, nowMs }: Round): void {
    this.#progressFromMs = null;
    for (const { isInFlight, position, progressAtMs } of this.#watches.values()) {
      const isOverdue = progressAtMs !== null && progressAtMs <= nowMs;
      if (isInFlight || (isOverdue && position > source.revision)) continue;
      this.#expectProgress(progressAtMs);
    }
  }
}

function newWatch(call: number, request: WatchRequest, position: Revision): Watch {
  const listing = request.initial ? new Listing(request, position) : null;
  const counts = { missedBytes: 0, countedTo: position, isBehind: false };
  return {
    call,
    request,
    shape: shapeOf(request),
    listing,
    position,
    isInFlight: false,
    progressAtMs: null,
    ...counts,
  };
}

/** Revision 1 is the empty store and has no events, so that a watch from 0 or 1 wants the same as one from 2. */
function positionBefore(startRevision: Revision | null, current: WatchStart): Revision {
  return startRevision === null ? current.revision : toRevision(Math.max(startRevision - 1, 1));
}

/** Names the first revision that a watch can still begin with. */
function compactedAt(floor: Revision): WatchMessage {
  return { type: "compacted", floor: toRevision(floor + 1) };
}

function mustHaveChanges(answer: ChangesAnswer): Changes {
  assert(answer.type === "changes", () => `Expected changes, found ${answer.type}`);
  return answer;
}

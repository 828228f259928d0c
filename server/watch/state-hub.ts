// Watches of what is not keys: states of a group or of nodes, and cluster events. As with keys, a watch is a position and
// nothing is queued: a reader that was slow is told how things are now, and of cluster events reads on where it stopped.

import { assert } from "../../proto/assert.ts";
import { type Failure, failure } from "../../proto/errors.ts";
import { type Millis, toMillis, toRevision } from "../../proto/ids.ts";
import type { Header, WatchMessage } from "../../proto/requests.ts";

/** What one watch is owed. */
export interface StateWish<Filter> {
  readonly filter: Filter;
  /** Everything up to here was delivered; -1: nothing, not even a state from the very beginning. */
  readonly position: number;
  /** What is not behind this was there before the watch was: it is marked as initial. -1: nothing is. */
  readonly initialThrough: number;
}

/** What is watched, as it is in this step. Watches with the same wish may share what it makes. */
export interface StateSource<Filter> {
  /** Position behind the newest that there is to tell. */
  readonly newest: number;
  /** @returns null when nothing behind the position is for this watch; `compacted` ends it */
  next(wish: StateWish<Filter>): WatchMessage | null;
  /** Says that everything has been delivered. */
  progress(wish: StateWish<Filter>): WatchMessage;
}

export interface StateOpening<Filter> extends StateWish<Filter> {
  readonly header: Header;
  /** 0: it is told nothing but what happens. */
  readonly progressIntervalMs: number;
  /** It is told its position at once, because only a message can say it. */
  readonly isToldPosition?: boolean;
}

interface Watch<Filter> {
  readonly call: number;
  readonly filter: Filter;
  readonly initialThrough: number;
  readonly progressIntervalMs: number;
  position: number;
  /** A message is on its way and the reader has not yet made room for the next. */
  isInFlight: boolean;
  progressAtMs: Millis | null;
}

export interface StateDelivery {
  readonly call: number;
  readonly message: WatchMessage;
}

export class StateHub<Filter> {
  readonly #watchesMax: number;
  readonly #watches = new Map<number, Watch<Filter>>();
  /** With the source there no watch has anything to come, but those that woke since; null: not known. */
  #settledAt: number | null = null;
  /** Opened or drained since the last poll. */
  #woken = new Set<number>();
  /** No watch is due to hear of progress before; null: none ever. */
  #progressFromMs: Millis | null = null;

  constructor(watchesMax: number) {
    this.#watchesMax = watchesMax;
  }

  get size(): number {
    return this.#watches.size;
  }

  /** @returns `opened`, or `canceled` with `overloaded` */
  open(call: number, opening: StateOpening<Filter>, nowMs: Millis): WatchMessage {
    assert(!this.#watches.has(call), () => `Watch ${call} is open already`);
    const { header, filter, position, initialThrough, progressIntervalMs } = opening;
    if (this.#watches.size >= this.#watchesMax) {
      const message = `There are ${this.#watches.size} watches of this kind here, the limit is ${this.#watchesMax}`;
      return { type: "canceled", failure: failure("overloaded", message, { group: header.group }) };
    }
    const laterMs = progressIntervalMs > 0 ? toMillis(nowMs + progressIntervalMs) : null;
    const progressAtMs = opening.isToldPosition === true ? nowMs : laterMs;
    const fresh = { position, isInFlight: false, progressAtMs };
    this.#watches.set(call, { call, filter, initialThrough, progressIntervalMs, ...fresh });
    this.#woken.add(call);
    this.#expectProgress(progressAtMs);
    return { type: "opened", header, revision: toRevision(position + 1) };
  }

  /** One that is not open is passed over. */
  close(call: number): void {
    this.#watches.delete(call);
    // Where nobody watches nobody polls: a deadline that is left would be due for ever.
    if (this.#watches.size === 0) this.#progressFromMs = null;
  }

  cancelAll(reason: Failure): readonly StateDelivery[] {
    const calls = [...this.#watches.keys()];
    for (const call of calls) this.close(call);
    return calls.map((call) => ({ call, message: { type: "canceled", failure: reason } }));
  }

  /** The reader has room for its next message. */
  drained(call: number): void {
    const watch = this.#watches.get(call);
    if (watch?.isInFlight !== true) return;
    watch.isInFlight = false;
    this.#woken.add(call);
    this.#expectProgress(watch.progressAtMs);
  }

  /** The next message of each watch that has something to say and a reader with room for it, at most one each. */
  poll(source: StateSource<Filter>, nowMs: Millis): readonly StateDelivery[] {
    const isProgressDue = this.#progressFromMs !== null && nowMs >= this.#progressFromMs;
    const deliveries: StateDelivery[] = [];
    for (const watch of this.#takeTurns(this.#settledAt === source.newest && !isProgressDue)) {
      const message = watch.isInFlight ? null : this.#nextMessage(watch, source, nowMs);
      if (message !== null) deliveries.push({ call: watch.call, message });
    }
    this.#settledAt = source.newest;
    if (isProgressDue) this.#expectProgressAnew(source.newest, nowMs);
    return deliveries;
  }

  /** null: no watch waits to be told of progress. */
  deadlineMs(): Millis | null {
    return this.#progressFromMs;
  }

  #takeTurns(isSettled: boolean): readonly Watch<Filter>[] {
    const woken = this.#woken;
    this.#woken = new Set();
    return isSettled ? [...woken].flatMap((call) => this.#watches.get(call) ?? []) : [...this.#watches.values()];
  }

  #expectProgress(atMs: Millis | null): void {
    if (atMs === null) return;
    if (this.#progressFromMs === null || atMs < this.#progressFromMs) this.#progressFromMs = atMs;
  }

  /** One that waits for this node to come to its place is told of progress then, when the watches are polled anyway. */
  #expectProgressAnew(newest: number, nowMs: Millis): void {
    this.#progressFromMs = null;
    for (const { isInFlight, position, progressAtMs } of this.#watches.values()) {
      const isOverdue = progressAtMs !== null && progressAtMs <= nowMs;
      if (!isInFlight && !(isOverdue && position > newest)) this.#expectProgress(progressAtMs);
    }
  }

  #nextMessage(watch: Watch<Filter>, source: StateSource<Filter>, nowMs: Millis): WatchMessage | null {
    // It has come from a node that knew more than this one does yet.
    if (watch.position > source.newest) return null;
    const message = watch.position < source.newest ? source.next(watch) : null;
    if (message !== null) return this.#deliver(watch, message, { isInFlight: true, nowMs });
    if (watch.progressAtMs === null || nowMs < watch.progressAtMs) return null;
    return this.#deliver(watch, source.progress(watch), { isInFlight: false, nowMs });
  }

  /** @param isInFlight the reader has to make room for it */
  #deliver(
    watch: Watch<Filter>,
    message: WatchMessage,
    { isInFlight, nowMs }: { readonly isInFlight: boolean; readonly nowMs: Millis },
  ): WatchMessage {
    if (message.type === "compacted") {
      this.close(watch.call);
      return message;
    }
    if ("revision" in message) watch.position = Math.max(watch.position, message.revision);
    watch.isInFlight = isInFlight;
    watch.progressAtMs = watch.progressIntervalMs > 0 ? toMillis(nowMs + watch.progressIntervalMs) : null;
    if (!watch.isInFlight) this.#expectProgress(watch.progressAtMs);
    return message;
  }
}

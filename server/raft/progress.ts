// What a leader knows of one follower's log, and how it sends to it. Four states:
// - probe: where the logs agree is not known; one append at a time, until one is accepted;
// - replicate: they agree up to `matched`; appends go out in a pipeline up to the inflight limits, `next` runs ahead;
// - snapshot: the next entry is no longer in the log; nothing is sent until the transfer ends or the follower says that
//   it holds more;
// - witness: it keeps no log; beats alone go to it.
// Invariant: matched < next; within a leader's term `matched` never falls, and `next` falls only when something was lost.

import { assert } from "../../proto/assert.ts";
import { type LogIndex, type MemberId, type Millis, type NodeId, toLogIndex, toMillis } from "../../proto/ids.ts";

export type ProgressState = "probe" | "replicate" | "snapshot" | "witness";

/** As which member a node is followed. */
export interface Followed {
  readonly node: NodeId;
  readonly member: MemberId;
  readonly isWitness?: boolean;
}

export class Progress {
  readonly peer: NodeId;
  readonly member: MemberId;
  /** When this leader began to follow it. */
  readonly sinceMs: Millis;
  #state: ProgressState;
  #matched = toLogIndex(0);
  #next: LogIndex;
  /** The last entry that the present probe carried. */
  #probedTo = toLogIndex(0);
  #heardMs: Millis | null = null;
  #unprovenMs: Millis | null = null;
  /** The newest confirmation round that the follower has answered; 0 before the first. */
  #round = 0;
  /** Since when something sent waits for an answer, counted anew whenever one shows progress; null when nothing does. */
  #waitingMs: Millis | null = null;
  /** Since when it has not held all that was sent, repetitions or not, counted anew with each step ahead. */
  #behindMs: Millis | null = null;
  /** How often in a row what was in flight was taken for lost. */
  #losses = 0;

  /** @param next what to try first */
  constructor(of: Followed, next: LogIndex, nowMs: Millis) {
    assert(next > 0, () => `Next entry ${next} of ${of.node}`);
    this.peer = of.node;
    this.member = of.member;
    this.#state = of.isWitness === true ? "witness" : "probe";
    this.#next = next;
    this.sinceMs = nowMs;
  }

  get state(): ProgressState {
    return this.#state;
  }

  get matched(): LogIndex {
    return this.#matched;
  }

  /** The first entry that was not sent yet. */
  get next(): LogIndex {
    return this.#next;
  }

  get heardMs(): Millis | null {
    return this.#heardMs;
  }

  /** When it was last heard; the beginning stands for "not yet". */
  get contactMs(): Millis {
    return this.#heardMs ?? this.sinceMs;
  }

  /** When it last said something that does not count yet; null: what it says counts. */
  get unprovenMs(): Millis | null {
    return this.#unprovenMs;
  }

  get round(): number {
    return this.#round;
  }

  get isWaiting(): boolean {
    return this.#waitingMs !== null;
  }

  /** Since when it has come no further, although there is more; null when it holds all that was sent. */
  get behindMs(): Millis | null {
    return this.#behindMs;
  }

  /** Entries sent in the pipeline and not yet acknowledged. */
  get inflight(): number {
    return this.#state === "replicate" ? this.#next - 1 - this.#matched : 0;
  }

  /** Whether entries go to it now. */
  get sendsEntries(): boolean {
    return this.#state === "probe" || this.#state === "replicate";
  }

  heard(nowMs: Millis): void {
    this.#heardMs = nowMs;
    this.#unprovenMs = null;
  }

  unproven(nowMs: Millis): void {
    this.#unprovenMs = nowMs;
  }

  answered(round: number): void {
    this.#round = Math.max(this.#round, round);
  }

  /**
   * When what was sent is to be taken for lost; null if nothing waits.
   *
   * @param patience counted from the last sign of progress, and doubled with each repetition that brought none, for the disk
   *   may hang, or what is sent be too much
   */
  lossMs(patience: { readonly firstMs: number; readonly lastMs: number }): Millis | null {
    if (this.#waitingMs === null) return null;
    return toMillis(this.#waitingMs + Math.min(patience.firstMs * 2 ** this.#losses, patience.lastMs));
  }

  /** An append with the entries up to and with `last` leaves now. */
  sent(last: LogIndex, nowMs: Millis): void {
    assert(this.sendsEntries, () => `Append to ${this.peer} in state ${this.#state}`);
    assert(last >= this.#next - 1, () => `Append up to ${last}, next is ${this.#next}`);
    if (this.#state === "replicate") this.#next = toLogIndex(last + 1);
    else this.#probedTo = last;
    this.#waitingMs = this.#state === "replicate" ? (this.#waitingMs ?? nowMs) : nowMs;
    if (last > this.#matched) this.#behindMs ??= nowMs;
  }

  /**
   * The follower holds everything up to `matched`, durably.
   *
   * @returns whether that was news
   */
  advance(matched: LogIndex, nowMs: Millis): boolean {
    if (this.#state === "witness") return false;
    const isNews = matched > this.#matched;
    if (isNews) {
      this.#matched = matched;
      this.#next = toLogIndex(Math.max(this.#next, matched + 1));
      this.#losses = 0;
    }
    // What was lost behind a place that is known goes on one by one until some of it has arrived.
    if (this.#state === "probe" && matched >= this.#next - 1 && this.#losses === 0) this.becomeReplicate();
    else if (isNews && this.#state === "replicate") this.#waitOn(nowMs);
    if (isNews) this.#behindMs = this.inflight > 0 ? nowMs : null;
    return isNews;
  }

  /**
   * The follower refused an append after the entry `rejected`; the logs may agree at `agreed`.
   *
   * @returns false when that was an answer to something older: nothing changes
   */
  retreat(rejected: LogIndex, agreed: LogIndex): boolean {
    if (!this.sendsEntries || rejected <= this.#matched) return false;
    if (this.#state === "probe" && rejected !== this.#next - 1) return false;
    this.becomeProbe(toLogIndex(Math.min(rejected, agreed + 1)));
    return true;
  }

  /** What is in flight is taken for lost: it starts again where it was probed, or behind what the follower is known to hold. */
  lost(): void {
    const losses = this.#losses + 1;
    this.becomeProbe(this.#state === "probe" ? this.#next : toLogIndex(this.#matched + 1));
    this.#losses = losses;
  }

  /** @param next where to try; never below `matched + 1` */
  becomeProbe(next: LogIndex): void {
    this.#state = "probe";
    this.#losses = 0;
    this.#probedTo = toLogIndex(0);
    this.#next = toLogIndex(Math.max(this.#matched + 1, next));
    this.#waitingMs = null;
  }

  /** What a probe carried counts as in flight: with the entry before it agreed, it will be accepted. */
  becomeReplicate(): void {
    this.#state = "replicate";
    this.#next = toLogIndex(Math.max(this.#matched, this.#probedTo) + 1);
    this.#waitOn(this.#waitingMs);
  }

  becomeSnapshot(): void {
    this.#state = "snapshot";
    this.#losses = 0;
    this.#probedTo = toLogIndex(0);
    this.#waitingMs = null;
  }

  /** The transfer of the snapshot failed: the next is due when this wait is over. */
  failSnapshot(nowMs: Millis): void {
    assert(this.#state === "snapshot", () => `No snapshot for ${this.peer} in state ${this.#state}`);
    this.#waitingMs = nowMs;
  }

  /** Counts the wait anew from `sinceMs`, or ends it when nothing is in flight. */
  #waitOn(sinceMs: Millis | null): void {
    this.#waitingMs = this.inflight > 0 ? sinceMs : null;
  }
}

// When the history of a group's keys is forgotten without anybody asking: by count, by age, and to make room when the quota is
// nearly full. The leader decides; the floor rises by a command of the log, as when a client asks for it.

import { CodecError } from "../../proto/codec/codec-error.ts";
import { decodeGroupLimits, type GroupLimits, usualGroupLimits } from "../../proto/codec/group-limits.ts";
import { type Millis, type Revision, toMillis, toRevision } from "../../proto/ids.ts";
import type { GroupState } from "./group-state.ts";
import { limits } from "./limits.ts";
import { earliest, isDue } from "./millis.ts";

/** At this time the revision was the newest. */
interface Mark {
  readonly revision: Revision;
  readonly atMs: Millis;
}

export class Compactor {
  /** Oldest first; null: this member does not lead. */
  #marks: Mark[] | null = null;
  #lastMark: Mark | null = null;
  /** What was replaced before it has had its time. */
  #aged = toRevision(0);
  #proposed = toRevision(0);
  /** Until then what was proposed is waited for. */
  #retryMs: Millis | null = null;
  #wakeMs: Millis | null = null;
  #config: Uint8Array | null = null;
  #limits = usualGroupLimits;

  /** What there is counts as new: it is kept longer for it, never shorter. */
  lead(): void {
    this.#marks = [];
    this.#lastMark = null;
    this.#retryMs = null;
  }

  resign(): void {
    this.#marks = null;
    this.#wakeMs = null;
  }

  /** As the group's config object says. */
  limitsOf({ object }: GroupState): GroupLimits {
    if (this.#config !== object.config) this.#limits = readLimits(object.config);
    this.#config = object.config;
    return this.#limits;
  }

  /**
   * @param held oldest revision that a snapshot on its way is read at; null: none is on its way
   * @returns the revision to compact to, to be proposed now; null: none
   */
  plan(state: GroupState, held: Revision | null, nowMs: Millis): Revision | null {
    this.#wakeMs = null;
    if (this.#marks === null || state.lock !== null) return null;
    const markMs = this.#mark(this.#marks, state, nowMs);
    const agedMs = this.#age(this.#marks, this.limitsOf(state).historyMs, nowMs);
    const revision = this.#propose(state, held, nowMs);
    this.#wakeMs = earliest(markMs, agedMs, this.#retryMs);
    return revision;
  }

  /** Only of a leader: an idle group wakes twice, to forget what its last changes have replaced. */
  deadlineMs(): Millis | null {
    return this.#wakeMs;
  }

  #propose(state: GroupState, held: Revision | null, nowMs: Millis): Revision | null {
    const { floor } = state.mvcc;
    if (floor >= this.#proposed || isDue(this.#retryMs, nowMs)) this.#retryMs = null;
    if (this.#retryMs !== null) return null;
    const target = this.#target(state, held);
    if (target <= floor) return null;
    this.#proposed = target;
    this.#retryMs = toMillis(nowMs + limits.compactRetryMs);
    return target;
  }

  /**
   * Not past what is held, or a snapshot of a busy group would never reach its end; but when there is nothing else left to make
   * room with, the quota comes first.
   */
  #target(state: GroupState, held: Revision | null): Revision {
    const { floor } = state.mvcc;
    const ballast = this.#ballast(state);
    const wanted = toRevision(Math.max(this.#aged, this.#surplus(state), ballast));
    const isHeld = held !== null && (held > floor || (held === floor && ballast === 0));
    return isHeld ? toRevision(Math.min(wanted, held)) : wanted;
  }

  /** Marks the newest revision, no more often than is needed. @returns when it wants to mark what it has not yet */
  #mark(marks: Mark[], state: GroupState, nowMs: Millis): Millis | null {
    const { revision } = state.mvcc;
    if (revision === this.#lastMark?.revision) return null;
    const everyMs = this.limitsOf(state).historyMs / limits.historyMarks;
    const fromMs = this.#lastMark === null ? nowMs : toMillis(this.#lastMark.atMs + everyMs);
    if (nowMs < fromMs) return fromMs;
    this.#lastMark = { revision, atMs: nowMs };
    marks.push(this.#lastMark);
    return null;
  }

  /** @returns when the next mark has had its time */
  #age(marks: Mark[], historyMs: number, nowMs: Millis): Millis | null {
    const isOver = (mark: Mark | undefined) => mark !== undefined && nowMs >= mark.atMs + historyMs;
    while (isOver(marks[0])) this.#aged = (marks.shift() as Mark).revision;
    const oldest = marks[0];
    return oldest === undefined ? null : toMillis(oldest.atMs + historyMs);
  }

  /** By count, an eighth at a time: not with every write. */
  #surplus(state: GroupState): number {
    const { revision, floor } = state.mvcc;
    const { historyRevisions } = this.limitsOf(state);
    return revision - floor > (historyRevisions * 9) / 8 ? revision - historyRevisions : 0;
  }

  /** When nine tenths of the quota are full: the older half, once what was given up before is swept. */
  #ballast(state: GroupState): number {
    const { revision, floor, bytes, isSwept } = state.mvcc;
    if (!isSwept || bytes <= this.limitsOf(state).quotaBytes * 0.9) return 0;
    return floor + Math.ceil((revision - floor) / 2);
  }
}

/** A config that does not decode limits nothing that it would not limit by leaving it out. */
function readLimits(config: Uint8Array): GroupLimits {
  try {
    return decodeGroupLimits(config);
  } catch (reason) {
    if (!(reason instanceof CodecError)) throw reason;
    return usualGroupLimits;
  }
}

// Time as the leader of a group keeps it for the group's leases, on its own monotonic clock. It decides nothing that counts:
// what it holds to be over it proposes, and the log decides. It waits longer than a lease lasts, so that by any clock of the
// group, each within the rate bound, no lease ends before its time.
//
// Worked example, a bound of 5 %. A lease of 20 s is renewed at 0 and then no more. At 21,000 ms its 20 s are over by any clock.
// From 5,250 ms on 15 s are left, and the log is told so; a leader that takes over at 8,000 ms gives it these 15 s from its own
// beginning on, so that the change has prolonged its life by 2.75 s of that clock.
//
// A renewal moves the deadline and nothing else. It need not be logged while the log says that the whole time is left: then the
// next leader gives it all of it, from a later moment on. Source of the remaining times: etcd's lease checkpoints (issue 9395).

import { assert } from "../../proto/assert.ts";
import { type Millis, toMillis } from "../../proto/ids.ts";
import type { Lease, LeaseRef, LeaseRemaining } from "../../proto/leases.ts";

/** When each lease is to be looked at next; most are renewed before. */
export interface Timetable {
  set(lease: number, atMs: Millis): void;
  delete(lease: number): void;
  next(): Millis | null;
  /** Removes and returns what is due, earliest first, up to so many. */
  takeDue(nowMs: Millis, countMax: number): readonly number[];
}

export interface TimekeeperOptions {
  /** How much faster, as a share, one clock of the group may run than another. */
  readonly clockRateErrorMax: number;
  /** A proposal that nothing was heard of is made again after this. */
  readonly retryMs: number;
  /** How late a deadline counts as the leader's own stall: renewals that came meanwhile have that long to be heard. */
  readonly stallMs: number;
  /** Leases of one proposal; the others stay due. */
  readonly batchMax: number;
}

/** What is to be proposed. */
export interface DueLeases {
  readonly expired: readonly LeaseRef[];
  readonly checkpoints: readonly LeaseRemaining[];
}

interface Life {
  readonly id: number;
  readonly ttlMs: number;
  renewedAt: Lease["renewedAt"];
  /** On this leader's clock. */
  endsMs: number;
  /** What the log says is left, or will say when all that was proposed is committed. */
  loggedMs: number;
  /** Its end was proposed: whether it is renewed only the log can tell. */
  isEnding: boolean;
  wakeMs: number;
  /** A stall has put its end off once. */
  isSpared: boolean;
}

const usualCheckpointMs = { min: 5_000, max: 60_000 };

/** Most by which a change of the leader prolongs a lease. */
function checkpointIntervalMs(ttlMs: number): number {
  const { min, max } = usualCheckpointMs;
  return Math.min(ttlMs / 2, Math.max(min, Math.min(max, ttlMs / 20)));
}

export class Timekeeper {
  readonly #timetable: Timetable;
  readonly #options: TimekeeperOptions;
  readonly #lives = new Map<number, Life>();

  constructor(timetable: Timetable, options: TimekeeperOptions) {
    assert(options.clockRateErrorMax >= 0, () => `A clock rate error of ${options.clockRateErrorMax}`);
    this.#timetable = timetable;
    this.#options = options;
  }

  get size(): number {
    return this.#lives.size;
  }

  /** From now on it has what the log says is left; one that is known begins anew. */
  begin(lease: Lease, nowMs: Millis): void {
    const { id, ttlMs, renewedAt } = lease;
    const loggedMs = lease.remainingMs ?? ttlMs;
    const endsMs = nowMs + this.#stretched(loggedMs);
    const life = { id, ttlMs, renewedAt, endsMs, loggedMs, isEnding: false, wakeMs: endsMs, isSpared: false };
    this.#lives.set(id, life);
    this.#sleep(life, this.#nextMs(life));
  }

  /** A holder has asked for its renewal. Whether that counts is for the caller to confirm; it does no harm if not. */
  heard(id: number, nowMs: Millis): void {
    const life = this.#lives.get(id);
    if (life === undefined) return;
    life.endsMs = Math.max(life.endsMs, nowMs + this.#stretched(life.ttlMs));
    life.isSpared = false;
  }

  /** Whether a renewal would be forgotten by the next leader, or may come too late, unless the log has it. */
  mustLog(id: number): boolean {
    const life = this.#lives.get(id);
    return life === undefined || life.isEnding || life.loggedMs < life.ttlMs;
  }

  /** The end of a lease was refused for now. */
  kept(id: number): void {
    const life = this.#lives.get(id);
    if (life !== undefined) life.isEnding = false;
  }

  ended(id: number): void {
    this.#lives.delete(id);
    this.#timetable.delete(id);
  }

  /** What a lease has left at least, by any clock of the group: whole milliseconds. */
  leftMs(id: number, nowMs: Millis): number {
    const life = this.#lives.get(id);
    return life === undefined ? 0 : Math.floor(this.#leftOf(life, nowMs));
  }

  /**
   * What is to be proposed now. It counts as proposed, and comes again when nothing is heard of it.
   *
   * @param isHeld its end would be refused now: it is looked at again later
   */
  due(nowMs: Millis, isHeld: (id: number) => boolean): DueLeases {
    const expired: LeaseRef[] = [];
    const checkpoints: LeaseRemaining[] = [];
    for (const id of this.#timetable.takeDue(nowMs, this.#options.batchMax)) {
      const life = this.#lives.get(id);
      if (life === undefined) continue;
      if (nowMs < life.endsMs) this.#checkpoint(life, checkpoints, nowMs);
      else this.#end(life, expired, isHeld, nowMs);
    }
    return { expired, checkpoints };
  }

  /** When {@link due} has something to say; null: never. */
  deadlineMs(): Millis | null {
    return this.#timetable.next();
  }

  #end(life: Life, expired: LeaseRef[], isHeld: (id: number) => boolean, nowMs: Millis): void {
    const { stallMs, retryMs } = this.#options;
    const isLate = nowMs >= life.wakeMs + stallMs;
    if (isLate && !life.isSpared) {
      life.isSpared = true;
      return this.#sleep(life, nowMs + stallMs);
    }
    this.#sleep(life, nowMs + retryMs);
    if (isHeld(life.id)) return;
    life.isEnding = true;
    expired.push({ id: life.id, renewedAt: life.renewedAt });
  }

  #checkpoint(life: Life, checkpoints: LeaseRemaining[], nowMs: Millis): void {
    if (nowMs >= this.#checkpointDueMs(life)) {
      // Rounded up: never shorter than it has to be.
      const remainingMs = Math.ceil(this.#leftOf(life, nowMs));
      life.loggedMs = Math.min(life.loggedMs, remainingMs);
      checkpoints.push({ lease: { id: life.id, renewedAt: life.renewedAt }, remainingMs: life.loggedMs });
    }
    this.#sleep(life, this.#nextMs(life));
  }

  #nextMs(life: Life): number {
    return Math.min(life.endsMs, this.#checkpointDueMs(life));
  }

  /** When less is left than the log says, by an interval. */
  #checkpointDueMs({ ttlMs, loggedMs, endsMs }: Life): number {
    const atLeftMs = loggedMs - checkpointIntervalMs(ttlMs);
    return atLeftMs <= 0 ? Number.POSITIVE_INFINITY : endsMs - this.#stretched(atLeftMs);
  }

  #sleep(life: Life, untilMs: number): void {
    life.wakeMs = untilMs;
    this.#timetable.set(life.id, toMillis(untilMs));
  }

  #leftOf({ ttlMs, endsMs }: Life, nowMs: Millis): number {
    return Math.min(ttlMs, Math.max(0, (endsMs - nowMs) / (1 + this.#options.clockRateErrorMax)));
  }

  #stretched(durationMs: number): number {
    return durationMs * (1 + this.#options.clockRateErrorMax);
  }
}

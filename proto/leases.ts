// Leases as plain values: a promise of life that keys can be attached to. Whose time is over the group's manager decides by
// its own clock; the group's log decides whether that is so.

import type { LogIndex } from "./ids.ts";

/** A lease that has not ended. */
export interface Lease {
  /** 1 to 2^53 - 1 */
  readonly id: number;
  /** As granted. */
  readonly ttlMs: number;
  /** What the next manager has to give it at least; null: all of it. */
  readonly remainingMs: number | null;
  /** Where it was granted, or renewed in the log, last: tells two of one name apart, and what was decided before from now. */
  readonly renewedAt: LogIndex;
}

/** A lease as it was when something was decided on it: the decision counts only while it is as it was. */
export interface LeaseRef {
  readonly id: number;
  readonly renewedAt: LogIndex;
}

export interface LeaseRemaining {
  readonly lease: LeaseRef;
  readonly remainingMs: number;
}

/** What a client is told of a lease. */
export interface LeaseStatus {
  readonly id: number;
  readonly grantedTtlMs: number;
  /** Left, at least, by any clock of the group. */
  readonly ttlMs: number;
  /** Keys attached. */
  readonly keyCount: number;
}

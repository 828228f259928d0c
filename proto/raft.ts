// What members of one group say to each other to replicate its log. Plain values; the rules live in server/raft.
// Source: Ongaro's thesis ("Consensus: Bridging Theory and Practice"), chapters 3, 6.4 and 9.6.

import { assert } from "./assert.ts";
import type { LogIndex, NodeId, Term } from "./ids.ts";
import type { Mark } from "./membership.ts";

/** Names one entry for ever: no two entries of a group's history share (term, index). */
export interface EntryId {
  readonly term: Term;
  readonly index: LogIndex;
}

export interface Entry {
  readonly term: Term;
  readonly index: LogIndex;
  /**
   * Opaque to Raft, with two exceptions: empty for the entry with which a leader opens its term; beginning with a zero byte,
   * as no command does, for an entry about the log itself (see {@link isControl}). Not copied, never changed.
   */
  readonly payload: Uint8Array;
}

/** Whether the payload is an encoded `Control` (proto/codec/control.ts). */
export function isControl(payload: Uint8Array): boolean {
  return payload[0] === 0;
}

/**
 * A run of the log after `previous`. Guaranteed by {@link checkLogSlice}, which the codec and restart call:
 * 1. entries are contiguous, the first at `previous.index + 1`;
 * 2. terms never fall, and none is below `previous.term`;
 * 3. `previous.term` is 0 exactly when `previous.index` is 0.
 */
export interface LogSlice {
  readonly previous: EntryId;
  readonly entries: readonly Entry[];
}

/** What must be durable before any promise that follows from it. */
export interface HardState {
  readonly term: Term;
  readonly vote: NodeId | null;
  /** Of a witness: for whom it stands in; null: for nobody, and on every other member. */
  readonly standIn: StandIn | null;
}

/** A leader's word that, from here on in its term, entries are committed by all of these owners and the witness's vote. */
export interface StandIn extends Mark {
  readonly owners: readonly NodeId[];
}

export type RaftMessage =
  /** Thesis 9.6: would you vote for me in `term`? Changes nothing at the receiver. */
  | {
      readonly type: "preVote";
      readonly term: Term;
      readonly last: EntryId;
      readonly subterm: number;
      readonly isTransfer: boolean;
    }
  | { readonly type: "preVoteReply"; readonly term: Term; readonly granted: boolean }
  /** `subterm`: of the log's end, within the term of `last`. `isTransfer`: the leader itself asked for this election. */
  | {
      readonly type: "vote";
      readonly term: Term;
      readonly last: EntryId;
      readonly subterm: number;
      readonly isTransfer: boolean;
    }
  | { readonly type: "voteReply"; readonly term: Term; readonly granted: boolean }
  | { readonly type: "append"; readonly term: Term; readonly slice: LogSlice; readonly commit: LogIndex }
  /** `matched`: the follower's log equals the leader's up to here, durably. */
  | { readonly type: "appendReply"; readonly term: Term; readonly matched: LogIndex }
  /**
   * `rejected` is the index of the previous entry that did not match; `last` hints where the follower's log may match.
   * `isBlank`: the follower has received nothing yet, and needs the state that comes before the first entry.
   */
  | {
      readonly type: "appendReject";
      readonly term: Term;
      readonly rejected: LogIndex;
      readonly last: EntryId;
      readonly isBlank: boolean;
    }
  /** Leader to follower: I lead `term`. `round` numbers the leader's confirmation rounds within the term. */
  | {
      readonly type: "beat";
      readonly term: Term;
      readonly round: number;
      readonly commit: LogIndex;
      readonly last: LogIndex;
    }
  /** `matched` as in `appendReply`, 0 when the follower does not know. */
  | { readonly type: "beatReply"; readonly term: Term; readonly round: number; readonly matched: LogIndex }
  /** Leader to a voter that holds its whole log: ask for votes now (thesis 3.10). */
  | { readonly type: "timeoutNow"; readonly term: Term }
  /** Leader to the witness: see {@link StandIn}. */
  | { readonly type: "standIn"; readonly term: Term; readonly subterm: number; readonly owners: readonly NodeId[] }
  | { readonly type: "standInReply"; readonly term: Term; readonly subterm: number };

const asking: ReadonlySet<RaftMessage["type"]> = new Set([
  "preVote",
  "vote",
  "append",
  "beat",
  "standIn",
  "timeoutNow",
]);

/** Whether whoever sends it leads, or wants to; every other message answers one of these. */
export function asks({ type }: RaftMessage): boolean {
  return asking.has(type);
}

/** Checks the three guarantees of {@link LogSlice}; a slice that breaks one was corrupted or forged. */
export function checkLogSlice(slice: LogSlice): void {
  const { previous, entries } = slice;
  assert((previous.term === 0) === (previous.index === 0), () => `Slice after (${previous.term}, ${previous.index})`);
  let { term, index } = previous as { term: number; index: number };
  for (const entry of entries) {
    assert(entry.index === index + 1, () => `Entry ${entry.index} follows ${index}`);
    assert(entry.term >= term, () => `Term ${entry.term} of entry ${entry.index} follows term ${term}`);
    index = entry.index;
    term = entry.term;
  }
}

// Sessions: under the identity that a client gives a request it is carried out once, however often it comes. What a group
// keeps of it is small: which outcome it was, never the values that were answered.

import type { Failure } from "./errors.ts";
import type { Incarnation, LogIndex, NodeId, Revision } from "./ids.ts";
import type { Decision, TransactionId } from "./transactions.ts";

export interface RequestIdentity {
  readonly session: string;
  /** 1 or more. */
  readonly sequence: number;
}

export interface SessionRecord {
  readonly session: string;
  /** How long it is remembered after its last request. */
  readonly ttlMs: number;
  /** Sequences up to here are too old to be told apart, whatever the highest is. */
  readonly floor: number;
}

export type RememberedOutcome =
  /** Also for good: a first attempt that comes late must not do what its repetition was refused. */
  | { readonly type: "refused"; readonly failure: Failure }
  | { readonly type: "decided" }
  /** `replaced`: keys that there were before. */
  | { readonly type: "written"; readonly revision: Revision; readonly replaced: number }
  /** `isMade`: it made the revision; else it read there. */
  | {
      readonly type: "transacted";
      readonly succeeded: boolean;
      readonly revision: Revision;
      readonly isMade: boolean;
    }
  /** A transaction over several groups that is not decided yet. */
  | { readonly type: "begun"; readonly id: TransactionId }
  | {
      readonly type: "concluded";
      readonly id: TransactionId;
      readonly decision: Decision;
      readonly revision: Revision;
      readonly isMade: boolean;
    }
  | { readonly type: "leaseGranted"; readonly id: number; readonly ttlMs: number }
  /** `deleted`: keys. */
  | { readonly type: "leaseRevoked"; readonly revision: Revision; readonly deleted: number }
  /** Owners that a client wants, and that the group has not had since. */
  | { readonly type: "ownersWanted"; readonly owners: readonly NodeId[] }
  /** `index`: of the change in the group's log. */
  | { readonly type: "ownersSet"; readonly index: LogIndex };

export interface RememberedAnswer {
  readonly identity: RequestIdentity;
  /** Of the request, 16 hexadecimal digits: another one does not get the answer. */
  readonly digest: string;
  /** Of the group, when it was carried out. */
  readonly incarnation: Incarnation;
  /** In the group's log. */
  readonly index: LogIndex;
  readonly outcome: RememberedOutcome;
}

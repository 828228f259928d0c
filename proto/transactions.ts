// What a transaction asks of one group, and what it is answered: conditions, and what to do when all hold or one does not.
// The wire forms are in bailiwick/peer/v1/transaction.proto; of clients, in bailiwick/v1/transaction.proto.

import type { Epoch, GroupId, Incarnation, LogIndex, Revision } from "./ids.ts";
import type { KeySpan, KeyValue, OwnerIntent } from "./model.ts";

/** How a property of a key must stand to the operand. */
export type Relation = "equal" | "notEqual" | "greater" | "less";

/** A key that does not exist has version, revisions and lease 0, and no value: a comparison of its value does not hold. */
export type Operand =
  | { readonly type: "value"; readonly value: Uint8Array }
  | { readonly type: "version"; readonly number: number }
  | { readonly type: "createRevision"; readonly number: number }
  | { readonly type: "modRevision"; readonly number: number }
  | { readonly type: "lease"; readonly number: number };

export type Target =
  | { readonly type: "key"; readonly key: Uint8Array }
  /** Every key that exists there; none holds. */
  | { readonly type: "span"; readonly span: KeySpan };

export interface Comparison {
  readonly target: Target;
  readonly relation: Relation;
  readonly operand: Operand;
}

export type Operation =
  | { readonly type: "get"; readonly key: Uint8Array }
  | {
      readonly type: "list";
      readonly span: KeySpan;
      readonly limit: number;
      readonly keysOnly: boolean;
      readonly countOnly: boolean;
    }
  | {
      readonly type: "put";
      readonly key: Uint8Array;
      readonly value: Uint8Array;
      readonly lease: number;
      readonly returnPrevious: boolean;
    }
  | { readonly type: "delete"; readonly span: KeySpan; readonly returnPrevious: boolean }
  /** Never of a client: what operators want of an owner of the group. */
  | IntendOperation;

export type IntendOperation = { readonly type: "intend" } & OwnerIntent;

/** Of the operation of the same type. */
export type OperationResult =
  | { readonly type: "get"; readonly kv: KeyValue | null }
  | { readonly type: "list"; readonly kvs: readonly KeyValue[]; readonly more: boolean; readonly count: number }
  | { readonly type: "put"; readonly previous: KeyValue | null }
  | { readonly type: "delete"; readonly deleted: number; readonly previous: readonly KeyValue[] }
  | { readonly type: "intend" };

/**
 * What one group does. All operations of a branch see the state before the transaction; no key is written twice in a branch.
 */
export interface Part {
  readonly group: GroupId;
  readonly comparisons: readonly Comparison[];
  /** null: whoever owns the group */
  readonly fence: Epoch | null;
  /** When all comparisons of all parts hold. */
  readonly success: readonly Operation[];
  readonly failure: readonly Operation[];
}

/** A transaction over several groups: its record in the log of the group that coordinates it, which is one of them. */
export interface TransactionId {
  readonly group: GroupId;
  readonly incarnation: Incarnation;
  readonly index: LogIndex;
}

/** Which branch is carried out by all groups, or that none is. */
export type Decision = "success" | "failure" | "aborted";

/** Of a group that is ready to carry out either branch: nothing that its part has to do with changes until it is decided. */
export interface Vote {
  /** Whether its comparisons hold. */
  readonly holds: boolean;
  readonly success: readonly OperationResult[];
  readonly failure: readonly OperationResult[];
}

/** What the coordinating group keeps, until all others have carried out the decision. */
export interface TransactionRecord {
  readonly id: TransactionId;
  /** All that take part, this one among them. */
  readonly groups: readonly GroupId[];
  /** null: not decided yet */
  readonly decision: Decision | null;
}

/** What a group has promised to carry out. */
export interface PreparedTransaction {
  readonly id: TransactionId;
  readonly part: Part;
}

/** Transactions of one coordinating group that are over for this one: whoever brings them up again comes too late. */
export interface ClosedTransactions {
  readonly group: GroupId;
  readonly incarnation: Incarnation;
  /** All below are over. */
  readonly floor: LogIndex;
  /** Those from `floor` on that are over, and the revision that each made here; 0: none. */
  readonly closed: readonly { readonly index: LogIndex; readonly revision: Revision }[];
}

/** What a group has done of a transaction. */
export interface PartResult {
  readonly group: GroupId;
  /** 0: not known any more, of another group than the one that answers a repetition. */
  readonly incarnation: Incarnation;
  /** That the transaction made there, or at which it read; 0: it will be carried out, and was not yet. */
  readonly revision: Revision;
  /** One for each operation of the branch that was carried out. */
  readonly results: readonly OperationResult[];
}

function isWrite({ type }: Operation): boolean {
  return type === "put" || type === "delete" || type === "intend";
}

/** Neither branch changes anything. */
export function isReadOnly({ success, failure }: Part): boolean {
  return !success.some(isWrite) && !failure.some(isWrite);
}

/** Bytes of keys and values that it carries. */
export function bytesOfPart({ comparisons, success, failure }: Part): number {
  let bytes = 0;
  for (const { target, operand } of comparisons) {
    bytes += target.type === "key" ? target.key.byteLength : bytesOfSpan(target.span);
    if (operand.type === "value") bytes += operand.value.byteLength;
  }
  for (const operation of [...success, ...failure]) bytes += bytesOfOperation(operation);
  return bytes;
}

/** What its puts would add at most, in the larger branch. */
export function growthOf({ success, failure }: Part): number {
  const put = (branch: readonly Operation[]) =>
    branch.reduce((sum, operation) => sum + (operation.type === "put" ? bytesOfOperation(operation) : 0), 0);
  return Math.max(put(success), put(failure));
}

function bytesOfOperation(operation: Operation): number {
  if (operation.type === "get") return operation.key.byteLength;
  if (operation.type === "intend") return 0;
  return operation.type === "put" ? operation.key.byteLength + operation.value.byteLength : bytesOfSpan(operation.span);
}

function bytesOfSpan({ start, end }: KeySpan): number {
  return start.byteLength + (end?.byteLength ?? 0);
}

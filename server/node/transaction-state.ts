// What a group holds of transactions over several groups: those that it coordinates, those that it has prepared, and which of
// other coordinators' are over. A part of the group's replicated state; keys are read and written by others.

import { assert } from "../../proto/assert.ts";
import {
  decodeClosedTransactions,
  decodePreparedTransaction,
  decodeTransactionRecord,
  encodeClosedTransactions,
  encodePreparedTransaction,
  encodeTransactionRecord,
} from "../../proto/codec/records.ts";
import { type GroupId, type Incarnation, type LogIndex, type Revision, toLogIndex } from "../../proto/ids.ts";
import type { StateRow } from "../../proto/messages.ts";
import type {
  ClosedTransactions,
  Decision,
  PreparedTransaction,
  TransactionId,
  TransactionRecord,
} from "../../proto/transactions.ts";
import { bytesOf } from "../../storage/bytes.ts";
import type { StateTable } from "../../storage/keys.ts";
import { close, isClosed, revisionOf } from "../txn/closed.ts";
import { type Footprint, footprintOf, Locks } from "../txn/locks.ts";
import { limits } from "./limits.ts";
import type { StateRows } from "./state-rows.ts";

export class TransactionState {
  readonly #rows: StateRows;
  readonly #coordinated = new Map<string, TransactionRecord>();
  readonly #prepared = new Map<string, PreparedTransaction>();
  readonly #closed = new Map<GroupId, ClosedTransactions>();
  readonly #locks = new Locks<string>();

  constructor(rows: StateRows) {
    this.#rows = rows;
  }

  /** Those that this group coordinates, oldest first. */
  get coordinated(): readonly TransactionRecord[] {
    return [...this.#coordinated.values()];
  }

  /** Those that it has promised to carry out, its own part of those that it coordinates among them. */
  get prepared(): readonly PreparedTransaction[] {
    return [...this.#prepared.values()];
  }

  get open(): number {
    return this.#coordinated.size + this.#prepared.size;
  }

  /** Something that operators want of an owner is promised. */
  get areOwnersHeld(): boolean {
    return this.prepared.some(({ part }) => footprintOf(part).owners.length > 0);
  }

  get isFull(): boolean {
    return this.#prepared.size >= limits.transactionsOpenMax;
  }

  /** Some may keep others from their keys: see {@link TransactionState.conflict}. */
  get holdsKeys(): boolean {
    return this.#prepared.size > 0;
  }

  record(id: TransactionId): TransactionRecord | null {
    return this.#coordinated.get(nameOf(id)) ?? null;
  }

  /** Every transaction that this group has coordinated in an incarnation is over below it. @param applied index */
  floor(incarnation: Incarnation, applied: LogIndex): LogIndex {
    let floor = applied + 1;
    for (const { id } of this.#coordinated.values())
      if (id.incarnation === incarnation) floor = Math.min(floor, id.index);
    return toLogIndex(floor);
  }

  find(id: TransactionId): PreparedTransaction | null {
    return this.#prepared.get(nameOf(id)) ?? null;
  }

  isCoordinated(name: string): boolean {
    return this.#coordinated.has(name);
  }

  isPrepared(name: string): boolean {
    return this.#prepared.has(name);
  }

  isClosed(id: TransactionId): boolean {
    return isClosed(this.#closed.get(id.group) ?? null, id);
  }

  /** That a transaction which is over made here; null: none, or not known. */
  revisionOf(id: TransactionId): Revision | null {
    return revisionOf(this.#closed.get(id.group) ?? null, id);
  }

  /** The prepared transaction that keeps others from these keys; null: none. */
  conflict(footprint: Footprint): PreparedTransaction | null {
    const holder = this.#locks.conflict(footprint);
    return holder === null ? null : (this.#prepared.get(holder) ?? null);
  }

  begin(record: TransactionRecord): void {
    const name = nameOf(record.id);
    this.#coordinated.set(name, record);
    this.#rows.set("coordinated", bytesOf(name), encodeTransactionRecord(record));
  }

  prepare(transaction: PreparedTransaction): void {
    this.#remember(transaction);
    this.#rows.set("prepared", bytesOf(nameOf(transaction.id)), encodePreparedTransaction(transaction));
  }

  /** Its part is carried out, or dropped. */
  release(id: TransactionId): void {
    const name = nameOf(id);
    this.#locks.release(name);
    if (this.#prepared.delete(name)) this.#rows.delete("prepared", bytesOf(name));
  }

  decide(id: TransactionId, decision: Decision): void {
    const record = this.record(id);
    assert(record !== null && record.decision === null, () => `Transaction ${nameOf(id)} cannot be decided`);
    this.begin({ ...record, decision });
  }

  forget(id: TransactionId): void {
    const name = nameOf(id);
    if (this.#coordinated.delete(name)) this.#rows.delete("coordinated", bytesOf(name));
  }

  /** Of another coordinator. */
  close(id: TransactionId, over: { readonly revision: Revision; readonly floor: LogIndex }): void {
    const closedMax = limits.transactionsClosedMax;
    const closed = close(this.#closed.get(id.group) ?? null, id, { ...over, closedMax });
    this.#closed.set(id.group, closed);
    this.#rows.set("closed", bytesOf(id.group), encodeClosedTransactions(closed));
  }

  /** Takes in a row that is on disk already. @throws {CodecError} when it is damaged */
  restore(table: StateTable, { value }: Pick<StateRow, "value">): void {
    if (table === "coordinated") {
      const record = decodeTransactionRecord(value);
      this.#coordinated.set(nameOf(record.id), record);
    } else if (table === "prepared") {
      this.#remember(decodePreparedTransaction(value));
    } else if (table === "closed") {
      const closed = decodeClosedTransactions(value);
      this.#closed.set(closed.group, closed);
    }
  }

  /** Goes on with all that another state holds: in another incarnation, with rows of its own. */
  takeOver(old: TransactionState): void {
    for (const record of old.#coordinated.values()) this.begin(record);
    for (const transaction of old.#prepared.values()) this.prepare(transaction);
    for (const [group, closed] of old.#closed) {
      this.#closed.set(group, closed);
      this.#rows.set("closed", bytesOf(group), encodeClosedTransactions(closed));
    }
  }

  #remember(transaction: PreparedTransaction): void {
    const name = nameOf(transaction.id);
    this.#prepared.set(name, transaction);
    this.#locks.hold(name, footprintOf(transaction.part));
  }
}

/** Names of groups hold no blank. */
export function nameOf({ group, incarnation, index }: TransactionId): string {
  return `${group} ${incarnation} ${index}`;
}

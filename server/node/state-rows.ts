// The rows of one replica's state: every change goes at once into the running state hash and into the step's write.
// The hash covers what the state *is*: small rows and the present value of each key. History is left out, because a replica
// that was restored from a snapshot has less of it.

import type { StateRow } from "../../proto/messages.ts";
import type { KeyValue } from "../../proto/model.ts";
import { textOf } from "../../storage/bytes.ts";
import { type Hash64, RowHash } from "../../storage/hash.ts";
import { rowOfSlot, type Slot, type StateTable, stateKey, tailOfRow, versionKey } from "../../storage/keys.ts";
import type { KeyEvent, VersionId, VersionRow } from "../../storage/mvcc/types.ts";
import { encodeVersion } from "../../storage/mvcc/versions.ts";
import type { Operation } from "../../storage/ordered-store.ts";

/** Of what the state hash covers, and how: hashes of two formats are never compared. */
export const stateFormat = 1;

export class StateRows {
  readonly slot: Slot;
  readonly #hash = new RowHash();
  /** By the key without its slot. */
  readonly #small = new Map<string, StateRow>();
  #operations: Operation[] = [];

  constructor(slot: Slot) {
    this.slot = slot;
  }

  /** Sets one small row. */
  set(table: StateTable, key: Uint8Array, value: Uint8Array): void {
    const row = stateKey(this.slot, table, key);
    this.#forget(row);
    this.#remember(tailOfRow(row), value);
    this.#operations.push({ type: "put", key: row, value });
  }

  delete(table: StateTable, key: Uint8Array): void {
    const row = stateKey(this.slot, table, key);
    if (this.#forget(row)) this.#operations.push({ type: "delete", key: row });
  }

  /** One revision of the keys: its rows, and what each of them did to its key. */
  setKeys(rows: readonly VersionRow[], events: readonly KeyEvent[]): void {
    for (let at = 0; at < events.length; at++) {
      const { key, kv, previous } = events[at] as KeyEvent;
      const row = rows[at] as VersionRow;
      if (previous !== null) this.#hash.remove(key, hashedForm(previous));
      // The form that is hashed is the one that is stored.
      if (kv !== null) this.#hash.add(key, row.value);
      this.#put(row);
    }
  }

  /** The keys of a state that goes on here without its history. */
  takeKeys(rows: readonly VersionRow[], present: readonly KeyValue[]): void {
    for (const kv of present) this.restoreKey(kv);
    for (const row of rows) this.#put(row);
  }

  /** Deletes versions that can no longer be read. */
  dropVersions(versions: readonly VersionId[]): void {
    for (const { revision, ordinal } of versions) {
      this.#operations.push({ type: "delete", key: versionKey(this.slot, revision, ordinal) });
    }
  }

  /** Takes in a small row that is on disk already. */
  restoreSmall(row: StateRow): void {
    this.#remember(row.key, row.value);
  }

  restoreKey(kv: KeyValue): void {
    this.#hash.add(kv.key, hashedForm(kv));
  }

  /** All small rows, keys without their slot; safe to keep. */
  smallRows(): readonly StateRow[] {
    return [...this.#small.values()];
  }

  /** Writes every small row again: for a state that has never been written. */
  rewrite(): void {
    for (const { key, value } of this.#small.values()) {
      this.#operations.push({ type: "put", key: rowOfSlot(this.slot, key), value });
    }
  }

  /** The state hash as a number. */
  get hash(): Hash64 {
    return this.#hash.value;
  }

  /**
   * What the state hash would have been at an earlier moment, had the rows then been damaged as they are now: hashes are
   * sums, and the difference is that of the rows counted anew. `then` itself, unless the memory has changed by itself.
   *
   * @param present every key's present value
   */
  hashAsHeld(then: Hash64, present: readonly KeyValue[]): Hash64 {
    const held = new RowHash();
    for (const { key, value } of this.#small.values()) held.add(key, value);
    for (const kv of present) held.add(kv.key, hashedForm(kv));
    held.removeAll(this.hash);
    held.addAll(then);
    return held.value;
  }

  /** State hash: 16 hexadecimal digits. */
  digest(): string {
    return this.#hash.digest();
  }

  /** What has changed since the last call, for the step's write. */
  takeOperations(): readonly Operation[] {
    const operations = this.#operations;
    this.#operations = [];
    return operations;
  }

  #put({ revision, ordinal, value }: VersionRow): void {
    this.#operations.push({ type: "put", key: versionKey(this.slot, revision, ordinal), value });
  }

  #remember(tail: Uint8Array, value: Uint8Array): void {
    this.#hash.add(tail, value);
    this.#small.set(textOf(tail), { key: tail, value });
  }

  #forget(row: Uint8Array): boolean {
    const tail = tailOfRow(row);
    const before = this.#small.get(textOf(tail));
    if (before === undefined) return false;
    this.#hash.remove(tail, before.value);
    return this.#small.delete(textOf(tail));
  }
}

function hashedForm(kv: KeyValue): Uint8Array {
  return encodeVersion(kv.key, kv);
}

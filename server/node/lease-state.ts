// The leases of a group, and which keys are attached to each. A part of the group's replicated state: leases are rows; the keys
// follow from what each present key says itself.

import { decodeLease, encodeLease } from "../../proto/codec/records.ts";
import type { Lease } from "../../proto/leases.ts";
import type { StateRow } from "../../proto/messages.ts";
import type { KeyValue } from "../../proto/model.ts";
import { compareBytes, textOf, writeUint64 } from "../../storage/bytes.ts";
import type { StateTable } from "../../storage/keys.ts";
import type { KeyEvent } from "../../storage/mvcc/types.ts";
import { SortedMap } from "../../storage/sorted-map.ts";
import { limits } from "./limits.ts";
import type { StateRows } from "./state-rows.ts";

/** Digits of the largest id, so that texts are ordered as the numbers are. */
const idDigits = 16;

export class LeaseState {
  readonly #rows: StateRows;
  readonly #leases = new SortedMap<Lease>();
  /** By the key's text. */
  readonly #keys = new Map<number, Map<string, Uint8Array>>();

  constructor(rows: StateRows) {
    this.#rows = rows;
  }

  get size(): number {
    return this.#leases.size;
  }

  get isFull(): boolean {
    return this.#leases.size >= limits.leasesMax;
  }

  get(id: number): Lease | null {
    return this.#leases.get(textOfId(id)) ?? null;
  }

  /** By id; those above `after`. */
  *above(after: number): Generator<Lease, void, undefined> {
    for (const [, lease] of this.#leases.entries(textOfId(after + 1), null)) yield lease;
  }

  /** Keys attached, in byte order: the order in which every replica deletes them. */
  keysOf(id: number): readonly Uint8Array[] {
    return [...(this.#keys.get(id)?.values() ?? [])].sort(compareBytes);
  }

  keyCountOf(id: number): number {
    return this.#keys.get(id)?.size ?? 0;
  }

  set(lease: Lease): void {
    this.#leases.set(textOfId(lease.id), lease);
    this.#rows.set("leases", rowKeyOf(lease.id), encodeLease(lease));
  }

  delete(id: number): void {
    if (this.#leases.delete(textOfId(id))) this.#rows.delete("leases", rowKeyOf(id));
  }

  /** Keys have changed. */
  follow(events: readonly KeyEvent[]): void {
    for (const { kv, previous } of events) {
      if (previous !== null) this.#detach(previous);
      if (kv !== null) this.attach(kv);
    }
  }

  attach({ key, lease }: KeyValue): void {
    if (lease === 0) return;
    const keys = this.#keys.get(lease) ?? new Map<string, Uint8Array>();
    this.#keys.set(lease, keys);
    keys.set(textOf(key), key);
  }

  /** Takes in a row that is on disk already. @throws {CodecError} when it is damaged */
  restore(table: StateTable, { value }: Pick<StateRow, "value">): void {
    if (table !== "leases") return;
    const lease = decodeLease(value);
    this.#leases.set(textOfId(lease.id), lease);
  }

  /**
   * Goes on with all that another state holds, in another incarnation: each lease with its whole time, for a renewal that was
   * acknowledged may be among what is lost.
   */
  takeOver(old: LeaseState): void {
    for (const lease of old.above(0)) this.set({ ...lease, remainingMs: null });
    for (const [id, keys] of old.#keys) this.#keys.set(id, new Map(keys));
  }

  #detach({ key, lease }: KeyValue): void {
    const keys = this.#keys.get(lease);
    keys?.delete(textOf(key));
    if (keys?.size === 0) this.#keys.delete(lease);
  }
}

function textOfId(id: number): string {
  return String(id).padStart(idDigits, "0");
}

function rowKeyOf(id: number): Uint8Array {
  const key = new Uint8Array(8);
  writeUint64(key, 0, id);
  return key;
}

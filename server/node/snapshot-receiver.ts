// Takes in one group's state part by part, under a slot of its own: nothing that is in force is touched before the last
// part has arrived and the whole has the announced state hash.

import type { NodeId } from "../../proto/ids.ts";
import type { PeerMessage, StateRow } from "../../proto/messages.ts";
import type { EntryId } from "../../proto/raft.ts";
import { rowOfSlot, type Slot } from "../../storage/keys.ts";
import type { Operation } from "../../storage/ordered-store.ts";
import { type ReplicaRows, sortOut } from "./replica-rows.ts";

type Part = PeerMessage & { readonly type: "snapshotPart" };

export class SnapshotReceiver {
  readonly slot: Slot;
  readonly from: NodeId;
  readonly last: EntryId;
  readonly #rows: StateRow[] = [];
  #next = 0;

  constructor(slot: Slot, from: NodeId, last: EntryId) {
    this.slot = slot;
    this.from = from;
    this.last = last;
  }

  /** The part that is wanted. */
  get next(): number {
    return this.#next;
  }

  continues(from: NodeId, part: Part): boolean {
    return from === this.from && part.last.index === this.last.index && part.last.term === this.last.term;
  }

  /** @returns rows to write when the part is the one that is wanted; null for a repeat or a gap */
  take(part: Part): readonly Operation[] | null {
    if (part.sequence !== this.#next) return null;
    this.#next += 1;
    for (const row of part.rows) this.#rows.push(row);
    return part.rows.map(({ key, value }) => ({ type: "put", key: rowOfSlot(this.slot, key), value }));
  }

  /** All rows, sorted out, when the final part was taken; a string says what is wrong with them. */
  finish(): ReplicaRows | string {
    return sortOut(this.slot, this.#rows);
  }
}

// Sends one group's state to a follower that is behind the log: part by part, the next when the last was taken in. The
// state is pinned at a revision, so the group goes on writing meanwhile.

import { encodeAppliedRecord } from "../../proto/codec/records.ts";
import { type Millis, type NodeId, type Revision, type Term, toMillis } from "../../proto/ids.ts";
import type { Addressed, PeerMessage, StateRow } from "../../proto/messages.ts";
import type { AppliedRecord } from "../../proto/model.ts";
import { emptyBytes } from "../../storage/bytes.ts";
import { stateKey, tailOfRow } from "../../storage/keys.ts";
import type { ReplicatedState } from "./applier.ts";
import { limits } from "./limits.ts";

type Part = PeerMessage & { readonly type: "snapshotPart" };

export class SnapshotSender {
  readonly peer: NodeId;
  readonly record: AppliedRecord;
  readonly #address: Addressed;
  readonly #term: Term;
  readonly #state: ReplicatedState<unknown>;
  /** Those that are still to be sent. */
  #small: readonly StateRow[];
  #part: Part;
  /** Behind which key the next part begins; null after the last. */
  #cursor: Uint8Array | null = null;
  #sentMs: Millis;
  /** When the follower last took a part in. */
  #takenMs: Millis;

  constructor(
    to: { readonly peer: NodeId; readonly address: Addressed; readonly term: Term },
    state: ReplicatedState<unknown>,
    record: AppliedRecord,
    nowMs: Millis,
  ) {
    this.peer = to.peer;
    this.#address = to.address;
    this.#term = to.term;
    this.#state = state;
    // The follower's history begins where the snapshot was taken.
    this.record = { ...record, floor: record.revision };
    this.#sentMs = nowMs;
    this.#takenMs = nowMs;
    this.#small = this.#smallRows();
    this.#part = this.#partOf(0, this.#takeSmall(), false);
  }

  /** The part under way. */
  get message(): PeerMessage {
    return this.#part;
  }

  /** At which the parts still to come are read; null: the last is under way. */
  get heldRevision(): Revision | null {
    return this.#part.final ? null : this.record.revision;
  }

  /**
   * The follower wants part `next`.
   *
   * @returns what to do: send `message`, or the transfer is over one way or the other
   */
  acknowledged(next: number, nowMs: Millis): "send" | "wait" | "installed" | "failed" {
    if (next === this.#part.sequence + 1 && this.#part.final) return "installed";
    if (next === 0 && this.#part.sequence > 0) return "failed";
    if (next !== this.#part.sequence + 1) return "wait";
    this.#takenMs = nowMs;
    const part = this.#nextPart();
    if (part === null) return "failed";
    this.#part = part;
    this.#sentMs = nowMs;
    return "send";
  }

  /** @returns whether the part is to be sent again, or nothing goes on: answers that ask for another part count nothing */
  late(nowMs: Millis): "send" | "wait" | "failed" {
    if (nowMs >= this.#takenMs + limits.snapshotSilenceMs) return "failed";
    if (nowMs < this.#sentMs + limits.snapshotResendMs) return "wait";
    this.#sentMs = nowMs;
    return "send";
  }

  deadlineMs(): Millis {
    return toMillis(Math.min(this.#sentMs + limits.snapshotResendMs, this.#takenMs + limits.snapshotSilenceMs));
  }

  #smallRows(): readonly StateRow[] {
    const { rows } = this.#state;
    const applied = tailOfRow(stateKey(rows.slot, "applied", emptyBytes));
    return [...rows.smallRows(), { key: applied, value: encodeAppliedRecord(this.record) }];
  }

  #takeSmall(): readonly StateRow[] {
    const count = rowsOfPart(this.#small);
    const taken = this.#small.slice(0, count);
    this.#small = this.#small.slice(count);
    return taken;
  }

  #nextPart(): Part | null {
    if (this.#small.length > 0) return this.#partOf(this.#part.sequence + 1, this.#takeSmall(), false);
    const { revision } = this.record;
    const page = this.#state.versionPage(revision, this.#cursor, limits.snapshotPartBytes);
    if (page === null) return null;
    this.#cursor = page.next;
    return this.#partOf(this.#part.sequence + 1, page.rows, page.next === null);
  }

  #partOf(sequence: number, rows: readonly StateRow[], final: boolean): Part {
    const { term, index, stateHash } = this.record;
    const last = { term, index };
    return { type: "snapshotPart", ...this.#address, term: this.#term, last, sequence, rows, final, stateHash };
  }
}

/** How many go together: the last of them makes the part full, for that of a transaction may be larger than a part. */
function rowsOfPart(rows: readonly StateRow[]): number {
  let count = 0;
  for (let bytes = 0; count < rows.length && count < limits.snapshotRowsMax; count++) {
    if (bytes >= limits.snapshotPartBytes) break;
    const { key, value } = rows[count] as StateRow;
    bytes += key.byteLength + value.byteLength;
  }
  return count;
}

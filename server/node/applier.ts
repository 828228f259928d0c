// A replicated state with the point of the log that it has reached. Entries go in one by one, in order; rows and applied
// record come out together (invariant 5).

import { assert } from "../../proto/assert.ts";
import { encodeAppliedRecord } from "../../proto/codec/records.ts";
import type { LogIndex, Revision } from "../../proto/ids.ts";
import type { StateRow } from "../../proto/messages.ts";
import type { AppliedRecord } from "../../proto/model.ts";
import { type Entry, type EntryId, isControl } from "../../proto/raft.ts";
import { emptyBytes } from "../../storage/bytes.ts";
import { stateKey } from "../../storage/keys.ts";
import type { Operation } from "../../storage/ordered-store.ts";
import { HashTrail } from "./hash-trail.ts";
import type { MembersRow } from "./members-row.ts";
import type { StateRows } from "./state-rows.ts";

/** A page of a state's versions of keys; `next` null: the last. `null`: compacted meanwhile, begin again. */
export type VersionPage = { readonly rows: readonly StateRow[]; readonly next: Uint8Array | null } | null;

export interface ReplicatedState<Outcome> {
  readonly rows: StateRows;
  /** Of the keys: newest and oldest readable; 1 and 1 for a state without keys. */
  readonly mvcc: { readonly revision: Revision; readonly floor: Revision };
  /** Who belongs to the group, as of what is applied. */
  readonly members: MembersRow;
  /** Applies the payload of one committed entry. */
  applyEntry(entry: Entry): Outcome;
  /** An entry has changed `members`. */
  membersChanged(index: LogIndex): void;
  /** Does some of the cleaning that is left; true: there is more. */
  sweep(versionsMax: number): boolean;
  /** What a snapshot as of revision `at` holds besides the small rows, from behind the key `after`. */
  versionPage(at: Revision, after: Uint8Array | null, bytesMax: number): VersionPage;
}

export class Applier<Outcome, State extends ReplicatedState<Outcome>> {
  readonly state: State;
  /** State hashes at the newest applied indexes. */
  readonly trail: HashTrail;
  #applied: EntryId;

  /** @param applied how far `state` covers the log */
  constructor(state: State, applied: EntryId) {
    this.state = state;
    this.#applied = { term: applied.term, index: applied.index };
    this.trail = new HashTrail(applied.index, state.rows.hash);
  }

  get applied(): EntryId {
    return this.#applied;
  }

  /**
   * @returns null for an entry of the log's own: the empty one that opens a term, or a change of the members
   * @throws {CodecError} when the entry is damaged; nothing has changed then
   */
  apply(entry: Entry): Outcome | null {
    assert(entry.index === this.#applied.index + 1, () => `Applying ${entry.index} after ${this.#applied.index}`);
    const outcome = this.#outcomeOf(entry);
    this.#applied = { term: entry.term, index: entry.index };
    this.trail.add(entry.index, this.state.rows.hash);
    return outcome;
  }

  #outcomeOf(entry: Entry): Outcome | null {
    if (entry.payload.byteLength === 0) return null;
    if (!isControl(entry.payload)) return this.state.applyEntry(entry);
    if (this.state.members.apply(entry)) this.state.membersChanged(entry.index);
    return null;
  }

  record(): AppliedRecord {
    const { rows, mvcc } = this.state;
    return { ...this.#applied, revision: mvcc.revision, floor: mvcc.floor, stateHash: rows.digest() };
  }

  /** What has changed since the last call, the applied record with it. */
  takeOperations(): Operation[] {
    const { rows } = this.state;
    const key = stateKey(rows.slot, "applied", emptyBytes);
    return [...rows.takeOperations(), { type: "put", key, value: encodeAppliedRecord(this.record()) }];
  }
}

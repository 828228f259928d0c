// The hard state of all replicas of the node: one small table, written whole beside the log (storage/hard-state.ts).

import { type LogIndex, type MemberId, toLogIndex, toTerm } from "../../proto/ids.ts";
import type { GroupKey } from "../../proto/model.ts";
import type { HardState } from "../../proto/raft.ts";
import type { GroupHardState, HardStateTable } from "../../storage/hard-state.ts";
import type { WriteId } from "./inputs.ts";

/** One member of one group on this node: a later one has promised nothing that an earlier one did. */
export interface MemberKey extends GroupKey {
  readonly member: MemberId;
}

const fresh: HardState = { term: toTerm(0), vote: null, standIn: null };

export class HardStates {
  readonly #byMember = new Map<string, GroupHardState>();

  /**
   * Nothing has happened to any replica since the table was last written for its own sake (settling.ts). After a start it is not
   * known: what the start has read may be in one of the slots only.
   */
  #isSettled: boolean;

  /** Members that are gone, by name, and the write that has it on record. */
  #retired: { readonly name: string; readonly write: WriteId }[] = [];

  constructor(table: HardStateTable) {
    for (const row of table) this.#byMember.set(nameOf(row), row);
    this.#isSettled = table.length === 0;
  }

  get(key: MemberKey): HardState {
    return this.#byMember.get(nameOf(key)) ?? fresh;
  }

  /** The highest index that is known to be committed and durable here; a log that ends before it is damaged. */
  acknowledged(key: MemberKey): LogIndex {
    return this.#byMember.get(nameOf(key))?.acknowledged ?? toLogIndex(0);
  }

  set(key: MemberKey, hardState: HardState): void {
    this.#put(key, hardState, this.acknowledged(key));
  }

  acknowledge(key: MemberKey, index: LogIndex): void {
    this.#put(key, this.get(key), index);
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** A replica or a witness has written, or a replica applied: its row is to be written again. */
  unsettled(): void {
    this.#isSettled = false;
  }

  settled(): void {
    this.#isSettled = true;
  }

  /**
   * The rows of `write` say that the member is gone. Until they are durable its row stays: a table may be on the disk without the
   * rows that were written with it, and the member would be there still, and have promised nothing.
   */
  retire(key: MemberKey, write: WriteId): void {
    this.#retired.push({ name: nameOf(key), write });
  }

  durable(write: WriteId): void {
    const over = this.#retired.filter((retired) => retired.write <= write);
    if (over.length === 0) return;
    for (const { name } of over) this.#byMember.delete(name);
    this.#retired = this.#retired.slice(over.length);
    this.#isSettled = false;
  }

  table(): HardStateTable {
    return [...this.#byMember.values()];
  }

  /** A row in which nothing changes stays the same object: whoever writes the table knows it again. */
  #put({ group, incarnation, member }: MemberKey, { term, vote, standIn }: HardState, acknowledged: LogIndex): void {
    const name = nameOf({ group, incarnation, member });
    const old = this.#byMember.get(name);
    const isSame = old?.term === term && old.vote === vote && old.standIn === standIn;
    if (isSame && old.acknowledged === acknowledged) return;
    this.#byMember.set(name, { group, incarnation, member, term, vote, standIn, acknowledged });
  }
}

function nameOf(key: MemberKey): string {
  return `${key.group}/${key.incarnation}/${key.member}`;
}

// The hard state of all replicas of the node: one small table, written whole beside the log (storage/hard-state.ts).

import { type LogIndex, toLogIndex, toTerm } from "../../proto/ids.ts";
import type { GroupKey } from "../../proto/model.ts";
import type { HardState } from "../../proto/raft.ts";
import type { GroupHardState, HardStateTable } from "../../storage/hard-state.ts";

const fresh: HardState = { term: toTerm(0), vote: null };

export class HardStates {
  readonly #byGroup = new Map<string, GroupHardState>();

  /** Nothing has happened to any replica since the table was last written for its own sake (settling.ts). */
  #isSettled = true;

  constructor(table: HardStateTable) {
    for (const row of table) this.#byGroup.set(nameOf(row), row);
  }

  get(key: GroupKey): HardState {
    return this.#byGroup.get(nameOf(key)) ?? fresh;
  }

  /** The highest index that is known to be committed and durable here; a log that ends before it is damaged. */
  acknowledged(key: GroupKey): LogIndex {
    return this.#byGroup.get(nameOf(key))?.acknowledged ?? toLogIndex(0);
  }

  set(key: GroupKey, hardState: HardState): void {
    const { group, incarnation } = key;
    const acknowledged = this.acknowledged(key);
    this.#byGroup.set(nameOf(key), { group, incarnation, ...hardState, acknowledged });
  }

  acknowledge(key: GroupKey, index: LogIndex): void {
    const { group, incarnation } = key;
    this.#byGroup.set(nameOf(key), { group, incarnation, ...this.get(key), acknowledged: index });
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** A replica has written or applied: its row is to be written again. */
  unsettled(): void {
    this.#isSettled = false;
  }

  settled(): void {
    this.#isSettled = true;
  }

  delete(key: GroupKey): void {
    this.#byGroup.delete(nameOf(key));
  }

  table(): HardStateTable {
    return [...this.#byGroup.values()];
  }
}

function nameOf(key: GroupKey): string {
  return `${key.group}/${key.incarnation}`;
}

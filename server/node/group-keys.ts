// The keys of a group as its commands write them: versions, their rows, and which lease each key is attached to go together.

import type { Applied, Mvcc } from "../../storage/mvcc/mvcc.ts";
import type { Write } from "../../storage/mvcc/types.ts";
import type { LeaseState } from "./lease-state.ts";
import type { StateRows } from "./state-rows.ts";

export class GroupKeys {
  readonly mvcc: Mvcc;
  readonly #rows: StateRows;
  readonly #leases: LeaseState;

  constructor(mvcc: Mvcc, rows: StateRows, leases: LeaseState) {
    this.mvcc = mvcc;
    this.#rows = rows;
    this.#leases = leases;
  }

  /** At one revision, if anything changes. */
  write(writes: readonly Write[]): Applied {
    const changed = this.mvcc.apply(writes);
    this.#rows.setKeys(changed.rows, changed.events);
    this.#leases.follow(changed.events);
    return changed;
  }
}

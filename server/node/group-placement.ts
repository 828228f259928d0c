// What a group's log keeps of its placement, as a part of its replicated state: one row, there once there is anything to keep.

import { decodePlacement, encodePlacement } from "../../proto/codec/records.ts";
import type { StateRow } from "../../proto/messages.ts";
import type { Placement } from "../../proto/placement.ts";
import { emptyBytes } from "../../storage/bytes.ts";
import type { StateTable } from "../../storage/keys.ts";
import { unplaced } from "../recovery/placement-record.ts";
import type { StateRows } from "./state-rows.ts";

export class GroupPlacement {
  readonly #rows: StateRows;
  #value = unplaced;

  constructor(rows: StateRows) {
    this.#rows = rows;
  }

  get value(): Placement {
    return this.#value;
  }

  set(placement: Placement): void {
    if (placement === this.#value) return;
    this.#value = placement;
    this.#rows.set("placement", emptyBytes, encodePlacement(placement));
  }

  /** Takes in a row that is on disk already. @throws {CodecError} when it is damaged */
  restore(table: StateTable, { value }: Pick<StateRow, "value">): void {
    if (table === "placement") this.#value = decodePlacement(value);
  }

  /** Goes on with all that another state holds: in another incarnation, with rows of its own. */
  takeOver(old: GroupPlacement): void {
    this.set(old.#value);
  }
}

// What operators want of a group's owners, as the group has carried it out: a part of its replicated state. One row for each
// owner of which anything was ever wanted, so that what is older is known as such.

import { decodeOwnerIntent, encodeOwnerIntent } from "../../proto/codec/records.ts";
import type { NodeId } from "../../proto/ids.ts";
import type { StateRow } from "../../proto/messages.ts";
import type { OwnerIntent } from "../../proto/model.ts";
import { bytesOf } from "../../storage/bytes.ts";
import type { StateTable } from "../../storage/keys.ts";
import type { StateRows } from "./state-rows.ts";

export class OwnerIntents {
  readonly #rows: StateRows;
  readonly #known = new Map<NodeId, OwnerIntent>();

  constructor(rows: StateRows) {
    this.#rows = rows;
  }

  /** null: nothing was ever wanted of it here. */
  get(node: NodeId): OwnerIntent | null {
    return this.#known.get(node) ?? null;
  }

  set(intent: OwnerIntent): void {
    this.#known.set(intent.node, intent);
    this.#rows.set("intents", bytesOf(intent.node), encodeOwnerIntent(intent));
  }

  /** Whoever is an owner no more is nobody's to drain. */
  retain(owners: readonly NodeId[]): void {
    for (const node of [...this.#known.keys()]) {
      if (owners.includes(node)) continue;
      this.#known.delete(node);
      this.#rows.delete("intents", bytesOf(node));
    }
  }

  /** Takes in a row that is on disk already. @throws {CodecError} when it is damaged */
  restore(table: StateTable, { value }: Pick<StateRow, "value">): void {
    if (table !== "intents") return;
    const intent = decodeOwnerIntent(value);
    this.#known.set(intent.node, intent);
  }

  /** Goes on with all that another state holds: in another incarnation, with rows of its own. */
  takeOver(old: OwnerIntents): void {
    for (const intent of old.#known.values()) this.set(intent);
  }
}

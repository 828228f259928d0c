// Whether the conditions of a transaction hold in a group's present state.

import type { KeyValue } from "../../proto/model.ts";
import type { Comparison, Operand, Relation } from "../../proto/transactions.ts";
import { compareBytes } from "../../storage/bytes.ts";
import type { PresentKeys } from "./present-keys.ts";

export function doHold(comparisons: readonly Comparison[], keys: PresentKeys): boolean {
  return comparisons.every((comparison) => holds(comparison, keys));
}

function holds({ target, relation, operand }: Comparison, keys: PresentKeys): boolean {
  if (target.type === "key") return holdsOf(keys.get(target.key), relation, operand);
  return keys.within(target.span).kvs.every((kv) => holdsOf(kv, relation, operand));
}

/** @param kv null: the key does not exist */
function holdsOf(kv: KeyValue | null, relation: Relation, operand: Operand): boolean {
  if (operand.type !== "value") return stands((kv?.[operand.type] ?? 0) - operand.number, relation);
  return kv !== null && stands(compareBytes(kv.value, operand.value), relation);
}

/** @param order below, equal to or above 0: how what is compared stands to the operand */
function stands(order: number, relation: Relation): boolean {
  switch (relation) {
    case "equal":
      return order === 0;
    case "notEqual":
      return order !== 0;
    case "greater":
      return order > 0;
    case "less":
      return order < 0;
  }
}

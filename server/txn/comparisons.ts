// Whether the conditions of a transaction hold in a group's present state.

import type { KeyValue } from "../../proto/model.ts";
import type { Comparison, Operand, Relation } from "../../proto/transactions.ts";
import { compareBytes } from "../../storage/bytes.ts";
import type { Mvcc } from "../../storage/mvcc/mvcc.ts";
import { keysIn } from "./present-keys.ts";

export function doHold(comparisons: readonly Comparison[], mvcc: Mvcc): boolean {
  return comparisons.every((comparison) => holds(comparison, mvcc));
}

function holds({ target, relation, operand }: Comparison, mvcc: Mvcc): boolean {
  if (target.type === "span") return keysIn(mvcc, target.span).every((kv) => holdsOf(kv, relation, operand));
  const found = mvcc.get(target.key, null);
  return holdsOf(found.type === "value" ? found.kv : null, relation, operand);
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

// How much one answer may hold of keys and values. What is larger is refused before anything is done for it: it would not arrive.

import type { Failure } from "../../proto/errors.ts";
import type { GroupId } from "../../proto/ids.ts";
import type { OperationResult } from "../../proto/transactions.ts";
import { refuseLargeResults } from "../txn/operations.ts";
import { limits } from "./limits.ts";

/** @param asked who answers, and what was asked for */
export function refuseLargeAnswer(
  results: readonly OperationResult[],
  asked: { readonly group: GroupId; readonly field: "operations" | "previous_values" },
): Failure | null {
  return refuseLargeResults(results, { ...asked, bytesMax: limits.transactionAnswerBytesMax });
}

// The operations of one branch of a transaction: what they answer, from the state before any of them, and what they write.

import { type Failure, failure } from "../../proto/errors.ts";
import type { GroupId } from "../../proto/ids.ts";
import type { KeyValue } from "../../proto/model.ts";
import type { Operation, OperationResult } from "../../proto/transactions.ts";
import { emptyBytes } from "../../storage/bytes.ts";
import type { Write } from "../../storage/mvcc/types.ts";
import type { PresentKeys } from "./present-keys.ts";

/** One for each operation, in order. */
export function resultsOf(branch: readonly Operation[], keys: PresentKeys): readonly OperationResult[] {
  return branch.map((operation) => resultOf(operation, keys));
}

export function writesOf(branch: readonly Operation[]): readonly Write[] {
  return branch.flatMap((operation): Write[] => {
    if (operation.type === "put") return [operation];
    return operation.type === "delete" ? [{ type: "delete", range: operation.span }] : [];
  });
}

/** An answer that is too large is none, and nothing is written for it. */
export function refuseLargeResults(
  results: readonly OperationResult[],
  { group, field, bytesMax }: { readonly group: GroupId; readonly field: string; readonly bytesMax: number },
): Failure | null {
  const kvs = results.flatMap(keyValuesOf);
  const bytes = kvs.reduce((sum, { key, value }) => sum + key.byteLength + value.byteLength, 0);
  if (bytes <= bytesMax) return null;
  const message = `The answer would hold ${bytes} bytes of keys and values, limit ${bytesMax}`;
  return failure("invalid_argument", message, { group, field });
}

function resultOf(operation: Operation, keys: PresentKeys): OperationResult {
  switch (operation.type) {
    case "get":
      return { type: "get", kv: keys.get(operation.key) };
    case "list":
      return listOf(operation, keys);
    case "put":
      return { type: "put", previous: operation.returnPrevious ? keys.get(operation.key) : null };
    case "intend":
      return { type: "intend" };
    case "delete": {
      const { kvs } = keys.within(operation.span);
      return { type: "delete", deleted: kvs.length, previous: operation.returnPrevious ? kvs : [] };
    }
  }
}

function listOf(
  { span, limit, keysOnly, countOnly }: Operation & { readonly type: "list" },
  keys: PresentKeys,
): OperationResult {
  const count = keys.count(span);
  if (countOnly) return { type: "list", kvs: [], more: false, count };
  const { kvs, more } = keys.within(span, limit);
  return { type: "list", kvs: keysOnly ? kvs.map((kv) => ({ ...kv, value: emptyBytes })) : kvs, more, count };
}

function keyValuesOf(result: OperationResult): readonly KeyValue[] {
  switch (result.type) {
    case "get":
      return result.kv === null ? [] : [result.kv];
    case "put":
      return result.previous === null ? [] : [result.previous];
    case "list":
      return result.kvs;
    case "delete":
      return result.previous;
    case "intend":
      return [];
  }
}

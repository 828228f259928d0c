// The operations of one branch of a transaction: what they answer, from the state before any of them, and what they write.

import { assert } from "../../proto/assert.ts";
import { type Failure, failure } from "../../proto/errors.ts";
import type { GroupId, Revision } from "../../proto/ids.ts";
import type { KeyValue } from "../../proto/model.ts";
import type { Operation, OperationResult } from "../../proto/transactions.ts";
import { emptyBytes } from "../../storage/bytes.ts";
import type { Mvcc } from "../../storage/mvcc/mvcc.ts";
import type { Write } from "../../storage/mvcc/types.ts";
import { keysIn } from "./present-keys.ts";

/** One for each operation, in order. @param at that can be read; null: the newest */
export function resultsOf(
  branch: readonly Operation[],
  mvcc: Mvcc,
  at: Revision | null = null,
): readonly OperationResult[] {
  return branch.map((operation) => resultOf(operation, mvcc, at));
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

function resultOf(operation: Operation, mvcc: Mvcc, at: Revision | null): OperationResult {
  switch (operation.type) {
    case "get":
      return { type: "get", kv: valueAt(mvcc, operation.key, at) };
    case "list":
      return listOf(operation, mvcc, at);
    case "put":
      return { type: "put", previous: operation.returnPrevious ? valueAt(mvcc, operation.key, at) : null };
    case "intend":
      return { type: "intend" };
    case "delete": {
      const present = keysIn(mvcc, operation.span, at);
      return { type: "delete", deleted: present.length, previous: operation.returnPrevious ? present : [] };
    }
  }
}

function listOf(
  { span, limit, keysOnly, countOnly }: Operation & { readonly type: "list" },
  mvcc: Mvcc,
  at: Revision | null,
): OperationResult {
  const page = mvcc.range(span, { at, limit: countOnly ? 0 : limit, countAll: true });
  assert(page.type === "page", () => `revision ${at} can be read`);
  const kvs = keysOnly ? page.kvs.map((kv) => ({ ...kv, value: emptyBytes })) : page.kvs;
  return { type: "list", kvs, more: page.more && !countOnly, count: page.count };
}

function valueAt(mvcc: Mvcc, key: Uint8Array, at: Revision | null): KeyValue | null {
  const found = mvcc.get(key, at);
  assert(found.type === "value", () => `revision ${at} can be read`);
  return found.kv;
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

// The keys that exist in a span.

import { assert } from "../../proto/assert.ts";
import type { Revision } from "../../proto/ids.ts";
import type { KeySpan, KeyValue } from "../../proto/model.ts";
import type { Mvcc } from "../../storage/mvcc/mvcc.ts";

/** @param at that can be read; null: the newest */
export function keysIn(mvcc: Mvcc, span: KeySpan, at: Revision | null = null): readonly KeyValue[] {
  const page = mvcc.range(span, { at, limit: Number.POSITIVE_INFINITY });
  assert(page.type === "page", () => `revision ${at} can be read`);
  return page.kvs;
}

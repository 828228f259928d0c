// The keys that exist in a span now.

import { assert } from "../../proto/assert.ts";
import type { KeySpan, KeyValue } from "../../proto/model.ts";
import type { Mvcc } from "../../storage/mvcc/mvcc.ts";

export function keysIn(mvcc: Mvcc, span: KeySpan): readonly KeyValue[] {
  const page = mvcc.range(span, { at: null, limit: Number.POSITIVE_INFINITY });
  assert(page.type === "page", "the newest revision can always be read");
  return page.kvs;
}

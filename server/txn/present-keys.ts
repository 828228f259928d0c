// What a transaction looks at: the keys that exist, and no more of them than it may, since every replica looks at them again each
// time it replays the log. It is their number that is bounded, which all replicas agree on, unlike what else they keep.

import { assert } from "../../proto/assert.ts";
import { type Failure, failure } from "../../proto/errors.ts";
import type { GroupId, Revision } from "../../proto/ids.ts";
import type { KeySpan, KeyValue } from "../../proto/model.ts";
import type { Mvcc } from "../../storage/mvcc/mvcc.ts";

export class PresentKeys {
  readonly #mvcc: Mvcc;
  readonly #at: Revision | null;
  readonly #keysMax: number;
  #left: number;
  #isExceeded = false;

  /** @param options.at that can be read; null: the newest */
  constructor(mvcc: Mvcc, options: { readonly at: Revision | null; readonly keysMax: number }) {
    this.#mvcc = mvcc;
    this.#at = options.at;
    this.#keysMax = options.keysMax;
    this.#left = options.keysMax;
  }

  /** There were more keys to look at than may be: what was found is not all, and is for nobody to use. */
  get isExceeded(): boolean {
    return this.#isExceeded;
  }

  /** Why nothing that was found may be used; null: it may. */
  refusal(asked: { readonly group: GroupId; readonly field: string }): Failure | null {
    if (!this.#isExceeded) return null;
    return failure("invalid_argument", `There are more keys to look at than ${this.#keysMax}, the limit`, { ...asked });
  }

  get(key: Uint8Array): KeyValue | null {
    const found = this.#mvcc.get(key, this.#at);
    assert(found.type === "value", () => `revision ${this.#at} can be read`);
    return found.kv;
  }

  /** All in a span, or as many as `limit`. */
  within(
    span: KeySpan,
    limit = Number.POSITIVE_INFINITY,
  ): { readonly kvs: readonly KeyValue[]; readonly more: boolean } {
    const page = this.#range(span, Math.min(limit, this.#left));
    this.#left -= page.kvs.length;
    if (page.more && page.kvs.length < limit) this.#isExceeded = true;
    return page;
  }

  /** Those that exist now are counted without a look at each. */
  count(span: KeySpan): number {
    if (this.#at !== null) return this.within(span).kvs.length;
    return this.#range(span, 0, true).count;
  }

  #range(span: KeySpan, limit: number, countAll = false) {
    const page = this.#mvcc.range(span, { at: this.#at, limit, countAll });
    assert(page.type === "page", () => `revision ${this.#at} can be read`);
    return page;
  }
}

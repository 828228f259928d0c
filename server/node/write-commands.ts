// The commands of a group's log that write keys by themselves, conditional and fenced, and that forget what keys were.

import { assert } from "../../proto/assert.ts";
import type { Compare, GroupCommand, Write } from "../../proto/commands.ts";
import { type Failure, failure } from "../../proto/errors.ts";
import type { Epoch, GroupId, Revision } from "../../proto/ids.ts";
import type { GroupKey } from "../../proto/model.ts";
import { spanOfKey } from "../../storage/mvcc/span.ts";
import type { Write as VersionedWrite } from "../../storage/mvcc/types.ts";
import type { Footprint } from "../txn/locks.ts";
import { PresentKeys } from "../txn/present-keys.ts";
import { refuseLargeAnswer } from "./answer-size.ts";
import type { GroupKeys } from "./group-keys.ts";
import { limits } from "./limits.ts";
import type { PlainOutcome } from "./session-commands.ts";

type WriteCommand = Extract<GroupCommand, { readonly type: "write" }>;

/** What the rest of the group's state says of a write; null: nothing against it. */
export interface WriteRules {
  readonly key: () => GroupKey;
  /** Why nothing that a client asked for takes effect now. */
  readonly lock: () => Failure | null;
  /** Whether transactions hold any key. */
  readonly holdsKeys: () => boolean;
  readonly conflict: (footprint: Footprint) => Failure | null;
  readonly fenced: (fence: Epoch | null) => Failure | null;
  readonly missingLease: (writes: readonly Write[]) => Failure | null;
}

export class WriteCommands {
  readonly #keys: GroupKeys;
  readonly #rules: WriteRules;

  constructor(keys: GroupKeys, rules: WriteRules) {
    this.#keys = keys;
    this.#rules = rules;
  }

  write(command: WriteCommand): PlainOutcome {
    const refusal = this.#rules.lock() ?? this.#conflict(command) ?? this.#refusal(command);
    if (refusal !== null) return { type: "refused", failure: refusal };
    const { revision, replaced } = this.#keys.write(command.writes.map(toVersionedWrite));
    return { type: "written", revision, replaced: replaced.length === 1 ? (replaced[0] ?? []) : replaced.flat() };
  }

  compact(revision: Revision): PlainOutcome {
    const refusal = this.#rules.lock() ?? this.#compact(revision);
    return refusal === null ? { type: "decided" } : { type: "refused", failure: refusal };
  }

  get #group(): GroupId {
    return this.#rules.key().group;
  }

  #conflict(command: WriteCommand): Failure | null {
    return this.#rules.holdsKeys() ? this.#rules.conflict(footprintOf(command)) : null;
  }

  #refusal({ fence, compares, writes, returnsRemoved }: WriteCommand): Failure | null {
    const fenced = this.#rules.fenced(fence);
    if (fenced !== null) return fenced;
    for (const compare of compares) {
      const mismatch = this.#mismatch(compare);
      if (mismatch !== null) return mismatch;
    }
    return this.#rules.missingLease(writes) ?? (returnsRemoved ? this.#tooMuch(writes) : null);
  }

  /** An answer that is too large would not arrive, and what it should have told would be gone. */
  #tooMuch(writes: readonly Write[]): Failure | null {
    const asked = { group: this.#group, field: "previous_values" } as const;
    const keys = new PresentKeys(this.#keys.mvcc, { at: null, keysMax: limits.transactionKeysMax });
    const previous = writes.flatMap((write) => (write.type === "delete" ? keys.within(write.span).kvs : []));
    const removed = { type: "delete", deleted: previous.length, previous } as const;
    return keys.refusal(asked) ?? refuseLargeAnswer([removed], asked);
  }

  #mismatch(compare: Compare): Failure | null {
    const current = this.#keys.mvcc.get(compare.key, null);
    assert(current.type === "value", "the newest revision can always be read");
    const revision = current.kv?.modRevision ?? 0;
    if (revision === compare.revision) return null;
    const found = revision === 0 ? "it does not exist" : `it was modified at revision ${revision}`;
    const wanted = compare.revision === 0 ? "must not exist" : `must be at revision ${compare.revision}`;
    const details = { group: this.#group, revision: String(revision) };
    return failure("condition_failed", `The key ${wanted}, but ${found}`, details);
  }

  #compact(revision: Revision): Failure | null {
    const refused = this.#keys.mvcc.compact(revision);
    if (refused === null) return null;
    if (refused.type === "futureRevision") {
      const message = `Revision ${revision} is not written yet, the newest is ${refused.newest}`;
      return failure("future_revision", message, { group: this.#group, revision: String(refused.newest) });
    }
    const message = `Revision ${revision} is compacted already, the floor is ${refused.floor}`;
    return failure("compacted", message, { group: this.#group, revision: String(refused.floor) });
  }
}

function footprintOf({ compares, writes }: WriteCommand): Footprint {
  return {
    reads: compares.map(({ key }) => spanOfKey(key)),
    writes: writes.map((write) => (write.type === "put" ? spanOfKey(write.key) : write.span)),
    owners: [],
  };
}

function toVersionedWrite(write: Write): VersionedWrite {
  return write.type === "put" ? write : { type: "delete", range: write.span };
}

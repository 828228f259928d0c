// A set of groups as one number, kept up to date group by group: two nodes that agree on every one of them have the same.

import type { LogIndex, MemberId, Term } from "../../proto/ids.ts";
import type { Vouch } from "../../proto/messages.ts";
import type { GroupKey } from "../../proto/model.ts";
import { bytesOf } from "../../storage/bytes.ts";
import { RowHash } from "../../storage/hash.ts";

/** What leader and follower must agree on. */
export interface ClaimParts extends GroupKey {
  /** As which member the follower belongs to the group. */
  readonly follower: MemberId;
  readonly term: Term;
  readonly commit: LogIndex;
  /** Where the follower's log ends. */
  readonly last: LogIndex;
}

export interface Claim {
  /** Equal for equal claims, and for those alone. */
  readonly text: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export function claimOf({ group, incarnation, follower, term, commit, last }: ClaimParts): Claim {
  const [key, value] = [`${group} ${incarnation} ${follower}`, `${term} ${commit} ${last}`];
  return { text: `${key} ${value}`, key: bytesOf(key), value: bytesOf(value) };
}

export class VouchSum {
  readonly #hash = new RowHash();
  #groups = 0;
  #vouch: Vouch | null = null;

  add({ key, value }: Claim): void {
    this.#hash.add(key, value);
    this.#groups += 1;
    this.#vouch = null;
  }

  /** One that was added. */
  remove({ key, value }: Claim): void {
    this.#hash.remove(key, value);
    this.#groups -= 1;
    this.#vouch = null;
  }

  get vouch(): Vouch {
    this.#vouch ??= { groups: this.#groups, digest: this.#hash.digest() };
    return this.#vouch;
  }
}

export function isSameVouch(left: Vouch, right: Vouch): boolean {
  return left.groups === right.groups && left.digest === right.digest;
}

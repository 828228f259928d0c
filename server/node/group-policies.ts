// A group's config object as the node reads it for placement. What is no config object counts as one that says nothing: it was
// logged by whoever did not check it, and must do no harm to the replicas that apply it.

import { CodecError } from "../../proto/codec/codec-error.ts";
import { decodeGroupPolicies, placementOf } from "../../proto/codec/group-policies.ts";
import type { GroupPolicies } from "../../proto/policies.ts";
import { emptyBytes } from "../../storage/bytes.ts";

/** What owners of interlocked groups may know of it. */
export function placementIn(config: Uint8Array): Uint8Array {
  return orElse(() => placementOf(config), emptyBytes);
}

export function policiesIn(config: Uint8Array): GroupPolicies {
  return orElse(() => decodeGroupPolicies(config), null) ?? decodeGroupPolicies(emptyBytes);
}

/** The policies of a config object that is seldom another one. */
export class PoliciesRead {
  #config: Uint8Array | null = null;
  #policies: GroupPolicies | null = null;

  of(config: Uint8Array): GroupPolicies {
    if (this.#policies === null || this.#config !== config) this.#policies = policiesIn(config);
    this.#config = config;
    return this.#policies;
  }
}

function orElse<Value, Other>(read: () => Value, other: Other): Value | Other {
  try {
    return read();
  } catch (reason) {
    if (reason instanceof CodecError) return other;
    throw reason;
  }
}

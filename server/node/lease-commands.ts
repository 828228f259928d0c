// The commands of a group's log about leases. What has come to an end by the clock of a leader ends here only if that leader's
// term is the entry's, and the lease is as that leader saw it; what a transaction over several groups has promised to attach, or
// holds, is not taken away before it is decided.

import type { GroupCommand, Write } from "../../proto/commands.ts";
import { type Failure, failure } from "../../proto/errors.ts";
import type { GroupId, LogIndex, Revision } from "../../proto/ids.ts";
import type { Lease, LeaseRef } from "../../proto/leases.ts";
import type { GroupKey } from "../../proto/model.ts";
import type { EntryId } from "../../proto/raft.ts";
import type { Operation, Part } from "../../proto/transactions.ts";
import { spanOfKey } from "../../storage/mvcc/span.ts";
import type { GroupKeys } from "./group-keys.ts";
import type { LeaseState } from "./lease-state.ts";
import { limits } from "./limits.ts";
import type { TransactionState } from "./transaction-state.ts";

type Command<Type extends GroupCommand["type"]> = Extract<GroupCommand, { readonly type: Type }>;
export type LeaseCommand = Command<"grantLease" | "renewLease" | "revokeLease" | "expireLeases" | "checkpointLeases">;

export type LeaseOutcome =
  | { readonly type: "leaseGranted"; readonly lease: Lease }
  /** null: there is no such lease. */
  | { readonly type: "leaseRenewed"; readonly id: number; readonly lease: Lease | null }
  | { readonly type: "leaseRevoked"; readonly id: number; readonly revision: Revision; readonly deleted: number }
  /** `kept`: it is not their time after all, or not yet. */
  | { readonly type: "leasesExpired"; readonly ended: readonly number[]; readonly kept: readonly number[] }
  | { readonly type: "leasesCheckpointed" }
  | { readonly type: "refused"; readonly failure: Failure };

/** What the rest of the group's state says of a lease. */
export interface LeaseRules {
  readonly key: () => GroupKey;
  /** Why nothing that a client asked for takes effect now; null: it does. */
  readonly lock: () => Failure | null;
  readonly transactions: () => TransactionState;
}

export class LeaseCommands {
  readonly #state: LeaseState;
  readonly #keys: GroupKeys;
  readonly #rules: LeaseRules;

  constructor(state: LeaseState, keys: GroupKeys, rules: LeaseRules) {
    this.#state = state;
    this.#keys = keys;
    this.#rules = rules;
  }

  apply(command: LeaseCommand, at: EntryId): LeaseOutcome {
    switch (command.type) {
      case "grantLease":
        return this.#grant(command, at.index);
      case "renewLease":
        return this.#renew(command.id, at.index);
      case "revokeLease":
        return this.#revoke(command.id);
      case "expireLeases":
        return this.#expire(command, at);
      case "checkpointLeases":
        return this.#checkpoint(command);
    }
  }

  /** Why keys cannot be attached as these operations say; null: they can. */
  missing(operations: readonly (Operation | Write)[]): Failure | null {
    for (const operation of operations) {
      if (operation.type !== "put" || operation.lease === 0) continue;
      if (this.#state.get(operation.lease) === null) return noLease(this.#group, operation.lease);
    }
    return null;
  }

  /** The end of this lease has to wait for a transaction that is not decided. */
  isHeld(id: number): boolean {
    const transactions = this.#rules.transactions();
    if (transactions.open === 0) return false;
    if (transactions.prepared.some(({ part }) => doesAttach(part, id))) return true;
    return transactions.conflict({ reads: [], writes: this.#state.keysOf(id).map(spanOfKey), owners: [] }) !== null;
  }

  get #group(): GroupId {
    return this.#rules.key().group;
  }

  #grant({ id, ttlMs }: Command<"grantLease">, index: LogIndex): LeaseOutcome {
    const refusal = this.#rules.lock() ?? this.#refusal(id);
    if (refusal !== null) return { type: "refused", failure: refusal };
    const lease: Lease = { id, ttlMs, remainingMs: null, renewedAt: index };
    this.#state.set(lease);
    return { type: "leaseGranted", lease };
  }

  #refusal(id: number): Failure | null {
    const group = this.#group;
    if (this.#state.get(id) !== null) {
      return failure("already_exists", `The group ${group} has a lease ${id} already`, { group, field: "id" });
    }
    if (!this.#state.isFull) return null;
    const message = `The group ${group} has ${this.#state.size} leases, limit ${limits.leasesMax}`;
    return failure("overloaded", message, { group });
  }

  #renew(id: number, index: LogIndex): LeaseOutcome {
    const known = this.#state.get(id);
    if (known === null) return { type: "leaseRenewed", id, lease: null };
    const lease = { ...known, remainingMs: null, renewedAt: index };
    this.#state.set(lease);
    return { type: "leaseRenewed", id, lease };
  }

  #revoke(id: number): LeaseOutcome {
    const group = this.#group;
    const lock = this.#rules.lock();
    if (lock !== null) return { type: "refused", failure: lock };
    if (this.#state.get(id) === null) return { type: "refused", failure: noLease(group, id) };
    if (this.isHeld(id)) {
      const message = `A transaction that is not over attaches keys to lease ${id} of ${group}, or holds keys of it`;
      return { type: "refused", failure: failure("txn_conflict", message, { group }) };
    }
    return { type: "leaseRevoked", id, ...this.#end(id) };
  }

  #expire({ term, leases }: Command<"expireLeases">, at: EntryId): LeaseOutcome {
    const isOfItsTerm = term === at.term;
    const ended: number[] = [];
    const kept: number[] = [];
    for (const ref of leases) {
      const isOver = isOfItsTerm && this.#rules.lock() === null && this.#isAsSeen(ref) && !this.isHeld(ref.id);
      if (isOver) this.#end(ref.id);
      (isOver ? ended : kept).push(ref.id);
    }
    return { type: "leasesExpired", ended, kept };
  }

  /** Nobody has renewed it, or ended it and granted it anew, in an entry before this one. */
  #isAsSeen({ id, renewedAt }: LeaseRef): boolean {
    return this.#state.get(id)?.renewedAt === renewedAt;
  }

  #checkpoint({ leases }: Command<"checkpointLeases">): LeaseOutcome {
    for (const { lease: ref, remainingMs } of leases) {
      const known = this.#state.get(ref.id);
      if (known === null || known.renewedAt !== ref.renewedAt) continue;
      if (remainingMs < (known.remainingMs ?? known.ttlMs)) this.#state.set({ ...known, remainingMs });
    }
    return { type: "leasesCheckpointed" };
  }

  #end(id: number): { readonly revision: Revision; readonly deleted: number } {
    const keys = this.#state.keysOf(id);
    this.#state.delete(id);
    const { revision } = this.#keys.write([{ type: "expire", lease: id, keys }]);
    return { revision, deleted: keys.length };
  }
}

function doesAttach({ success, failure: otherwise }: Part, id: number): boolean {
  return [...success, ...otherwise].some((operation) => operation.type === "put" && operation.lease === id);
}

export function noLease(group: GroupId, id: number): Failure {
  return failure("not_found", `The group ${group} has no lease ${id}, or it has ended`, { group, field: "lease" });
}

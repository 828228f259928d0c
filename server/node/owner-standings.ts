// What a group says of each of its owners, as part of its replicated state: what it sees of the owner, what operators want of
// it, and whether the application runs there, in one verdict.

import { decodeStatusComponent, encodeStatusComponent } from "../../proto/codec/records.ts";
import type { VerdictChange } from "../../proto/commands.ts";
import { type Failure, failure } from "../../proto/errors.ts";
import { type LogIndex, type NodeId, toLogIndex } from "../../proto/ids.ts";
import type { Membership } from "../../proto/membership.ts";
import type { StateRow } from "../../proto/messages.ts";
import type { GroupKey, StatusComponent } from "../../proto/model.ts";
import type { IntendOperation, Operation } from "../../proto/transactions.ts";
import { bytesOf } from "../../storage/bytes.ts";
import type { StateTable } from "../../storage/keys.ts";
import { intendedOf, isOutdated, type Standing, standingOf } from "../recovery/intents.ts";
import { areOwnersChanging } from "../recovery/members.ts";
import type { OwnerIntents } from "./owner-intents.ts";
import type { StateRows } from "./state-rows.ts";

/** What the rest of the group's state says. */
export interface StandingRules {
  readonly key: () => GroupKey;
  readonly membership: () => Membership;
  readonly currentOwner: () => NodeId | null;
}

export class OwnerStandings {
  readonly #rows: StateRows;
  readonly #intents: OwnerIntents;
  readonly #rules: StandingRules;
  readonly #verdicts = new Map<NodeId, StatusComponent>();
  #intendedAt: LogIndex = toLogIndex(0);

  constructor(rows: StateRows, intents: OwnerIntents, rules: StandingRules) {
    this.#rows = rows;
    this.#intents = intents;
    this.#rules = rules;
  }

  /** In the order of the list. */
  of(owners: readonly NodeId[]): readonly StatusComponent[] {
    return owners.flatMap((owner) => this.#verdicts.get(owner) ?? []);
  }

  /** Index of the newest entry by which an owner came to what operators want of it, since this state was made or read. */
  get intendedAt(): LogIndex {
    return this.#intendedAt;
  }

  /** A new owner is not heard yet, and nobody keeps a verdict on one that is gone. */
  follow(owners: readonly NodeId[], index: LogIndex, reason = "not heard yet"): void {
    this.#intents.retain(owners);
    for (const node of [...this.#verdicts.keys()]) if (!owners.includes(node)) this.#drop(node);
    const { group, incarnation } = this.#rules.key();
    for (const node of owners) {
      if (this.#verdicts.has(node)) continue;
      this.#set({ group, incarnation, node, index, status: "joining", reason });
    }
  }

  decide({ node, status, reason }: VerdictChange, index: LogIndex): void {
    if (!this.#verdicts.has(node)) return;
    const { group, incarnation } = this.#rules.key();
    this.#set({ group, incarnation, node, index, ...this.#standing(node, { status, reason }) });
  }

  /** What is wanted of an owner, or where the application runs, has changed: so does what the group says of the owner. */
  restate(node: NodeId | null, index: LogIndex): void {
    const known = node === null ? undefined : this.#verdicts.get(node);
    if (known === undefined) return;
    const { status, reason } = this.#standing(known.node, known);
    if (status !== known.status || reason !== known.reason) this.#set({ ...known, index, status, reason });
  }

  /** Why what operators want of owners would be refused; null: it would not. */
  refuseIntents(operations: readonly Operation[]): Failure | null {
    for (const operation of intendedOf(operations)) {
      const refusal = this.#refuseIntent(operation);
      if (refusal !== null) return refusal;
    }
    return null;
  }

  /** Of an owner that is gone meanwhile there is nothing to want. */
  intend({ node, wanted, reason, after }: IntendOperation, index: LogIndex): void {
    if (!this.#rules.membership().owners.includes(node)) return;
    this.#intents.set({ node, wanted, reason, after });
    this.#intendedAt = index;
    this.restate(node, index);
  }

  /** Takes in a row that is on disk already. @throws {CodecError} when it is damaged */
  restore(table: StateTable, { value }: Pick<StateRow, "value">): void {
    this.#intents.restore(table, { value });
    if (table !== "verdicts") return;
    const component = decodeStatusComponent(value);
    this.#verdicts.set(component.node, component);
  }

  #refuseIntent(operation: IntendOperation): Failure | null {
    const { node } = operation;
    const { group } = this.#rules.key();
    const membership = this.#rules.membership();
    if (areOwnersChanging(membership)) {
      return failure("txn_conflict", `The owners of ${group} are just being changed`, { group, node });
    }
    if (!membership.owners.includes(node)) {
      return failure("condition_failed", `The node ${node} is no owner of ${group}`, { group, node });
    }
    if (!isOutdated(operation, this.#intents.get(node))) return null;
    const message = `The group ${group} knows of something newer that is wanted of ${node} than whoever asks has heard of`;
    return failure("txn_conflict", message, { group, node });
  }

  #standing(node: NodeId, seen: Standing): Standing {
    return standingOf(seen, this.#intents.get(node), this.#rules.currentOwner() === node);
  }

  #set(component: StatusComponent): void {
    this.#verdicts.set(component.node, component);
    this.#rows.set("verdicts", bytesOf(component.node), encodeStatusComponent(component));
  }

  #drop(node: NodeId): void {
    this.#verdicts.delete(node);
    this.#rows.delete("verdicts", bytesOf(node));
  }
}

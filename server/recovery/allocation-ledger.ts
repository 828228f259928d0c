// The allocation ledger of one node (D5): whether one more application may run there, in one order for all the groups that share
// the node, so that no two managers can both take its last room. It only counts and compares; who keeps it on disk, asks the
// agent and answers is server/node/allocations.ts.
//
//   reserve ──> reserved ──begin──> begun ──release──> gone
//                  └── after reservationMs, or at a restart ──> gone
//
// A group has at most one of each: while its next epoch is reserved, what its present one uses is held as well, the larger of both
// amounts once. Of a group's allocations the one of the later incarnation, then of the higher epoch, is newer.

import { assert } from "../../proto/assert.ts";
import {
  compareNames,
  type Epoch,
  type GroupId,
  type Incarnation,
  type Millis,
  type NodeId,
  toMillis,
} from "../../proto/ids.ts";
import type { GroupKey } from "../../proto/model.ts";
import type { Reservation } from "../../proto/placement.ts";
import type { Amounts } from "../../proto/policies.ts";

export interface LedgerOptions {
  readonly node: NodeId;
  /** Above 0. */
  readonly reservationMs: number;
  /** Groups that have begun or have a reservation. */
  readonly entriesMax: number;
}

/** What was on record of allocations when the node started. */
export interface LedgerRecord {
  readonly begun: readonly Reservation[];
  /** Nothing else runs there; else the agent has to say first what does. */
  readonly isWhole: boolean;
}

/** One epoch of a group. */
export interface EpochKey extends GroupKey {
  readonly epoch: Epoch;
}

/** An epoch of a group that has stopped there. */
export interface StoppedKey extends Omit<EpochKey, "incarnation"> {
  /** null: the node owns the group no more, and the newest that has begun there is meant. */
  readonly incarnation: Incarnation | null;
}

/** That a group runs there, by the word of the node's agent. */
export interface Running {
  readonly group: GroupId;
  /** 0: it runs, under no epoch that the agent knows of. */
  readonly epoch: Epoch;
}

/** What a group asks of its node, apart from the epoch. */
export type AllocationTerms = Omit<Reservation, "group" | "epoch">;

/** What of it an operator may change while the group runs there. */
export type AllocationRules = Pick<AllocationTerms, "demand" | "differentNode">;

/** null: not known there yet. */
export type TermsOf = (group: GroupId) => AllocationTerms | null;

export type Admission =
  | { readonly type: "admitted" }
  /** Reasons are for people; `isFull`: the ledger has no room for one more entry, whatever is asked for. */
  | { readonly type: "refused"; readonly reason: string; readonly isFull: boolean };

export type Beginning =
  /** `isNew`: it had not begun before, and has to be put on record. */
  | { readonly type: "begun"; readonly allocation: Reservation; readonly isNew: boolean }
  | { readonly type: "refused"; readonly reason: string };

/** Changes of what is to be on record. */
export interface LedgerChange {
  readonly begun: readonly Reservation[];
  readonly gone: readonly GroupId[];
}

interface Reserved extends Reservation {
  readonly untilMs: Millis;
}

/** Every method that takes a time takes one that never goes back. */
export class AllocationLedger {
  readonly #options: LedgerOptions;
  readonly #begun: Map<GroupId, Reservation>;
  /** In the order in which they end. */
  readonly #reserved = new Map<GroupId, Reserved>();
  #isWhole: boolean;
  /** They run there, and nobody has said yet what they use. */
  readonly #unmeasured = new Map<GroupId, Running>();

  constructor(options: LedgerOptions, { begun, isWhole }: LedgerRecord) {
    assert(options.reservationMs > 0, () => `reservationMs is ${options.reservationMs}`);
    this.#options = options;
    this.#begun = new Map(begun.map((allocation) => [allocation.group, allocation]));
    this.#isWhole = isWhole;
  }

  /** It knows of everything that runs there; else it admits nothing. */
  get isWhole(): boolean {
    return this.#isWhole && this.#unmeasured.size === 0;
  }

  /** Groups of which something has begun, and is not known to have stopped. */
  get begun(): readonly GroupId[] {
    return [...this.#begun.keys()];
  }

  /**
   * Admits or refuses that an epoch begins here. A reservation that is admitted again has its whole time again; a newer one of a
   * group takes the place of the older.
   *
   * @param capacity a dimension that is not in it is unlimited
   */
  reserve(request: Reservation, capacity: Amounts, nowMs: Millis): Admission {
    const admission = this.assess(request, capacity, nowMs);
    if (admission.type === "refused" || isSame(request, this.#begun.get(request.group))) return admission;
    this.#reserved.delete(request.group);
    this.#reserved.set(request.group, { ...request, untilMs: this.#endOf(nowMs) });
    return admission;
  }

  /** What `reserve` would answer; nothing is kept for it. */
  assess(request: Reservation, capacity: Amounts, nowMs: Millis): Admission {
    this.expire(nowMs);
    if (!this.isWhole) return refused(this.#ignorance());
    if (isSame(request, this.#begun.get(request.group))) return { type: "admitted" };
    const reason =
      this.#staleness(request) ??
      this.#conflict(request) ??
      this.#absence(request) ??
      this.#shortage(request, capacity);
    if (reason !== null) return refused(reason);
    return this.#isFullFor(request.group) ? { ...refused(this.#fullness()), isFull: true } : { type: "admitted" };
  }

  /** The last gate, when the epoch starts here: from now on it holds what it uses until it is known to have stopped. */
  begin(key: EpochKey, nowMs: Millis): Beginning {
    this.expire(nowMs);
    const { group, epoch } = key;
    const begun = this.#begun.get(group);
    if (begun !== undefined && isSame(key, begun)) return { type: "begun", allocation: begun, isNew: false };
    const reserved = this.#reserved.get(group);
    if (reserved === undefined || !isSame(key, reserved)) {
      return { type: "refused", reason: `${group} has no reservation of epoch ${epoch} on ${this.#options.node}` };
    }
    // Since it was admitted, what it must run beside may have gone, and the agent may have named what nobody knew of.
    const reason = this.isWhole ? this.#absence(reserved) : this.#ignorance();
    if (reason !== null) return { type: "refused", reason };
    const { untilMs: _, ...allocation } = reserved;
    this.#reserved.delete(group);
    this.#begun.set(group, allocation);
    return { type: "begun", allocation, isNew: true };
  }

  /**
   * The application is known to have stopped under this epoch; an epoch that has begun since is not concerned.
   *
   * @returns whether something was on record of it
   */
  release({ group, incarnation, epoch }: StoppedKey): boolean {
    const unmeasured = this.#unmeasured.get(group);
    if (unmeasured !== undefined && unmeasured.epoch <= epoch) this.#unmeasured.delete(group);
    const begun = this.#begun.get(group);
    if (begun === undefined || isOlder({ group, incarnation: incarnation ?? begun.incarnation, epoch }, begun))
      return false;
    this.#begun.delete(group);
    return true;
  }

  /**
   * The group has other policies: what it has there, or is promised, counts by them from now on. Where that is more than there is,
   * others are refused, and nobody is stopped.
   *
   * @returns what has to be put on record; null: nothing
   */
  change(group: GroupId, { demand, differentNode }: AllocationRules): Reservation | null {
    const reserved = this.#reserved.get(group);
    if (reserved !== undefined) this.#reserved.set(group, { ...reserved, demand, differentNode });
    const begun = this.#begun.get(group);
    if (begun === undefined) return null;
    const changed = { ...begun, demand, differentNode };
    this.#begun.set(group, changed);
    return changed;
  }

  /** By the agent's first word about all of its node: what it does not name does not run there. */
  reported(running: readonly Running[], termsOf: TermsOf): LedgerChange {
    const named = new Set(running.map(({ group }) => group));
    const gone = [...this.#begun.keys()].filter((group) => !named.has(group));
    for (const group of gone) this.#begun.delete(group);
    this.#isWhole = true;
    this.#unmeasured.clear();
    return { begun: this.#adopt(running, termsOf), gone };
  }

  /**
   * Asks anew about groups of which it is not known what they use.
   *
   * @returns what has to be put on record
   */
  learn(termsOf: TermsOf): readonly Reservation[] {
    return this.#adopt([...this.#unmeasured.values()], termsOf);
  }

  /** The node may have forgotten what has begun there. What it has promised counts no more. */
  lose(): void {
    this.#isWhole = false;
    this.#unmeasured.clear();
    this.#reserved.clear();
  }

  /** Ends the reservations whose time is over. */
  expire(nowMs: Millis): void {
    for (const [group, { untilMs }] of this.#reserved) {
      if (untilMs > nowMs) return;
      this.#reserved.delete(group);
    }
  }

  /** When the next reservation ends. */
  deadlineMs(): Millis | null {
    for (const { untilMs } of this.#reserved.values()) return untilMs;
    return null;
  }

  /** What is left of every dimension of `capacity`, reservations taken off; 0 where more is held than there is. */
  free(capacity: Amounts): Amounts {
    return new Map([...capacity].map(([dimension, amount]) => [dimension, this.#left(dimension, amount, null)]));
  }

  #adopt(running: readonly Running[], termsOf: TermsOf): readonly Reservation[] {
    const adopted: Reservation[] = [];
    for (const word of running) {
      const { group, epoch } = word;
      this.#unmeasured.delete(group);
      const known = this.#begun.get(group);
      if (known !== undefined && known.epoch >= epoch) continue;
      const terms = termsOf(group) ?? known ?? null;
      if (terms === null) this.#unmeasured.set(group, word);
      else adopted.push({ ...terms, group, epoch });
    }
    for (const allocation of adopted) this.#begun.set(allocation.group, allocation);
    return adopted;
  }

  #ignorance(): string {
    const { node } = this.#options;
    if (!this.#isWhole) return `${node} does not know what runs there: its agent has to say so first`;
    const groups = [...this.#unmeasured.keys()].toSorted(compareNames);
    return `${node} does not know what ${groups[0]} uses, which runs there (${groups.length} in all)`;
  }

  /** Its group has come further than that. */
  #staleness(request: Reservation): string | null {
    const { group, epoch } = request;
    const { node } = this.#options;
    const begun = this.#begun.get(group);
    if (begun !== undefined && isOlder(request, begun)) {
      return `${group} has begun on ${node} under epoch ${begun.epoch}, this is for epoch ${epoch}`;
    }
    const reserved = this.#reserved.get(group);
    if (reserved === undefined || !isOlder(request, reserved)) return null;
    return `${group} has a reservation of epoch ${reserved.epoch} on ${node}, this is for epoch ${epoch}`;
  }

  /** A group that must not run where this one does, whoever of the two says so. */
  #conflict({ group, differentNode }: Reservation): string | null {
    for (const other of this.#groups()) {
      if (other === group) continue;
      const place = `${other} ${this.#phaseOf(other)} on ${this.#options.node}`;
      if (differentNode.includes(other)) return `${place}, and ${group} must run on a different node`;
      if (this.#allocationsOf(other).some((allocation) => allocation.differentNode.includes(group))) {
        return `${place}, and must run on a different node than ${group}`;
      }
    }
    return null;
  }

  /** A group beside which this one must run, and which is not here. */
  #absence({ group, sameNode }: Reservation): string | null {
    const missing = sameNode.find((other) => other !== group && this.#allocationsOf(other).length === 0);
    if (missing === undefined) return null;
    return `${group} must run on the same node as ${missing}, which is not on ${this.#options.node}`;
  }

  #shortage({ group, demand }: Reservation, capacity: Amounts): string | null {
    for (const [dimension, asked] of demand) {
      const amount = capacity.get(dimension);
      if (amount === undefined || asked === 0) continue;
      const left = this.#left(dimension, amount, group);
      if (asked <= left) continue;
      return `${this.#options.node} has ${left} of ${amount} ${dimension} left, ${group} asks for ${asked}`;
    }
    return null;
  }

  /** @param asking its own allocations do not count; null: all do */
  #left(dimension: string, amount: number, asking: GroupId | null): number {
    let held = 0;
    for (const group of this.#groups()) {
      if (group === asking) continue;
      held += Math.max(...this.#allocationsOf(group).map(({ demand }) => demand.get(dimension) ?? 0));
    }
    return Math.max(0, amount - held);
  }

  #isFullFor(group: GroupId): boolean {
    const groups = this.#groups();
    return !groups.has(group) && groups.size >= this.#options.entriesMax;
  }

  #fullness(): string {
    return `${this.#options.node} holds allocations of ${this.#groups().size} groups, limit ${this.#options.entriesMax}`;
  }

  #endOf(nowMs: Millis): Millis {
    return toMillis(nowMs + this.#options.reservationMs);
  }

  #phaseOf(group: GroupId): string {
    return this.#begun.has(group) ? "has begun" : "has a reservation";
  }

  #groups(): ReadonlySet<GroupId> {
    return new Set([...this.#begun.keys(), ...this.#reserved.keys()]);
  }

  /** One or two; none: the group is not here. */
  #allocationsOf(group: GroupId): readonly Reservation[] {
    return [this.#begun.get(group), this.#reserved.get(group)].filter((allocation) => allocation !== undefined);
  }
}

function refused(reason: string): Extract<Admission, { readonly type: "refused" }> {
  return { type: "refused", reason, isFull: false };
}

function isSame(left: EpochKey, right: EpochKey | undefined): boolean {
  return right !== undefined && left.incarnation === right.incarnation && left.epoch === right.epoch;
}

function isOlder(left: EpochKey, right: EpochKey): boolean {
  if (left.incarnation !== right.incarnation) return left.incarnation < right.incarnation;
  return left.epoch < right.epoch;
}

// The replicated state of one resource group: keys, config object, verdicts on its owners, ownership. Every replica applies
// the same commands in the same order and comes to the same state hash (invariant 5, G3).

import { assert } from "../../proto/assert.ts";
import { decodeGroupCommand } from "../../proto/codec/commands.ts";
import {
  decodeGroupObject,
  decodeGroupSummary,
  decodeStateHashes,
  encodeGroupObject,
  encodeGroupSummary,
  encodeStateHashes,
} from "../../proto/codec/records.ts";
import type { GroupCommand, IdentifiableCommand } from "../../proto/commands.ts";
import { type Failure, failure } from "../../proto/errors.ts";
import {
  type Epoch,
  type GroupId,
  type Incarnation,
  type LogIndex,
  type NodeId,
  type Revision,
  toEpoch,
  toLogIndex,
  toRevision,
} from "../../proto/ids.ts";
import type { Configuration } from "../../proto/membership.ts";
import type {
  GroupObject,
  GroupSummary,
  KeyValue,
  Ownership,
  StateHashes,
  StatusComponent,
} from "../../proto/model.ts";
import type { GroupWish, Placement } from "../../proto/placement.ts";
import type { GroupPolicies, LeaseTerms } from "../../proto/policies.ts";
import type { Entry, EntryId } from "../../proto/raft.ts";
import type { RequestIdentity } from "../../proto/sessions.ts";
import type { Part } from "../../proto/transactions.ts";
import { emptyBytes } from "../../storage/bytes.ts";
import type { Hash64 } from "../../storage/hash.ts";
import { type Slot, tailOfRow, versionKey } from "../../storage/keys.ts";
import { Mvcc } from "../../storage/mvcc/mvcc.ts";
import { isAtRest } from "../raft/changes.ts";
import { withOwners } from "../recovery/placement-record.ts";
import { footprintOf } from "../txn/locks.ts";
import type { ReplicatedState, VersionPage } from "./applier.ts";
import { GroupKeys } from "./group-keys.ts";
import { PoliciesRead, placementIn } from "./group-policies.ts";
import { LeaseCommands, type LeaseOutcome } from "./lease-commands.ts";
import { LeaseState } from "./lease-state.ts";
import { limits } from "./limits.ts";
import { MembersRow } from "./members-row.ts";
import { OwnerIntents } from "./owner-intents.ts";
import { OwnerStandings } from "./owner-standings.ts";
import { PlacementCommands } from "./placement-commands.ts";
import type { ReplicaRows } from "./replica-rows.ts";
import { type PlainOutcome, SessionCommands, type SessionOutcome } from "./session-commands.ts";
import type { SessionState } from "./session-state.ts";
import { StateRows } from "./state-rows.ts";
import { type Answer, TransactionCommands } from "./transaction-commands.ts";
import type { TransactionState } from "./transaction-state.ts";
import { WriteCommands } from "./write-commands.ts";

/** What the proposer of a command is told. */
export type GroupOutcome = PlainOutcome | SessionOutcome | LeaseOutcome;

const decided: PlainOutcome = { type: "decided" };
const noOwnership: Ownership = { currentOwner: null, epoch: toEpoch(0), state: "offline", reason: "never started" };

interface Parts {
  readonly object: GroupObject;
  readonly mvcc: Mvcc;
  readonly rows: StateRows;
  readonly members: MembersRow;
  readonly summary: GroupSummary;
}

/** How a group goes on in another incarnation. */
export interface Succession {
  readonly incarnation: Incarnation;
  readonly slot: Slot;
  readonly configuration: Configuration;
  /** For people. */
  readonly reason: string;
}

export class GroupState implements ReplicatedState<GroupOutcome> {
  readonly mvcc: Mvcc;
  readonly rows: StateRows;
  readonly members: MembersRow;
  readonly leases: LeaseState;
  readonly intents: OwnerIntents;
  readonly #keys: GroupKeys;
  readonly #writes: WriteCommands;
  readonly #standings: OwnerStandings;
  #object: GroupObject;
  #summary: GroupSummary;
  readonly #transactions: TransactionCommands;
  readonly #leases: LeaseCommands;
  readonly #sessions: SessionCommands;
  readonly #placement: PlacementCommands;
  readonly #policies = new PoliciesRead();
  #dispute: StateHashes | null = null;

  private constructor(parts: Parts) {
    this.#object = parts.object;
    this.mvcc = parts.mvcc;
    this.rows = parts.rows;
    this.members = parts.members;
    this.#summary = parts.summary;
    this.leases = new LeaseState(parts.rows);
    this.intents = new OwnerIntents(parts.rows);
    this.#keys = new GroupKeys(parts.mvcc, parts.rows, this.leases);
    this.#standings = new OwnerStandings(parts.rows, this.intents, {
      key: () => this.#object,
      membership: () => this.members.membership,
      currentOwner: () => this.ownership.currentOwner,
    });
    this.#writes = new WriteCommands(this.#keys, {
      key: () => this.#object,
      lock: () => this.lock,
      holdsKeys: () => this.transactions.holdsKeys,
      conflict: (footprint) => this.#transactions.conflict(footprint),
      fenced: (fence) => this.#fenced(fence),
      missingLease: (writes) => this.#leases.missing(writes),
    });
    this.#transactions = new TransactionCommands(this.#keys, parts.rows, {
      key: () => this.#object,
      lock: () => this.lock,
      fenced: (fence) => this.#fenced(fence),
      missingLease: (operations) => this.#leases.missing(operations),
      refuseIntents: (operations) => this.#standings.refuseIntents(operations),
      intend: (operation, index) => this.#standings.intend(operation, index),
    });
    this.#leases = new LeaseCommands(this.leases, this.#keys, {
      key: () => this.#object,
      lock: () => this.lock,
      transactions: () => this.transactions,
    });
    this.#placement = new PlacementCommands(parts.rows, {
      group: () => this.#placed(),
      setOwnership: (ownership, index) => this.#setOwnership(ownership, index),
      lock: () => this.lock,
    });
    this.#sessions = new SessionCommands(parts.mvcc, parts.rows, {
      key: () => this.#object,
      lock: () => this.lock,
      carryOut: (command, index) => this.#carryOut(command, index),
    });
  }

  /** A group before its first command: no keys, no owner, every owner `joining`. */
  static genesis(object: GroupObject, slot: Slot): GroupState {
    const { group, incarnation, owners } = object;
    const start = { group, incarnation, index: toLogIndex(0) };
    const placement = placementIn(object.config);
    const summary: GroupSummary = { ...start, owners, ownership: noOwnership, placement };
    const rows = new StateRows(slot);
    const members = MembersRow.genesis(rows, owners);
    const state = new GroupState({ object, mvcc: new Mvcc(), rows, members, summary });
    state.#setObject(object);
    state.#setSummary(summary);
    state.#standings.follow(owners, start.index);
    return state;
  }

  /**
   * The same keys and config object in another incarnation, in a slot that holds nothing: to be written whole. Revisions and
   * epochs go on above all that the old incarnation can have given out, with no history; every owner is `joining`.
   */
  static goOn(old: GroupState, { incarnation, slot, configuration, reason }: Succession): GroupState {
    const { index, membership } = configuration;
    const start = { group: old.object.group, incarnation };
    const object = { ...start, owners: membership.owners, config: old.object.config };
    const epoch = toEpoch(old.ownership.epoch + limits.recoveryJump);
    const lease = old.longestLease;
    // Who was given the right last may be known to nobody that is left: whatever was given out is waited for.
    const currentOwner = lease === null ? null : (old.ownership.currentOwner ?? membership.owners[0] ?? null);
    const standing = currentOwner === null ? "offline" : "suspended";
    const ownership: Ownership = { currentOwner, epoch, state: standing, reason };
    const summary = { ...old.summary, ...start, index, owners: object.owners, ownership };
    const rows = new StateRows(slot);
    const mvcc = continued(old.mvcc, rows);
    const state = new GroupState({ object, mvcc, rows, members: MembersRow.begin(rows, configuration), summary });
    state.#setObject(object);
    state.#setSummary(summary);
    state.transactions.takeOver(old.transactions);
    state.leases.takeOver(old.leases);
    state.sessions.takeOver(old.sessions);
    state.intents.takeOver(old.intents);
    state.#standings.follow(object.owners, index, reason);
    state.#placement.record.takeOver(old.#placement.record);
    state.#placement.record.set({ ...withOwners(state.placement, object.owners), lease, target: null });
    return state;
  }

  /** @throws {CodecError} when a row is damaged @returns a string that says what is wrong, when the rows do not fit together */
  static restore(image: ReplicaRows): GroupState | string {
    const object = image.small.find((row) => row.table === "object");
    const summary = image.small.find((row) => row.table === "ownership");
    if (object === undefined || summary === undefined) return "the group's object or ownership is missing";
    const rows = new StateRows(image.slot);
    const members = MembersRow.restore(rows, image.small);
    if (members === null) return "the group's members are missing";
    const restored = Mvcc.restore({ ...image.applied, rows: image.versions });
    if (restored.type === "damaged") return restored.reason;
    const state = new GroupState({
      object: decodeGroupObject(object.value),
      mvcc: restored.mvcc,
      rows,
      members,
      summary: decodeGroupSummary(summary.value),
    });
    state.#restoreRows(image);
    return state.rows.digest() === image.applied.stateHash ? state : "the rows do not have the state hash on record";
  }

  get object(): GroupObject {
    return this.#object;
  }

  get ownership(): Ownership {
    return this.#summary.ownership;
  }

  /** Beside the ownership: what is wanted of the application, what went wrong, and what was decided. */
  get placement(): Placement {
    return this.#placement.record.value;
  }

  /** The longest terms under which somebody may hold a right; null: nobody can. */
  get longestLease(): LeaseTerms | null {
    const { lease } = this.placement;
    const { resources, lease: next } = this.policies;
    if (resources.length === 0 || lease === null) return resources.length === 0 ? lease : next;
    return { ...(lease.ttlMs > next.ttlMs ? lease : next), isEndless: lease.isEndless || next.isEndless };
  }

  /** As the config object says. */
  get policies(): GroupPolicies {
    return this.#policies.of(this.#object.config);
  }

  /** Somebody may hold a right, or is to be given one; else the ownership is advice. */
  get isLeased(): boolean {
    return (
      this.policies.resources.length > 0 || (this.placement.lease !== null && this.ownership.currentOwner !== null)
    );
  }

  /** Why a wish would be refused now; null: it would be carried out. */
  refuseWish(wish: GroupWish): Failure | null {
    return this.lock ?? this.#placement.refuse(wish);
  }

  get summary(): GroupSummary {
    return this.#summary;
  }

  /** The hashes of replicas that differ, none with a quorum: no writes of clients take effect; null: there is nothing of it. */
  get dispute(): StateHashes | null {
    return this.#dispute;
  }

  /** Why a write of a client is refused; null: it is not. */
  get lock(): Failure | null {
    return this.#dispute === null ? null : disputeFailure(this.object.group, this.#dispute);
  }

  /** Of several groups, that are not over, or whose end must be remembered. */
  get transactions(): TransactionState {
    return this.#transactions.state;
  }

  /** The end of this lease has to wait for a transaction that is not decided. */
  isLeaseHeld(id: number): boolean {
    return this.#leases.isHeld(id);
  }

  /** Of clients, and what their requests were answered. */
  get sessions(): SessionState {
    return this.#sessions.state;
  }

  /** Counts all rows anew; see `StateRows.hashAsHeld`. */
  hashAsHeld(then: Hash64): Hash64 {
    return this.rows.hashAsHeld(then, this.#present());
  }

  /** One per owner, in list order. */
  verdicts(): readonly StatusComponent[] {
    return this.#standings.of(this.object.owners);
  }

  /** Index of the newest entry by which an owner came to what operators want of it, since this state was made or read. */
  get intendedAt(): LogIndex {
    return this.#standings.intendedAt;
  }

  /** Why a transaction of this part alone would be refused; null: it would not. */
  refuseIntent(part: Part): Failure | null {
    return this.lock ?? this.#transactions.conflict(footprintOf(part)) ?? this.#standings.refuseIntents(part.success);
  }

  /** What a transaction answers at this point of the group's history; what it writes is left out. */
  answer(part: Part): Answer {
    return this.#transactions.answer(part);
  }

  /** What a request is answered without anything being done; null: it is new, and may be carried out. */
  recall(identity: RequestIdentity, digest: string): SessionOutcome | null {
    return this.#sessions.recall(identity, digest);
  }

  applyEntry(entry: Entry): GroupOutcome {
    return this.#apply(decodeGroupCommand(entry.payload), entry);
  }

  /** The owner list follows. */
  membersChanged(index: LogIndex): void {
    const { membership } = this.members;
    const { owners } = membership;
    this.#setObject({ ...this.#object, owners });
    this.#setSummary({ ...this.#summary, index, owners });
    this.#placement.record.set(withOwners(this.placement, owners));
    this.#standings.follow(owners, index);
    if (isAtRest(membership)) this.sessions.settleOwners(owners, index);
  }

  /** Forgets some history below the compaction floor; true: there is more. */
  sweep(versionsMax: number): boolean {
    const { rows, more } = this.mvcc.sweep(versionsMax);
    this.rows.dropVersions(rows);
    return more;
  }

  versionPage(at: Revision, after: Uint8Array | null, bytesMax: number): VersionPage {
    const page = this.mvcc.snapshot(at, { after, rowsMax: limits.compactRowsMax, bytesMax });
    if (page.type !== "page") return null;
    const rows = page.rows.map(({ revision, ordinal, value }) => {
      return { key: tailOfRow(versionKey(this.rows.slot, revision, ordinal)), value };
    });
    return { rows, next: page.next };
  }

  #apply(command: GroupCommand, at: EntryId): GroupOutcome {
    const { index } = at;
    switch (command.type) {
      case "write":
      case "transact":
      case "begin":
      case "compact":
      case "grantLease":
      case "revokeLease":
      case "setOwners":
      case "wish":
        return this.#carryOut(command, at);
      case "prepare":
      case "finish":
      case "forget":
        return this.#transactions.apply(command, index);
      case "decide":
        return this.#conclude(command, index);
      case "verdicts":
        for (const change of command.changes) this.#standings.decide(change, index);
        return decided;
      case "own":
      case "assign":
      case "advance":
      case "failPlacement":
      case "noteStarts":
        return this.#placement.apply(command, index);
      case "configure":
        return this.#configure(command.config, index);
      case "dispute":
        this.#setDispute(command.hashes);
        return decided;
      case "settle":
        this.#setDispute(null);
        return decided;
      case "renewLease":
      case "expireLeases":
      case "checkpointLeases":
        return this.#leases.apply(command, at);
      case "identified":
      case "openSession":
      case "closeSession":
      case "expireSessions":
        return this.#sessions.apply(command, at);
    }
  }

  /** What clients ask for, by itself or under an identity. */
  #carryOut(command: IdentifiableCommand, at: EntryId): PlainOutcome {
    switch (command.type) {
      case "write":
        return this.#writes.write(command);
      case "compact":
        return this.#writes.compact(command.revision);
      case "transact":
      case "begin":
        return this.#transactions.apply(command, at.index);
      case "grantLease":
      case "revokeLease":
        return this.#leases.apply(command, at);
      case "setOwners":
        return this.#wantOwners(command);
      case "wish":
        return this.#placement.wish(command, at.index);
    }
  }

  /** Whoever asked for the transaction under an identity is answered by it; only the first decision counts. */
  #conclude(command: Extract<GroupCommand, { type: "decide" }>, index: LogIndex): PlainOutcome {
    const decide = () => this.#transactions.apply(command, index);
    const isOpen = this.transactions.record(command.id)?.decision === null;
    return isOpen ? this.#sessions.concluding(command, decide) : decide();
  }

  /** Why the owners cannot be changed now. @param ifIndex where they were changed last; null: wherever */
  refuseOwners(owners: readonly NodeId[], ifIndex: LogIndex | null): Failure | null {
    const { group } = this.#object;
    const { currentOwner } = this.ownership;
    const isHeld = currentOwner !== null && this.placement.lease?.isEndless === true;
    if (isHeld && !owners.includes(currentOwner)) {
      const message = `${currentOwner} runs ${group} under a right that no time ends: move it first, or have it fenced`;
      return failure("condition_failed", message, { group, node: currentOwner, field: "owners" });
    }
    const { index } = this.members.configuration;
    if (this.transactions.areOwnersHeld) {
      return failure("txn_conflict", `A planned change of an owner of ${group} is under way`, { group });
    }
    if (ifIndex === null || ifIndex === index) return null;
    const message = `The members of ${group} were last changed at index ${index}, not at ${ifIndex}`;
    return failure("condition_failed", message, { group, field: "if_configuration_index" });
  }

  #wantOwners({ owners, ifIndex }: Extract<GroupCommand, { type: "setOwners" }>): PlainOutcome {
    const { index, membership } = this.members.configuration;
    const refusal = this.refuseOwners(owners, ifIndex);
    if (refusal !== null) return { type: "refused", failure: refusal };
    const isSo = isAtRest(membership) && owners.join() === membership.owners.join();
    return isSo ? { type: "ownersSet", index } : { type: "ownersWanted", owners };
  }

  #fenced(fence: Epoch | null): Failure | null {
    const { epoch } = this.ownership;
    if (fence === null || fence === epoch) return null;
    const message = `The fencing token is of epoch ${fence}, the group is at epoch ${epoch}`;
    return failure("fenced", message, { group: this.object.group });
  }

  #placed() {
    const { group, owners } = this.#object;
    return { group, owners, verdicts: this.verdicts(), ownership: this.ownership };
  }

  #setOwnership(ownership: Ownership, index: LogIndex): void {
    const { currentOwner: before } = this.ownership;
    this.#setSummary({ ...this.#summary, index, ownership });
    for (const node of [before, ownership.currentOwner]) this.#standings.restate(node, index);
  }

  #configure(config: Uint8Array, index: LogIndex): GroupOutcome {
    if (this.lock !== null) return { type: "refused", failure: this.lock };
    this.#setObject({ ...this.#object, config });
    this.#setSummary({ ...this.#summary, index, placement: placementIn(config) });
    return decided;
  }

  #setDispute(hashes: StateHashes | null): void {
    this.#dispute = hashes;
    if (hashes === null) this.rows.delete("dispute", emptyBytes);
    else this.rows.set("dispute", emptyBytes, encodeStateHashes(hashes));
  }

  #setObject(object: GroupObject): void {
    this.#object = object;
    this.rows.set("object", emptyBytes, encodeGroupObject(object));
  }

  #setSummary(summary: GroupSummary): void {
    this.#summary = summary;
    this.rows.set("ownership", emptyBytes, encodeGroupSummary(summary));
  }

  #restoreRows(image: ReplicaRows): void {
    for (const row of image.small) {
      this.rows.restoreSmall(row);
      if (row.table === "dispute") this.#dispute = decodeStateHashes(row.value);
      this.transactions.restore(row.table, row);
      this.#standings.restore(row.table, row);
      this.#placement.record.restore(row.table, row);
      this.leases.restore(row.table, row);
      this.sessions.restore(row.table, row);
    }
    this.sessions.restored();
    for (const kv of this.#present()) {
      this.rows.restoreKey(kv);
      this.leases.attach(kv);
    }
  }

  #present(): readonly KeyValue[] {
    const everything = { start: emptyBytes, end: null };
    const present = this.mvcc.range(everything, { at: null, limit: Number.POSITIVE_INFINITY });
    assert(present.type === "page", "the newest revision can always be read");
    return present.kvs;
  }
}

/** It names the replicas, so that an operator can decide whose state is to go on. */
function disputeFailure(group: GroupId, { index, hashes }: StateHashes): Failure {
  const which = hashes.map(({ node, hash }) => `${node} ${hash}`).join(", ");
  const message = `The group ${group} is read-only: its replicas differ at index ${index} and no state has a quorum: ${which}`;
  return failure("corrupt", message, { group });
}

/** The present values of all keys, written to other rows, without their history. */
function continued(old: Mvcc, rows: StateRows): Mvcc {
  const everything = { after: null, rowsMax: Number.POSITIVE_INFINITY, bytesMax: Number.POSITIVE_INFINITY };
  const page = old.snapshot(old.revision, everything);
  assert(page.type === "page", "the newest revision can always be read");
  const versions = page.rows.toSorted((left, right) => {
    return left.revision - right.revision || left.ordinal - right.ordinal;
  });
  const revision = toRevision(old.revision + limits.recoveryJump);
  const restored = Mvcc.restore({ revision, floor: revision, rows: versions });
  assert(restored.type === "restored", () => `A state does not fit itself: ${JSON.stringify(restored)}`);
  const { mvcc } = restored;
  const present = mvcc.range({ start: emptyBytes, end: null }, { at: null, limit: Number.POSITIVE_INFINITY });
  assert(present.type === "page", "the newest revision can always be read");
  rows.takeKeys(versions, present.kvs);
  return mvcc;
}

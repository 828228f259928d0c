// One group's replica on this node: joins the Raft core, the log's rows and the replicated state. It turns what Raft asks
// for into effects, applies what is committed, and tells proposers and readers. What the state means is its owner's affair.

import { type LogIndex, type MemberId, type Millis, type NodeId, type Term, toMemberId } from "../../proto/ids.ts";
import { anyMember, type Membership, memberOf } from "../../proto/membership.ts";
import type { Addressed, PeerMessage } from "../../proto/messages.ts";
import type { AppliedRecord, GroupKey } from "../../proto/model.ts";
import { asks, type Entry, type EntryId, type RaftMessage } from "../../proto/raft.ts";
import type { Hash64 } from "../../storage/hash.ts";
import type { Slot } from "../../storage/keys.ts";
import type { LogStore } from "../../storage/log-store.ts";
import type { Standing } from "../raft/quiet.ts";
import type { Raft } from "../raft/raft.ts";
import type { Broadcast, PersistToken, RaftInput, RaftOutput, RaftStatus, Role, RoleChange } from "../raft/types.ts";
import type { Applier, ReplicatedState } from "./applier.ts";
import type { Topic } from "./effects.ts";
import type { HardStates, MemberKey } from "./hard-states.ts";
import type { WriteId } from "./inputs.ts";
import { limits } from "./limits.ts";
import { type LogKept, LogTrim } from "./log-trim.ts";
import { isDue } from "./millis.ts";
import type { Outbox } from "./outbox.ts";
import type { Party } from "./party.ts";
import { ownersTopic } from "./topics.ts";
import type { Vouching } from "./vouching.ts";

/** Who has to do with a replica beyond its log. */
export interface ReplicaOwner<Outcome> {
  /** Every committed entry, in order, empty ones too. */
  entryApplied(entry: Entry, nowMs: Millis): void;
  /** `proposal`: null when the entry was not proposed here, or its proposer no longer waits. */
  applied(index: LogIndex, outcome: Outcome, proposal: number | null, nowMs: Millis): void;
  /** Another entry stands where the proposal stood: it never took effect and never will. */
  proposalLost(proposal: number): void;
  /** What became of the proposal is not known and will not be heard here. */
  proposalForgotten(proposal: number): void;
  readable(read: number, nowMs: Millis): void;
  readRefused(read: number, nowMs: Millis): void;
  roleChanged(change: RoleChange, nowMs: Millis): void;
  /** The membership in force is another one. */
  membersChanged(nowMs: Millis): void;
  beatNow(): void;
  /** A beat, or its echo, has stood for one of the group's own. */
  heardVouched(peer: NodeId, heardMs: Millis): void;
  needSnapshot(peer: NodeId, nowMs: Millis): void;
}

export interface ReplicaParts<Outcome, State extends ReplicatedState<Outcome>> extends GroupKey {
  /** As which member this node belongs to the group. */
  readonly member: MemberId;
  readonly raft: Raft;
  readonly log: LogStore;
  readonly applier: Applier<Outcome, State>;
  /** The log as it was read at the start; empty for a new group. */
  readonly entries: readonly Entry[];
  /** The write that has all of it on the disk; null: it is there. */
  readonly making: WriteId | null;
}

export interface ReplicaWorld {
  readonly out: Outbox;
  readonly hardStates: HardStates;
  readonly logKept: LogKept;
  readonly vouching: Vouching;
}

export class Replica<Outcome, State extends ReplicatedState<Outcome>> implements Party {
  readonly key: GroupKey;
  readonly member: MemberId;
  readonly #memberKey: MemberKey;
  readonly #raft: Raft;
  readonly #out: Outbox;
  readonly #hardStates: HardStates;
  readonly #owner: ReplicaOwner<Outcome>;
  readonly #trim: LogTrim;
  readonly #vouching: Vouching;
  #log: LogStore;
  #applier: Applier<Outcome, State>;
  #toApply: Entry[] = [];
  #trimTo: LogIndex | null = null;
  /** Followers that are being sent a snapshot, or have not caught up since, and as of which index it is. */
  readonly #snapshots = new Map<NodeId, LogIndex>();
  /**
   * The highest number under which each node has spoken here. It may have begun anew in changes that this member was away for:
   * what is answered to the number in the log here would be for nobody.
   */
  readonly #heardAs = new Map<NodeId, MemberId>();
  #toSweep = false;
  /** The write that puts a snapshot in force, until it is durable: a crash before that leaves the old, shorter log. */
  #installing: WriteId | null = null;
  #persisting: { readonly write: WriteId; readonly token: PersistToken }[] = [];
  /** Index and term of each proposal of this node that is not applied yet. */
  readonly #proposals = new Map<LogIndex, { readonly term: number; readonly proposal: number }>();
  readonly #reads: { readonly read: number; readonly index: LogIndex }[] = [];
  #distrustGossipUntilMs = 0;
  /** Last index of the newest publication. */
  #published = 0;

  constructor(parts: ReplicaParts<Outcome, State>, world: ReplicaWorld, owner: ReplicaOwner<Outcome>) {
    this.key = { group: parts.group, incarnation: parts.incarnation };
    this.member = parts.member;
    this.#memberKey = { ...this.key, member: parts.member };
    this.#raft = parts.raft;
    this.#log = parts.log;
    this.#applier = parts.applier;
    this.#installing = parts.making;
    this.#out = world.out;
    this.#hardStates = world.hardStates;
    this.#trim = new LogTrim(world.logKept);
    this.#vouching = world.vouching;
    this.#owner = owner;
    for (const entry of parts.entries) if (entry.index <= this.applied.index) this.#countForTrim(entry, null);
  }

  get state(): State {
    return this.#applier.state;
  }

  get applied(): EntryId {
    return this.#applier.applied;
  }

  /** State hash at an index that was applied lately; null: not there yet, too long ago, or before the state was put back. */
  hashAt(index: LogIndex): Hash64 | null {
    return this.#applier.trail.at(index);
  }

  /** Of the applied state, with its hash. */
  get record(): AppliedRecord {
    return this.#applier.record();
  }

  get role(): Role {
    return this.#raft.role;
  }

  get term(): Term {
    return this.#raft.term;
  }

  get status(): RaftStatus {
    return this.#raft.status();
  }

  /** Under which its rows lie now: another one after each snapshot. */
  get slot(): Slot {
    return this.state.rows.slot;
  }

  /** In force, committed or not. */
  get membership(): Membership {
    return this.#raft.membership;
  }

  /** Gossip topic of the owners. */
  get topic(): Topic {
    return ownersTopic(this.membership.owners);
  }

  /** Says between which members of the group a message goes. */
  addressTo(peer: NodeId): Addressed {
    const known = memberOf(this.membership, peer) ?? anyMember;
    const toMember = toMemberId(Math.max(known, this.#heardAs.get(peer) ?? anyMember));
    return { ...this.key, fromMember: this.member, toMember };
  }

  /** As {@link Replica.addressTo}, of an answer: to the member that asked, whatever number a change that is not committed gives it. */
  answerTo(peer: NodeId): Addressed {
    const heard = this.#heardAs.get(peer);
    return heard === undefined ? this.addressTo(peer) : { ...this.key, fromMember: this.member, toMember: heard };
  }

  /** Entries are committed that the next steps will apply. */
  get hasWork(): boolean {
    return this.#toApply.length > 0 || this.#trimTo !== null || this.#toSweep;
  }

  /** Something waits for a write to be durable. */
  get isWriting(): boolean {
    return this.#persisting.length > 0 || this.#installing !== null;
  }

  /** Everyone who is sent something: of a leader, else nobody. */
  get peers(): readonly NodeId[] {
    return this.#raft.status().peers.map(({ peer }) => peer);
  }

  /** Followers that this member, leading, has not heard lately; null: it does not lead. */
  silent(nowMs: Millis): readonly NodeId[] | null {
    if (this.role !== "leader") return null;
    const { peers } = this.status;
    const since = nowMs - limits.suspectMs;
    return peers.filter(({ heardMs }) => heardMs === null || heardMs < since).map(({ peer }) => peer);
  }

  deadlineMs(): Millis | null {
    return this.#raft.deadlineMs();
  }

  beatFor(peer: NodeId): (RaftMessage & { readonly type: "beat" }) | null {
    return this.#raft.beatFor(peer);
  }

  /**
   * Proposes entries, one per payload.
   *
   * @param proposals names by which the owner hears of each outcome
   * @returns false when this replica does not lead or holds too much uncommitted already: nothing was proposed
   */
  propose(payloads: readonly Uint8Array[], proposals: readonly number[], nowMs: Millis): boolean {
    const output = this.#stepRaft({ type: "propose", payloads }, nowMs);
    const { term } = this.#raft;
    if (output.accepted !== null) {
      for (const [offset, proposal] of proposals.entries()) {
        const index = (output.accepted + offset) as LogIndex;
        this.#forgetProposal(index);
        this.#proposals.set(index, { term, proposal });
      }
    }
    this.#carryOut(output, nowMs);
    return output.accepted !== null;
  }

  /** Not what is meant for another member, of before or after this one, under the same node's name. */
  isFor({ toMember }: Addressed): boolean {
    return toMember === anyMember || toMember === this.member;
  }

  /** @returns why the core refuses a change of the members or a handover; null: it does not */
  change(input: RaftInput, nowMs: Millis): string | null {
    const output = this.#stepRaft(input, nowMs);
    this.#carryOut(output, nowMs);
    return output.refusal;
  }

  step(input: RaftInput, nowMs: Millis): void {
    if (input.type === "message") this.#noteNumber(input.from, input.member);
    this.#carryOut(this.#stepRaft(input, nowMs), nowMs);
  }

  /** The sender is there, and must not count yet. */
  unproven(from: NodeId, message: Addressed, nowMs: Millis): void {
    if (message.incarnation !== this.key.incarnation || !this.isFor(message)) return;
    this.step({ type: "unproven", from, member: message.fromMember }, nowMs);
  }

  #noteNumber(node: NodeId, member: MemberId): void {
    this.#heardAs.set(node, toMemberId(Math.max(member, this.#heardAs.get(node) ?? anyMember)));
  }

  /** The deadline that was told may have moved since: what was vouched for meanwhile is taken in only now. */
  deadline(nowMs: Millis): void {
    if (!isDue(this.deadlineMs(), nowMs)) return;
    this.catchUp();
    if (isDue(this.deadlineMs(), nowMs)) this.step({ type: "deadline" }, nowMs);
  }

  get standing(): Standing {
    return this.#raft.standing;
  }

  catchUp(): void {
    const words = this.#vouching.take(this);
    const last = words.at(-1);
    if (last === undefined) return;
    for (const { peer, heardMs } of words) this.#owner.heardVouched(peer, heardMs);
    this.#carryOut(this.#raft.step({ type: "vouched", words }, last.heardMs), last.heardMs);
  }

  /** The write, and all before it, is durable. */
  durable(write: WriteId, nowMs: Millis): void {
    if (this.#installing !== null && this.#installing <= write) this.#installing = null;
    const ready = this.#persisting.filter((pending) => pending.write <= write);
    if (ready.length === 0) return;
    this.#persisting = this.#persisting.slice(ready.length);
    this.#hardStates.unsettled();
    for (const { token } of ready) this.step({ type: "persisted", token }, nowMs);
  }

  acknowledgeStored(): void {
    this.#hardStates.acknowledge(this.#memberKey, this.#safelyStored());
  }

  /** Applies the next committed entries, a bounded number. */
  work(nowMs: Millis): void {
    const batch = this.#toApply.slice(0, limits.applyEntriesMax);
    this.#toApply = this.#toApply.slice(limits.applyEntriesMax);
    for (const entry of batch) this.#apply(entry, nowMs);
    this.#toSweep = this.#applier.state.sweep(limits.compactRowsMax);
    if (batch.length > 0 || this.#toSweep) this.#out.write(this.#applier.takeOperations());
    this.#trimLog(nowMs);
    this.#serveReads(nowMs);
  }

  /**
   * Applies all that the log holds, committed or not, for a group that goes on from this replica alone: what is in the log may
   * have been acknowledged. Nothing of it is written, and the replica itself must not be used any more.
   */
  applyRest(): EntryId {
    for (const entry of this.#raft.entriesAfter(this.applied.index)) this.#applier.apply(entry);
    return this.applied;
  }

  /** Whether a snapshot that ends at `last` would bring nothing: appends bring the rest. */
  holds(last: EntryId): boolean {
    return last.index <= this.#raft.status().commit || this.#raft.holds(last);
  }

  /**
   * Puts a snapshot of the leader of `term` in force: state and log are replaced. The caller has written the snapshot's rows, and writes the group
   * record that names their slot in this same step.
   */
  install(applier: Applier<Outcome, State>, log: LogStore, term: Term, nowMs: Millis): void {
    this.#applier = applier;
    this.#log = log;
    this.#toApply = [];
    this.#trimTo = null;
    this.#installing = this.#out.nextWrite;
    this.#out.write(applier.takeOperations());
    for (const index of [...this.#proposals.keys()]) if (index <= applier.applied.index) this.#forgetProposal(index);
    const { configuration } = applier.state.members;
    this.step({ type: "installed", term, last: applier.applied, configuration }, nowMs);
    this.#serveReads(nowMs);
  }

  #stepRaft(input: RaftInput, nowMs: Millis): RaftOutput {
    this.catchUp();
    this.#vouching.changed(this);
    return this.#raft.step(input, nowMs);
  }

  #carryOut(output: RaftOutput, nowMs: Millis): void {
    // Before anything that may lead to another step: entries are applied in the order of the steps.
    for (const entry of output.committed) this.#toApply.push(entry);
    for (const read of output.readable) this.#reads.push(read);
    if (output.persist !== null) this.#persist(output.persist);
    this.#sendAll(output, nowMs);
    if (output.roleChange !== null) this.#changeRole(output.roleChange, nowMs);
    if (output.membership !== null) this.#owner.membersChanged(nowMs);
    for (const read of output.refusedReads) this.#owner.readRefused(read, nowMs);
    for (const peer of output.needSnapshot) {
      this.#snapshots.set(peer, this.applied.index);
      this.#owner.needSnapshot(peer, nowMs);
    }
    if (output.beatNow) this.#owner.beatNow();
    // What is to be stored goes first: the disk is busy with it while the rest is applied.
    if (output.committed.length > 0 && output.persist === null) this.work(nowMs);
    else if (output.readable.length > 0) this.#serveReads(nowMs);
  }

  #changeRole(change: RoleChange, nowMs: Millis): void {
    this.#owner.roleChanged(change, nowMs);
    if (change.role !== "leader") this.#refuseStuckReads(nowMs);
  }

  /** Of a leader that was: its own disk does not hold yet what they wait for, and perhaps will not for long. */
  #refuseStuckReads(nowMs: Millis): void {
    const reached = this.#toApply.at(-1)?.index ?? this.applied.index;
    const served = this.#reads.findLastIndex(({ index }) => index <= reached) + 1;
    for (const { read } of this.#reads.splice(served)) this.#owner.readRefused(read, nowMs);
  }

  /** In the order in which they were made. */
  #sendAll({ messages, broadcast }: RaftOutput, nowMs: Millis): void {
    for (const [position, { to, message, afterPersist }] of messages.entries()) {
      if (position === broadcast?.position) this.#broadcast(broadcast, nowMs);
      this.#noticeRepair(message, nowMs);
      this.#send(to, message, afterPersist);
    }
    if (broadcast !== null && broadcast.position >= messages.length) this.#broadcast(broadcast, nowMs);
  }

  #persist(persist: NonNullable<RaftOutput["persist"]>): void {
    if (persist.hardState !== null) this.#hardStates.set(this.#memberKey, persist.hardState);
    this.acknowledgeStored();
    this.#hardStates.unsettled();
    const operations = persist.append === null ? [] : this.#log.append(persist.append);
    this.#out.writeDurably(operations, this.#hardStates.table());
    this.#persisting.push({ write: this.#out.nextWrite, token: persist.token });
  }

  /** Applied here, so committed and never truncated, and durable: no entry that a restart may miss without damage. */
  #safelyStored(): LogIndex {
    if (this.#installing !== null) return this.#hardStates.acknowledged(this.#memberKey);
    const oldest = this.#persisting[0]?.token.last?.index;
    const { index } = this.applied;
    const stored = oldest === undefined ? index : Math.min(index, oldest - 1);
    return Math.max(this.#hardStates.acknowledged(this.#memberKey), stored) as LogIndex;
  }

  #send(to: NodeId, message: RaftMessage, afterPersist: boolean): void {
    if (message.type === "beatReply") {
      this.#out.echo(to, { ...this.answerTo(to), reply: message }, afterPersist);
      return;
    }
    const address = asks(message) ? this.addressTo(to) : this.answerTo(to);
    const wrapped: PeerMessage = { type: "raft", ...address, message };
    if (afterPersist) this.#out.sendPromise(to, wrapped);
    else this.#out.send(to, wrapped);
  }

  /** Many entries go to all owners in one message, which is encoded once: published where many are to hear it, else sent to each. */
  #broadcast(broadcast: Broadcast, nowMs: Millis): void {
    const { message } = broadcast;
    const { owners } = this.membership;
    const to = broadcast.to.filter((peer) => owners.includes(peer));
    for (const peer of broadcast.to) if (!owners.includes(peer)) this.#send(peer, message, false);
    if (to.length < 2 || message.slice.entries.length < limits.sharedEntriesMin) {
      for (const peer of to) this.#send(peer, message, false);
      return;
    }
    const shared: PeerMessage = { type: "raft", ...this.key, fromMember: this.member, toMember: anyMember, message };
    if (to.length >= limits.publishReceiversMin && nowMs >= this.#distrustGossipUntilMs) {
      this.#published = message.slice.previous.index + message.slice.entries.length;
      this.#out.publish(this.topic, shared);
    } else {
      for (const peer of to) this.#out.send(peer, shared);
    }
  }

  /** Raft sends again what was published: gossip has lost it and is not to be waited for next time (invariant 8). */
  #noticeRepair(message: RaftMessage, nowMs: Millis): void {
    if (message.type !== "append" || message.slice.previous.index >= this.#published) return;
    this.#published = 0;
    this.#distrustGossipUntilMs = nowMs + limits.publishDistrustMs;
  }

  #apply(entry: Entry, nowMs: Millis): void {
    const outcome = this.#applier.apply(entry);
    this.#hardStates.unsettled();
    this.#owner.entryApplied(entry, nowMs);
    const awaited = this.#proposals.get(entry.index);
    this.#proposals.delete(entry.index);
    const isOurs = awaited !== undefined && awaited.term === entry.term;
    if (awaited !== undefined && !isOurs) this.#owner.proposalLost(awaited.proposal);
    if (outcome !== null) this.#owner.applied(entry.index, outcome, isOurs ? awaited.proposal : null, nowMs);
    this.#countForTrim(entry, nowMs);
  }

  #countForTrim(entry: Entry, nowMs: Millis | null): void {
    const needed = () => (nowMs === null ? null : this.#neededFrom(nowMs));
    const upTo = this.#trim.applied(entry.index, entry.payload.byteLength, needed);
    if (upTo !== null && upTo > this.#log.previous.index) this.#trimTo = upTo;
  }

  /** What follows a snapshot: without it the follower would need another, and another. */
  #neededFrom(nowMs: Millis): LogIndex | null {
    const { peers, last } = this.status;
    let least: LogIndex | null = null;
    for (const [peer, at] of this.#snapshots) {
      const known = peers.find((each) => each.peer === peer);
      const isHeard = known !== undefined && (known.heardMs ?? 0) >= nowMs - limits.suspectMs;
      const isBack = known?.state === "replicate" && known.matched >= last - limits.lagEntriesMax;
      if (!isHeard || isBack) this.#snapshots.delete(peer);
      else if (least === null || at < least) least = at;
    }
    return least;
  }

  /** Its leadership ended before it was applied, and another entry, or a snapshot, has taken its place. */
  #forgetProposal(index: LogIndex): void {
    const forgotten = this.#proposals.get(index);
    this.#proposals.delete(index);
    if (forgotten !== undefined) this.#owner.proposalForgotten(forgotten.proposal);
  }

  #trimLog(nowMs: Millis): void {
    if (this.#trimTo === null) return;
    const operations = this.#log.compact(this.#trimTo);
    this.#out.write(operations);
    if (operations.length === 0) this.#trimTo = null;
    else this.#carryOut(this.#stepRaft({ type: "compact", upTo: this.#log.previous.index }, nowMs), nowMs);
  }

  #serveReads(nowMs: Millis): void {
    while (this.#reads.length > 0 && (this.#reads[0]?.index ?? 0) <= this.applied.index) {
      const { read } = this.#reads.shift() as { read: number };
      this.#owner.readable(read, nowMs);
    }
  }
}

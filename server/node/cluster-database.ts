// The cluster database on one node. On a voter it is a replica of the system group; on every other node a copy that follows
// the same log, from publications and, for what it missed, from any peer by index (A3). Holders of either give it on.

import { present } from "../../proto/assert.ts";
import { CodecError } from "../../proto/codec/codec-error.ts";
import {
  clusterGroup,
  type Incarnation,
  type LogIndex,
  type MemberId,
  type Millis,
  type NodeId,
} from "../../proto/ids.ts";
import { founderId, type Membership } from "../../proto/membership.ts";
import type { GroupMessage, PeerMessage } from "../../proto/messages.ts";
import type { DirectoryEntry, KeptIntent } from "../../proto/model.ts";
import { type Entry, type EntryId, isControl } from "../../proto/raft.ts";
import type { GroupStatus } from "../../proto/requests.ts";
import { rowOfSlot, type Slot, slotRange } from "../../storage/keys.ts";
import { LogStore } from "../../storage/log-store.ts";
import type { Operation } from "../../storage/ordered-store.ts";
import type { RoleChange } from "../raft/types.ts";
import { reasonText } from "../recovery/reason.ts";
import { Applier } from "./applier.ts";
import type { Call } from "./calls.ts";
import { ClusterIdentity } from "./cluster-identity.ts";
import { incarnationAt } from "./cluster-incarnations.ts";
import { ClusterLog } from "./cluster-log.ts";
import { ClusterMembers } from "./cluster-members.ts";
import { ClusterProposals } from "./cluster-proposals.ts";
import { ClusterRefounding, type ClusterSuccession } from "./cluster-refounding.ts";
import { type ClusterOutcome, ClusterState } from "./cluster-state.ts";
import { clusterCopyStatus, clusterGroupStatus } from "./cluster-status.ts";
import { Coordinator } from "./coordinator.ts";
import { ForlornVoter } from "./forlorn-voter.ts";
import { putGroupRecord, stepDownOperations } from "./genesis.ts";
import { failed } from "./group-replies.ts";
import type { MemberKey } from "./hard-states.ts";
import { LeaderSight } from "./leader-sight.ts";
import type { LossReport } from "./membership-manager.ts";
import { earliest } from "./millis.ts";
import { mayHaveQuorum, quorumOf } from "./quorum-view.ts";
import { createRaft } from "./raft-options.ts";
import { Replica, type ReplicaOwner, type ReplicaParts } from "./replica.ts";
import { clusterTopic } from "./topics.ts";
import { Transfers } from "./transfers.ts";
import { type World, wallMs } from "./world.ts";

export type ClusterApplier = Applier<ClusterOutcome, ClusterState>;
/** On a node without a vote: as which member it was known last, or 1. */
export interface ClusterCopy {
  readonly copy: ClusterApplier;
  readonly incarnation: Incarnation;
  readonly member: MemberId;
}
type ClusterReplicaParts = ReplicaParts<ClusterOutcome, ClusterState>;
type ClusterReplica = Replica<ClusterOutcome, ClusterState>;

export interface ClusterListener {
  /** The database has moved on; `created`: groups that came with it, new ones or in another incarnation. */
  clusterChanged(created: readonly DirectoryEntry[]): void;
  clusterLeaderChanged(nowMs: Millis): void;
  clusterBeatNow(): void;
  /** The groups that this node manages are to report their verdicts on `node`. */
  verdictWanted(node: NodeId, nowMs: Millis): void;
  reroute(calls: readonly number[], nowMs: Millis): void;
}

/** A replica, and the snapshots that it sends or is sent. */
interface Seat {
  readonly replica: ClusterReplica;
  readonly transfers: Transfers<ClusterOutcome, ClusterState>;
}

export class ClusterDatabase implements ReplicaOwner<ClusterOutcome> {
  readonly #world: World;
  readonly #listener: ClusterListener;
  readonly #identity: ClusterIdentity;
  /** null on a node that has no vote. */
  #seat: Seat | null;
  #copy: ClusterApplier;
  /** How it comes here without a vote, and goes on to others. */
  readonly log: ClusterLog;
  /** Both are there while this node leads. */
  #coordinator: Coordinator | null = null;
  #members: ClusterMembers | null = null;
  readonly #proposals: ClusterProposals;
  #created: DirectoryEntry[] = [];
  #appliedNow: Entry[] = [];
  #leaderSight: LeaderSight;
  readonly #forlorn: ForlornVoter;
  readonly #refounding: ClusterRefounding;
  /** Another change of the members is applied, to the copy or to the replica. */
  #areMembersNew = false;

  constructor(
    content: { readonly voter: ClusterReplicaParts } | ClusterCopy,
    world: World,
    options: { readonly listener: ClusterListener; readonly nowMs: Millis },
  ) {
    this.#world = world;
    this.#listener = options.listener;
    this.#leaderSight = new LeaderSight(options.nowMs);
    this.#forlorn = new ForlornVoter(world, options.nowMs);
    this.#refounding = new ClusterRefounding(world);
    this.#proposals = new ClusterProposals(world, this);
    this.log = new ClusterLog(world, {
      applied: () => this.#applier.applied,
      smallRows: () => this.state.rows.smallRows(),
      isReplica: () => this.replica !== null,
      follow: (entries) => this.#follow(entries),
      reached: (index) => this.#reached(index),
    });
    const isVoter = "voter" in content;
    this.#identity = new ClusterIdentity(world, this, isVoter ? content.voter : content);
    this.#copy = isVoter ? content.voter.applier : content.copy;
    this.#seat = isVoter ? this.#seatOf(content.voter) : null;
  }

  get state(): ClusterState {
    return this.#applier.state;
  }

  /** The log is applied up to here. */
  get index(): LogIndex {
    return this.#applier.applied.index;
  }

  /** The database as it is here, to be followed from now on without a vote. */
  asCopy(): ClusterCopy {
    const copy = new Applier<ClusterOutcome, ClusterState>(this.state, this.#applier.applied);
    const { incarnation, member } = this.#identity.key;
    return { copy, incarnation, member };
  }

  /** Nobody's word is for a replica of this database any more. */
  leave(): void {
    if (this.#seat === null) return;
    this.#world.vouching.gone(this.#seat.replica);
    this.#seat.transfers.close();
  }

  /** As what it stands in the record of the group. */
  get record(): MemberKey & { readonly slot: Slot } {
    return { ...this.#identity.key, slot: this.state.rows.slot };
  }

  /** null on a node that has no vote. */
  get replica(): ClusterReplica | null {
    return this.#seat?.replica ?? null;
  }

  /** Of the cluster group, as a voter knows it; null on other nodes. */
  get leader(): NodeId | null {
    return this.replica?.status.leader ?? null;
  }

  /** While this node leads. */
  get coordinator(): Coordinator | null {
    return this.#coordinator;
  }

  reroute(calls: readonly number[], nowMs: Millis): void {
    this.#listener.reroute(calls, nowMs);
  }

  get membership(): Membership {
    return this.replica?.membership ?? this.state.members.membership;
  }

  leaderlessMs(nowMs: Millis): number {
    return this.#leaderSight.leaderlessMs(nowMs);
  }

  silent(nowMs: Millis): readonly NodeId[] | null {
    this.replica?.catchUp();
    return this.replica?.silent(nowMs) ?? null;
  }

  /** Nodes that no group watches and that this node therefore beats with while it leads. */
  watched(): readonly NodeId[] {
    if (this.#coordinator === null) return [];
    return this.state.ungrouped().filter((node) => node !== this.#world.self);
  }

  /** Counts for nodes that no group watches. */
  heard(node: NodeId, nowMs: Millis): void {
    if (this.state.directory.groupsOf(node).length === 0) this.#coordinator?.heard(node, nowMs);
  }

  /** @returns false when the leader of the cluster group has to serve the call */
  serve(call: Call, nowMs: Millis): boolean {
    const { request } = call;
    const { replica } = this;
    if (replica === null) return false;
    if (request.type === "groupStatus") {
      const quorum = quorumOf(this, this.#world, nowMs);
      const status = clusterGroupStatus(replica, this.#world.self, { quorum, hindrance: this.#hindrance });
      this.#world.calls.answer(call.key, { type: "groupStatus", status });
      return true;
    }
    if (replica.status.role !== "leader") return false;
    this.#proposals.serve(call, nowMs);
    return true;
  }

  unproven(from: NodeId, message: GroupMessage, nowMs: Millis): void {
    this.#seat?.replica.unproven(from, message, nowMs);
    this.#flush();
  }

  receive(from: NodeId, message: GroupMessage, nowMs: Millis): void {
    if (this.#refounding.isUnderWay) return;
    const seat = this.#seat;
    if (seat === null || message.incarnation !== this.#identity.incarnation || !seat.replica.isFor(message)) {
      return this.#identity.answerStranger(from, message, nowMs);
    }
    this.#forlorn.heard(nowMs);
    this.#identity.answerRetired(from, message);
    if (message.type === "raft") {
      const { fromMember: member, message: raft } = message;
      seat.replica.step({ type: "message", from, member, message: raft }, nowMs);
    }
    if (message.type === "snapshotAck") seat.transfers.acknowledged(from, message, nowMs);
    if (message.type === "snapshotPart" && seat.transfers.receive(from, message, nowMs)) this.#stateReplaced();
    this.#flush();
  }

  /** The leader counts on this node as a new member. */
  invited(from: NodeId, invite: PeerMessage & { readonly type: "invite" }, nowMs: Millis): void {
    if (this.#refounding.isUnderWay || !this.#identity.mayBegin(from, invite, nowMs)) return;
    this.#stepDown();
    this.#begin(invite.toMember, nowMs);
    this.#world.out.note("info", "Joins a group", { group: clusterGroup, member: invite.toMember, from });
  }

  /** A member says that it holds nothing of the group as this member: it is to begin anew. */
  memberLost(node: NodeId, report: LossReport, nowMs: Millis): void {
    this.#members?.lost(node, report, nowMs);
  }

  /** A committed change has given the place of this member to another. */
  departed(from: NodeId, message: PeerMessage & { readonly type: "departed" }, nowMs: Millis): void {
    if (this.#refounding.isUnderWay || !this.#identity.isDeparted(message)) return;
    this.#stepDown();
    this.log.maybePull(from, message.index, nowMs);
  }

  /** What is committed leaves this member out, as far as the log has come here. What it promised stays on record: it may be under way. */
  #maybeRetire(): void {
    if (!this.#areMembersNew) return;
    this.#areMembersNew = false;
    if (this.#identity.isRetired) this.#stepDown();
  }

  /**
   * As this member from now on, which goes on from the copy: that is what all hold whose log has come as far, and nothing that
   * was known here is taken back.
   */
  #begin(member: MemberId, nowMs: Millis): void {
    const { hardStates, out, slots } = this.#world;
    hardStates.retire(this.record, out.nextWrite);
    out.erase(slotRange(this.record.slot));
    this.#identity.become(this.#identity.incarnation, member);
    const { applied, state: old } = this.#copy;
    const state = present(ClusterState.fromRows(slots.take(), old.rows.smallRows()), "the voters of the cluster group");
    state.rows.rewrite();
    this.#copy = new Applier<ClusterOutcome, ClusterState>(state, applied);
    const log = LogStore.create(state.rows.slot, applied);
    const record = putGroupRecord(this.record, { slot: state.rows.slot, role: "owner", member });
    out.writeDurably([record, ...log.operations, ...this.#copy.takeOperations()], hardStates.table());
    this.#leaderSight = new LeaderSight(nowMs);
    const parts = this.#partsOf(this.#copy, log.store, applied, nowMs);
    this.#seat = this.#seatOf({ ...parts, making: out.nextWrite });
  }

  /** If this node has a vote, it has none any more, and goes on as a copy. */
  #stepDown(): void {
    if (this.#seat === null) return;
    this.#copy = this.asCopy().copy;
    this.#resign();
    this.leave();
    this.#seat = null;
    this.#proposals.forgetAll();
    this.#world.out.writeDurably(stepDownOperations(this.record), null);
    this.#world.out.note("info", "Left a group", { group: clusterGroup, member: this.#identity.key.member });
  }

  /** The database of another incarnation is the one from now on: what this node was in the one before is over. */
  #enter(incarnation: Incarnation): void {
    if (incarnation === this.#identity.incarnation) return;
    const ended = this.#end();
    this.#identity.become(incarnation, founderId);
    this.#world.out.writeDurably([...ended, ...stepDownOperations(this.record)], this.#world.hardStates.table());
  }

  /** Of the present incarnation nothing but a number is kept. */
  #end(): readonly Operation[] {
    const { key } = this.#identity;
    this.#world.hardStates.retire(key, this.#world.out.nextWrite);
    return [putGroupRecord(key, { slot: 0, role: "gone", member: key.member })];
  }

  /** What this node holds, with a vote or without. @returns the status, and where the log ends here */
  held(nowMs: Millis): { readonly status: GroupStatus; readonly last: LogIndex } {
    const { replica } = this;
    if (replica === null) {
      const record = this.#copy.record();
      return { status: clusterCopyStatus(this.state, record, this.record, this.#world.self), last: record.index };
    }
    const hasQuorum = mayHaveQuorum(this, this.#world, nowMs);
    const quorum = { ...quorumOf(this, this.#world, nowMs), hasQuorum };
    return {
      status: clusterGroupStatus(replica, this.#world.self, { quorum, hindrance: this.#hindrance }),
      last: replica.status.last,
    };
  }

  /** This node goes on alone with what it has, as another incarnation. Answered when it leads that. */
  refound(call: Call, request: Call["request"] & { readonly type: "refoundCluster" }, nowMs: Millis): void {
    const refusal = this.#refounding.refuse(request.incarnation, this, nowMs);
    if (refusal !== null) return this.#world.calls.answer(call.key, failed(refusal));
    call.mayHaveHappened = true;
    const end = this.#seat === null ? this.#copy.applied : this.#seat.replica.applyRest();
    this.#stepDown();
    const old = { state: this.state, end, ended: this.#end() };
    this.#refounding.begin({ key: call.key, request }, old, nowMs);
  }

  /** What this node has written to go on with is durable. */
  #succeed({ heir, incarnation, log }: ClusterSuccession, nowMs: Millis): void {
    this.#world.out.erase(slotRange(this.record.slot));
    this.#copy = heir.applier;
    this.#identity.become(incarnation, founderId);
    this.log.clear();
    this.leave();
    this.#seat = this.#seatOf(this.#partsOf(heir.applier, log, heir.last, nowMs));
    const { index } = heir.last;
    this.#world.out.note("warn", "Goes on alone", { group: clusterGroup, incarnation, index });
    this.#listener.clusterChanged([...this.state.directory.groups]);
  }

  /** A state that covers an empty log up to `last`. */
  #partsOf(applier: ClusterApplier, log: LogStore, last: EntryId, nowMs: Millis): ClusterReplicaParts {
    const { hardStates, random, self, leaseRead } = this.#world;
    const { key } = this.#identity;
    const { configuration } = applier.state.members;
    const hardState = hardStates.get(key);
    const start = { self, leaseRead, member: key.member, isWitness: false, configuration, hardState };
    const slice = { previous: last, entries: [] };
    const raft = createRaft({ ...start, log: slice, applied: last.index }, random.fork(), nowMs);
    return { ...key, raft, log, applier, entries: [], making: null };
  }

  #seatOf(parts: ClusterReplicaParts): Seat {
    const replica = new Replica(parts, this.#world, this);
    return { replica, transfers: new Transfers(this.#world, replica, ClusterState.restore) };
  }

  /** A snapshot is in force. */
  #stateReplaced(): void {
    this.log.clear();
    this.#listener.clusterChanged([...this.state.directory.groups]);
  }

  /** How far a peer is itself. */
  noticeIndex(peer: NodeId, index: LogIndex, nowMs: Millis): void {
    this.log.told(peer, index, nowMs);
    const { replica } = this;
    const leaderlessMs = this.leaderlessMs(nowMs);
    if (replica !== null) this.#forlorn.maybeAsk(peer, index, { replica, leaderlessMs }, nowMs);
  }

  /** The database of another incarnation is the one to follow, whatever this node was in the one before. */
  #reached(index: LogIndex): void {
    if (incarnationAt(index) > this.#identity.incarnation) this.#stepDown();
  }

  /** The whole database, for a copy that is too far behind. */
  takeState(message: PeerMessage & { readonly type: "clusterState" }): void {
    this.log.answered();
    if (message.last.index <= this.index || this.#refounding.isUnderWay) return;
    const incarnation = incarnationAt(message.last.index);
    this.#reached(message.last.index);
    if (this.replica !== null) return;
    const { slot } = this.state.rows;
    const next = this.#decoded(() => ClusterState.fromRows(slot, message.rows));
    if (next === null) return;
    const old = this.state.rows.smallRows();
    this.#world.out.write(old.map(({ key }) => ({ type: "delete", key: rowOfSlot(slot, key) })));
    next.rows.rewrite();
    this.#copy = new Applier(next, message.last);
    this.#areMembersNew = true;
    this.#enter(incarnation);
    this.#world.out.write(this.#copy.takeOperations());
    this.log.clear();
    this.#listener.clusterChanged([...next.directory.groups]);
  }

  /** A manager's word on the owners of its group that the directory does not show yet. */
  reportOwners(entry: DirectoryEntry): void {
    this.#coordinator?.reportOwners(entry);
  }

  /** A manager's word that its group has come to what operators want of an owner. */
  reportIntent(kept: KeptIntent): void {
    this.#coordinator?.reportIntent(kept);
  }

  /** A manager's verdict that the cluster's record does not show yet. */
  report(component: Parameters<Coordinator["report"]>[0], nowMs: Millis): void {
    this.#coordinator?.report(component, this.state, nowMs);
  }

  stoodStill(stillMs: number): void {
    this.#coordinator?.stoodStill(stillMs);
  }

  /** Something outside the database has changed on which its leader may have to decide. */
  wake(): void {
    this.#coordinator?.wake();
  }

  deadline(nowMs: Millis): void {
    this.#seat?.replica.deadline(nowMs);
    this.#seat?.transfers.deadline(nowMs);
    this.#coordinator?.wake();
    this.#members?.deadline(nowMs);
  }

  /** What follows from the inputs of this step. */
  settle(nowMs: Millis): void {
    this.#maybeRetire();
    const command = this.#coordinator?.decide(this.state, wallMs(this.#world, nowMs), nowMs) ?? null;
    for (const node of this.#coordinator?.takeOwnPolls() ?? []) this.#listener.verdictWanted(node, nowMs);
    if (command !== null) this.#proposals.decision(command, nowMs);
    const plan = this.#members?.manage(nowMs) ?? null;
    if (plan?.type === "change") this.#coordinator?.explainVoters(plan.reason);
    this.#flush();
  }

  work(nowMs: Millis): void {
    if (this.replica?.hasWork === true) this.replica.work(nowMs);
    this.#flush();
  }

  durable(write: number, nowMs: Millis): void {
    const succession = this.#refounding.durable(write);
    if (succession !== null) this.#succeed(succession, nowMs);
    this.#seat?.replica.durable(write, nowMs);
    this.#flush();
  }

  deadlineMs(): Millis | null {
    return earliest(
      this.#seat === null ? null : deadlineOf(this.#seat),
      this.#coordinator?.deadlineMs() ?? null,
      this.#members?.deadlineMs() ?? null,
    );
  }

  get #hindrance(): string {
    return reasonText(this.#members?.hindrance ?? "");
  }

  entryApplied(entry: Entry, nowMs: Millis): void {
    if (isControl(entry.payload)) this.#members?.changed(nowMs);
    this.#keep(entry);
  }

  /** For nodes that will have missed it. */
  #keep(entry: Entry): void {
    if (isControl(entry.payload)) this.#areMembersNew = true;
    this.#coordinator?.wake();
    this.#appliedNow.push(entry);
    this.log.keep(entry);
  }

  applied(_index: LogIndex, outcome: ClusterOutcome, number: number | null): void {
    if ("entry" in outcome) this.#created.push(outcome.entry);
    if (number !== null) this.#proposals.applied(number, outcome);
  }

  proposalLost(number: number): void {
    this.#proposals.lost(number);
  }

  proposalForgotten(number: number): void {
    this.#proposals.forgotten(number);
  }

  readable(): void {}

  readRefused(): void {}

  heardVouched(_peer: NodeId, heardMs: Millis): void {
    this.#forlorn.heard(heardMs);
  }

  roleChanged(change: RoleChange, nowMs: Millis): void {
    this.#leaderSight.changed(change.leader, nowMs);
    if (change.role === "leader") this.#lead(nowMs);
    else this.#resign();
    const { role, term, leader } = change;
    this.#world.out.note("info", "Role changed", { group: clusterGroup, role, term, leader });
    this.#listener.clusterLeaderChanged(nowMs);
  }

  membersChanged(nowMs: Millis): void {
    this.#members?.changed(nowMs);
    this.#listener.clusterLeaderChanged(nowMs);
  }

  beatNow(): void {
    this.#listener.clusterBeatNow();
  }

  needSnapshot(peer: NodeId, nowMs: Millis): void {
    this.#seat?.transfers.begin(peer, nowMs);
  }

  #lead(nowMs: Millis): void {
    const replica = this.replica;
    if (replica === null) return;
    this.#coordinator ??= new Coordinator(this.#world);
    this.#members ??= new ClusterMembers(this.#world, replica, nowMs);
    this.#refounding.led(this.#identity.incarnation);
  }

  #resign(): void {
    this.#coordinator = null;
    this.#members = null;
    this.#seat?.transfers.abandon();
  }

  get #applier(): { readonly state: ClusterState; readonly applied: EntryId } {
    return this.replica ?? this.#copy;
  }

  /** Applies what continues this node's copy of the log. */
  #follow(entries: readonly Entry[]): void {
    if (this.replica !== null) return;
    const next = entries.filter((entry) => entry.index > this.index);
    for (const entry of next) {
      if (entry.index !== this.index + 1) break;
      const applied = this.#decoded(() => ({ outcome: this.#copy.apply(entry) }));
      if (applied === null) break;
      const { outcome } = applied;
      this.#keep(entry);
      if (outcome !== null && "entry" in outcome) this.#created.push(outcome.entry);
    }
    if (next.length > 0) this.#world.out.write(this.#copy.takeOperations());
    this.#flush();
  }

  /** What a peer tells a copy is that peer's word only: null, and counted, when it does not decode. */
  #decoded<Value>(decode: () => Value): Value | null {
    try {
      return decode();
    } catch (reason) {
      if (!(reason instanceof CodecError)) throw reason;
      this.#world.counters.count("cluster data that does not decode");
      return null;
    }
  }

  /** Tells the node, and as the leader everybody, what this step has applied. */
  #flush(): void {
    const entries = this.#appliedNow;
    if (entries.length === 0) return;
    this.#appliedNow = [];
    const created = this.#created;
    this.#created = [];
    if (this.#coordinator !== null) {
      const { term, index } = this.#applier.applied;
      this.#world.out.publish(clusterTopic, { type: "clusterNews", term, index, entries });
    }
    this.#listener.clusterChanged(created);
  }
}

function deadlineOf({ replica, transfers }: Seat): Millis | null {
  return earliest(replica.deadlineMs(), transfers.deadlineMs());
}

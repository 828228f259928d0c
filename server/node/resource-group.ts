// One resource group on one of its owners: holds its replica, has its parts hear of what happens there, and while this member
// leads, manages the group. Who else must hear of its changes is not decided here.

import { type GroupId, type LogIndex, type Millis, type NodeId, toMillis } from "../../proto/ids.ts";
import type { Membership } from "../../proto/membership.ts";
import type { GroupMessage } from "../../proto/messages.ts";
import type { DirectoryEntry, GroupSummary, NodeIntent } from "../../proto/model.ts";
import type { GroupPolicies } from "../../proto/policies.ts";
import { type Entry, isControl } from "../../proto/raft.ts";
import type { GroupStatus, Reply, Request } from "../../proto/requests.ts";
import type { RoleChange } from "../raft/types.ts";
import { concerns, type NeighbourNews } from "../recovery/neighbour-news.ts";
import type { Planned } from "./agenda.ts";
import type { Call } from "./calls.ts";
import { Compactor } from "./compactor.ts";
import { GroupCalls } from "./group-calls.ts";
import { type ClusterView, GroupMembers } from "./group-members.ts";
import { GroupProposals } from "./group-proposals.ts";
import { GroupReads } from "./group-reads.ts";
import { type GroupReplica, groupStatusOf } from "./group-replies.ts";
import { type GroupOutcome, GroupState } from "./group-state.ts";
import { GroupWatches } from "./group-watches.ts";
import type { WriteId } from "./inputs.ts";
import { LeaderSight } from "./leader-sight.ts";
import { Leases } from "./leases.ts";
import { limits } from "./limits.ts";
import { Manager } from "./manager.ts";
import type { LossReport } from "./membership-manager.ts";
import { earliest, isDue } from "./millis.ts";
import { PlacementKeeper, type PlacementSurroundings } from "./placement-keeper.ts";
import { quorumOf } from "./quorum-view.ts";
import { Replica, type ReplicaOwner, type ReplicaParts } from "./replica.ts";
import { SessionKeeper } from "./session-keeper.ts";
import { StateComparison } from "./state-comparison.ts";
import { Transactions } from "./transactions.ts";
import { Transfers } from "./transfers.ts";
import { Wishes } from "./wishes.ts";
import type { World } from "./world.ts";

/** What a group tells the node that holds it. */
export interface GroupListener {
  /** Something has happened to the group: it has its turn in this step. */
  touched(group: ResourceGroup): void;
  /** The leader is another one, or known again: waiting calls may go on. */
  leaderChanged(group: ResourceGroup, nowMs: Millis): void;
  /** A verdict, the ownership or the config object has changed. */
  statusChanged(group: ResourceGroup, nowMs: Millis): void;
  /** The group has other policies. */
  configured(group: ResourceGroup): void;
  /** What other groups may know of it is something else. */
  summaryChanged(group: ResourceGroup, before: GroupSummary): void;
  beatNow(group: ResourceGroup): void;
  /** A committed change has left this node out. */
  leftOut(group: ResourceGroup): void;
  /** What is stored here of the group is not the group's state. */
  inDoubt(group: ResourceGroup, reason: string): void;
  /** What the node holds, or with whom it holds it, has changed. */
  held(nowMs: Millis): void;
  /** Calls that this member can no longer serve: to be routed again. */
  reroute(calls: readonly number[], nowMs: Millis): void;
  /** Asks another group, on behalf of this one. */
  readonly ask: (request: Request, answer: (reply: Reply) => void) => void;
  /** The group has proposals to make at the end of the turn. */
  proposalsWaiting(group: ResourceGroup): void;
}

export class ResourceGroup implements ReplicaOwner<GroupOutcome>, Planned {
  readonly replica: GroupReplica;
  readonly #world: World;
  readonly #listener: GroupListener;
  readonly #transfers: Transfers<GroupOutcome, GroupState>;
  readonly #watches: GroupWatches;
  #manager: Manager | null = null;
  readonly #intents: GroupOptions["intents"];
  readonly #members: GroupMembers;
  readonly #calls: GroupCalls;
  readonly #proposals: GroupProposals;
  readonly #reads: GroupReads;
  readonly #transactions: Transactions;
  readonly #leases: Leases;
  readonly #sessions: SessionKeeper;
  readonly #placement: PlacementKeeper;
  readonly #wishes: Wishes;
  readonly #comparison: StateComparison;
  readonly #compactor = new Compactor();
  #summary: GroupSummary;
  readonly #leaderSight: LeaderSight;
  /** When the followers are told of a commit that no append has told them of. */
  #noticeMs: Millis | null = null;
  #isPreCandidate = false;
  /** By which the node's ledger counts what the group has there. */
  #policies: GroupPolicies;

  constructor(parts: ReplicaParts<GroupOutcome, GroupState>, world: World, options: GroupOptions) {
    this.#world = world;
    this.#listener = options.listener;
    this.#leaderSight = new LeaderSight(options.nowMs);
    this.replica = new Replica(parts, world, this);
    this.#policies = this.state.policies;
    this.#summary = this.state.summary;
    this.#watches = new GroupWatches(world, this.replica, (nowMs) => this.status(nowMs));
    this.#transfers = new Transfers(world, this.replica, GroupState.restore);
    this.#intents = options.intents;
    this.#members = new GroupMembers(world, this.replica, {
      ...options,
      isTied: (nowMs) => this.#placement.isAwaitingEnd(nowMs),
      isDeciding: () => this.#manager?.isDeciding === true,
    });
    this.#leases = new Leases(world, this.replica, {
      propose: (command) => this.#proposals.finding(command),
      log: (call, request, nowMs) => this.#proposals.write(call, request, nowMs),
    });
    this.#placement = new PlacementKeeper(
      world,
      this.replica,
      {
        ask: options.listener.ask,
        wake: () => this.wake(),
        askedOwners: () => this.#members.asked,
        hindrance: () => this.#members.hindrance,
      },
      options.placement,
    );
    this.#wishes = new Wishes(world, this.replica, this.#placement, {
      touched: () => this.#listener.touched(this),
      write: (call, request, nowMs) => this.#calls.write(call, request, nowMs),
    });
    this.#reads = new GroupReads(world, this.replica, this.#leases, this.#placement);
    this.#proposals = new GroupProposals(world, this.replica, {
      manager: () => this.#manager,
      waiting: () => this.#listener.proposalsWaiting(this),
      begun: (key, begun, nowMs) => this.#transactions.begun(key, begun, nowMs),
      repeated: (key, id, nowMs) => this.#transactions.repeated(key, id, nowMs),
      stamped: (wish) => this.#placement.stamped(wish),
      granted: (key, { id, ttlMs }, nowMs) => this.#leases.answerGrant(key, id, ttlMs, nowMs),
      wanted: (key, owners, nowMs) => this.#members.bringAbout(key, owners, nowMs),
      reroute: (calls, nowMs) => this.#listener.reroute(calls, nowMs),
    });
    this.#transactions = new Transactions(world, this.replica, {
      propose: (command) => this.#proposals.finding(command),
      ask: options.listener.ask,
      touched: () => this.#listener.touched(this),
      again: (key) => this.#calls.again(key),
    });
    this.#sessions = new SessionKeeper(this.replica, (command) => this.#proposals.finding(command));
    this.#comparison = new StateComparison(world, this.replica, {
      propose: (command) => this.#proposals.finding(command),
      inDoubt: (reason) => this.#listener.inDoubt(this, reason),
    });
    this.#calls = new GroupCalls(world, this.replica, {
      reads: this.#reads,
      proposals: this.#proposals,
      watches: this.#watches,
      members: this.#members,
      leases: this.#leases,
      placement: this.#placement,
      wishes: this.#wishes,
      sessions: this.#sessions,
      compactor: this.#compactor,
      status: (nowMs) => this.status(nowMs),
    });
  }

  get state(): GroupState {
    return this.replica.state;
  }

  get leader(): NodeId | null {
    return this.replica.status.leader;
  }

  /** Whether this node is an owner by what is applied here: a new one serves nothing before. */
  get isOwner(): boolean {
    return this.state.object.owners.includes(this.#world.self);
  }

  /** Somebody may have the right to run its application, or is to be given it. */
  get isLeased(): boolean {
    return this.#placement.isLeased;
  }

  get renewIntervalMs(): number {
    return this.#placement.policies.lease.renewIntervalMs;
  }

  /** What it asks of a node that runs its application, by its policies here. */
  get terms() {
    return this.#placement.terms;
  }

  get isManaged(): boolean {
    return this.#manager !== null;
  }

  get membership(): Membership {
    return this.replica.membership;
  }

  /** What the directory should say of it, by what is committed. */
  get entry(): DirectoryEntry {
    const { membership, index } = this.state.members.configuration;
    return { ...this.replica.key, owners: membership.owners, index };
  }

  /**
   * Takes a call that any owner may serve, or that this member may serve as the leader.
   *
   * @returns false when the leader has to serve it
   */
  serve(call: Call, nowMs: Millis): boolean {
    // Many writes come in one turn, and are only queued: the group has its turn when it proposes them all.
    if (call.request.type !== "put" && call.request.type !== "delete") this.#listener.touched(this);
    return this.#calls.serve(call, nowMs);
  }

  status(nowMs: Millis): GroupStatus {
    const status = groupStatusOf(this.replica, this.#world.self, quorumOf(this, this.#world, nowMs));
    const { compared } = this.#comparison;
    const { resources, minimumMissing } = this.#placement.status(nowMs);
    return { ...status, resources, compared, minimumMissing, hindrance: this.#members.hindrance };
  }

  /** How long this owner has known of no leader. */
  leaderlessMs(nowMs: Millis): number {
    return this.#leaderSight.leaderlessMs(nowMs);
  }

  silent(nowMs: Millis): readonly NodeId[] | null {
    this.replica.catchUp();
    return this.replica.silent(nowMs);
  }

  unproven(from: NodeId, message: GroupMessage, nowMs: Millis): void {
    this.#listener.touched(this);
    this.replica.unproven(from, message, nowMs);
  }

  receive(from: NodeId, message: GroupMessage, nowMs: Millis): void {
    this.#listener.touched(this);
    if (!this.replica.isFor(message)) return this.#world.counters.count("messages for another member");
    this.replica.catchUp();
    this.#manager?.heard(from, nowMs);
    this.#members.heard(nowMs);
    switch (message.type) {
      case "raft":
        this.#members.answerDeparted(from, message);
        this.replica.step({ type: "message", from, member: message.fromMember, message: message.message }, nowMs);
        break;
      case "snapshotAck":
        this.#transfers.acknowledged(from, message, nowMs);
        break;
      case "snapshotPart":
        if (this.#transfers.receive(from, message, nowMs)) this.#stateReplaced(nowMs);
        break;
      default:
        this.#comparison.receive(from, message, nowMs);
    }
  }

  /**
   * Proposes what has gathered: one append for all. While an earlier one is under way to the disk, where every other would
   * have to wait for it, more gathers: what an append costs is then shared by as many writes as come in that time.
   */
  propose(nowMs: Millis): void {
    if (!this.#proposals.areWaiting || this.isWriting) return;
    this.#listener.touched(this);
    this.#noticeMs = null;
    this.#proposals.propose(nowMs);
    // What it refused is on its way to no disk, whose answer would call for the rest.
    if (this.#proposals.areWaiting && !this.isWriting) this.#listener.proposalsWaiting(this);
  }

  deadline(nowMs: Millis): void {
    this.#listener.touched(this);
    this.replica.deadline(nowMs);
    this.#transfers.deadline(nowMs);
    this.#manager?.wake();
    this.#placement.deadline(nowMs);
    this.#members.deadline(nowMs);
    this.#comparison.deadline(nowMs);
    if (isDue(this.#noticeMs, nowMs)) {
      this.#noticeMs = null;
      this.#listener.beatNow(this);
    }
  }

  /** This node stood still for so long: that others were silent meanwhile says nothing of them. */
  stoodStill(stillMs: number): void {
    if (this.#manager === null) return;
    // What was heard before.
    this.replica.catchUp();
    this.#manager?.stoodStill(stillMs);
    this.#placement.stoodStill(stillMs);
  }

  /** Something outside the group has changed on which its manager may have to decide. */
  wake(): void {
    this.#listener.touched(this);
    this.#manager?.wake();
  }

  /** A group around it tells something else of itself. */
  heardOf(news: NeighbourNews): void {
    const { group } = this.replica.key;
    if (this.isManaged && this.isLeased && concerns({ group, policies: this.state.policies }, news)) this.wake();
  }

  /**
   * What follows from the inputs of this step: decisions of the manager, and messages for watches.
   *
   * @returns true when watches or committed entries are left for a later step
   */
  settle(nowMs: Millis): boolean {
    this.replica.catchUp();
    this.#manage(nowMs);
    this.#members.manage(nowMs);
    this.#transactions.drive(nowMs);
    this.#compact(nowMs);
    this.#leases.drive(nowMs);
    this.#sessions.drive(nowMs);
    const isLeft = this.#watches.poll(nowMs);
    return isLeft || this.replica.hasWork;
  }

  /** The write, and all before it, is durable. */
  durable(write: WriteId, nowMs: Millis): void {
    this.#listener.touched(this);
    this.replica.durable(write, nowMs);
    if (this.#proposals.areWaiting) this.#listener.proposalsWaiting(this);
  }

  /** Applies committed entries that are left from an earlier step. */
  work(nowMs: Millis): void {
    if (this.replica.hasWork) this.replica.work(nowMs);
  }

  deadlineMs(): Millis | null {
    return earliest(
      this.replica.deadlineMs(),
      this.#transfers.deadlineMs(),
      this.#watches.deadlineMs(),
      this.#manager?.deadlineMs(this.#placement) ?? null,
      this.#members.deadlineMs(),
      this.#comparison.deadlineMs(),
      this.#transactions.deadlineMs(),
      this.#compactor.deadlineMs(),
      this.#leases.deadlineMs(),
      this.#sessions.deadlineMs(),
      this.#noticeMs,
    );
  }

  get isRestless(): boolean {
    return this.#isPreCandidate || this.#transfers.areSending || this.#manager?.isRefused === true;
  }

  get isWriting(): boolean {
    return this.replica.isWriting;
  }

  drained(key: number): void {
    this.#listener.touched(this);
    this.#watches.drained(key);
  }

  /** The caller of a stream is gone. */
  closeWatch(key: number): void {
    this.#listener.touched(this);
    this.#watches.close(key);
  }

  /** Followers learn of a commit with the next append or beat: when no append follows at once, a beat does. */
  entryApplied(entry: Entry, nowMs: Millis): void {
    this.#listener.touched(this);
    this.#followSummary();
    this.#watches.entryApplied(entry);
    if (isControl(entry.payload)) this.#membersApplied(nowMs);
    this.#comparison.applied(entry, nowMs);
    this.#leases.entryApplied(entry.term, nowMs);
    this.#placement.entryApplied(entry.term, nowMs);
    if (this.#manager !== null) this.#noticeMs ??= toMillis(nowMs + limits.commitNoticeMs);
  }

  applied(index: LogIndex, outcome: GroupOutcome, number: number | null, nowMs: Millis): void {
    if (outcome.type === "decided" || this.state.intendedAt === index) {
      this.#watches.statusChanged(index);
      this.#manager?.wake();
      this.#statusChanged(nowMs);
    }
    this.#leases.applied(outcome, nowMs);
    if (number !== null) this.#proposals.applied(number, outcome, nowMs);
    if (outcome.type !== "finished") return;
    this.#manager?.wake();
    if (outcome.id.group === this.replica.key.group) this.#transactions.decided(outcome.id, outcome.revision);
    this.#reads.unlock();
  }

  proposalLost(number: number): void {
    this.#proposals.lost(number);
  }

  proposalForgotten(number: number): void {
    this.#proposals.forgotten(number);
  }

  readable(read: number, nowMs: Millis): void {
    this.#reads.readable(read, nowMs);
  }

  readRefused(read: number, nowMs: Millis): void {
    const key = this.#reads.take(read);
    if (key !== null) this.#listener.reroute([key], nowMs);
  }

  roleChanged(change: RoleChange, nowMs: Millis): void {
    this.#listener.touched(this);
    this.#isPreCandidate = change.role === "preCandidate";
    const { group, owners } = this.state.object;
    this.#leaderSight.changed(change.leader, nowMs);
    if (change.role === "leader") this.#lead(owners, nowMs);
    else this.#resign(nowMs);
    const { role, term, leader } = change;
    this.#world.out.note("info", "Role changed", { group, role, term, leader });
    this.#listener.leaderChanged(this, nowMs);
  }

  beatNow(): void {
    this.#listener.beatNow(this);
  }

  heardVouched(peer: NodeId, heardMs: Millis): void {
    this.#listener.touched(this);
    this.#manager?.heard(peer, heardMs);
    this.#members.heard(heardMs);
  }

  needSnapshot(peer: NodeId, nowMs: Millis): void {
    this.#transfers.begin(peer, nowMs);
  }

  /** The membership in force is another one, committed or not: connections and topics follow. */
  membersChanged(nowMs: Millis): void {
    this.#members.changed(nowMs);
    this.#listener.held(nowMs);
  }

  /** A member says that it holds nothing of the group: it is to begin anew. */
  memberLost(node: NodeId, report: LossReport, nowMs: Millis): void {
    this.#listener.touched(this);
    this.#members.lost(node, report, nowMs);
  }

  /** This node leaves the group: whoever waits here is told, and goes elsewhere. */
  close(nowMs: Millis): void {
    this.#resign(nowMs);
    this.#transfers.close();
    this.#listener.reroute(this.#reads.takeAll(), nowMs);
    this.#proposals.close();
    this.#watches.cancel();
    this.#world.memorySpace.drop(this.replica.key.group);
    this.#listener.leaderChanged(this, nowMs);
  }

  #lead(owners: readonly NodeId[], nowMs: Millis): void {
    if (this.#manager !== null) return;
    this.#manager = new Manager(this.#world, owners, nowMs);
    this.#members.lead(nowMs);
    this.#comparison.lead();
    this.#transactions.lead();
    this.#compactor.lead();
    this.#leases.lead();
    this.#placement.lead();
    this.#sessions.lead(nowMs);
  }

  #resign(nowMs: Millis): void {
    this.#manager = null;
    this.#members.resign();
    this.#comparison.resign();
    this.#transactions.resign();
    this.#compactor.resign();
    this.#leases.resign();
    this.#placement.resign();
    this.#sessions.resign();
    this.#listener.reroute(this.#reads.takeLocked(), nowMs);
    this.#noticeMs = null;
    this.#transfers.abandon();
    this.#proposals.resign(nowMs);
  }

  #manage(nowMs: Millis): void {
    const intents = () => this.#intents(this.replica.key.group);
    const surroundings = { quarantines: this.#world.quarantines, intents, placement: this.#placement };
    const payload = this.#manager?.decide(this.state, surroundings, nowMs) ?? null;
    if (payload !== null) this.#proposals.decision(payload);
  }

  #compact(nowMs: Millis): void {
    const { mvcc } = this.state;
    this.#world.memorySpace.holds(this.replica.key.group, mvcc.bytes);
    const revision = this.#compactor.plan(this.state, this.#transfers.heldRevision, nowMs);
    if (revision === null) return;
    this.#proposals.finding({ type: "compact", revision });
    const { group } = this.replica.key;
    this.#world.out.note("info", "Forgets history", { group, floor: mvcc.floor, revision, newest: mvcc.revision });
  }

  #statusChanged(nowMs: Millis): void {
    this.#listener.statusChanged(this, nowMs);
    const { policies } = this.state;
    if (policies === this.#policies) return;
    this.#policies = policies;
    this.#listener.configured(this);
  }

  #membersApplied(nowMs: Millis): void {
    this.#manager?.follow(this.state.members.configuration.membership.owners, nowMs);
    this.#statusChanged(nowMs);
    if (this.#members.applied(nowMs)) this.#listener.leftOut(this);
  }

  #followSummary(): void {
    const before = this.#summary;
    if (before === this.state.summary) return;
    this.#summary = this.state.summary;
    this.#listener.summaryChanged(this, before);
  }

  #stateReplaced(nowMs: Millis): void {
    this.#followSummary();
    this.#watches.stateReplaced();
    this.#members.wake(nowMs);
    this.#statusChanged(nowMs);
    this.#comparison.stateReplaced();
  }
}

export interface GroupOptions extends ClusterView {
  /** What the cluster database wants of owners of the group, and has not heard yet that it has come to it. */
  readonly intents: (group: GroupId) => readonly NodeIntent[];
  readonly placement: PlacementSurroundings;
  readonly listener: GroupListener;
  readonly nowMs: Millis;
}

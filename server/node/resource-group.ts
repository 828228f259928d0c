// One resource group on one of its owners: answers calls from the replica, proposes writes, and while this member leads,
// manages the group. Who else must hear of its changes is not decided here.

import { CodecError } from "../../proto/codec/codec-error.ts";
import { encodeGroupCommand } from "../../proto/codec/commands.ts";
import { decodeQuorumPolicy } from "../../proto/codec/quorum-policy.ts";
import type { Compare, GroupCommand } from "../../proto/commands.ts";
import { type Failure, failure } from "../../proto/errors.ts";
import {
  type GroupId,
  type LogIndex,
  type MemberId,
  type Millis,
  type NodeId,
  type Revision,
  toLogIndex,
  toMillis,
  toTerm,
} from "../../proto/ids.ts";
import { anyMember, type Membership, memberOf, type QuorumPolicy } from "../../proto/membership.ts";
import type { Addressed, GroupMessage } from "../../proto/messages.ts";
import type { DirectoryEntry, NodeRecord } from "../../proto/model.ts";
import { type Entry, type EntryId, isControl, type RaftMessage } from "../../proto/raft.ts";
import type { GroupRequest, GroupStatus, WatchRequest } from "../../proto/requests.ts";
import { bytesOf } from "../../storage/bytes.ts";
import { hash64 } from "../../storage/hash.ts";
import { isJoint } from "../raft/changes.ts";
import type { RoleChange } from "../raft/types.ts";
import { rankWitnesses } from "../recovery/members.ts";
import { WatchHub } from "../watch/watch-hub.ts";
import type { Call } from "./calls.ts";
import {
  answerRead,
  answerWrite,
  failed,
  fateUnknown,
  type GroupReplica,
  groupStatusOf,
  headerOf,
  type ReadRequest,
  type WriteRequest,
} from "./group-replies.ts";
import { type GroupOutcome, GroupState } from "./group-state.ts";
import { Invitations } from "./invitations.ts";
import { LeaderSight } from "./leader-sight.ts";
import { limits } from "./limits.ts";
import { Manager } from "./manager.ts";
import { MembershipManager, type MembershipView, Precedence } from "./membership-manager.ts";
import { earliest, isDue } from "./millis.ts";
import { quorumOf } from "./quorum-view.ts";
import { Replica, type ReplicaOwner, type ReplicaParts } from "./replica.ts";
import { replacedBySnapshot, Transfers } from "./transfers.ts";
import type { World } from "./world.ts";

/** What a group tells the node that holds it. */
export interface GroupListener {
  /** The leader is another one, or known again: waiting calls may go on. */
  leaderChanged(group: ResourceGroup, nowMs: Millis): void;
  /** A verdict, the ownership or the config object has changed. */
  statusChanged(group: ResourceGroup, nowMs: Millis): void;
  beatNow(group: ResourceGroup): void;
  /** A committed change has left this node out. */
  leftOut(group: ResourceGroup): void;
  /** What the node holds, or with whom it holds it, has changed. */
  held(nowMs: Millis): void;
  /** Calls that this member can no longer serve: to be routed again. */
  reroute(calls: readonly number[], nowMs: Millis): void;
  /** The group has proposals to make at the end of the turn. */
  proposalsWaiting(group: ResourceGroup): void;
}

const noEntry: EntryId = { term: toTerm(0), index: toLogIndex(0) };

type SetOwnersRequest = GroupRequest & { readonly type: "setOwners" };
type Proposal = { readonly type: "call"; readonly key: number } | { readonly type: "decision" };

export class ResourceGroup implements ReplicaOwner<GroupOutcome> {
  readonly replica: GroupReplica;
  readonly #world: World;
  readonly #listener: GroupListener;
  readonly #transfers: Transfers<GroupOutcome, GroupState>;
  readonly #watches = new WatchHub({
    watchesMax: limits.watchesMax,
    eventsMax: limits.watchEventsMax,
    bytesMax: limits.watchBytesMax,
    examinedMax: 16 * limits.watchEventsMax,
  });
  #manager: Manager | null = null;
  #members: MembershipManager | null = null;
  #invitations: Invitations | null = null;
  readonly #precedence = new Precedence();
  readonly #nodes: GroupOptions["nodes"];
  readonly #listed: GroupOptions["listed"];
  #nextQuestionMs: Millis = toMillis(0);
  /** Calls of `setOwners` that wait for the change to be complete. */
  #ownersCalls: { readonly key: number; readonly owners: readonly NodeId[] }[] = [];
  /** Encoded, waiting for the end of the turn to be proposed together. */
  #queued: { readonly payload: Uint8Array; readonly proposal: Proposal }[] = [];
  readonly #proposals = new Map<number, Proposal>();
  #lastProposal = 0;
  readonly #reads = new Map<number, number>();
  #lastRead = 0;
  readonly #leaderSight: LeaderSight;
  /** When the followers are told of a commit that no append has told them of. */
  #noticeMs: Millis | null = null;

  constructor(parts: ReplicaParts<GroupOutcome, GroupState>, world: World, options: GroupOptions) {
    this.#world = world;
    this.#listener = options.listener;
    this.#nodes = options.nodes;
    this.#listed = options.listed;
    this.#leaderSight = new LeaderSight(options.nowMs);
    this.replica = new Replica(parts, world, this);
    this.#transfers = new Transfers(world, this.replica, GroupState.restore);
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
    const { request } = call;
    switch (request.type) {
      case "groupStatus":
        this.#world.calls.answer(call.key, { type: "groupStatus", status: this.status(nowMs) });
        return true;
      case "watch":
        this.#watch(call.key, request, nowMs);
        return true;
      case "get":
      case "list":
        return this.#read(call.key, request, nowMs);
      case "put":
      case "delete":
      case "compact":
      case "configure":
        return this.#write(call, request);
      case "setOwners":
        return this.#setOwners(call, request, nowMs);
      default:
        return false;
    }
  }

  status(nowMs: Millis): GroupStatus {
    return groupStatusOf(this.replica, this.#world.self, quorumOf(this, this.#world, nowMs));
  }

  /** How long this owner has known of no leader. */
  leaderlessMs(nowMs: Millis): number {
    return this.#leaderSight.leaderlessMs(nowMs);
  }

  silent(nowMs: Millis): readonly NodeId[] | null {
    return this.replica.silent(nowMs);
  }

  receive(from: NodeId, message: GroupMessage, nowMs: Millis): void {
    if (!this.replica.isFor(message)) return this.#world.counters.count("messages for another member");
    this.#manager?.heard(from, nowMs);
    if (message.type === "raft") {
      this.#answerDeparted(from, message);
      const { fromMember: member, message: raft } = message;
      this.replica.step({ type: "message", from, member, message: raft }, nowMs);
    }
    if (message.type === "snapshotAck") this.#transfers.acknowledged(from, message, nowMs);
    if (message.type === "snapshotPart" && this.#transfers.receive(from, message, nowMs)) {
      this.#stateReplaced(nowMs);
    }
  }

  /** Proposes what has gathered during the turn: one append for all. */
  propose(nowMs: Millis): void {
    const batch = this.#queued;
    this.#queued = [];
    if (batch.length === 0) return;
    this.#noticeMs = null;
    const numbers = batch.map(({ proposal }) => this.#number(proposal));
    const payloads = batch.map(({ payload }) => payload);
    if (this.replica.propose(payloads, numbers, nowMs)) return;
    for (const number of numbers) this.#refuse(number, nowMs);
  }

  deadline(nowMs: Millis): void {
    if (isDue(this.replica.deadlineMs(), nowMs)) this.replica.step({ type: "deadline" }, nowMs);
    this.#transfers.deadline(nowMs);
    this.#manager?.wake();
    this.#invitations?.deadline(this.replica, this.#world.out, nowMs);
    this.#askWhoIsListed(nowMs);
    if (isDue(this.#noticeMs, nowMs)) {
      this.#noticeMs = null;
      this.#listener.beatNow(this);
    }
  }

  /** Something outside the group has changed on which its manager may have to decide. */
  wake(): void {
    this.#manager?.wake();
  }

  /**
   * What follows from the inputs of this step: decisions of the manager, and messages for watches.
   *
   * @returns true when watches or committed entries are left for a later step
   */
  settle(nowMs: Millis): boolean {
    this.#manage(nowMs);
    this.#manageMembers(nowMs);
    const { deliveries, more } = this.#watches.poll(this.state.mvcc, nowMs);
    for (const { call, message } of deliveries) this.#world.calls.stream(call, message);
    return more || this.replica.hasWork;
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
      this.#manager?.deadlineMs() ?? null,
      this.#members?.deadlineMs() ?? null,
      this.#invitations?.deadlineMs() ?? null,
      this.#noticeMs,
    );
  }

  drained(key: number): void {
    this.#watches.drained(key);
  }

  /** The caller of a stream is gone. */
  closeWatch(key: number): void {
    this.#watches.close(key);
  }

  /** Followers learn of a commit with the next append or beat: when no append follows at once, a beat does. */
  entryApplied(entry: Entry, nowMs: Millis): void {
    if (isControl(entry.payload)) this.#membersApplied(nowMs);
    if (this.#manager !== null) this.#noticeMs ??= toMillis(nowMs + limits.commitNoticeMs);
  }

  applied(_index: LogIndex, outcome: GroupOutcome, number: number | null, nowMs: Millis): void {
    if (outcome.type === "decided") {
      this.#manager?.wake();
      this.#listener.statusChanged(this, nowMs);
    }
    if (number === null) return;
    const proposal = this.#take(number);
    if (proposal?.type === "decision") this.#manager?.decided();
    if (proposal?.type === "call") this.#answerWrite(proposal.key, outcome);
  }

  proposalLost(number: number): void {
    const proposal = this.#take(number);
    if (proposal?.type === "decision") this.#manager?.decided();
    if (proposal?.type !== "call") return;
    const { group } = this.state.object;
    const message = `The manager of ${group} changed before the write took effect; it did not happen`;
    this.#world.calls.answer(proposal.key, failed(failure("no_leader", message, { group })));
  }

  proposalForgotten(number: number): void {
    const proposal = this.#take(number);
    if (proposal?.type !== "call") return;
    this.#world.calls.answer(proposal.key, failed(fateUnknown(this.state.object.group)));
  }

  readable(read: number): void {
    const key = this.#reads.get(read);
    this.#reads.delete(read);
    const call = key === undefined ? null : this.#world.calls.get(key);
    if (call !== null) this.#answerRead(call.key, call.request as ReadRequest, false);
  }

  readRefused(read: number, nowMs: Millis): void {
    const key = this.#reads.get(read);
    this.#reads.delete(read);
    if (key !== undefined) this.#listener.reroute([key], nowMs);
  }

  roleChanged(change: RoleChange, nowMs: Millis): void {
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

  needSnapshot(peer: NodeId, nowMs: Millis): void {
    this.#transfers.begin(peer, nowMs);
  }

  /** The membership in force is another one, committed or not: connections and topics follow. */
  membersChanged(nowMs: Millis): void {
    this.#invitations?.wake(nowMs);
    this.#listener.held(nowMs);
  }

  /** A member says that it holds nothing of the group: it is to begin anew. */
  memberLost(node: NodeId, member: number, nowMs: Millis): void {
    this.#members?.lost(node, member, nowMs);
  }

  /** This node leaves the group: whoever waits here is told, and goes elsewhere. */
  close(nowMs: Millis): void {
    this.#resign(nowMs);
    const calls = [...this.#reads.values()];
    this.#reads.clear();
    this.#listener.reroute(calls, nowMs);
    for (const number of [...this.#proposals.keys()]) this.proposalForgotten(number);
    this.#cancelWatches();
    this.#listener.leaderChanged(this, nowMs);
  }

  #lead(owners: readonly NodeId[], nowMs: Millis): void {
    if (this.#manager !== null) return;
    this.#manager = new Manager(this.#world.self, owners, nowMs);
    this.#members = new MembershipManager(this.#world.self, this.#precedence, nowMs);
    this.#invitations = new Invitations(nowMs);
  }

  #resign(nowMs: Millis): void {
    this.#manager = null;
    this.#members = null;
    this.#invitations = null;
    // A manager that is no owner any more resigns by the very commit that completes the change.
    const { membership, membershipIndex, commit } = this.replica.status;
    if (commit >= membershipIndex) this.#answerOwners(membership, membershipIndex);
    const { group } = this.state.object;
    for (const { key } of this.#ownersCalls) this.#world.calls.answer(key, failed(fateUnknown(group)));
    this.#ownersCalls = [];
    this.#noticeMs = null;
    this.#transfers.abandon();
    const queued = this.#queued;
    this.#queued = [];
    const calls = queued.flatMap(({ proposal }) => (proposal.type === "call" ? [proposal.key] : []));
    this.#listener.reroute(calls, nowMs);
  }

  #manage(nowMs: Millis): void {
    const payload = this.#manager?.decide(this.state, this.#world.quarantines, nowMs) ?? null;
    if (payload !== null) this.#queue(payload, { type: "decision" });
  }

  #manageMembers(nowMs: Millis): void {
    const members = this.#members;
    const input = members?.decide(this.#membershipView(), nowMs) ?? null;
    if (input === null) return;
    if (input.type === "transfer") this.#world.out.note("info", "Hands leadership over", { to: input.to });
    const refusal = this.replica.change(input, nowMs);
    if (refusal !== null) members?.refused();
  }

  #membershipView(): MembershipView {
    const { config } = this.state.object;
    const nodes = this.#nodes();
    const { group } = this.replica.key;
    return {
      status: this.replica.status,
      policy: readPolicy(config),
      witnesses: (owners) => rankWitnesses(nodes, owners, (node) => hash64(bytesOf(`${group} ${node}`)).low),
    };
  }

  /**
   * All whom a member knows may have left while it was away, and then none of them can tell it that it was left out. Who is
   * an owner by the directory can ({@link #answerDeparted}). A pre-vote for an empty log asks it and is never granted.
   */
  #askWhoIsListed(nowMs: Millis): void {
    const { role, term } = this.replica.status;
    const listed = this.#listed(this.replica.key.group);
    if (role !== "preCandidate" || listed === null || nowMs < this.#nextQuestionMs) return;
    const isNews = listed.index > this.state.members.configuration.index;
    if (!isNews || listed.incarnation !== this.replica.key.incarnation) return;
    if (listed.owners.includes(this.#world.self)) return;
    this.#nextQuestionMs = toMillis(nowMs + limits.inviteIntervalMs);
    const message: RaftMessage = {
      type: "preVote",
      term: toTerm(term + 1),
      last: noEntry,
      subterm: 0,
      isTransfer: false,
    };
    // Not by the numbers that this member knows: they may have begun anew since.
    const address = { ...this.replica.key, fromMember: this.replica.member, toMember: anyMember };
    for (const to of listed.owners) this.#world.out.send(to, { type: "raft", ...address, message });
  }

  /** What is committed of the members has changed: who is gone is told, who waits for it is answered. */
  #membersApplied(nowMs: Millis): void {
    this.#invitations?.wake(nowMs);
    const { membership, index } = this.state.members.configuration;
    this.#manager?.follow(membership.owners, nowMs);
    this.#members?.wake(nowMs);
    this.#listener.statusChanged(this, nowMs);
    this.#answerOwners(membership, index);
    if (hasLeft(membership, this.#world.self, this.replica.member)) this.#listener.leftOut(this);
  }

  #answerOwners(membership: Membership, index: LogIndex): void {
    if (isJoint(membership) || membership.target !== null) return;
    const header = headerOf(this.state, this.#world.self, false);
    const done = this.#ownersCalls.filter(({ owners }) => owners.join() === membership.owners.join());
    this.#ownersCalls = this.#ownersCalls.filter((call) => !done.includes(call));
    for (const { key } of done) this.#world.calls.answer(key, { type: "setOwners", header, index });
  }

  /** Whoever asks for votes, or leads, as a member that a committed change has left out, does not know of it. */
  #answerDeparted(from: NodeId, { fromMember }: Addressed): void {
    const { membership, index } = this.state.members.configuration;
    if (!hasLeft(membership, from, fromMember) || !hasLeft(this.replica.membership, from, fromMember)) return;
    const address = { ...this.replica.addressTo(from), toMember: fromMember };
    this.#world.out.send(from, { type: "departed", ...address, index, owners: membership.owners });
  }

  #setOwners(call: Call, request: SetOwnersRequest, nowMs: Millis): boolean {
    if (this.replica.status.role !== "leader" || this.#members === null) return false;
    const failure = this.#refuseOwners(request) ?? this.#beginOwners(call, request, nowMs);
    if (failure !== null) this.#world.calls.answer(call.key, failed(failure));
    return true;
  }

  #refuseOwners({ group, owners, ifIndex }: SetOwnersRequest): Failure | null {
    const known = this.#nodes();
    const stranger = owners.find((owner) => !known.some(({ node }) => node === owner));
    if (stranger !== undefined) {
      const message = `The owner ${stranger} is not a node of this cluster`;
      return failure("invalid_argument", message, { group, node: stranger, field: "owners" });
    }
    const { index } = this.state.members.configuration;
    if (ifIndex === null || ifIndex === index) return null;
    const message = `The members of ${group} were last changed at index ${index}, not at ${ifIndex}`;
    return failure("condition_failed", message, { group, field: "if_configuration_index" });
  }

  #beginOwners(call: Call, { owners, validateOnly }: SetOwnersRequest, nowMs: Millis): Failure | null {
    const wrong = this.#members?.ask(owners, this.#membershipView()) ?? null;
    if (wrong !== null) return wrong;
    const { membership, index } = this.state.members.configuration;
    const isSo = membership.target === null && !isJoint(membership) && owners.join() === membership.owners.join();
    if (validateOnly || isSo) {
      this.#members?.withdraw();
      const header = headerOf(this.state, this.#world.self, false);
      this.#world.calls.answer(call.key, { type: "setOwners", header, index });
      return null;
    }
    call.mayHaveHappened = true;
    this.#ownersCalls.push({ key: call.key, owners });
    this.#members?.wake(nowMs);
    return null;
  }

  #read(key: number, request: ReadRequest, nowMs: Millis): boolean {
    if (request.consistency === "local") {
      this.#answerRead(key, request, true);
      return true;
    }
    if (this.replica.status.role !== "leader") return false;
    if (this.#reads.size >= limits.readsMax) {
      const message = `The group is confirming ${this.#reads.size} reads, limit ${limits.readsMax}`;
      this.#world.calls.answer(key, failed(failure("overloaded", message, { group: request.group })));
      return true;
    }
    this.#lastRead += 1;
    this.#reads.set(this.#lastRead, key);
    this.replica.step({ type: "read", read: this.#lastRead }, nowMs);
    return true;
  }

  #answerRead(key: number, request: ReadRequest, stale: boolean): void {
    const header = headerOf(this.state, this.#world.self, stale);
    this.#world.calls.answer(key, answerRead(request, this.state, header));
  }

  #write(call: Call, request: WriteRequest): boolean {
    if (this.replica.status.role !== "leader") return false;
    const shortage = this.#world.diskSpace.refusal(request);
    if (shortage !== null) {
      this.#world.calls.answer(call.key, failed(shortage));
      return true;
    }
    const { bytes } = this.state.mvcc;
    if (request.type === "put" && bytes + request.value.byteLength > limits.groupBytesMax) {
      const message = `The group holds ${bytes} bytes, limit ${limits.groupBytesMax}: delete or compact`;
      this.#world.calls.answer(call.key, failed(failure("overloaded", message, { group: request.group })));
      return true;
    }
    call.mayHaveHappened = true;
    this.#queue(encodeGroupCommand(commandOf(request)), { type: "call", key: call.key });
    return true;
  }

  #answerWrite(key: number, outcome: GroupOutcome): void {
    const call = this.#world.calls.get(key);
    if (call === null) return;
    const header = headerOf(this.state, this.#world.self, false);
    this.#world.calls.answer(key, answerWrite(call.request as WriteRequest, outcome, header));
  }

  #watch(key: number, request: WatchRequest, nowMs: Millis): void {
    const { revision, floor } = this.state.mvcc;
    const header = headerOf(this.state, this.#world.self, false);
    const start = { revision, compactedRevision: floor, header };
    for (const message of this.#watches.open(key, request, start, nowMs)) this.#world.calls.stream(key, message);
  }

  #stateReplaced(nowMs: Millis): void {
    this.#cancelWatches();
    this.#members?.wake(nowMs);
    this.#listener.statusChanged(this, nowMs);
  }

  #cancelWatches(): void {
    for (const { call, message } of this.#watches.cancelAll(replacedBySnapshot(this.replica.key.group))) {
      this.#world.calls.stream(call, message);
    }
  }

  #queue(payload: Uint8Array, proposal: Proposal): void {
    if (this.#queued.length === 0) this.#listener.proposalsWaiting(this);
    this.#queued.push({ payload, proposal });
  }

  #number(proposal: Proposal): number {
    this.#lastProposal += 1;
    this.#proposals.set(this.#lastProposal, proposal);
    return this.#lastProposal;
  }

  #take(number: number): Proposal | null {
    const proposal = this.#proposals.get(number) ?? null;
    this.#proposals.delete(number);
    return proposal;
  }

  /** Nothing was proposed: this member leads no more, hands leadership over, or holds too much that is uncommitted. */
  #refuse(number: number, nowMs: Millis): void {
    const proposal = this.#take(number);
    if (proposal?.type === "decision") this.#manager?.refused();
    if (proposal?.type !== "call") return;
    const call = this.#world.calls.get(proposal.key);
    if (call !== null) call.mayHaveHappened = false;
    if (this.replica.status.role !== "leader") {
      this.#listener.reroute([proposal.key], nowMs);
      return;
    }
    this.#world.calls.answer(proposal.key, failed(this.#refusalOfLeader()));
  }

  #refusalOfLeader(): Failure {
    const { group } = this.state.object;
    const { heir } = this.replica.status;
    if (heir !== null) return failure("no_leader", `Leadership of ${group} is just going over to ${heir}`, { group });
    const message = `The group holds ${limits.uncommittedBytesMax} bytes that are not committed yet`;
    return failure("overloaded", message, { group });
  }
}

export interface GroupOptions {
  readonly listener: GroupListener;
  /** As the cluster database knows them. */
  readonly nodes: () => readonly NodeRecord[];
  /** By the cluster's directory; null: there is no such group. */
  readonly listed: (group: GroupId) => DirectoryEntry | null;
  readonly nowMs: Millis;
}

function commandOf(request: WriteRequest): GroupCommand {
  switch (request.type) {
    case "compact":
      return { type: "compact", revision: request.revision };
    case "configure":
      return { type: "configure", config: request.config };
    case "put":
      return {
        type: "write",
        compares: comparesOf(request.key, request.ifModRevision),
        fence: request.fence?.epoch ?? null,
        writes: [{ type: "put", key: request.key, value: request.value, lease: request.lease }],
      };
    case "delete":
      return {
        type: "write",
        compares: comparesOf(request.span.start, request.ifModRevision),
        fence: request.fence?.epoch ?? null,
        writes: [{ type: "delete", span: request.span }],
      };
  }
}

function comparesOf(key: Uint8Array, revision: Revision | null): readonly Compare[] {
  return revision === null ? [] : [{ type: "modRevision", key, revision }];
}

/** Whether the number was given out and is no member any more; one that this membership has not heard of may be newer. */
function hasLeft(membership: Membership, node: NodeId, member: MemberId): boolean {
  if (member >= membership.nextMember || memberOf(membership, node) === member) return false;
  return membership.target?.every((voter) => voter.node !== node || voter.member !== member) ?? true;
}

/** A config object that does not decode was refused before it came here, or is of a later version: then every owner has a vote. */
function readPolicy(config: Uint8Array): QuorumPolicy {
  try {
    return decodeQuorumPolicy(config);
  } catch (reason) {
    if (!(reason instanceof CodecError)) throw reason;
    return { type: "majority" };
  }
}

// What this node holds of groups: replicas of those that it owns, seats in those that it witnesses for, and, of those that it
// left or lost, the number under which it must never speak again.

import { type GroupId, type MemberId, type Millis, type NodeId, toMillis } from "../../proto/ids.ts";
import { anyMember, founderId } from "../../proto/membership.ts";
import type { GroupMessage, PeerMessage } from "../../proto/messages.ts";
import type {
  DirectoryEntry,
  GroupKey,
  GroupObject,
  GroupRecovery,
  GroupSummary,
  NodeIntent,
  NodeRecord,
} from "../../proto/model.ts";
import type { EntryId } from "../../proto/raft.ts";
import { emptyBytes } from "../../storage/bytes.ts";
import { slotRange } from "../../storage/keys.ts";
import { LogStore } from "../../storage/log-store.ts";
import type { Agenda } from "./agenda.ts";
import { Applier, type ReplicatedState } from "./applier.ts";
import { logStart, newGroupOperations, putGroupRecord } from "./genesis.ts";
import { type GroupOutcome, GroupState } from "./group-state.ts";
import type { MemberKey } from "./hard-states.ts";
import type { ReplicaImage, SeatImage } from "./image.ts";
import { limits } from "./limits.ts";
import { nextTick } from "./millis.ts";
import type { PlacementSurroundings } from "./placement-keeper.ts";
import { createRaft } from "./raft-options.ts";
import type { ReplicaParts } from "./replica.ts";
import { type GroupListener, ResourceGroup } from "./resource-group.ts";
import { succeed } from "./succession.ts";
import { WitnessSeat } from "./witness-seat.ts";
import type { World } from "./world.ts";

type Invite = PeerMessage & { readonly type: "invite" };
type Departed = PeerMessage & { readonly type: "departed" };

export interface GroupsOptions {
  readonly agenda: Agenda<ResourceGroup>;
  readonly listener: GroupListener & {
    /** `peer` does not know of the end of a group's incarnation. */
    staleGroup(peer: NodeId): void;
  };
  /** As the cluster database knows them. */
  readonly nodes: () => readonly NodeRecord[];
  /** By the cluster's directory; null: there is no such group. */
  readonly listed: (group: GroupId) => DirectoryEntry | null;
  /** How the group begins its present incarnation, while it has not said that it goes on. */
  readonly recovery: (group: GroupId) => GroupRecovery | null;
  /** What the cluster database wants of owners of the group, and has not heard yet that it has come to it. */
  readonly intents: (group: GroupId) => readonly NodeIntent[];
  readonly placement: PlacementSurroundings;
}

export class Groups {
  readonly #world: World;
  readonly #options: GroupsOptions;
  readonly #groups = new Map<GroupId, ResourceGroup>();
  readonly #seats = new Map<GroupId, WitnessSeat>();
  readonly #gone = new Map<GroupId, MemberKey>();
  /** Replicas of an incarnation that is over, while it is not certain that the next one has begun: none of them takes part. */
  readonly #aside = new Map<GroupId, ResourceGroup>();
  #nextLookMs = toMillis(0);
  /** null after each change. */
  #summaries: readonly GroupSummary[] | null = null;

  constructor(world: World, options: GroupsOptions) {
    this.#world = world;
    this.#options = options;
  }

  [Symbol.iterator](): Iterator<ResourceGroup> {
    return this.#groups.values();
  }

  /** The same list until one of them changes. */
  get summaries(): readonly GroupSummary[] {
    this.#summaries ??= [...this].map(({ state }) => state.summary);
    return this.#summaries;
  }

  /** A group tells something else of itself, or is not here any more, or is now. */
  summariesChanged(): void {
    this.#summaries = null;
  }

  get seats(): Iterable<WitnessSeat> {
    return this.#seats.values();
  }

  get(group: GroupId): ResourceGroup | null {
    return this.#groups.get(group) ?? null;
  }

  /** Also one that takes part no more. */
  stored(group: GroupId): ResourceGroup | null {
    return this.#groups.get(group) ?? this.#aside.get(group) ?? null;
  }

  restore(image: ReplicaImage<GroupState>, nowMs: Millis): void {
    this.#hold(replicaParts(image, this.#world, nowMs), nowMs);
  }

  /** What is stored of the group is in doubt as a whole: it goes, and this node speaks as that member no more. */
  discard({ group, incarnation, member, rows }: ReplicaImage<GroupState>): void {
    this.#remember({ group, incarnation, member });
    this.#world.out.erase(slotRange(rows.slot));
  }

  /** What a witness on doubtful data remembers may lack for whom it stood in last: it speaks as that member no more. */
  restoreSeat(image: SeatImage, nowMs: Millis): void {
    const { group, incarnation, role, member } = image;
    if (role === "gone") this.#gone.set(group, image);
    else if (this.#world.isDoubtful()) this.#remember({ group, incarnation, member });
    else this.#seats.set(group, new WitnessSeat(image, member, this.#world, nowMs));
  }

  /** This node takes no part in any of them any more. */
  loseAll(nowMs: Millis): void {
    for (const group of [...this.#groups.values()]) this.lose(group, nowMs);
    for (const { key, member } of [...this.#seats.values()]) this.#leave(key, member, nowMs);
    for (const group of [...this.#aside.keys()]) this.#forgetAside(group);
  }

  deadlineMs(): Millis | null {
    return this.#seats.size === 0 ? null : this.#nextLookMs;
  }

  /** Seats to which nobody speaks ask whether they are still wanted. */
  deadline(nowMs: Millis): void {
    if (nowMs < this.#nextLookMs) return;
    this.#nextLookMs = nextTick(nowMs, limits.voicelessSilenceMs);
    for (const [group, seat] of this.#seats) {
      const listed = this.#options.listed(group);
      const owners = listed?.incarnation === seat.key.incarnation ? listed.owners : [];
      seat.maybeAsk(owners, nowMs);
    }
  }

  /** A group that begins with this node: an empty replica, on disk with this step. */
  create(object: GroupObject, nowMs: Millis): void {
    this.#begin(object, founderId, nowMs);
  }

  /** Whether a group that begins now may begin here: no node is a founder twice. */
  mayCreate(key: GroupKey): boolean {
    return !this.#groups.has(key.group) && this.#memberIn(key) === null && !this.#world.isDoubtful();
  }

  /** Only what is addressed to this very incarnation of a group reaches it; whether the sender counts is the group's affair. */
  receive(from: NodeId, message: GroupMessage, nowMs: Millis): void {
    const held = this.#groups.get(message.group) ?? this.#seats.get(message.group);
    if (held === undefined)
      return this.#isOver(message) ? this.#answerStale(from, message) : this.#answerStranger(from, message);
    const isHere = (held instanceof WitnessSeat ? held : held.replica).key.incarnation === message.incarnation;
    if (isHere) held.receive(from, message, nowMs);
    else this.#answerStale(from, message);
  }

  /** A group's leader counts on this node. It may have to make a replica, or to say that it lost the one it had. */
  invited(from: NodeId, invite: Invite, nowMs: Millis): void {
    const held = this.#groups.get(invite.group)?.replica ?? this.#seats.get(invite.group);
    // The directory here may not have heard of what this node was invited into.
    const isEarlier = held !== undefined && held.key.incarnation > invite.incarnation;
    if (isEarlier || this.#isOver(invite)) return this.#answerStale(from, invite);
    const member = this.#memberIn(invite);
    if (member !== null && invite.toMember <= member) return this.#answerStranger(from, invite);
    if (this.#mayHaveBeen(invite)) return this.#disown(from, invite);
    if (held !== undefined) this.#leave(held.key, held.member, nowMs);
    this.#forgetAside(invite.group);
    this.#gone.delete(invite.group);
    if (invite.isWitness) this.#sit(invite, nowMs);
    else this.#begin({ ...keyOf(invite), owners: [], config: emptyBytes }, invite.toMember, nowMs);
    this.#world.out.note("info", "Joins a group", { group: invite.group, member: invite.toMember, from });
    this.#options.listener.held(nowMs);
  }

  /** A committed change has left this node out; unless it knows of a later one, it has nothing here any more. */
  departed(message: Departed, nowMs: Millis): void {
    const held = this.#groups.get(message.group)?.replica ?? this.#seats.get(message.group);
    if (held?.key.incarnation !== message.incarnation || held.member !== message.toMember) return;
    if (held instanceof WitnessSeat || message.index > held.state.members.configuration.index) {
      this.#leave(message, held.member, nowMs);
    }
  }

  /** What is stored of the group is not to be trusted: this node speaks as that member no more. */
  lose(group: ResourceGroup, nowMs: Millis): void {
    const { key, member } = group.replica;
    if (this.#groups.get(key.group) === group) this.#leave(key, member, nowMs);
  }

  /**
   * Groups that the directory knows under a later incarnation are other groups: what is here goes. Of a group that is being
   * recovered it is kept, apart, until the group says that it goes on: before that, another of them may yet be chosen.
   */
  followDirectory(nowMs: Millis): void {
    for (const group of new Set([...this.#groups.keys(), ...this.#seats.keys(), ...this.#aside.keys()])) {
      const entry = this.#options.listed(group);
      if (entry !== null) this.#follow(entry, this.#options.recovery(group), nowMs);
    }
  }

  #follow({ group, incarnation }: GroupKey, recovery: GroupRecovery | null, nowMs: Millis): void {
    const owned = this.#groups.get(group);
    const held = owned?.replica ?? this.#seats.get(group);
    const isOld = held !== undefined && held.key.incarnation < incarnation;
    if (isOld && owned !== undefined && recovery !== null) this.#setAside(owned, nowMs);
    else if (isOld) this.#leave(held.key, held.member, nowMs);
    if (recovery === null) this.#forgetAside(group);
    else if (recovery.from === this.#world.self) this.#goOn(group, recovery, nowMs);
  }

  #setAside(group: ResourceGroup, nowMs: Millis): void {
    const { key, member } = group.replica;
    this.#groups.delete(key.group);
    this.summariesChanged();
    this.#world.vouching.gone(group.replica);
    this.#options.agenda.drop(group);
    this.#aside.set(key.group, group);
    group.close(nowMs);
    this.#world.out.note("info", "Set a replica aside", { group: key.group, incarnation: key.incarnation, member });
    this.#options.listener.held(nowMs);
  }

  #forgetAside(group: GroupId): void {
    const aside = this.#aside.get(group)?.replica;
    if (aside === undefined) return;
    this.#aside.delete(group);
    this.#world.out.erase(slotRange(aside.slot));
    this.#remember({ ...aside.key, member: aside.member });
  }

  /** The group goes on from what is here, all of it on disk with this step. Once, and never from what is not whole. */
  #goOn(group: GroupId, recovery: GroupRecovery, nowMs: Millis): void {
    const old = this.#aside.get(group)?.replica;
    const key = { group, incarnation: recovery.incarnation };
    if (old === undefined || old.state.object.owners.length === 0 || this.#memberIn(key) !== null) return;
    const { state, last, operations } = succeed(old, recovery, this.#world.slots.take());
    this.#forgetAside(group);
    const log = LogStore.create(state.rows.slot, last);
    const record = putGroupRecord(key, { slot: state.rows.slot, role: "owner", member: founderId });
    this.#world.out.writeDurably([record, ...log.operations, ...operations], null);
    this.#open({ ...key, member: founderId }, state, { log: log.store, last }, nowMs);
    this.#world.out.note("warn", "Goes on alone", { group, incarnation: key.incarnation, index: last.index });
    this.#options.listener.held(nowMs);
  }

  /** Whether the group is known to have begun anew since. */
  #isOver({ group, incarnation }: GroupKey): boolean {
    return incarnation < (this.#options.listed(group)?.incarnation ?? 0);
  }

  /** Whoever speaks of an incarnation that is over has missed it: it is told that there is news. */
  #answerStale(from: NodeId, key: GroupKey): void {
    this.#world.counters.count("messages of a group that is not here");
    if (this.#isOver(key)) this.#options.listener.staleGroup(from);
  }

  #leave(key: GroupKey, member: MemberId, nowMs: Millis): void {
    this.#drop(key.group, nowMs);
    this.#remember({ ...keyOf(key), member });
    this.#world.out.note("info", "Left a group", { group: key.group, member });
    this.#options.listener.held(nowMs);
  }

  /** Whoever is spoken to as a member that is gone says so: nobody must wait for it, or count on it. */
  #answerStranger(from: NodeId, message: GroupMessage | Invite): void {
    const { group, toMember } = message;
    this.#world.counters.count("messages of a group that is not here");
    if (toMember === anyMember || this.#groups.has(group) || this.#seats.has(group)) return;
    const member = this.#memberIn(message);
    if (member !== null && toMember <= member) this.#sayLost(from, message, member);
    else if (this.#world.isForgetful()) this.#disown(from, message);
  }

  /** Of a member that the node may have been before it forgot. */
  #disown(from: NodeId, message: GroupMessage | Invite): void {
    const { group, incarnation, toMember } = message;
    if (this.#memberIn(message) === null && this.#world.isDoubtful()) {
      this.#remember({ group, incarnation, member: toMember });
    }
    this.#sayLost(from, message, toMember);
  }

  /** Whether the node may have been this very member before it forgot: unless it got the number for saying so in this start. */
  #mayHaveBeen({ lostIn }: Invite): boolean {
    return this.#world.isForgetful() && lostIn !== this.#world.nonce;
  }

  #sayLost(to: NodeId, { group, incarnation }: GroupKey, member: MemberId): void {
    this.#world.out.sendPromise(to, { type: "replicaLost", group, incarnation, member, start: this.#world.nonce });
  }

  /** As which member this node knows itself in exactly this incarnation; null: it does not. */
  #memberIn({ group, incarnation }: GroupKey): MemberId | null {
    const held = this.#groups.get(group)?.replica ?? this.#seats.get(group);
    if (held?.key.incarnation === incarnation) return held.member;
    const gone = this.#gone.get(group);
    return gone?.incarnation === incarnation ? gone.member : null;
  }

  #remember(gone: MemberKey): void {
    this.#gone.set(gone.group, gone);
    const { hardStates, out } = this.#world;
    hardStates.retire(gone, out.nextWrite);
    const record = putGroupRecord(gone, { slot: 0, role: "gone", member: gone.member });
    out.writeDurably([record], hardStates.table());
  }

  #drop(group: GroupId, nowMs: Millis): void {
    const owned = this.#groups.get(group);
    if (owned !== undefined) this.#world.out.erase(slotRange(owned.replica.slot));
    const held = owned?.replica ?? this.#seats.get(group);
    if (held !== undefined) this.#world.vouching.gone(held);
    this.#groups.delete(group);
    this.summariesChanged();
    this.#seats.delete(group);
    if (owned === undefined) return;
    this.#options.agenda.drop(owned);
    owned.close(nowMs);
  }

  #sit(invite: Invite, nowMs: Millis): void {
    const record = putGroupRecord(invite, { slot: 0, role: "witness", member: invite.toMember });
    this.#world.out.writeDurably([record], this.#world.hardStates.table());
    this.#seats.set(invite.group, new WitnessSeat(invite, invite.toMember, this.#world, nowMs));
  }

  #begin(object: GroupObject, member: MemberId, nowMs: Millis): void {
    const slot = this.#world.slots.take();
    this.#world.out.writeDurably(newGroupOperations(object, slot, member), null);
    const { group, incarnation } = object;
    const { store } = LogStore.create(slot, logStart);
    const state = GroupState.genesis(object, slot);
    state.rows.takeOperations();
    this.#open({ group, incarnation, member }, state, { log: store, last: logStart }, nowMs);
  }

  /** Takes part from now on with a state that covers an empty log up to `last`, and is written in this step. */
  #open(key: MemberKey, state: GroupState, { log, last }: { log: LogStore; last: EntryId }, nowMs: Millis): void {
    const { hardStates, self, random, leaseRead } = this.#world;
    const { configuration } = state.members;
    const hardState = hardStates.get(key);
    const start = { self, leaseRead, member: key.member, isWitness: false, configuration, hardState };
    const slice = { previous: last, entries: [] };
    const raft = createRaft({ ...start, log: slice, applied: last.index }, random.fork(), nowMs);
    const applier = new Applier<GroupOutcome, GroupState>(state, last);
    this.#hold({ ...key, raft, log, applier, entries: [], making: this.#world.out.nextWrite }, nowMs);
  }

  #hold(parts: ConstructorParameters<typeof ResourceGroup>[0], nowMs: Millis): void {
    const held = new ResourceGroup(parts, this.#world, { ...this.#options, nowMs });
    this.#groups.set(parts.group, held);
    this.summariesChanged();
    this.#options.agenda.add(held);
  }
}

/** What a replica is made of, from what was read at the start. */
export function replicaParts<Outcome, State extends ReplicatedState<Outcome>>(
  image: ReplicaImage<State>,
  world: World,
  nowMs: Millis,
): ReplicaParts<Outcome, State> {
  const log = image.log as LogStore;
  const { applied } = image.rows;
  const raft = createRaft(
    {
      self: world.self,
      member: image.member,
      isWitness: false,
      configuration: image.state.members.configuration,
      hardState: world.hardStates.get(image),
      log: { previous: log.previous, entries: image.entries },
      applied: applied.index,
      leaseRead: world.leaseRead,
    },
    world.random.fork(),
    nowMs,
  );
  const { group, incarnation, member, entries } = image;
  const applier = new Applier<Outcome, State>(image.state, applied);
  return { group, incarnation, member, raft, log, applier, entries, making: null };
}

function keyOf({ group, incarnation }: GroupKey): GroupKey {
  return { group, incarnation };
}

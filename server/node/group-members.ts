// The members of a group, as one of its owners sees to them: changes of the owner list that are asked for here, invitations,
// and the word to those who were left out. What the membership is to be, the membership manager decides.

import { CodecError } from "../../proto/codec/codec-error.ts";
import { decodeQuorumPolicy } from "../../proto/codec/quorum-policy.ts";
import { type Failure, failure } from "../../proto/errors.ts";
import { type GroupId, type LogIndex, type MemberId, type Millis, type NodeId, toMillis } from "../../proto/ids.ts";
import { type Membership, memberOf, type QuorumPolicy } from "../../proto/membership.ts";
import type { Addressed, GroupMessage } from "../../proto/messages.ts";
import type { DirectoryEntry, NodeRecord } from "../../proto/model.ts";
import type { GroupRequest } from "../../proto/requests.ts";
import { bytesOf } from "../../storage/bytes.ts";
import { hash64 } from "../../storage/hash.ts";
import { hasSay, isAtRest } from "../raft/changes.ts";
import { rankWitnesses } from "../recovery/members.ts";
import { reasonText } from "../recovery/reason.ts";
import type { Call } from "./calls.ts";
import { failed, fateUnknown, type GroupReplica, headerOf } from "./group-replies.ts";
import { Invitations } from "./invitations.ts";
import { limits } from "./limits.ts";
import { type LossReport, MembershipManager, type MembershipView, Precedence } from "./membership-manager.ts";
import { askWhetherLeftOut } from "./membership-question.ts";
import { earliest, isDue } from "./millis.ts";
import type { World } from "./world.ts";

/** What the cluster database says. */
export interface ClusterView {
  readonly nodes: () => readonly NodeRecord[];
  /** By the cluster's directory; null: there is no such group. */
  readonly listed: (group: GroupId) => DirectoryEntry | null;
}

export interface GroupMembersOptions extends ClusterView {
  /** Another manager would have to begin anew with what this one waits for. */
  readonly isTied: (nowMs: Millis) => boolean;
  /** A decision of the manager is on its way into the log. */
  readonly isDeciding: () => boolean;
  readonly nowMs: Millis;
}

export type SetOwnersRequest = GroupRequest & { readonly type: "setOwners" };

export class GroupMembers {
  readonly #world: World;
  readonly #replica: GroupReplica;
  readonly #cluster: GroupMembersOptions;
  readonly #precedence = new Precedence();
  /** Both are there while this owner leads. */
  #manager: MembershipManager | null = null;
  #invitations: Invitations | null = null;
  #nextQuestionMs: Millis = toMillis(0);
  /** When a message of the group came last, or was asked for. */
  #heardMs: Millis;
  #hasVote: boolean;
  /** Calls of `setOwners` that wait for the change to be complete. */
  #waiting: { readonly key: number; readonly owners: readonly NodeId[] }[] = [];

  constructor(world: World, replica: GroupReplica, options: GroupMembersOptions) {
    this.#world = world;
    this.#replica = replica;
    this.#cluster = options;
    this.#heardMs = options.nowMs;
    this.#hasVote = this.#isVoter();
  }

  lead(nowMs: Millis): void {
    this.#manager = new MembershipManager(this.#world.self, this.#precedence, nowMs);
    this.#invitations = new Invitations(nowMs);
  }

  resign(): void {
    this.#manager = null;
    this.#invitations = null;
    // A manager that is no owner any more resigns by the very commit that completes the change.
    const { membership, membershipIndex, commit } = this.#replica.status;
    if (commit >= membershipIndex) this.#answer(membership, membershipIndex);
    const { group } = this.#replica.key;
    for (const { key } of this.#waiting) this.#world.calls.answer(key, failed(fateUnknown(group)));
    this.#waiting = [];
  }

  /** The owner list that this manager is about to put in force; null: there is none. */
  get asked(): readonly NodeId[] | null {
    return this.#manager?.asked ?? null;
  }

  /** Of the manager: why the members are not as owners and policy ask for; empty: they are, or will be. */
  get hindrance(): string {
    return reasonText(this.#manager?.hindrance ?? "");
  }

  /** Something has happened on which a decision about the members may depend. */
  wake(nowMs: Millis): void {
    this.#manager?.wake(nowMs);
  }

  /** The membership in force is another one, committed or not. */
  changed(nowMs: Millis): void {
    this.#invitations?.wake(nowMs);
    this.#hasVote = this.#isVoter();
  }

  /** A message of the group has come. */
  heard(nowMs: Millis): void {
    this.#heardMs = nowMs;
  }

  /** What is committed of the members has changed. @returns whether it leaves this node out */
  applied(nowMs: Millis): boolean {
    this.#invitations?.wake(nowMs);
    this.#manager?.wake(nowMs);
    const { membership, index } = this.#replica.state.members.configuration;
    this.#answer(membership, index);
    return hasLeft(membership, this.#world.self, this.#replica.member);
  }

  /** A member says that it holds nothing of the group: it is to begin anew. */
  lost(node: NodeId, report: LossReport, nowMs: Millis): void {
    this.#manager?.lost(node, report, nowMs);
  }

  deadline(nowMs: Millis): void {
    const lostIn = (node: NodeId, member: MemberId) => this.#manager?.lossBehind(node, member) ?? null;
    this.#invitations?.deadline({ group: this.#replica, lostIn }, this.#world.out, nowMs);
    if (this.#mayHaveLeft(nowMs)) this.#askOwners(nowMs);
  }

  deadlineMs(): Millis | null {
    const silentMs = this.#hasVote ? null : this.#silentMs;
    return earliest(this.#manager?.deadlineMs() ?? null, this.#invitations?.deadlineMs() ?? null, silentMs);
  }

  /** After every step: the next change of the members, or of who leads them. */
  manage(nowMs: Millis): void {
    const manager = this.#manager;
    if (manager === null || !isDue(manager.deadlineMs(), nowMs)) return;
    const { applied, status } = this.#replica;
    const isSettled = !this.#cluster.isDeciding() && applied.index >= status.commit;
    const isRefused = (owners: readonly NodeId[]) => this.#isRefused(owners);
    const input = manager.decide({ ...this.#view(), isSettled, isRefused, isTied: this.#cluster.isTied(nowMs) }, nowMs);
    if (input === null) return;
    if (input.type === "transfer") this.#world.out.note("info", "Hands leadership over", { to: input.to });
    const refusal = this.#replica.change(input, nowMs);
    const dropped = refusal === null ? null : manager.refused(refusal, nowMs);
    if (dropped !== null) this.#refused(dropped, this.#cannotBegin(dropped, `${refusal}`));
  }

  /** Whoever asks for votes, or leads, as a member that a committed change has left out, does not know of it. */
  answerDeparted(from: NodeId, { fromMember }: Addressed & GroupMessage): void {
    const { membership, index } = this.#replica.state.members.configuration;
    if (!hasLeft(membership, from, fromMember) || !hasLeft(this.#replica.membership, from, fromMember)) return;
    const address = { ...this.#replica.addressTo(from), toMember: fromMember };
    this.#world.out.send(from, { type: "departed", ...address, index, owners: membership.owners });
  }

  /** @returns false when the leader has to serve it */
  setOwners(call: Call, request: SetOwnersRequest, nowMs: Millis): boolean {
    const manager = this.#manager;
    if (this.#replica.role !== "leader" || manager === null) return false;
    const failure = this.#refuse(request) ?? this.#begin(call, request, { manager, nowMs });
    if (failure !== null) this.#world.calls.answer(call.key, failed(failure));
    return true;
  }

  /** Why owners cannot be asked for under an identity; null: they can, and are once that is in the log. */
  refuse(request: SetOwnersRequest): Failure | null {
    return this.#refuse(request) ?? this.#manager?.refusal(request.owners, this.#view()) ?? null;
  }

  /** The log says that a client wants these owners. Answered when it is so; whatever else is told, it may come about. */
  bringAbout(key: number, owners: readonly NodeId[], nowMs: Millis): void {
    const { group } = this.#replica.key;
    const view = this.#view();
    const refusal = this.#manager === null ? fateUnknown(group) : this.#manager.bringAbout(owners, view);
    if (refusal !== null) return this.#world.calls.answer(key, failed(this.#notBegun(owners, refusal)));
    this.#waiting.push({ key, owners });
    this.#manager?.wake(nowMs);
  }

  #isRefused(owners: readonly NodeId[]): boolean {
    const refusal = this.#replica.state.refuseOwners(owners, null);
    if (refusal !== null) this.#refused(owners, refusal);
    return refusal !== null;
  }

  /** Whoever waits for these owners is told that they are not begun. */
  #refused(owners: readonly NodeId[], refusal: Failure): void {
    const refused = this.#waiting.filter((waiting) => waiting.owners.join() === owners.join());
    this.#waiting = this.#waiting.filter((waiting) => !refused.includes(waiting));
    for (const { key } of refused) {
      const isRemembered = this.#world.calls.get(key)?.request.type === "identified";
      this.#world.calls.answer(key, failed(isRemembered ? this.#notBegun(owners, refusal) : refusal));
    }
  }

  #cannotBegin(owners: readonly NodeId[], why: string): Failure {
    const { group } = this.#replica.key;
    const message = `The owners of ${group} cannot be changed to ${owners.join(", ")} now: ${why}`;
    return failure("condition_failed", message, { group });
  }

  /** Of what the log says that a client wants: it may come about by a request that asks for the same. */
  #notBegun(owners: readonly NodeId[], { message }: Failure): Failure {
    const { group } = this.#replica.key;
    const what = `That the owners of ${group} are to be ${owners.join(", ")} is remembered, but not begun: ${message}`;
    return failure("outcome_unknown", what, { group });
  }

  #refuse({ group, owners, ifIndex }: SetOwnersRequest): Failure | null {
    const known = this.#cluster.nodes();
    const stranger = owners.find((owner) => !known.some(({ node }) => node === owner));
    if (stranger !== undefined) {
      const message = `The owner ${stranger} is not a node of this cluster`;
      return failure("invalid_argument", message, { group, node: stranger, field: "owners" });
    }
    return this.#replica.state.refuseOwners(owners, ifIndex);
  }

  #begin(
    call: Call,
    { owners, validateOnly }: SetOwnersRequest,
    { manager, nowMs }: { readonly manager: MembershipManager; readonly nowMs: Millis },
  ): Failure | null {
    const { membership, index } = this.#replica.state.members.configuration;
    const isSo = isAtRest(membership) && owners.join() === membership.owners.join();
    const isAnswered = validateOnly || isSo;
    const wrong = isAnswered ? manager.ask(owners, this.#view()) : manager.bringAbout(owners, this.#view());
    if (wrong !== null) return wrong;
    if (isAnswered) {
      if (validateOnly) manager.withdraw();
      else manager.settle();
      this.#done(call.key, index);
      return null;
    }
    call.mayHaveHappened = true;
    this.#waiting.push({ key: call.key, owners });
    manager.wake(nowMs);
    return null;
  }

  /** Who waits for this owner list has it. */
  #answer(membership: Membership, index: LogIndex): void {
    if (!isAtRest(membership)) return;
    const done = this.#waiting.filter(({ owners }) => owners.join() === membership.owners.join());
    this.#waiting = this.#waiting.filter((call) => !done.includes(call));
    for (const { key } of done) this.#done(key, index);
  }

  #done(key: number, index: LogIndex): void {
    const header = headerOf(this.#replica.state, this.#world.self, false);
    this.#world.calls.answer(key, { type: "setOwners", header, index });
  }

  #view(): MembershipView {
    const nodes = this.#cluster.nodes();
    const { group } = this.#replica.key;
    return {
      status: this.#replica.status,
      policy: readPolicy(this.#replica.state.object.config),
      witnesses: (owners) => rankWitnesses(nodes, owners, (node) => hash64(bytesOf(`${group} ${node}`)).low),
    };
  }

  /**
   * All whom a member knows may have left while it was away, and then none of them can tell it that it was left out. One
   * without a vote tells nobody by itself that it is still there.
   */
  #mayHaveLeft(nowMs: Millis): boolean {
    if (!this.#hasVote && nowMs >= this.#silentMs) return true;
    // Others that were left out may answer it again and again: whoever looks for a leader asks, though it hears something.
    if (this.#replica.role !== "preCandidate" || nowMs < this.#nextQuestionMs) return false;
    return this.#listedWithoutThis() !== null;
  }

  get #silentMs(): Millis {
    return toMillis(this.#heardMs + limits.voicelessSilenceMs);
  }

  #isVoter(): boolean {
    return hasSay(this.#replica.membership, this.#world.self, this.#replica.member);
  }

  /** Who is an owner by the directory can tell ({@link answerDeparted}). */
  #askOwners(nowMs: Millis): void {
    this.#heardMs = nowMs;
    this.#nextQuestionMs = toMillis(nowMs + limits.inviteIntervalMs);
    const others = (this.#listed?.owners ?? []).filter((owner) => owner !== this.#world.self);
    askWhetherLeftOut(this.#replica, others, this.#world.out);
  }

  /** What the directory says of the group, when that is news and leaves this node out. */
  #listedWithoutThis(): DirectoryEntry | null {
    const listed = this.#listed;
    if (listed === null) return null;
    if (listed.index <= this.#replica.state.members.configuration.index) return null;
    return listed.owners.includes(this.#world.self) ? null : listed;
  }

  get #listed(): DirectoryEntry | null {
    const { group, incarnation } = this.#replica.key;
    const listed = this.#cluster.listed(group);
    return listed?.incarnation === incarnation ? listed : null;
  }
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

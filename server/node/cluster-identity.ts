// As which member of the cluster group this node is known, with a vote or without, and what those are told who take it for
// another, or speak as one that is gone: nobody must wait for such a member, or count on it.

import {
  clusterGroup,
  type Incarnation,
  type LogIndex,
  type MemberId,
  type Millis,
  type NodeId,
} from "../../proto/ids.ts";
import { anyMember } from "../../proto/membership.ts";
import type { Addressed, PeerMessage } from "../../proto/messages.ts";
import { beginningOf } from "./cluster-incarnations.ts";
import type { ClusterLog } from "./cluster-log.ts";
import { hasRetired } from "./cluster-members.ts";
import type { ClusterOutcome, ClusterState } from "./cluster-state.ts";
import type { MemberKey } from "./hard-states.ts";
import type { Replica } from "./replica.ts";
import type { World } from "./world.ts";

type Message<Type extends PeerMessage["type"]> = PeerMessage & { readonly type: Type };

/** The cluster database as this node holds it. */
export interface IdentityHolder {
  readonly state: ClusterState;
  /** null on a node that has no vote. */
  readonly replica: Replica<ClusterOutcome, ClusterState> | null;
  readonly log: ClusterLog;
  /** How far a peer is itself. */
  noticeIndex(peer: NodeId, index: LogIndex, nowMs: Millis): void;
}

export class ClusterIdentity {
  readonly #world: World;
  readonly #holder: IdentityHolder;
  #incarnation: Incarnation;
  /** As which the node is known here: it must never speak as that, or as a lower one, without a replica. */
  #member: MemberId;

  constructor(world: World, holder: IdentityHolder, known: Pick<MemberKey, "incarnation" | "member">) {
    this.#world = world;
    this.#holder = holder;
    this.#incarnation = known.incarnation;
    this.#member = known.member;
  }

  get incarnation(): Incarnation {
    return this.#incarnation;
  }

  get key(): MemberKey {
    return { group: clusterGroup, incarnation: this.#incarnation, member: this.#member };
  }

  /** From now on. What it was before stays on record (`HardStates.retire`): that is for whoever calls to see to. */
  become(incarnation: Incarnation, member: MemberId): void {
    this.#incarnation = incarnation;
    this.#member = member;
  }

  /** Whether what is committed leaves this member out, as far as the log has come here. */
  get isRetired(): boolean {
    return hasRetired(this.#holder.state.members.membership, this.#world.self, this.#member);
  }

  /** The leader counts on this node as a new member. @returns whether it may begin as that one; if not, `from` is answered */
  mayBegin(from: NodeId, invite: Message<"invite">, nowMs: Millis): boolean {
    const { toMember: member } = invite;
    const isOther = invite.incarnation !== this.#incarnation || invite.isWitness;
    if (isOther || member <= this.#member) this.answerStranger(from, invite, nowMs);
    // Late: that it was to be this member has been taken back since, as is known here.
    else if (hasRetired(this.#holder.state.members.membership, this.#world.self, member)) this.#holder.log.hint(from);
    // It may have been this very member before it forgot: unless it got the number for saying so in this start.
    else if (this.#world.isForgetful() && invite.lostIn !== this.#world.nonce) this.#sayLost(from, member);
    else return true;
    return false;
  }

  /** A peer's word that a committed change has given the place of this member to another. @returns whether it is so */
  isDeparted(message: Message<"departed">): boolean {
    if (message.incarnation !== this.#incarnation || message.toMember !== this.#member) return false;
    return message.index > this.#holder.state.members.configuration.index || this.isRetired;
  }

  /** Whoever is spoken to as a member that is gone says so. */
  answerStranger(from: NodeId, { incarnation, fromMember, toMember }: Addressed, nowMs: Millis): void {
    this.#world.counters.count("messages of a cluster group that is not here");
    if (incarnation < this.#incarnation) return this.#holder.log.hint(from);
    if (incarnation > this.#incarnation) return this.#holder.noticeIndex(from, beginningOf(incarnation), nowMs);
    this.answerRetired(from, { fromMember });
    if (toMember === anyMember || this.#holder.replica !== null) return;
    // A node that forgot once cannot tell which numbers it has had: any that it is not known as may be one.
    if (toMember <= this.#member) this.#sayLost(from, this.#member);
    else if (this.#world.isForgetful()) this.#sayLost(from, toMember);
  }

  /** Whoever speaks as a member whose place a committed change has given to another does not know of it. */
  answerRetired(from: NodeId, { fromMember }: Pick<Addressed, "fromMember">): void {
    const { state, replica } = this.#holder;
    const { membership, index } = state.members.configuration;
    const inForce = replica?.membership ?? membership;
    if (!hasRetired(membership, from, fromMember) || !hasRetired(inForce, from, fromMember)) return;
    const address = {
      group: clusterGroup,
      incarnation: this.#incarnation,
      fromMember: this.#member,
      toMember: fromMember,
    };
    this.#world.out.send(from, { type: "departed", ...address, index, owners: membership.owners });
  }

  #sayLost(to: NodeId, member: MemberId): void {
    const { nonce: start, out } = this.#world;
    out.sendPromise(to, { type: "replicaLost", group: clusterGroup, incarnation: this.#incarnation, member, start });
  }
}

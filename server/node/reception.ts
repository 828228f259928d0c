// Which of its peers' words reach a node's groups: those of the sender's present start, between starts that agree with what
// each remembers of the other, and for a group that is open. What comes before that is known waits.

import type { BootNumber, GroupId, Millis, NodeId } from "../../proto/ids.ts";
import type { Envelope, GroupMessage, PeerMessage } from "../../proto/messages.ts";
import { Admission } from "./admission.ts";
import { GroupGates } from "./group-gates.ts";
import { HeldMessages } from "./held-messages.ts";
import type { NodeImage } from "./image.ts";
import { Introductions } from "./introductions.ts";
import { earliest } from "./millis.ts";
import type { World } from "./world.ts";

type Message<Type extends PeerMessage["type"]> = PeerMessage & { readonly type: Type };

export interface ReceptionOwner {
  /** Nodes with which this one shares a group, or the cluster database. */
  readonly fellows: () => ReadonlySet<NodeId>;
  /** The other voters of a group as far as this node knows them; empty: it knows none. */
  readonly otherVotersOf: (group: GroupId) => readonly NodeId[];
  /** Of a message to a group, or to the cluster group, that counts. */
  readonly deliver: (from: NodeId, message: GroupMessage, nowMs: Millis) => void;
  /** Of one that is to count once it is remembered durably here who sent it. */
  readonly unproven: (from: NodeId, message: GroupMessage, nowMs: Millis) => void;
}

export class Reception {
  readonly #world: World;
  readonly #owner: ReceptionOwner;
  readonly #admission: Admission;
  readonly #introductions: Introductions;
  readonly #gates = new GroupGates();
  readonly #held = new HeldMessages();

  constructor(world: World, stored: NodeImage, owner: ReceptionOwner) {
    this.#world = world;
    this.#owner = owner;
    this.#admission = new Admission(world);
    this.#introductions = new Introductions(world, stored);
  }

  /** Whether the envelope counts at all (invariant 9). */
  admits(from: NodeId, envelope: Envelope): boolean {
    return this.#admission.admits(from, envelope);
  }

  /** In which start a peer is that is connected and known; null: it is not. */
  startOf(peer: NodeId): BootNumber | null {
    const boot = this.#admission.bootOf(peer);
    return this.#introductions.standing(peer, boot) === "known" ? boot : null;
  }

  /** The group begins here, with this start or with this step. */
  close(group: GroupId, nowMs: Millis): void {
    this.#gates.close(group, nowMs);
  }

  /** Whether what a peer says of groups counts; else it is asked who it is. */
  isKnown(from: NodeId, nowMs: Millis): boolean {
    const isKnown = this.#introductions.standing(from, this.#admission.bootOf(from)) === "known";
    if (isKnown) this.#introductions.greet(from, nowMs);
    else this.#introductions.ask(from, nowMs);
    return isKnown;
  }

  groupMessage(from: NodeId, message: GroupMessage, nowMs: Millis): void {
    if (this.#mayReach(from, message, nowMs)) this.#owner.deliver(from, message, nowMs);
  }

  hello(from: NodeId, boot: BootNumber, message: Message<"hello">, nowMs: Millis): void {
    // What waits was said as a member that is no more.
    if (message.isAnew) this.#held.drop(from);
    const isNew = this.#introductions.hello(from, message, { boot, isStale: boot < this.#admission.bootOf(from) });
    if (isNew || message.answer) this.#introductions.introduce(from, message.answer, nowMs);
  }

  helloAccepted(from: NodeId, message: Message<"helloAccepted">, nowMs: Millis): void {
    if (this.#introductions.accepted(from, message)) this.#retryHeld(nowMs);
  }

  /** @returns whether this node indeed runs on an old image of its disk */
  helloRefused(from: NodeId, message: Message<"helloRefused">): boolean {
    return this.#introductions.refused(from, message);
  }

  lap(from: NodeId, message: Message<"lap">): void {
    this.#introductions.lap(from, message);
  }

  peerUp(peer: NodeId, nowMs: Millis): void {
    this.#introductions.introduce(peer, true, nowMs);
  }

  peerDown(peer: NodeId): void {
    this.#admission.peerDown(peer);
    this.#introductions.peerDown(peer);
    this.#held.drop(peer);
  }

  /** Others may be fellows now. */
  introduceAll(nowMs: Millis): void {
    this.#introductions.introduceAll(this.#owner.fellows(), nowMs);
  }

  /** From this step on the node speaks as none of the members that it was. */
  beginAnew(nowMs: Millis): void {
    this.#held.take();
    this.#introductions.beginAnew(this.#owner.fellows(), nowMs);
  }

  beNoLongerAnew(): void {
    this.#introductions.beNoLongerAnew();
  }

  /** The step has made a promise to a peer. */
  promised(nowMs: Millis): void {
    this.#introductions.promised(nowMs);
  }

  durable(write: number, nowMs: Millis): void {
    if (this.#introductions.durable(write)) this.#retryHeld(nowMs);
  }

  deadline(nowMs: Millis): void {
    this.#introductions.deadline(this.#owner.fellows, nowMs);
    if (this.#gates.deadline(nowMs)) this.#retryHeld(nowMs);
  }

  deadlineMs(): Millis | null {
    return earliest(this.#introductions.deadlineMs(), this.#gates.deadlineMs());
  }

  #mayReach(from: NodeId, message: GroupMessage, nowMs: Millis): boolean {
    const boot = this.#admission.bootOf(from);
    const standing = this.#introductions.standing(from, boot);
    if (standing !== "known") this.#introductions.ask(from, nowMs);
    if (standing === "refused") {
      this.#world.counters.count("group messages from an old image of a disk");
      return false;
    }
    if (standing === "unproven") this.#owner.unproven(from, message, nowMs);
    this.#introductions.greet(from, nowMs);
    if (standing === "known" && this.#isOpen(message.group, from, nowMs)) return true;
    if (!this.#held.hold({ from, boot, message })) this.#world.counters.count("group messages before an introduction");
    return false;
  }

  #isOpen(group: GroupId, from: NodeId, nowMs: Millis): boolean {
    const voters = this.#owner.otherVotersOf(group);
    // A witness knows only who speaks to it.
    const others = voters.length > 0 ? voters : [from];
    const isAccepted = (node: NodeId) => this.#introductions.isAcceptedBy(node);
    return this.#gates.isOpen(group, others, { isAccepted, nowMs });
  }

  #retryHeld(nowMs: Millis): void {
    for (const { from, boot, message } of this.#held.take()) {
      if (boot === this.#admission.bootOf(from)) this.groupMessage(from, message, nowMs);
    }
  }
}

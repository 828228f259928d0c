// Snapshots of one group on their way: out to followers that are behind the log, or in from the leader.

import { CodecError } from "../../proto/codec/codec-error.ts";
import { failure } from "../../proto/errors.ts";
import { type Millis, type NodeId, type Revision, type Term, toRevision } from "../../proto/ids.ts";
import type { PeerMessage } from "../../proto/messages.ts";
import type { EntryId } from "../../proto/raft.ts";
import { encodeGroupRecord } from "../../storage/group-record.ts";
import { groupKey, slotRange } from "../../storage/keys.ts";
import { LogStore } from "../../storage/log-store.ts";
import { Applier, type ReplicatedState } from "./applier.ts";
import { earliest } from "./millis.ts";
import type { Replica } from "./replica.ts";
import type { ReplicaRows } from "./replica-rows.ts";
import { SnapshotReceiver } from "./snapshot-receiver.ts";
import { SnapshotSender } from "./snapshot-sender.ts";
import type { World } from "./world.ts";

type Part = PeerMessage & { readonly type: "snapshotPart" };
type Ack = PeerMessage & { readonly type: "snapshotAck" };

export class Transfers<Outcome, State extends ReplicatedState<Outcome>> {
  readonly #world: World;
  readonly #replica: Replica<Outcome, State>;
  readonly #restore: (rows: ReplicaRows) => State | string;
  readonly #senders = new Map<NodeId, SnapshotSender>();
  #receiver: SnapshotReceiver | null = null;

  constructor(world: World, replica: Replica<Outcome, State>, restore: (rows: ReplicaRows) => State | string) {
    this.#world = world;
    this.#replica = replica;
    this.#restore = restore;
  }

  /** Begins to send the present state to `peer`. */
  begin(peer: NodeId, nowMs: Millis): void {
    const { key, state, record, status } = this.#replica;
    const address = this.#replica.addressTo(peer);
    const sender = new SnapshotSender({ peer, address, term: status.term }, state, record, nowMs);
    this.#senders.set(peer, sender);
    this.#world.out.note("info", "Sending a snapshot", { group: key.group, to: peer, index: record.index });
    this.#world.out.send(peer, sender.message);
  }

  acknowledged(from: NodeId, ack: Ack, nowMs: Millis): void {
    const sender = this.#senders.get(from);
    if (sender === undefined || ack.last.index !== sender.record.index) return;
    this.#carryOn(sender, sender.acknowledged(ack.next, nowMs), nowMs);
  }

  deadline(nowMs: Millis): void {
    if (this.#senders.size === 0) return;
    this.#dropNeedless();
    for (const sender of [...this.#senders.values()]) this.#carryOn(sender, sender.late(nowMs), nowMs);
  }

  get areSending(): boolean {
    return this.#senders.size > 0;
  }

  /** The oldest revision that a snapshot on its way out is read at; null: none. A follower that falls silent ends its own. */
  get heldRevision(): Revision | null {
    const held = [...this.#senders.values()].flatMap(({ heldRevision }) => heldRevision ?? []);
    return held.length === 0 ? null : toRevision(Math.min(...held));
  }

  deadlineMs(): Millis | null {
    return earliest(...[...this.#senders.values()].map((sender) => sender.deadlineMs()));
  }

  /** This member leads no more: what it was sending has lost its point. */
  abandon(): void {
    this.#senders.clear();
  }

  /** Nothing of the group is held here any more. */
  close(): void {
    this.abandon();
    this.#giveUp();
  }

  /** A follower that turned out to hold enough of the log is sent that again. */
  #dropNeedless(): void {
    for (const { peer, state } of this.#replica.status.peers) if (state !== "snapshot") this.#senders.delete(peer);
  }

  /** @returns true when the part was the last and the snapshot is in force */
  receive(from: NodeId, part: Part, nowMs: Millis): boolean {
    if (part.term !== this.#replica.status.term || !mayEndAt(part.last, part.term)) return false;
    if (this.#replica.holds(part.last)) {
      if (this.#receiver?.continues(from, part) === true) this.#giveUp();
      // The transfer runs to its end, which tells the leader.
      this.#acknowledge(from, part, part.sequence + 1);
      return false;
    }
    const receiver = this.#receiverFor(from, part);
    const operations = receiver.take(part);
    if (operations !== null) this.#world.out.write(operations);
    const isComplete = operations !== null && part.final;
    const isInstalled = isComplete && this.#install(receiver, part, nowMs);
    if (isInstalled) this.#receiver = null;
    else if (isComplete) this.#giveUp();
    this.#acknowledge(from, part, isComplete && !isInstalled ? 0 : receiver.next);
    return isInstalled;
  }

  /** A sender that began anew knows nothing of the parts that an earlier attempt brought. */
  #receiverFor(from: NodeId, part: Part): SnapshotReceiver {
    const receiver = this.#receiver;
    const isAnew = part.sequence === 0 && receiver !== null && receiver.next > 1;
    if (receiver?.continues(from, part) === true && !isAnew) return receiver;
    this.#giveUp();
    this.#receiver = new SnapshotReceiver(this.#world.slots.take(), from, part.last);
    return this.#receiver;
  }

  /** What has arrived so far goes from the disk: nothing names it. */
  #giveUp(): void {
    if (this.#receiver === null) return;
    this.#world.out.erase(slotRange(this.#receiver.slot));
    this.#receiver = null;
  }

  /** Rows are written; one record puts them in force, in the same synced batch as the log's new beginning. */
  #install(receiver: SnapshotReceiver, part: Part, nowMs: Millis): boolean {
    const { group, incarnation } = this.#replica.key;
    // A part of an earlier term than the first would have been refused: the term of all is that of the last.
    const restored = this.#rebuild(receiver);
    if (typeof restored === "string") {
      this.#world.out.note("warn", "Refused a snapshot", { group, from: receiver.from, reason: restored });
      return false;
    }
    const { slot, last } = receiver;
    const replaced = this.#replica.slot;
    const log = LogStore.create(slot, last);
    const record = encodeGroupRecord({ slot, role: "owner", member: this.#replica.member });
    const switchOver = { type: "put", key: groupKey(group, incarnation), value: record } as const;
    this.#world.out.writeDurably([...log.operations, switchOver], null);
    this.#replica.install(new Applier<Outcome, State>(restored, last), log.store, part.term, nowMs);
    this.#world.out.note("info", "Installed a snapshot", { group, from: receiver.from, index: last.index });
    this.#world.out.erase(slotRange(replaced));
    return true;
  }

  #rebuild(receiver: SnapshotReceiver): State | string {
    try {
      const rows = receiver.finish();
      if (typeof rows === "string") return rows;
      if (rows.applied.index !== receiver.last.index) return `it ends at ${rows.applied.index}`;
      return this.#restore(rows);
    } catch (reason) {
      if (reason instanceof CodecError) return reason.message;
      throw reason;
    }
  }

  #acknowledge(to: NodeId, part: Part, next: number): void {
    const { term, last } = part;
    this.#world.out.sendPromise(to, { type: "snapshotAck", ...this.#replica.answerTo(to), term, last, next });
  }

  #carryOn(sender: SnapshotSender, verdict: "send" | "wait" | "installed" | "failed", nowMs: Millis): void {
    if (verdict === "wait") return;
    if (verdict === "send") {
      this.#world.out.send(sender.peer, sender.message);
      return;
    }
    this.#senders.delete(sender.peer);
    const { term, index } = sender.record;
    const last = verdict === "installed" ? { term, index } : null;
    this.#replica.step({ type: "snapshotSent", peer: sender.peer, last }, nowMs);
  }
}

/** A snapshot ends with an entry of its leader's term or an earlier one: another would break the log that begins behind it. */
function mayEndAt(last: EntryId, term: Term): boolean {
  return last.index > 0 && last.term > 0 && last.term <= term;
}

/** For calls that were waiting on a state that a snapshot has replaced. */
export function replacedBySnapshot(group: string) {
  return failure("no_leader", `The replica of ${group} was replaced by a snapshot; resume the watch`, { group });
}

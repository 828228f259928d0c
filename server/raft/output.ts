// Collects what one step asks of its caller. Private to a member; what it hands out is never touched again.

import { assert } from "../../proto/assert.ts";
import type { LogIndex, NodeId } from "../../proto/ids.ts";
import type { Membership } from "../../proto/membership.ts";
import type { Entry, RaftMessage } from "../../proto/raft.ts";
import type { OutgoingMessage, Persist, RaftOutput, RoleChange } from "./types.ts";

type Readable = RaftOutput["readable"][number];

const nothing: readonly never[] = Object.freeze([]);

export class OutputBuilder {
  accepted: LogIndex | null = null;
  refusal: string | null = null;
  beatNow = false;
  #broadcast: RaftOutput["broadcast"] = null;
  #messages: OutgoingMessage[] | null = null;
  #readable: Readable[] | null = null;
  #refusedReads: number[] | null = null;
  #needSnapshot: NodeId[] | null = null;

  send(to: NodeId, message: RaftMessage): void {
    this.#push({ to, message, afterPersist: false });
  }

  /** Sends what is true only once everything asked for so far is durable (invariant 3). */
  promise(to: NodeId, message: RaftMessage): void {
    this.#push({ to, message, afterPersist: true });
  }

  get hasBroadcast(): boolean {
    return this.#broadcast !== null;
  }

  broadcast(to: readonly NodeId[], message: RaftMessage & { type: "append" }): void {
    assert(this.#broadcast === null, "A step broadcasts once");
    assert(to.length > 1, () => `Broadcast to ${to.length}`);
    this.#broadcast = { to, message, position: this.#messages?.length ?? 0 };
  }

  readable(read: number, index: LogIndex): void {
    this.#readable ??= [];
    this.#readable.push({ read, index });
  }

  refuseReads(reads: readonly number[]): void {
    if (reads.length > 0) this.#refusedReads = [...(this.#refusedReads ?? nothing), ...reads];
  }

  needSnapshot(peer: NodeId): void {
    this.#needSnapshot ??= [];
    this.#needSnapshot.push(peer);
  }

  /** Ends the step: returns what was collected and starts afresh. */
  take(last: {
    readonly persist: Persist | null;
    readonly committed: readonly Entry[];
    readonly roleChange: RoleChange | null;
    readonly membership: Membership | null;
  }): RaftOutput {
    const output: RaftOutput = {
      persist: last.persist,
      messages: this.#messages ?? nothing,
      broadcast: this.#broadcast,
      committed: last.committed,
      accepted: this.accepted,
      refusal: this.refusal,
      membership: last.membership,
      readable: this.#readable ?? nothing,
      refusedReads: this.#refusedReads ?? nothing,
      needSnapshot: this.#needSnapshot ?? nothing,
      beatNow: this.beatNow,
      roleChange: last.roleChange,
    };
    this.#clear();
    return output;
  }

  #push(message: OutgoingMessage): void {
    this.#messages ??= [];
    this.#messages.push(message);
  }

  #clear(): void {
    this.accepted = null;
    this.refusal = null;
    this.beatNow = false;
    this.#broadcast = null;
    this.#messages = null;
    this.#readable = null;
    this.#refusedReads = null;
    this.#needSnapshot = null;
  }
}

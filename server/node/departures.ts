// Who is about to stop: this node, once it has been told to, and peers that have said so. Such a node serves nobody else: it
// refuses what is forwarded to it, and is sent nothing that its end might leave without an answer.

import { failure } from "../../proto/errors.ts";
import { type Millis, type NodeId, toMillis } from "../../proto/ids.ts";
import type { Reply } from "../../proto/requests.ts";
import { limits } from "./limits.ts";

export class Departures {
  readonly #self: NodeId;
  /** Until when the word of a peer counts; peers are members, so their number is bounded. */
  readonly #peers = new Map<NodeId, Millis>();
  #isOwn = false;

  constructor(self: NodeId) {
    this.#self = self;
  }

  begin(): void {
    this.#isOwn = true;
  }

  /** This node itself is about to stop. */
  get isOwn(): boolean {
    return this.#isOwn;
  }

  /** What this node answers to all that is forwarded to it from now on: nothing comes of it here. */
  get refusal(): Reply {
    const message = `${this.#self} is shutting down`;
    return { type: "failed", failure: failure("stopping", message, { node: this.#self }) };
  }

  /** A reply of `peer`: it may be its refusal. */
  heard(peer: NodeId, reply: Reply, nowMs: Millis): void {
    if (reply.type !== "failed" || reply.failure.code !== "stopping" || reply.failure.details.node !== peer) return;
    this.#peers.set(peer, toMillis(nowMs + limits.departureMs));
  }

  /** Its connection has ended, or another one has begun. */
  forget(peer: NodeId): void {
    this.#peers.delete(peer);
  }

  isLeaving(peer: NodeId, nowMs: Millis): boolean {
    return nowMs < (this.#peers.get(peer) ?? nowMs);
  }
}

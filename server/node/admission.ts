// Which peer messages count (invariant 9): of this cluster, from who they say, of the sender's present start, and each
// forwarded call once. The rest is dropped and counted.

import { type BootNumber, type NodeId, toBootNumber } from "../../proto/ids.ts";
import type { Envelope } from "../../proto/messages.ts";
import { limits } from "./limits.ts";
import { Once } from "./once.ts";
import type { World } from "./world.ts";

export class Admission {
  readonly #world: World;
  /** Newest start seen of each peer over its connection; peers are members, so their number is bounded. */
  readonly #boots = new Map<NodeId, BootNumber>();
  readonly #once = new Once(limits.forwardsMax);

  constructor(world: World) {
    this.#world = world;
  }

  /** @param from the authenticated peer who handed the envelope over */
  admits(from: NodeId, envelope: Envelope): boolean {
    const refusal = this.#refusal(from, envelope);
    if (refusal !== null) this.#world.counters.count(refusal);
    return refusal === null;
  }

  /** Newest start seen of a peer. */
  bootOf(peer: NodeId): BootNumber {
    return this.#boots.get(peer) ?? toBootNumber(0);
  }

  /** What was on its way over the connection is lost, so that an earlier start that speaks now runs on an old image. */
  peerDown(peer: NodeId): void {
    this.#boots.delete(peer);
  }

  #refusal(from: NodeId, { cluster, from: author, boot, message }: Envelope): string | null {
    if (cluster !== this.#world.cluster) return "peer messages of another cluster";
    if (author !== from) return "publications not from their author";
    const isEarlier = boot < this.bootOf(from);
    // An introduction is judged whatever start it is of: an old image of a disk has to be told that it is one.
    if (isEarlier) return message.type === "hello" ? null : "messages of an earlier start";
    this.#boots.set(from, boot);
    const isRepeat = message.type === "forward" && !this.#once.admit(from, boot, message.call);
    return isRepeat ? "forwarded calls that came again" : null;
  }
}

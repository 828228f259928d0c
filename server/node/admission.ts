// Which peer messages count (invariant 9): of this cluster, from who they say, of the sender's present start, and each
// forwarded call once. The rest is dropped and counted.

import type { NodeId } from "../../proto/ids.ts";
import type { Envelope } from "../../proto/messages.ts";
import { limits } from "./limits.ts";
import { Once } from "./once.ts";
import type { World } from "./world.ts";

export class Admission {
  readonly #world: World;
  /** Newest start seen of each peer; peers are members, so their number is bounded. */
  readonly #boots = new Map<NodeId, number>();
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

  #refusal(from: NodeId, { cluster, from: author, boot, message }: Envelope): string | null {
    const isFirstHand = author === from;
    if (cluster !== this.#world.cluster) return "peer messages of another cluster";
    if (!isFirstHand) return message.type === "clusterNews" ? null : "publications not from their author";
    if (boot < (this.#boots.get(from) ?? 0)) return "messages of an earlier start";
    this.#boots.set(from, boot);
    const isRepeat = message.type === "forward" && !this.#once.admit(from, boot, message.call);
    return isRepeat ? "forwarded calls that came again" : null;
  }
}

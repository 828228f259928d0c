// Group messages that came before their sender was known, or before the group was open: they count a moment later, as if
// the network had been slower. Votes and replies above all: nobody sends them again.

import type { BootNumber, NodeId } from "../../proto/ids.ts";
import type { GroupMessage } from "../../proto/messages.ts";
import { limits } from "./limits.ts";

export interface HeldMessage {
  readonly from: NodeId;
  /** Of the sender's start. */
  readonly boot: BootNumber;
  readonly message: GroupMessage;
}

export class HeldMessages {
  readonly #byPeer = new Map<NodeId, HeldMessage[]>();

  /** @returns false when there is no room for it, or when it is large and comes again by itself */
  hold(held: HeldMessage): boolean {
    const { message } = held;
    if (message.type === "snapshotPart" || (message.type === "raft" && message.message.type === "append")) return false;
    const waiting = this.#byPeer.get(held.from) ?? [];
    if (waiting.length >= limits.heldMessagesMax) return false;
    waiting.push(held);
    this.#byPeer.set(held.from, waiting);
    return true;
  }

  /** All that wait, those of one peer in their order. */
  take(): readonly HeldMessage[] {
    const all = [...this.#byPeer.values()].flat();
    this.#byPeer.clear();
    return all;
  }

  /** The connection that they came over is gone. */
  drop(peer: NodeId): void {
    this.#byPeer.delete(peer);
  }
}

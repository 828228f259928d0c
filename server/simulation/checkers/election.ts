// Election safety over the whole history: of each group, one node at most leads a term.

import type { NodeId } from "../../../proto/ids.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import { demand } from "../violation.ts";
import type { Observer } from "../world.ts";

export class ElectionChecker implements Observer {
  readonly #leaders = new Map<string, NodeId>();

  /** Terms that had a leader, over all groups. */
  get terms(): number {
    return this.#leaders.size;
  }

  left(from: NodeId, _to: string, message: PeerMessage): void {
    if (message.type === "beat") {
      for (const { group, incarnation, beat } of message.groups)
        this.#leads(`${group}/${incarnation}`, beat.term, from);
    }
    if (message.type === "raft" && message.message.type === "append") {
      this.#leads(`${message.group}/${message.incarnation}`, message.message.term, from);
    }
  }

  #leads(group: string, term: number, leader: NodeId): void {
    const key = `${group} term ${term}`;
    const known = this.#leaders.get(key);
    demand(known === undefined || known === leader, "election", () => `${key} is led by ${known} and by ${leader}`);
    this.#leaders.set(key, leader);
  }
}

// Election safety over the whole history: of each group, one node at most leads a term.

import type { NodeId } from "../../../proto/ids.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import { demand } from "../violation.ts";
import type { Observer } from "../world.ts";
import type { GroupName } from "./replica-mirror.ts";

export class ElectionChecker implements Observer {
  readonly #leaders = new Map<string, NodeId>();
  /** Highest term of each group that had a leader. */
  readonly #newest = new Map<GroupName, number>();

  /** Terms that had a leader, over all groups. */
  get terms(): number {
    return this.#leaders.size;
  }

  /** @returns null for one that nobody was heard to lead */
  leaderOf(group: GroupName, term: number): NodeId | null {
    return this.#leaders.get(keyOf(group, term)) ?? null;
  }

  /** Whether `node` was heard to lead that term of the group, or one after it. */
  hasLedSince(group: GroupName, term: number, node: NodeId): boolean {
    for (let at = term; at <= (this.#newest.get(group) ?? 0); at++) if (this.leaderOf(group, at) === node) return true;
    return false;
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

  #leads(group: GroupName, term: number, leader: NodeId): void {
    const key = keyOf(group, term);
    const known = this.#leaders.get(key);
    demand(known === undefined || known === leader, "election", () => `${key} is led by ${known} and by ${leader}`);
    this.#leaders.set(key, leader);
    this.#newest.set(group, Math.max(term, this.#newest.get(group) ?? 0));
  }
}

function keyOf(group: GroupName, term: number): string {
  return `${group} term ${term}`;
}

// Which nodes may witness for a group, as its leader has come to know them: one that stayed away comes after all others for a
// while. Two that are down would else take turns.

import type { MemberId, Millis, NodeId } from "../../proto/ids.ts";
import type { Membership, Voter } from "../../proto/membership.ts";
import type { RaftStatus } from "../raft/types.ts";
import { limits } from "./limits.ts";

export class WitnessKeeper {
  /** The present witness, and since when this leader has known it as such. */
  #present: { readonly node: NodeId; readonly member: MemberId; readonly sinceMs: Millis } | null = null;
  /** When a node was a silent witness last. */
  readonly #silentMs = new Map<NodeId, Millis>();

  /** @param candidates the best first @returns as they are to be tried: a silent witness is none while another node is */
  rank(candidates: readonly NodeId[], status: RaftStatus, nowMs: Millis): readonly NodeId[] {
    const silent = this.silent(status, nowMs);
    if (silent !== null) this.#silentMs.set(silent, nowMs);
    const others = candidates.filter((node) => node !== silent);
    // Where there is no other it stays: else it would be dropped and taken anew, and be back under a number that nobody knows.
    if (others.length === 0) return candidates;
    return others.toSorted((left, right) => this.#lately(left, nowMs) - this.#lately(right, nowMs));
  }

  /** Whether it was silent as the witness of late: no better than the one that is. */
  wasSilent(node: NodeId, nowMs: Millis): boolean {
    return this.#lately(node, nowMs) > 0;
  }

  /** The present witness when it stays away; null: it does not, or there is none. */
  silent({ membership, peers }: RaftStatus, nowMs: Millis): NodeId | null {
    const witness = witnessOf(membership);
    if (witness === null) return null;
    const { node, member } = witness;
    if (this.#present?.node !== node || this.#present.member !== member) {
      this.#present = { node, member, sinceMs: nowMs };
    }
    const heardMs = peers.find(({ peer }) => peer === node)?.heardMs ?? this.#present.sinceMs;
    return heardMs < nowMs - limits.witnessSilenceMs ? node : null;
  }

  /** 0: it was not silent lately. */
  #lately(node: NodeId, nowMs: Millis): number {
    const silentMs = this.#silentMs.get(node) ?? Number.NEGATIVE_INFINITY;
    return silentMs > nowMs - limits.witnessRestMs ? silentMs : 0;
  }
}

function witnessOf({ voters }: Membership): Voter | null {
  return voters.find(({ isWitness }) => isWitness) ?? null;
}

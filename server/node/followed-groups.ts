// The groups in which this node follows others, by leading node: what it holds of them must be what the leader vouches for.

import type { GroupId, Millis, NodeId } from "../../proto/ids.ts";
import type { Vouch } from "../../proto/messages.ts";
import type { Standing } from "../raft/quiet.ts";
import type { VouchedWord } from "../raft/types.ts";
import { limits } from "./limits.ts";
import type { Party } from "./party.ts";
import { type Claim, claimOf, isSameVouch, VouchSum } from "./vouch-sum.ts";

interface Leader {
  readonly node: NodeId;
  readonly followed: Map<GroupId, Followed>;
  readonly sum: VouchSum;
  /** Counts the vouches that were agreed with. */
  agreements: number;
  agreedMs: Millis;
}

interface Followed {
  readonly party: Party;
  readonly leader: Leader;
  readonly claim: Claim;
  /** The agreement that the group has taken in, or that came before it or passed it over. */
  seen: number;
}

export class FollowedGroups {
  readonly #leaders = new Map<NodeId, Leader>();
  readonly #followed = new Map<Party, Followed>();

  /** The group's standing may have changed. */
  review(party: Party, standing: Standing, nowMs: Millis): void {
    const claim = standing.type === "follows" && isHeard(standing.heardMs, nowMs) ? claimBy(party, standing) : null;
    const before = this.#followed.get(party);
    if (standing.type === "follows" && claim?.text === before?.claim.text && before?.leader.node === standing.leader)
      return;
    this.drop(party);
    if (standing.type !== "follows" || claim === null) return;
    const leader = this.#leaderOf(standing.leader);
    const followed = { party, leader, claim, seen: leader.agreements };
    this.#followed.set(party, followed);
    leader.followed.set(party.key.group, followed);
    leader.sum.add(claim);
  }

  drop(party: Party): void {
    const followed = this.#followed.get(party);
    if (followed === undefined) return;
    const { leader, claim } = followed;
    this.#followed.delete(party);
    leader.followed.delete(party.key.group);
    leader.sum.remove(claim);
    if (leader.followed.size === 0) this.#leaders.delete(leader.node);
  }

  /**
   * Whether this node follows `from` in exactly the groups that it vouches for and in those that it names beside, and holds
   * the same of those that it vouches for.
   */
  agrees(from: NodeId, vouch: Vouch, named: readonly GroupId[], nowMs: Millis): boolean {
    const leader = this.#leaders.get(from);
    if (leader === undefined) return vouch.groups === 0;
    const passedOver = [...new Set(named)].flatMap((group) => leader.followed.get(group) ?? []);
    for (const { claim } of passedOver) leader.sum.remove(claim);
    const isSame = isSameVouch(leader.sum.vouch, vouch);
    for (const { claim } of passedOver) leader.sum.add(claim);
    if (!isSame) return false;
    leader.agreements += 1;
    leader.agreedMs = nowMs;
    for (const followed of passedOver) followed.seen = leader.agreements;
    return true;
  }

  followedFrom(node: NodeId): readonly Party[] {
    return [...(this.#leaders.get(node)?.followed.values() ?? [])].map(({ party }) => party);
  }

  /** What was agreed on since the group was asked last. */
  word(party: Party): VouchedWord | null {
    const followed = this.#followed.get(party);
    if (followed === undefined || followed.seen === followed.leader.agreements) return null;
    const { agreements, agreedMs, node } = followed.leader;
    followed.seen = agreements;
    return { peer: node, heardMs: agreedMs, sentMs: agreedMs };
  }

  #leaderOf(node: NodeId): Leader {
    const known = this.#leaders.get(node);
    if (known !== undefined) return known;
    const leader = { node, followed: new Map(), sum: new VouchSum(), agreements: 0, agreedMs: 0 as Millis };
    this.#leaders.set(node, leader);
    return leader;
  }
}

/** A member that may not lead waits for its leader for ever, also for one that leads no more. */
function isHeard(heardMs: Millis | null, nowMs: Millis): boolean {
  return heardMs !== null && nowMs < heardMs + limits.electionTimeoutMs;
}

function claimBy({ key, member }: Party, { term, commit, last }: Standing & { readonly type: "follows" }): Claim {
  return claimOf({ ...key, follower: member, term, commit, last });
}

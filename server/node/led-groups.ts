// The groups that this node leads, by follower: which are named in each beat, and which it vouches for instead. A group is
// vouched for once a beat has told the follower all there is, and the follower was heard since.

import type { Millis, NodeId } from "../../proto/ids.ts";
import type { GroupBeat, Vouch } from "../../proto/messages.ts";
import type { QuietFollower, Standing } from "../raft/quiet.ts";
import type { VouchedWord } from "../raft/types.ts";
import { limits } from "./limits.ts";
import type { LedGroup, Party } from "./party.ts";
import { type Claim, claimOf, isSameVouch, VouchSum } from "./vouch-sum.ts";

interface Sent {
  readonly sequence: number;
  readonly sentMs: Millis;
  readonly vouch: Vouch;
}

interface Follower {
  readonly node: NodeId;
  /** Named in each beat. */
  readonly named: Set<Share>;
  readonly vouchedFor: Set<Share>;
  readonly sum: VouchSum;
  /** Beats that vouched and are not answered yet, oldest first. */
  sent: Sent[];
  /** The newest that was agreed with. */
  agreed: { readonly sequence: number; readonly sentMs: Millis; readonly heardMs: Millis } | null;
}

/** A group that this node leads, as far as one follower is concerned. */
interface Share {
  readonly party: Party & LedGroup;
  readonly follower: Follower;
  /** What the last beat that named the group told; null: the follower has more to hear, or was told nothing yet. */
  told: { readonly claim: Claim; readonly atMs: Millis } | null;
  /** Vouched for, since the beat of this number. */
  vouched: { readonly claim: Claim; readonly since: number } | null;
  /** The beat whose agreement the group has taken in. */
  seen: number;
}

export interface Content {
  readonly groups: readonly GroupBeat[];
  readonly vouch: Vouch;
}

export class LedGroups {
  readonly #followers = new Map<NodeId, Follower>();
  readonly #shares = new Map<Party, Map<NodeId, Share>>();

  /** Nodes that follow this one in some group. */
  get followers(): Iterable<NodeId> {
    return this.#followers.keys();
  }

  /** The group's standing may have changed. */
  review(party: Party & LedGroup, standing: Standing): void {
    const peers = new Set(standing.type === "leads" ? standing.peers : []);
    const shares = this.#shares.get(party) ?? new Map<NodeId, Share>();
    if (shares.size === 0 && peers.size === 0) return;
    this.#shares.set(party, shares);
    for (const share of [...shares.values()]) if (!peers.has(share.follower.node)) this.#remove(share);
    const quiet = quietByPeer(standing);
    for (const node of peers) {
      const share = shares.get(node) ?? this.#add(party, node, shares);
      const { vouched } = share;
      if (vouched !== null && vouched.claim.text !== claimOn(share, standing, quiet.get(node))?.text) name(share);
    }
    if (peers.size === 0) this.#shares.delete(party);
  }

  drop(party: Party): void {
    for (const share of [...(this.#shares.get(party)?.values() ?? [])]) this.#remove(share);
    this.#shares.delete(party);
  }

  /** What the next beat to `node` says, that of number `sequence`. */
  content(node: NodeId, sequence: number, nowMs: Millis): Content {
    const follower = this.#followers.get(node);
    if (follower === undefined) return { groups: [], vouch: new VouchSum().vouch };
    const groups: GroupBeat[] = [];
    for (const share of [...follower.named]) {
      const { standing } = share.party;
      if (wasTold(share, standing)) vouchFor(share, sequence);
      else groups.push(...beatOf(share, standing, nowMs));
    }
    const { vouch } = follower.sum;
    follower.sent.push({ sequence, sentMs: nowMs, vouch });
    if (follower.sent.length > limits.beatsUnanswered) follower.sent.shift();
    return { groups, vouch };
  }

  /** The beat of one group that cannot wait for the next. */
  beat(party: Party, node: NodeId, nowMs: Millis): readonly GroupBeat[] {
    const share = this.#shares.get(party)?.get(node);
    return share === undefined ? [] : beatOf(share, share.party.standing, nowMs);
  }

  /**
   * A follower has answered the beat of this number.
   *
   * @returns false when it holds something else than this node vouched for: every group is named again
   */
  answered(node: NodeId, sequence: number, agreed: Vouch | null, nowMs: Millis): boolean {
    const follower = this.#followers.get(node);
    const sent = follower?.sent.find((beat) => beat.sequence === sequence);
    if (follower === undefined || sent === undefined) return true;
    follower.sent = follower.sent.filter((beat) => beat.sequence > sequence);
    if (agreed !== null && isSameVouch(agreed, sent.vouch)) {
      follower.agreed = { sequence, sentMs: sent.sentMs, heardMs: nowMs };
      return true;
    }
    if (sent.vouch.groups === 0) return true;
    // Also what that beat named: the next one vouches for nothing, and so is the last for now.
    for (const share of follower.named) share.told = null;
    for (const share of [...follower.vouchedFor]) name(share);
    return false;
  }

  /** What was agreed on since the group was asked last, in the order of the answers. */
  words(party: Party): readonly VouchedWord[] {
    const words: VouchedWord[] = [];
    for (const share of this.#shares.get(party)?.values() ?? []) {
      const { agreed, node } = share.follower;
      if (agreed === null || share.vouched === null) continue;
      if (agreed.sequence < share.vouched.since || agreed.sequence <= share.seen) continue;
      share.seen = agreed.sequence;
      words.push({ peer: node, heardMs: agreed.heardMs, sentMs: agreed.sentMs });
    }
    return words.length < 2 ? words : words.sort((left, right) => left.heardMs - right.heardMs);
  }

  #add(party: Party & LedGroup, node: NodeId, shares: Map<NodeId, Share>): Share {
    const follower = this.#followerOf(node);
    const share: Share = { party, follower, told: null, vouched: null, seen: 0 };
    shares.set(node, share);
    follower.named.add(share);
    return share;
  }

  #remove(share: Share): void {
    const { follower, party } = share;
    name(share);
    follower.named.delete(share);
    this.#shares.get(party)?.delete(follower.node);
    if (follower.named.size === 0 && follower.vouchedFor.size === 0) this.#followers.delete(follower.node);
  }

  #followerOf(node: NodeId): Follower {
    const known = this.#followers.get(node);
    if (known !== undefined) return known;
    const follower = {
      node,
      named: new Set<Share>(),
      vouchedFor: new Set<Share>(),
      sum: new VouchSum(),
      sent: [],
      agreed: null,
    };
    this.#followers.set(node, follower);
    return follower;
  }
}

/** What was agreed on so far is taken in before: the share is worth it no more. */
function name(share: Share): void {
  const { follower, vouched } = share;
  if (vouched === null) return;
  share.party.catchUp();
  follower.vouchedFor.delete(share);
  follower.sum.remove(vouched.claim);
  follower.named.add(share);
  share.vouched = null;
  share.told = null;
}

function vouchFor(share: Share, sequence: number): void {
  const { follower, told } = share;
  if (told === null) return;
  follower.named.delete(share);
  follower.vouchedFor.add(share);
  follower.sum.add(told.claim);
  share.vouched = { claim: told.claim, since: sequence };
}

function beatOf(share: Share, standing: Standing, nowMs: Millis): readonly GroupBeat[] {
  const { party, follower } = share;
  const beat = party.beatFor(follower.node);
  if (beat === null) return [];
  const claim = claimFor(share, standing);
  share.told = claim === null ? null : { claim, atMs: nowMs };
  return [{ ...party.addressTo(follower.node), beat }];
}

function wasTold(share: Share, standing: Standing): boolean {
  const { told } = share;
  if (told === null || claimFor(share, standing)?.text !== told.claim.text) return false;
  const heardMs = quietFollower(share, standing)?.heardMs ?? null;
  return heardMs !== null && heardMs >= told.atMs;
}

function claimFor(share: Share, standing: Standing): Claim | null {
  return claimOn(share, standing, quietFollower(share, standing));
}

function claimOn({ party }: Share, standing: Standing, quiet: QuietFollower | undefined): Claim | null {
  if (quiet === undefined || standing.type !== "leads") return null;
  const { member: follower, commit } = quiet;
  return claimOf({ ...party.key, follower, term: standing.term, commit, last: commit });
}

function quietFollower({ follower }: Share, standing: Standing): QuietFollower | undefined {
  if (standing.type !== "leads") return;
  return standing.quiet.find(({ peer }) => peer === follower.node);
}

function quietByPeer(standing: Standing): ReadonlyMap<NodeId, QuietFollower> {
  const quiet = standing.type === "leads" ? standing.quiet : [];
  return new Map(quiet.map((follower) => [follower.peer, follower]));
}

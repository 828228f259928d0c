// A member of a group with nothing behind it: it stands as the test says, and remembers what was vouched for.

import {
  type MemberId,
  type NodeId,
  toGroupId,
  toIncarnation,
  toLogIndex,
  toMemberId,
  toMillis,
  toTerm,
} from "../../../proto/ids.ts";
import { founderId } from "../../../proto/membership.ts";
import type { LedGroup } from "../../../server/node/party.ts";
import type { Vouching } from "../../../server/node/vouching.ts";
import type { QuietFollower, Standing } from "../../../server/raft/quiet.ts";
import type { VouchedWord } from "../../../server/raft/types.ts";

interface Followed {
  readonly term?: number;
  readonly commit?: number;
  /** By default where `commit` is. */
  readonly last?: number;
  readonly heardMs?: number | null;
}

export class FakeParty implements LedGroup {
  readonly key;
  readonly self: NodeId;
  readonly peers: readonly NodeId[];
  member: MemberId = founderId;
  standing: Standing;
  readonly words: VouchedWord[] = [];
  #vouching: Vouching | null = null;

  /** A leader of these peers, who have something to hear. */
  constructor(group: string, self: NodeId, peers: readonly NodeId[] = [], incarnation = 1) {
    this.key = { group: toGroupId(group), incarnation: toIncarnation(incarnation) };
    this.self = self;
    this.peers = peers;
    this.standing = { type: "leads", term: toTerm(1), peers, quiet: [] };
  }

  at(vouching: Vouching): this {
    this.#vouching = vouching;
    vouching.changed(this);
    return this;
  }

  /** Leads in `term`, its peers holding all up to `commit`, and heard just now. */
  leads({ term = 1, commit = 1, heardMs = 0, members = {} as Readonly<Record<string, number>> }): this {
    const quiet = this.peers.map((peer): QuietFollower => {
      return {
        peer,
        member: toMemberId(members[peer] ?? founderId),
        commit: toLogIndex(commit),
        heardMs: toMillis(heardMs),
      };
    });
    return this.#stand({ type: "leads", term: toTerm(term), peers: this.peers, quiet });
  }

  follows(leader: NodeId, { term = 1, commit = 1, last, heardMs = 0 }: Followed): this {
    const log = { commit: toLogIndex(commit), last: toLogIndex(last ?? commit) };
    return this.#stand({ type: "follows", leader, term: toTerm(term), ...log, heardMs: toMillis(heardMs ?? 0) });
  }

  standsAlone(): this {
    return this.#stand({ type: "alone" });
  }

  busy(): this {
    return this.#stand({ type: "leads", term: toTerm(1), peers: this.peers, quiet: [] });
  }

  catchUp(): void {
    this.words.push(...(this.#vouching?.take(this) ?? []));
  }

  addressTo() {
    return { ...this.key, fromMember: this.member, toMember: founderId };
  }

  beatFor(peer: NodeId) {
    if (!this.peers.includes(peer)) return null;
    const index = toLogIndex(1);
    return { type: "beat", term: toTerm(1), round: 1, commit: index, last: index } as const;
  }

  #stand(standing: Standing): this {
    this.standing = standing;
    this.#vouching?.changed(this);
    return this;
  }
}

// A leader's word to members that it does not hear: a new one has to make its replica before it can answer, and only this
// message says as what. Repeated until they are heard, so that none of it depends on one message. One that was heard may fall
// silent because it lost power before it had on its disk what it was made: what it said then needed no disk.

import type { MemberId, Millis, NodeId } from "../../proto/ids.ts";
import type { Membership } from "../../proto/membership.ts";
import type { Addressed } from "../../proto/messages.ts";
import type { RaftStatus } from "../raft/types.ts";
import { limits } from "./limits.ts";
import { nextTick } from "./millis.ts";
import type { Outbox } from "./outbox.ts";

interface Inviting {
  readonly status: RaftStatus;
  addressTo(peer: NodeId): Addressed;
}

interface Invited {
  readonly group: Inviting;
  /** The loss because of which a member got its number, as an invitation names it; null: there was none. */
  readonly lostIn: (node: NodeId, member: MemberId) => string | null;
}

export class Invitations {
  #nextMs: Millis | null;

  /** Leadership has just begun. */
  constructor(nowMs: Millis) {
    this.#nextMs = nowMs;
  }

  /** The members have changed. */
  wake(nowMs: Millis): void {
    this.#nextMs = nowMs;
  }

  deadline({ group, lostIn }: Invited, out: Outbox, nowMs: Millis): void {
    if (this.#nextMs === null || nowMs < this.#nextMs) return;
    const { peers, membership } = group.status;
    const sinceMs = nowMs - limits.voicelessSilenceMs;
    const unheard = peers.filter(({ heardMs }) => heardMs === null || heardMs < sinceMs);
    for (const { peer, isNumbered } of unheard) {
      if (!isNumbered) continue;
      const address = group.addressTo(peer);
      const reason = { isWitness: isWitness(membership, peer), lostIn: lostIn(peer, address.toMember) };
      out.send(peer, { type: "invite", ...address, ...reason });
    }
    this.#nextMs = nextTick(nowMs, unheard.length > 0 ? limits.inviteIntervalMs : limits.membershipCheckMs);
  }

  deadlineMs(): Millis | null {
    return this.#nextMs;
  }
}

function isWitness({ voters, outgoing }: Membership, node: NodeId): boolean {
  return [...voters, ...outgoing].some((voter) => voter.node === node && voter.isWitness);
}

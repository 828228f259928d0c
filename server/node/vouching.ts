// Beats and echoes that stand for groups which they do not name (architecture.md, Beats). Two nodes that hold the same of a
// set of groups say so with one number; nothing is done for a group of that set until something asks it, which then takes in
// what it missed. So a quiet group costs nothing, and every rule on beats and their answers holds for it as for any other.

import type { GroupId, Millis, NodeId } from "../../proto/ids.ts";
import type { Vouch } from "../../proto/messages.ts";
import type { VouchedWord } from "../raft/types.ts";
import { FollowedGroups } from "./followed-groups.ts";
import { LedGroups } from "./led-groups.ts";
import type { LedGroup, Party } from "./party.ts";

export class Vouching {
  readonly led = new LedGroups();
  readonly #followed = new FollowedGroups();
  /** Whose standing may have changed since it was looked at. */
  readonly #changed = new Set<Party>();

  /** The group has taken a step. */
  changed(party: Party): void {
    this.#changed.add(party);
  }

  /** The member is no more. */
  gone(party: Party): void {
    this.#changed.delete(party);
    this.led.drop(party);
    this.#followed.drop(party);
  }

  /** Looks at what has changed: before anything is vouched for, or agreed on. */
  review(nowMs: Millis): void {
    for (const party of this.#changed) {
      party.catchUp();
      const { standing } = party;
      if (isLedGroup(party)) this.led.review(party, standing);
      this.#followed.review(party, standing, nowMs);
    }
    this.#changed.clear();
  }

  /** @param named groups that the beat names beside @returns the vouch, if this node holds the very same; else null */
  agree(from: NodeId, vouch: Vouch, named: readonly GroupId[], nowMs: Millis): Vouch | null {
    this.review(nowMs);
    if (this.#followed.agrees(from, vouch, named, nowMs)) return vouch;
    for (const party of this.#followed.followedFrom(from)) this.#changed.add(party);
    return null;
  }

  /** As `LedGroups.answered`. */
  answered(from: NodeId, sequence: number, agreed: Vouch | null, nowMs: Millis): boolean {
    this.review(nowMs);
    return this.led.answered(from, sequence, agreed, nowMs);
  }

  /** Each word once, in the order in which they came. */
  take(party: Party): readonly VouchedWord[] {
    const word = this.#followed.word(party);
    return word === null ? this.led.words(party) : [word];
  }
}

function isLedGroup(party: Party): party is Party & LedGroup {
  return "beatFor" in party;
}

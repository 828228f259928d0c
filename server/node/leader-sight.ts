// Since when a member has known of no leader. A moment without one is no news: elections take that long.

import type { Millis, NodeId } from "../../proto/ids.ts";

export class LeaderSight {
  #hasLeader = false;
  /** When the last leader was lost; before the first, when the watch began. */
  #lostMs: Millis;

  constructor(nowMs: Millis) {
    this.#lostMs = nowMs;
  }

  /** `leader`: who leads now, as far as known. */
  changed(leader: NodeId | null, nowMs: Millis): void {
    if (leader === null && this.#hasLeader) this.#lostMs = nowMs;
    this.#hasLeader = leader !== null;
  }

  leaderlessMs(nowMs: Millis): number {
    return this.#hasLeader ? 0 : nowMs - this.#lostMs;
  }
}

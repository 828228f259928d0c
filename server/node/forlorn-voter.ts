// All whom a voter knows may have given their places to others while it was away, and nobody speaks to it any more. Who is ahead
// of it can tell: a pre-vote for an empty log asks, and is never granted.

import { type LogIndex, type Millis, type NodeId, toMillis } from "../../proto/ids.ts";
import { hasSay } from "../raft/changes.ts";
import type { ClusterOutcome, ClusterState } from "./cluster-state.ts";
import { limits } from "./limits.ts";
import { askWhetherLeftOut } from "./membership-question.ts";
import type { Replica } from "./replica.ts";
import type { World } from "./world.ts";

type ClusterReplica = Replica<ClusterOutcome, ClusterState>;

export class ForlornVoter {
  readonly #world: World;
  /** When something was last said to the replica. */
  #heardMs: Millis;
  #nextQuestionMs: Millis = toMillis(0);

  constructor(world: World, nowMs: Millis) {
    this.#world = world;
    this.#heardMs = nowMs;
  }

  heard(atMs: Millis): void {
    this.#heardMs = toMillis(Math.max(this.#heardMs, atMs));
  }

  /** @param index how far the peer is */
  maybeAsk(
    peer: NodeId,
    index: LogIndex,
    { replica, leaderlessMs }: { readonly replica: ClusterReplica; readonly leaderlessMs: number },
    nowMs: Millis,
  ): void {
    if (nowMs < this.#nextQuestionMs || !this.#isForlorn(replica, leaderlessMs, nowMs)) return;
    if (index <= replica.status.last) return;
    this.#nextQuestionMs = toMillis(nowMs + limits.inviteIntervalMs);
    askWhetherLeftOut(replica, [peer], this.#world.out);
  }

  /** One without a vote does not notice that its leader is gone; nor one that goes on from a copy with the vote of an earlier member. */
  #isForlorn(replica: ClusterReplica, leaderlessMs: number, nowMs: Millis): boolean {
    if (leaderlessMs >= limits.voicelessSilenceMs) return true;
    if (hasSay(replica.membership, this.#world.self, replica.member)) return false;
    replica.catchUp();
    return nowMs >= this.#heardMs + limits.voicelessSilenceMs;
  }
}

// Who could lead in place of the present leader at once: hears everything, and holds almost all of the log.

import type { Millis, NodeId } from "../../proto/ids.ts";
import type { Voter } from "../../proto/membership.ts";
import type { RaftStatus } from "../raft/types.ts";
import { limits } from "./limits.ts";

/** The first of these voters that is fit to lead. @param status of the leader */
export function firstFit(voters: readonly Voter[], { peers, last }: RaftStatus, nowMs: Millis): NodeId | null {
  const fit = voters.find(({ node, votes, isWitness }) => {
    if (isWitness || votes === 0) return false;
    const peer = peers.find((known) => known.peer === node);
    const isHeard = peer !== undefined && peer.heardMs !== null && peer.heardMs >= nowMs - limits.suspectMs;
    return isHeard && peer.state === "replicate" && last - peer.matched <= limits.lagEntriesMax;
  });
  return fit?.node ?? null;
}

// A member of a group on this node, as beats and vouches see it.

import type { MemberId, NodeId } from "../../proto/ids.ts";
import type { Addressed } from "../../proto/messages.ts";
import type { GroupKey } from "../../proto/model.ts";
import type { RaftMessage } from "../../proto/raft.ts";
import type { Standing } from "../raft/quiet.ts";

export interface Party {
  readonly key: GroupKey;
  readonly member: MemberId;
  readonly standing: Standing;
  /** Takes in the words that have come for it. */
  catchUp(): void;
}

/** One that may lead. */
export interface LedGroup extends Party {
  /** Everyone who hears its leader; nobody while it does not lead. */
  readonly peers: readonly NodeId[];
  addressTo(peer: NodeId): Addressed;
  beatFor(peer: NodeId): (RaftMessage & { readonly type: "beat" }) | null;
}

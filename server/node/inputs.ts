// Everything that can make a node work: a closed set. A new cause of work is a new member.

import type { NodeId } from "../../proto/ids.ts";
import type { Envelope } from "../../proto/messages.ts";
import type { Request } from "../../proto/requests.ts";

/** Names one call or stream of a local client, unique for the life of the process. */
export type CallId = number;
/** Names one `write` effect; grows by one with each. */
export type WriteId = number;
/**
 * What a step leaves for later: `turnEnd` is done once for all that waits now, and before the disk is given what this turn
 * writes; `rest` has a turn of its own, when that write is under way and the sockets have been read.
 */
export type WorkId = "turnEnd" | "rest";

export type Input =
  | { readonly type: "start" }
  | { readonly type: "deadline" }
  /** From the authenticated peer `from`; the envelope's own `from` is only a claim. */
  | { readonly type: "peer"; readonly from: NodeId; readonly published: boolean; readonly envelope: Envelope }
  /** `peerDown` also when a peer that something was sent to could not be reached: it is lost. */
  | { readonly type: "peerUp" | "peerDown"; readonly peer: NodeId }
  /** `budgetMs`: time left to answer, from the caller's deadline, capped by the adapter. Streams have none. */
  | { readonly type: "call"; readonly call: CallId; readonly request: Request; readonly budgetMs: number }
  | { readonly type: "cancel"; readonly call: CallId }
  /** The write, and every earlier one, is durable. */
  | { readonly type: "durable"; readonly write: WriteId }
  /** The reader of a watch has room for its next message. */
  | { readonly type: "drained"; readonly call: CallId }
  | { readonly type: "continue"; readonly work: WorkId }
  /** What the disk of the data directory has left, as just measured. */
  | { readonly type: "diskFree"; readonly bytes: number }
  /** Wall clock minus monotonic clock: it has been set, or the machine has slept. */
  | { readonly type: "wallClock"; readonly offsetMs: number }
  /** The node is to be stopped soon: what it does for others comes to an end. */
  | { readonly type: "stopping" };

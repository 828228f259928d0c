// Everything that a node may ask of the world. Effects are data: the trace prints them, and "durable before sent" is
// enforced in one place, the host.

import type { NodeId } from "../../proto/ids.ts";
import type { PeerMessage } from "../../proto/messages.ts";
import type { Reply, WatchMessage } from "../../proto/requests.ts";
import type { HardStateTable } from "../../storage/hard-state.ts";
import type { KeyRange, Operation } from "../../storage/ordered-store.ts";
import type { CallId, WorkId, WriteId } from "./inputs.ts";

/** A gossip topic: `owners/...`, `sphere/...` or `cluster`. */
export type Topic = string;

export interface WriteBatch {
  readonly operations: readonly Operation[];
  /** The whole table, when any term, vote or acknowledged index in it changed. */
  readonly hardStates: HardStateTable | null;
  /** true: something waits for it to be durable. */
  readonly sync: boolean;
}

export type Effect =
  | { readonly type: "write"; readonly write: WriteId; readonly batch: WriteBatch }
  /** `after`: leaves only once that write is durable; null: at once. */
  | { readonly type: "send"; readonly to: NodeId; readonly message: PeerMessage; readonly after: WriteId | null }
  /** To every subscriber of the topic; the sender hears nothing of it. */
  | { readonly type: "publish"; readonly topic: Topic; readonly message: PeerMessage; readonly after: WriteId | null }
  /** Rows that nothing names any more; once that write is durable. What a crash leaves of them goes at the next start. */
  | { readonly type: "erase"; readonly range: KeyRange; readonly after: WriteId }
  | { readonly type: "reply"; readonly call: CallId; readonly reply: Reply }
  /** Next message of a stream; after `events` none follows until `drained`. */
  | { readonly type: "watch"; readonly call: CallId; readonly message: WatchMessage }
  /** Come back with `continue` after the inputs that are already waiting, those of `rest` in a later turn. */
  | { readonly type: "continue"; readonly work: WorkId }
  /** From now on keep connections to exactly these and listen to exactly these topics. */
  | { readonly type: "network"; readonly peers: readonly NodeId[]; readonly topics: readonly Topic[] }
  /** A decision for the log and the trace (H5): what happened, for people. */
  | { readonly type: "note"; readonly level: "info" | "warn"; readonly text: string; readonly fields: NoteFields };

export type NoteFields = Readonly<Record<string, string | number | boolean | null>>;

// What the host needs of the world. A real process implements these with adapters, the simulator with virtual time, a
// seeded network and a store with faults; nothing else differs.

import type { Millis, NodeId } from "../../proto/ids.ts";
import type { PeerMessage } from "../../proto/messages.ts";
import type { Reply, WatchMessage } from "../../proto/requests.ts";
import type { KeyRange, WriteOutcome } from "../../storage/ordered-store.ts";
import type { NoteFields, Topic, WriteBatch } from "./effects.ts";
import type { CallId, Input } from "./inputs.ts";

export interface Clock {
  /** Monotonic. */
  nowMs(): Millis;
  /** Calls `fire` once, at or after `atMs`; replaces the timer set before. null: no timer. */
  setTimer(atMs: Millis | null, fire: () => void): void;
  /** Calls `run` soon, after what is already waiting in the event loop, never before this returns. */
  defer(run: () => void): void;
}

export interface Disk {
  /** As `NodeStorage.write`: batches take effect in the order of the calls; `done` is never called before this returns. */
  write(batch: WriteBatch, done: (outcome: WriteOutcome) => void): void;
  /** Deletes every row of a range that no later write touches; not necessarily at once, nor durably. */
  erase(range: KeyRange): void;
}

/** What one node must hear (`send`) and what several must hear (`publish`). Both may lose; neither blocks. */
export interface Network {
  send(to: NodeId, message: PeerMessage): void;
  publish(topic: Topic, message: PeerMessage): void;
  /** Keeps connections to `peers` (redialled with back-off); others are dialled when something is sent to them. */
  configure(peers: readonly NodeId[], topics: readonly Topic[]): void;
}

/** Where answers of local calls go. */
export interface Answers {
  reply(call: CallId, reply: Reply): void;
  watch(call: CallId, message: WatchMessage): void;
}

export interface Journal {
  note(level: "info" | "warn", text: string, fields: NoteFields): void;
}

export interface Ports {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly network: Network;
  readonly answers: Answers;
  readonly journal: Journal;
  /** The node can go on no longer (failed write, broken invariant): its process must end. Called at most once. */
  fatal(reason: Error): void;
}

/** What the adapters are given: the host's one way in. Never runs the node before it returns. */
export type Deliver = (input: Input) => void;

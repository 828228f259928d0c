// Counts what a run went through that leaves no other trace, so that a test can demand that it was exercised at all.

import type { NodeId } from "../../../proto/ids.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import type { NoteFields } from "../../node/effects.ts";
import type { Observer } from "../world.ts";

export class Coverage implements Observer {
  #snapshots = 0;
  #publications = 0;
  readonly #notes = new Map<string, number>();

  /** Snapshots that were sent to their last part, counted with repeats. */
  get snapshots(): number {
    return this.#snapshots;
  }

  /** Appends that were published. */
  get publications(): number {
    return this.#publications;
  }

  /** How often each note was made. */
  get notes(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#notes);
  }

  left(_from: NodeId, to: string, message: PeerMessage): void {
    if (message.type === "snapshotPart" && message.final) this.#snapshots += 1;
    if (message.type === "raft" && to.startsWith("owners/")) this.#publications += 1;
  }

  noted(_node: NodeId, _level: "info" | "warn", text: string, _fields: NoteFields): void {
    this.#notes.set(text, (this.#notes.get(text) ?? 0) + 1);
  }
}

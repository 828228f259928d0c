// Collects what one step wants done, and gives it out as effects: one write for the whole step, and promises that wait for
// it. Beat replies to one peer leave as one echo.

import { present } from "../../proto/assert.ts";
import type { LogIndex, NodeId } from "../../proto/ids.ts";
import type { GroupBeatReply, PeerMessage, Vouch } from "../../proto/messages.ts";
import type { Reply, WatchMessage } from "../../proto/requests.ts";
import type { HardStateTable } from "../../storage/hard-state.ts";
import type { KeyRange, Operation } from "../../storage/ordered-store.ts";
import type { Effect, NoteFields, Topic } from "./effects.ts";
import type { CallId, WorkId, WriteId } from "./inputs.ts";

type Message =
  | { readonly to: NodeId; readonly topic: null; readonly message: PeerMessage; readonly promise: boolean }
  | { readonly to: null; readonly topic: Topic; readonly message: PeerMessage; readonly promise: boolean };

interface Echo {
  readonly sequence: number;
  readonly groups: GroupBeatReply[];
  agreed: Vouch | null;
  promise: boolean;
}

export class Outbox {
  #lastWrite: WriteId = 0;
  #durable: WriteId = 0;
  #operations: Operation[] = [];
  #hardStates: HardStateTable | null = null;
  #sync = false;
  /** The newest write with a table of hard states. */
  #lastTable: WriteId = 0;
  #messages: Message[] = [];
  #echoes = new Map<NodeId, Echo>();
  #others: Effect[] = [];
  #erased: KeyRange[] = [];

  /** Of the write that this step makes if it makes one. */
  get nextWrite(): WriteId {
    return this.#lastWrite + 1;
  }

  write(operations: readonly Operation[]): void {
    for (const operation of operations) this.#operations.push(operation);
  }

  /** Whether the step records a vote, a term or entries to be acknowledged. */
  get hasPromise(): boolean {
    return this.#hardStates !== null;
  }

  /** A table of hard states is to be written, or not known to be durable: another one may be merged with it. */
  get hasTableUnderWay(): boolean {
    return this.#hardStates !== null || this.#lastTable > this.#durable;
  }

  /** Something waits for this step's write to be durable. */
  writeDurably(operations: readonly Operation[], hardStates: HardStateTable | null): void {
    this.write(operations);
    if (hardStates !== null) this.#hardStates = hardStates;
    this.#sync = true;
  }

  send(to: NodeId, message: PeerMessage): void {
    this.#messages.push({ to, topic: null, message, promise: false });
  }

  /** Leaves only after everything written so far, this step included, is durable. */
  sendPromise(to: NodeId, message: PeerMessage): void {
    this.#messages.push({ to, topic: null, message, promise: true });
  }

  publish(topic: Topic, message: PeerMessage): void {
    this.#messages.push({ to: null, topic, message, promise: false });
  }

  /** Begins the one answer of this step to a beat of `to`. */
  openEcho(to: NodeId, sequence: number): void {
    this.#echoes.set(to, { sequence, groups: [], agreed: null, promise: false });
  }

  /** The echo of this step, which is open, agrees with what the beat vouches for. */
  agree(to: NodeId, vouch: Vouch): void {
    present(this.#echoes.get(to), `the echo to ${to}`).agreed = vouch;
  }

  /** Adds to the echo of this step, or begins one that answers no beat (sequence 0). */
  echo(to: NodeId, reply: GroupBeatReply, promise: boolean): void {
    if (!this.#echoes.has(to)) this.openEcho(to, 0);
    const echo = this.#echoes.get(to) as Echo;
    echo.groups.push(reply);
    echo.promise ||= promise;
  }

  /** Once this step's write is durable. */
  erase(range: KeyRange): void {
    this.#erased.push(range);
  }

  reply(call: CallId, reply: Reply): void {
    this.#others.push({ type: "reply", call, reply });
  }

  watch(call: CallId, message: WatchMessage): void {
    this.#others.push({ type: "watch", call, message });
  }

  continueWith(work: WorkId): void {
    this.#others.push({ type: "continue", work });
  }

  network(peers: readonly NodeId[], topics: readonly Topic[]): void {
    this.#others.push({ type: "network", peers, topics });
  }

  note(level: "info" | "warn", text: string, fields: NoteFields): void {
    this.#others.push({ type: "note", level, text, fields });
  }

  durable(write: WriteId): void {
    this.#durable = write;
  }

  /** The effects of the step; the outbox is empty again. */
  take(clusterIndex: LogIndex, quarantine: string): readonly Effect[] {
    const effects: Effect[] = [];
    this.#takeWrite(effects);
    const after = this.#lastWrite > this.#durable ? this.#lastWrite : null;
    for (const [to, { sequence, groups, agreed, promise }] of this.#echoes) {
      this.#messages.push({
        to,
        topic: null,
        message: { type: "beatEcho", sequence, clusterIndex, quarantine, groups, agreed },
        promise,
      });
    }
    for (const { to, topic, message, promise } of this.#messages) {
      const held = promise ? after : null;
      if (to !== null) effects.push({ type: "send", to, message, after: held });
      else effects.push({ type: "publish", topic, message, after: held });
    }
    for (const effect of this.#others) effects.push(effect);
    for (const range of this.#erased) effects.push({ type: "erase", range, after: this.#lastWrite });
    if (this.#erased.length > 0) this.#erased = [];
    if (this.#messages.length > 0) this.#messages = [];
    if (this.#echoes.size > 0) this.#echoes = new Map();
    if (this.#others.length > 0) this.#others = [];
    return effects;
  }

  #takeWrite(effects: Effect[]): void {
    if (this.#operations.length === 0 && this.#hardStates === null) return;
    this.#lastWrite += 1;
    const batch = { operations: this.#operations, hardStates: this.#hardStates, sync: this.#sync };
    effects.push({ type: "write", write: this.#lastWrite, batch });
    this.#operations = [];
    if (this.#hardStates !== null) this.#lastTable = this.#lastWrite;
    this.#hardStates = null;
    this.#sync = false;
  }
}

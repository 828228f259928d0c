// One Raft member with a disk and a state machine: what a node does around the core, in its simplest form. Writes stay
// pending until `sync`; promises wait for them; a crash loses what is pending. Used by the scripts and the random network.

import { strict as assert } from "node:assert";
import {
  type LogIndex,
  type MemberId,
  type Millis,
  type NodeId,
  type Term,
  toLogIndex,
  toTerm,
} from "../../../proto/ids.ts";
import type { Configuration } from "../../../proto/membership.ts";
import {
  type Entry,
  type EntryId,
  type HardState,
  isControl,
  type LogSlice,
  type RaftMessage,
} from "../../../proto/raft.ts";
import { Random } from "../../../proto/random.ts";
import { configurationAfter } from "../../../server/raft/configurations.ts";
import { Raft } from "../../../server/raft/raft.ts";
import type { Persist, RaftInput, RaftOptions, RaftOutput } from "../../../server/raft/types.ts";
import { leaving } from "./fixtures.ts";

export type Content =
  | { readonly type: "raft"; readonly message: RaftMessage }
  | {
      readonly type: "snapshot";
      readonly term: Term;
      readonly last: EntryId;
      readonly state: readonly Entry[];
      readonly configuration: Configuration;
    }
  | { readonly type: "snapshotSent"; readonly last: EntryId | null };

export interface Packet {
  readonly from: NodeId;
  readonly to: NodeId;
  /** As which member `from` speaks. */
  readonly member: MemberId;
  readonly content: Content;
}

/** A promise that waits until this many writes are done. */
interface Held {
  readonly writes: number;
  readonly packet: Packet;
}

export class DiskMember {
  readonly id: NodeId;
  readonly options: RaftOptions;
  /** Null while crashed. */
  raft: Raft | null = null;
  hardState: HardState = { term: toTerm(0), vote: null, standIn: null };
  log: LogSlice = { previous: { term: toTerm(0), index: toLogIndex(0) }, entries: [] };
  /** The state machine: every entry applied, from the first of all. */
  applied: Entry[] = [];
  /** What the applied entries say of the members. */
  configuration: Configuration;
  /** Packets that may leave, in order; whoever carries them empties it. */
  outbox: Packet[] = [];
  /** Sees each input, and each output before it is carried out. */
  observe: (input: RaftInput, output: RaftOutput) => void = () => {};
  /** Sees each packet at the moment from which on it may leave. */
  left: (packet: Packet) => void = () => {};
  #pending: Persist[] = [];
  #held: Held[] = [];
  #writesAsked = 0;
  #writesDone = 0;

  /** @param configuration what it begins with: the founders', or nothing for one that comes later */
  constructor(options: RaftOptions, configuration: Configuration) {
    this.id = options.self;
    this.options = options;
    this.configuration = configuration;
  }

  get pendingWrites(): number {
    return this.#pending.length;
  }

  get running(): Raft {
    assert.ok(this.raft, `${this.id} is down`);
    return this.raft;
  }

  get appliedIndex(): LogIndex {
    return this.applied.at(-1)?.index ?? toLogIndex(0);
  }

  /** @param seed of the election deadlines */
  start(seed: number, nowMs: Millis): void {
    assert.equal(this.raft, null);
    const { hardState, log, appliedIndex: applied, configuration } = this;
    const image = { hardState, log, applied, configuration };
    this.raft = new Raft(this.options, image, new Random(seed), nowMs);
  }

  step(input: RaftInput, nowMs: Millis): RaftOutput {
    const output = this.running.step(input, nowMs);
    this.observe(input, output);
    this.#carryOut(output);
    return output;
  }

  beat(): void {
    for (const { peer } of this.running.status().peers) {
      const message = this.running.beatFor(peer);
      if (message !== null) this.#leave(this.#packet(peer, { type: "raft", message }));
    }
  }

  /** Finishes the first `count` pending writes, reports the last of them, lets go of what waited. */
  sync(nowMs: Millis, count: number = this.#pending.length): void {
    const done = this.#pending.splice(0, count);
    for (const persist of done) this.#write(persist);
    this.#writesDone += done.length;
    const last = done.at(-1);
    this.#release();
    if (last !== undefined) this.step({ type: "persisted", token: last.token }, nowMs);
  }

  /** @param kept how many of the pending writes reach the disk all the same, unreported */
  crash(kept = 0): void {
    for (const persist of this.#pending.slice(0, kept)) this.#write(persist);
    this.raft = null;
    this.outbox = [];
    this.#pending = [];
    this.#held = [];
    this.#writesDone = this.#writesAsked;
  }

  receive({ from, member, content }: Packet, nowMs: Millis): void {
    if (content.type === "raft") this.step({ type: "message", from, member, message: content.message }, nowMs);
    else if (content.type === "snapshotSent")
      this.step({ type: "snapshotSent", peer: from, last: content.last }, nowMs);
    else this.#install(from, content, nowMs);
  }

  compact(upTo: LogIndex, nowMs: Millis): void {
    this.step({ type: "compact", upTo }, nowMs);
    const { previous, entries } = this.log;
    if (upTo <= previous.index) return;
    const rest = entries.slice(upTo - previous.index);
    this.log = { previous: entries[upTo - previous.index - 1] as Entry, entries: rest };
  }

  /** As a node does: only from the leader of its own term, only what is news, and after all earlier writes. */
  #install(from: NodeId, snapshot: Content & { type: "snapshot" }, nowMs: Millis): void {
    this.sync(nowMs);
    const { term, leader, commit } = this.running.status();
    const { last } = snapshot;
    const isNews = last.index > commit && !this.running.holds(last);
    if (term !== snapshot.term || leader !== from) return;
    if (isNews) {
      this.applied = [...snapshot.state];
      this.log = { previous: last, entries: [] };
      this.configuration = snapshot.configuration;
      this.step({ type: "installed", term, last, configuration: snapshot.configuration }, nowMs);
    }
    this.#leave(this.#packet(from, { type: "snapshotSent", last }));
  }

  #carryOut(output: RaftOutput): void {
    if (output.persist !== null) {
      this.#pending.push(output.persist);
      this.#writesAsked++;
    }
    for (const { to, message, afterPersist } of leaving(output)) {
      const packet = this.#packet(to, { type: "raft", message });
      if (afterPersist) this.#held.push({ writes: this.#writesAsked, packet });
      else this.#leave(packet);
    }
    for (const entry of output.committed) {
      assert.equal(entry.index, this.appliedIndex + 1, `${this.id} applies in order`);
      this.applied.push(entry);
      if (isControl(entry.payload)) this.configuration = configurationAfter(this.configuration, entry);
    }
    // With nothing applied there is nothing to send yet: whoever asked tries again.
    if (this.applied.length > 0) for (const to of output.needSnapshot) this.#leave(this.#snapshotFor(to));
    if (output.beatNow) this.beat();
    this.#release();
  }

  #snapshotFor(to: NodeId): Packet {
    const { term, index } = this.applied.at(-1) as Entry;
    const content: Content = {
      type: "snapshot",
      term: this.running.status().term,
      last: { term, index },
      state: [...this.applied],
      configuration: this.configuration,
    };
    return this.#packet(to, content);
  }

  #packet(to: NodeId, content: Content): Packet {
    return { from: this.id, to, member: this.options.member, content };
  }

  #leave(packet: Packet): void {
    this.left(packet);
    this.outbox.push(packet);
  }

  #release(): void {
    while (this.#held[0] !== undefined && this.#held[0].writes <= this.#writesDone) {
      this.#leave((this.#held.shift() as Held).packet);
    }
  }

  #write({ hardState, append }: Persist): void {
    this.hardState = hardState ?? this.hardState;
    if (append === null) return;
    const { previous, entries } = this.log;
    const kept = entries.slice(0, append.previous.index - previous.index);
    assert.equal((kept.at(-1) ?? previous).index, append.previous.index, `${this.id} writes without a gap`);
    assert.equal((kept.at(-1) ?? previous).term, append.previous.term, `${this.id} writes after the entry it names`);
    this.log = { previous, entries: [...kept, ...append.entries] };
  }
}

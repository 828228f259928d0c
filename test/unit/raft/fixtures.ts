// Short names for building what the unit tests of the Raft core need.

import { type NodeId, type Term, toLogIndex, toMemberId, toMillis, toNodeId, toTerm } from "../../../proto/ids.ts";
import { firstConfiguration, type Voter } from "../../../proto/membership.ts";
import type { Entry, EntryId, LogSlice, RaftMessage } from "../../../proto/raft.ts";
import { Random } from "../../../proto/random.ts";
import { Raft } from "../../../server/raft/raft.ts";
import type { OutgoingMessage, RaftInput, RaftOptions, RaftOutput } from "../../../server/raft/types.ts";

export const [n1, n2, n3, n4, n5] = ["n1", "n2", "n3", "n4", "n5"].map(toNodeId) as [
  NodeId,
  NodeId,
  NodeId,
  NodeId,
  NodeId,
];

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const payload = (text: string): Uint8Array => encoder.encode(text);
export const textOf = (entry: Entry): string => decoder.decode(entry.payload);

export function id(term: number, index: number): EntryId {
  return { term: toTerm(term), index: toLogIndex(index) };
}

/** Entries of the given terms, from the first index on: `entries(3, [1, 2])` is (1, 3), (2, 4). */
export function entries(first: number, terms: readonly number[]): Entry[] {
  return terms.map((term, position) => ({
    ...id(term, first + position),
    payload: payload(`${term}/${first + position}`),
  }));
}

/** A slice after (term, index) of `previous` with entries of the given terms. */
export function slice(previous: EntryId, terms: readonly number[]): LogSlice {
  return { previous, entries: entries(previous.index + 1, terms) };
}

export function optionsOf(self: NodeId, change: Partial<RaftOptions> = {}): RaftOptions {
  return {
    self,
    member: toMemberId(1),
    isWitness: false,
    leaseRead: null,
    electionTimeoutMs: 1000,
    diskPatienceMs: 5000,
    resendMs: 300,
    lagEntriesMax: 10,
    inflightEntriesMax: 100,
    inflightBytesMax: 10_000,
    appendBytesMax: 1000,
    uncommittedBytesMax: 10_000,
    ...change,
  };
}

export interface Setting {
  readonly voters?: readonly NodeId[];
  /** Beside these voters. */
  readonly witness?: NodeId;
  readonly term?: number;
  readonly vote?: NodeId | null;
  /** Terms of the entries in the log. */
  readonly terms?: readonly number[];
  readonly previous?: EntryId;
  readonly applied?: number;
  readonly options?: Partial<RaftOptions>;
}

function witnessOf(node: NodeId): Voter {
  return { node, member: toMemberId(1), votes: 1, isWitness: true };
}

/** One member under test, its time, and its disk, which is as fast as the test wants. */
export class Bench {
  readonly raft: Raft;
  nowMs = 0;
  readonly #voters: readonly NodeId[];
  readonly #pending: RaftOutput["persist"][] = [];

  constructor(setting: Setting = {}) {
    const { voters = [n1, n2, n3], term = 0, vote = null, terms = [], previous = id(0, 0) } = setting;
    const configuration = firstConfiguration(voters);
    const { membership } = configuration;
    const witnesses = setting.witness === undefined ? [] : [witnessOf(setting.witness)];
    this.#voters = [...voters, ...witnesses.map(({ node }) => node)];
    const image = {
      hardState: { term: toTerm(term), vote, standIn: null },
      configuration: { ...configuration, membership: { ...membership, voters: [...membership.voters, ...witnesses] } },
      log: slice(previous, terms),
      applied: toLogIndex(setting.applied ?? previous.index),
    };
    this.raft = new Raft(optionsOf(n1, setting.options), image, new Random(1), toMillis(0));
  }

  step(input: RaftInput): RaftOutput {
    const output = this.raft.step(input, toMillis(this.nowMs));
    if (output.persist !== null) this.#pending.push(output.persist);
    return output;
  }

  receive(from: NodeId, message: RaftMessage): RaftOutput {
    return this.step({ type: "message", from, member: toMemberId(1), message });
  }

  propose(...texts: string[]): RaftOutput {
    return this.step({ type: "propose", payloads: texts.map(payload) });
  }

  /** Finishes the oldest write that is under way. */
  persist(): RaftOutput {
    const persist = this.#pending.shift();
    if (!persist) throw new Error("Nothing is being written");
    return this.step({ type: "persisted", token: persist.token });
  }

  get writes(): number {
    return this.#pending.length;
  }

  /** Lets the deadline come. */
  timeOut(): RaftOutput {
    this.nowMs = this.raft.deadlineMs() as number;
    return this.step({ type: "deadline" });
  }

  /** Wins the election of the next term; the opening entry is written. Returns the output that began to lead. */
  lead(): RaftOutput {
    this.timeOut();
    const term = toTerm(this.raft.status().term + 1);
    const peers = this.#voters.slice(1);
    for (const peer of peers) this.receive(peer, { type: "preVoteReply", term, granted: true });
    this.persist();
    const outputs = peers.map((peer) => this.receive(peer, { type: "voteReply", term, granted: true }));
    this.persist();
    return outputs.find((output) => output.roleChange?.role === "leader") as RaftOutput;
  }

  /** Follows n2 as leader of `term`, with its beat. */
  follow(term: number, commit = 0): RaftOutput {
    return this.receive(n2, beat(term, { commit }));
  }
}

export function beat(term: number, rest: { commit?: number; round?: number; last?: number } = {}): RaftMessage {
  const { commit = 0, round = 1, last = 0 } = rest;
  return { type: "beat", term: toTerm(term), round, commit: toLogIndex(commit), last: toLogIndex(last) };
}

export function append(term: number, previous: EntryId, terms: readonly number[], commit = 0): RaftMessage {
  return { type: "append", term: toTerm(term), slice: slice(previous, terms), commit: toLogIndex(commit) };
}

export function appendReply(term: number, matched: number): RaftMessage {
  return { type: "appendReply", term: toTerm(term), matched: toLogIndex(matched) };
}

export function beatReply(term: number, round: number, matched: number): RaftMessage {
  return { type: "beatReply", term: toTerm(term), round, matched: toLogIndex(matched) };
}

/** A snapshot that ends at `last`, of the group that every test begins with. */
export function installed(term: Term, last: EntryId): RaftInput {
  return { type: "installed", term, last, configuration: firstConfiguration([n1, n2, n3]) };
}

/** The messages of an output in the order in which they leave, a broadcast as one to each. */
export function leaving({ messages, broadcast }: RaftOutput): readonly OutgoingMessage[] {
  if (broadcast === null) return messages;
  const { to, message, position } = broadcast;
  return messages.toSpliced(position, 0, ...to.map((peer) => ({ to: peer, message, afterPersist: false })));
}

/** Those of a type. */
export function sent<Type extends RaftMessage["type"]>(
  output: RaftOutput,
  type: Type,
): { to: NodeId; message: RaftMessage & { type: Type }; afterPersist: boolean }[] {
  return leaving(output).filter(({ message }) => message.type === type) as never;
}

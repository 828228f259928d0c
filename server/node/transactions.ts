// Two-phase commit over several groups, as the leader of one of them drives it. The group that coordinates a transaction has
// its record in its log, before anybody is asked to prepare, and its decision, before anybody is told: that entry is the
// commit point. All that counts is replicated (transaction-state.ts); here is only who has answered so far, so that the next
// leader can go on from the log: it aborts what is not decided, and has the others carry out what is.

import { present } from "../../proto/assert.ts";
import type { GroupCommand } from "../../proto/commands.ts";
import { type ErrorCode, type Failure, failure } from "../../proto/errors.ts";
import {
  type GroupId,
  type Incarnation,
  type LogIndex,
  type Millis,
  type Revision,
  toLogIndex,
  toMillis,
  toRevision,
} from "../../proto/ids.ts";
import { type GroupRequest, plainRequest, type Reply } from "../../proto/requests.ts";
import type {
  Decision,
  Part,
  PreparedTransaction,
  TransactionId,
  TransactionRecord,
  Vote,
} from "../../proto/transactions.ts";
import { refuseLargeAnswer } from "./answer-size.ts";
import { failed, type GroupReplica, headerOf, type TransactRequest } from "./group-replies.ts";
import { limits } from "./limits.ts";
import { earliest, isDue } from "./millis.ts";
import { nameOf } from "./transaction-state.ts";
import type { World } from "./world.ts";

export interface TransactionsOwner {
  readonly propose: (command: GroupCommand) => void;
  /** Asks the leader of another group, wherever it is. */
  readonly ask: (request: GroupRequest, answer: (reply: Reply) => void) => void;
  /** There is something to do in this step. */
  readonly touched: () => void;
  /** A call that may be answered now from what is remembered. */
  readonly again: (key: number) => void;
}

/** What another group has said that it did. */
interface Done {
  readonly incarnation: Incarnation;
  readonly revision: Revision;
}

interface Driven {
  readonly sinceMs: Millis;
  /** Of the client that waits; null: the transaction began under another leader. */
  readonly call: { readonly key: number; readonly parts: ReadonlyMap<GroupId, Part> } | null;
  /** Calls that ask for it once more, under the same identity. */
  repeated: number[];
  readonly votes: Map<GroupId, { readonly vote: Vote; readonly incarnation: Incarnation }>;
  readonly finished: Map<GroupId, Done>;
  /** Who is being asked (null), and when others may be asked again. */
  readonly asked: Map<GroupId, Millis | null>;
  /** Why it is aborted. */
  refusal: Failure | null;
  decidedMs: Millis | null;
  /** When a proposal that was not heard of again is made once more. */
  proposeMs: Millis | null;
}

/** Of a transaction that another group coordinates: when that one is asked what became of it. */
interface Inquiry {
  nextMs: Millis | null;
}

type Answer = { readonly reply: Reply } & (
  | { readonly type: "vote" | "done"; readonly id: TransactionId; readonly group: GroupId }
  | { readonly type: "decision"; readonly id: TransactionId }
);

/**
 * Of a vote: the group can do nothing about it, or not in time. Other failures are of the moment. Of what is decided, none
 * is final: that a group is not known says only that the directory of the node that was asked lags.
 */
const final: ReadonlySet<ErrorCode> = new Set([
  "invalid_argument",
  "not_found",
  "condition_failed",
  "txn_conflict",
  "fenced",
  "no_quorum",
  "overloaded",
  "corrupt",
]);

export class Transactions {
  readonly #world: World;
  readonly #replica: GroupReplica;
  readonly #owner: TransactionsOwner;
  readonly #driven = new Map<string, Driven>();
  readonly #inquiries = new Map<string, Inquiry>();
  #answers: Answer[] = [];
  #isLeading = false;
  #dueMs: Millis | null = null;

  constructor(world: World, replica: GroupReplica, owner: TransactionsOwner) {
    this.#world = world;
    this.#replica = replica;
    this.#owner = owner;
  }

  lead(): void {
    this.#isLeading = true;
  }

  /** Whoever waits is not told by this member what becomes of the transaction. */
  resign(): void {
    this.#isLeading = false;
    for (const driven of this.#driven.values())
      for (const key of waitingFor(driven)) this.#answer(key, failed(this.#fateUnknown()));
    this.#driven.clear();
    this.#inquiries.clear();
    this.#answers = [];
    this.#dueMs = null;
  }

  /** The record of a transaction that a client has asked for is committed, with this group's own promise. */
  begun(key: number, { id, vote }: { readonly id: TransactionId; readonly vote: Vote }, nowMs: Millis): void {
    const call = this.#world.calls.get(key);
    if (call === null) return;
    if (!this.#isLeading) return this.#answer(key, failed(this.#fateUnknown()));
    const { parts: asked } = plainRequest(call.request) as TransactRequest;
    const parts = new Map(asked.map((part) => [part.group, part]));
    const driven = newDriven({ key, parts }, nowMs);
    driven.votes.set(id.group, { vote, incarnation: id.incarnation });
    this.#driven.set(nameOf(id), driven);
  }

  /** Whoever repeats the request for a transaction that is not decided yet is answered with whoever asked first. */
  repeated(key: number, id: TransactionId, nowMs: Millis): void {
    if (!this.#isLeading) return this.#answer(key, failed(this.#fateUnknown()));
    const driven = this.#driven.get(nameOf(id)) ?? newDriven(null, nowMs);
    this.#driven.set(nameOf(id), driven);
    driven.repeated = [...driven.repeated.filter((each) => this.#world.calls.get(each) !== null), key];
    this.#owner.touched();
  }

  /** This group has carried out the decision on a transaction that it coordinates. */
  decided(id: TransactionId, revision: Revision): void {
    const driven = this.#driven.get(nameOf(id));
    if (driven === undefined) return;
    driven.proposeMs = null;
    if (!driven.finished.has(id.group)) driven.finished.set(id.group, { incarnation: id.incarnation, revision });
  }

  /** Goes on with everything that is open, as far as that is possible now. */
  drive(nowMs: Millis): void {
    if (!this.#isLeading) return;
    for (const answer of this.#answers.splice(0)) this.#take(answer, nowMs);
    this.#dueMs = null;
    const { transactions, lock } = this.#replica.state;
    // Nothing is decided or carried out while the replicas differ.
    if (lock !== null) return;
    for (const record of transactions.coordinated) this.#step(record, nowMs);
    for (const transaction of transactions.prepared) this.#inquire(transaction, nowMs);
    for (const [name, driven] of this.#driven) if (this.#isOver(name, driven)) this.#close(name, driven);
    for (const name of this.#inquiries.keys()) if (!transactions.isPrepared(name)) this.#inquiries.delete(name);
  }

  deadlineMs(): Millis | null {
    return this.#dueMs;
  }

  #step(record: TransactionRecord, nowMs: Millis): void {
    const name = nameOf(record.id);
    const driven = this.#driven.get(name) ?? newDriven(null, nowMs);
    this.#driven.set(name, driven);
    if (record.decision === null) this.#gather(record, driven, nowMs);
    else this.#spread(record, driven, record.decision, nowMs);
  }

  /** First phase: everybody prepares, or nothing comes of it. */
  #gather({ id, groups }: TransactionRecord, driven: Driven, nowMs: Millis): void {
    driven.refusal ??= this.#reasonToAbort(driven, groups, nowMs);
    if (driven.refusal !== null) return this.#propose(driven, { type: "decide", id, decision: "aborted" }, nowMs);
    const missing = groups.filter((group) => !driven.votes.has(group));
    this.#await(driven, missing);
    for (const group of missing) {
      const part = present(driven.call?.parts.get(group), `the part of ${group}`);
      const request = { type: "prepare", group, id, part, floor: this.#floor(id) } as const;
      this.#ask(driven, group, request, { type: "vote", id, group }, nowMs);
    }
    this.#wake(toMillis(driven.sinceMs + limits.transactionTimeoutMs));
    if (missing.length > 0) return;
    this.#propose(driven, { type: "decide", id, decision: this.#decisionOf(driven) }, nowMs);
  }

  /** All have voted. What they would answer together must be an answer that arrives. */
  #decisionOf(driven: Driven): Decision {
    const votes = [...driven.votes.values()].map(({ vote }) => vote);
    const decision = votes.every(({ holds }) => holds) ? "success" : "failure";
    const results = votes.flatMap((vote) => vote[decision]);
    driven.refusal = refuseLargeAnswer(results, { group: this.#replica.key.group, field: "operations" });
    return driven.refusal === null ? decision : "aborted";
  }

  /** Second phase: everybody carries the decision out, however long it takes. */
  #spread({ id, groups }: TransactionRecord, driven: Driven, decision: Decision, nowMs: Millis): void {
    driven.decidedMs ??= nowMs;
    const missing = groups.filter((group) => group !== id.group && !driven.finished.has(group));
    this.#await(driven, missing);
    for (const group of missing) {
      const request = { type: "finish", group, id, decision, floor: this.#floor(id) } as const;
      this.#ask(driven, group, request, { type: "done", id, group }, nowMs);
    }
    const answerMs = toMillis(driven.decidedMs + limits.transactionAnswerMs);
    if (missing.length === 0 || decision === "aborted" || nowMs >= answerMs) this.#reply(id, groups, driven, decision);
    else this.#wake(answerMs);
    if (missing.length === 0) this.#propose(driven, { type: "forget", id }, nowMs);
  }

  /** Should a caller's time be up before it is over, this is where it hangs. */
  #await(driven: Driven, missing: readonly GroupId[]): void {
    for (const key of waitingFor(driven)) {
      const call = this.#world.calls.get(key);
      if (call !== null) call.awaits = missing[0] ?? null;
    }
  }

  #reasonToAbort(driven: Driven, groups: readonly GroupId[], nowMs: Millis): Failure | null {
    const { group } = this.#replica.key;
    if (driven.call === null) return failure("no_leader", `The manager of ${group} changed`, { group }, "none");
    const isAwaited = waitingFor(driven).some((key) => this.#world.calls.get(key) !== null);
    if (!isAwaited) return failure("canceled", "Nobody waits for it", {}, "none");
    if (nowMs < driven.sinceMs + limits.transactionTimeoutMs) return null;
    const silent = groups.find((each) => !driven.votes.has(each)) ?? group;
    const message = `${silent} did not prepare within ${limits.transactionTimeoutMs} ms; nothing was done`;
    return failure("deadline", message, { group: silent }, "none");
  }

  #isAborted(id: TransactionId): boolean {
    return this.#replica.state.transactions.record(id)?.decision === "aborted";
  }

  #reply(id: TransactionId, groups: readonly GroupId[], driven: Driven, decision: Decision): void {
    if (driven.call === null) return this.#answerFromMemory(driven);
    const isAborted = decision === "aborted";
    const reply = isAborted
      ? failed(driven.refusal ?? this.#fateUnknown())
      : this.#replyOf(id, groups, driven, decision);
    for (const key of waitingFor(driven)) this.#answer(key, reply);
    driven.repeated = [];
  }

  #replyOf(
    id: TransactionId,
    groups: readonly GroupId[],
    driven: Driven,
    decision: Exclude<Decision, "aborted">,
  ): Reply {
    const parts = groups.map((group) => {
      const { vote, incarnation } = present(driven.votes.get(group), `the vote of ${group}`);
      return {
        group,
        incarnation,
        revision: driven.finished.get(group)?.revision ?? toRevision(0),
        results: vote[decision],
      };
    });
    const header = headerOf(this.#replica.state, this.#world.self, false);
    const own = driven.finished.get(id.group)?.revision ?? header.revision;
    return { type: "transact", header: { ...header, revision: own }, succeeded: decision === "success", parts };
  }

  /** Of a transaction that began under another leader, the log says what became of it, and nothing more. */
  #answerFromMemory(driven: Driven): void {
    const keys = driven.repeated.splice(0);
    for (const key of keys) this.#owner.again(key);
  }

  #close(name: string, driven: Driven): void {
    this.#answerFromMemory(driven);
    this.#driven.delete(name);
  }

  /** A transaction of another coordinator that has been prepared for long: that one may have forgotten to tell. */
  #inquire({ id }: PreparedTransaction, nowMs: Millis): void {
    if (id.group === this.#replica.key.group) return;
    const name = nameOf(id);
    const inquiry = this.#inquiries.get(name) ?? { nextMs: toMillis(nowMs + limits.transactionInquireMs) };
    this.#inquiries.set(name, inquiry);
    if (isDue(inquiry.nextMs, nowMs)) {
      inquiry.nextMs = null;
      this.#send({ type: "decision", group: id.group, id }, { type: "decision", id });
    } else if (inquiry.nextMs !== null) this.#wake(inquiry.nextMs);
  }

  #take(answer: Answer, nowMs: Millis): void {
    if (answer.type === "decision") return this.#takeDecision(answer.id, answer.reply, nowMs);
    const driven = this.#driven.get(nameOf(answer.id));
    if (driven === undefined) return;
    const { group, reply } = answer;
    driven.asked.set(group, toMillis(nowMs + limits.transactionRetryMs));
    if (reply.type === "prepare") driven.votes.set(group, { vote: reply.vote, incarnation: reply.header.incarnation });
    else if (reply.type === "finish") driven.finished.set(group, reply.header);
    else if (reply.type === "failed") this.#takeFailure(driven, answer, reply.failure);
  }

  #takeFailure(driven: Driven, { type, group, id }: Answer & { readonly group: GroupId }, reason: Failure): void {
    if (type === "vote" && final.has(reason.code)) driven.refusal ??= { ...reason, effect: "none" };
    // Nobody needs to be told for it: whoever finds no record takes the transaction for aborted.
    const isOver = type === "done" && reason.code === "not_found" && this.#isAborted(id);
    if (isOver) driven.finished.set(group, { incarnation: id.incarnation, revision: toRevision(0) });
  }

  #takeDecision(id: TransactionId, reply: Reply, nowMs: Millis): void {
    const inquiry = this.#inquiries.get(nameOf(id));
    if (inquiry === undefined) return;
    inquiry.nextMs = toMillis(nowMs + limits.transactionRetryMs);
    const decision = reply.type === "decision" ? reply.decision : null;
    if (decision !== null) this.#owner.propose({ type: "finish", id, decision, floor: toLogIndex(0) });
  }

  #ask(driven: Driven, group: GroupId, request: GroupRequest, about: AnswerOf, nowMs: Millis): void {
    const askMs = driven.asked.get(group);
    if (askMs === null) return;
    if (askMs !== undefined && nowMs < askMs) return this.#wake(askMs);
    driven.asked.set(group, null);
    this.#send(request, about);
  }

  #send(request: GroupRequest, about: AnswerOf): void {
    this.#owner.ask(request, (reply) => {
      this.#answers.push({ ...about, reply });
      this.#owner.touched();
    });
  }

  /** A proposal that is lost is made once more after a while, unless what it says is no longer so. */
  #propose(driven: Driven, command: GroupCommand, nowMs: Millis): void {
    if (driven.proposeMs === null || isDue(driven.proposeMs, nowMs)) {
      driven.proposeMs = toMillis(nowMs + limits.transactionRetryMs);
      this.#owner.propose(command);
    }
    this.#wake(driven.proposeMs);
  }

  #floor({ incarnation }: TransactionId): LogIndex {
    return this.#replica.state.transactions.floor(incarnation, this.#replica.applied.index);
  }

  #isOver(name: string, { call }: Driven): boolean {
    const isOpen = this.#replica.state.transactions.isCoordinated(name);
    return !isOpen && (call === null || this.#world.calls.get(call.key) === null);
  }

  #answer(key: number, reply: Reply): void {
    this.#world.calls.answer(key, reply);
  }

  #fateUnknown(): Failure {
    const { group } = this.#replica.key;
    const message = `The manager of ${group} changed while the transaction was under way; what became of it is not known`;
    return failure("outcome_unknown", message, { group });
  }

  #wake(atMs: Millis): void {
    this.#dueMs = earliest(this.#dueMs, atMs);
  }
}

type AnswerOf = Answer extends infer Each ? (Each extends Answer ? Omit<Each, "reply"> : never) : never;

function waitingFor({ call, repeated }: Driven): readonly number[] {
  return call === null ? repeated : [call.key, ...repeated];
}

function newDriven(call: Driven["call"], nowMs: Millis): Driven {
  const fresh = { repeated: [], refusal: null, decidedMs: null, proposeMs: null };
  return { sinceMs: nowMs, call, votes: new Map(), finished: new Map(), asked: new Map(), ...fresh };
}

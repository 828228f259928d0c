// The calls that this node is answering: who asked, until when, and whether it may have taken effect already.

import { type Failure, failure } from "../../proto/errors.ts";
import type { GroupId, Millis, NodeId } from "../../proto/ids.ts";
import { isOfAgents, isStream, type Reply, type Request, type WatchMessage } from "../../proto/requests.ts";
import type { TransactionId } from "../../proto/transactions.ts";
import { Deadlines } from "./deadlines.ts";
import type { CallId } from "./inputs.ts";
import { limits } from "./limits.ts";
import type { Outbox } from "./outbox.ts";
import { replyThatFits } from "./reply-size.ts";
import { markOf, markOfPart, type StreamMark } from "./stream-marks.ts";
import { type StreamPart, toParts } from "./stream-parts.ts";

export type Caller =
  | { readonly type: "client"; readonly call: CallId }
  /** Forwarded to this node: it is not forwarded again (F1). */
  | { readonly type: "peer"; readonly node: NodeId; readonly call: number }
  /** This node itself, which puts several answers together. */
  | { readonly type: "part"; readonly answer: (reply: Reply) => void };

type Peer = Caller & { readonly type: "peer" };

export interface Call {
  readonly key: number;
  readonly caller: Caller;
  readonly request: Request;
  /** null: a stream */
  readonly deadlineMs: Millis | null;
  /** A write that was proposed or forwarded may take effect although its caller hears of a failure. */
  mayHaveHappened: boolean;
  /** Of a stream to another node: the newest message, or part of one, that its reader makes room behind. */
  inHand: StreamMark | null;
  /** What is left of that message. */
  rest: readonly StreamPart[];
  /** Owners that were asked and could not serve it. */
  tries: number;
  /** Of a read: the transaction whose end it waits for. */
  heldBy: TransactionId | null;
  /** Of a transaction over several groups: one that has not done its part yet. */
  awaits: GroupId | null;
  /** What an owner without a quorum has said, until another one knows better. */
  refusal: Failure | null;
}

export class Calls {
  readonly #out: Outbox;
  readonly #open = new Map<number, Call>();
  /** Keys of calls, by the numbers that their callers gave them. */
  readonly #ofClients = new Map<CallId, number>();
  readonly #ofPeers = new Map<NodeId, Map<number, number>>();
  readonly #deadlines = new Deadlines<number>();
  #lastKey = 0;
  /** Of those that are open. */
  #streams = 0;

  constructor(out: Outbox) {
    this.#out = out;
  }

  get count(): number {
    return this.#open.size;
  }

  /** Without streams, which have no end. */
  get unanswered(): number {
    return this.#open.size - this.#streams;
  }

  /** @returns null when the node answers too many calls already; the caller has been told */
  open(caller: Caller, request: Request, deadlineMs: Millis | null): Call | null {
    this.#lastKey += 1;
    const call: Call = {
      key: this.#lastKey,
      caller,
      request,
      deadlineMs,
      mayHaveHappened: false,
      inHand: null,
      rest: [],
      tries: 0,
      heldBy: null,
      awaits: null,
      refusal: null,
    };
    const refusal = this.#refusal(request);
    if (refusal !== null) {
      this.#deliver(call, { type: "failed", failure: refusal });
      return null;
    }
    this.#open.set(call.key, call);
    if (isStream(request)) this.#streams += 1;
    if (caller.type !== "part") this.#keysOf(caller).set(caller.call, call.key);
    if (deadlineMs !== null) this.#deadlines.set(call.key, deadlineMs);
    return call;
  }

  get(key: number): Call | null {
    return this.#open.get(key) ?? null;
  }

  find(caller: Caller): Call | null {
    const key = caller.type === "part" ? undefined : this.#keysOf(caller).get(caller.call);
    return key === undefined ? null : this.get(key);
  }

  /** Answers and closes a call; one that is closed already is left alone. A stream is ended with a failure only. */
  answer(key: number, reply: Reply): void {
    const call = this.#open.get(key);
    if (call === undefined) return;
    this.close(key);
    this.#deliver(call, reply);
  }

  /** Next message of a stream, which `compacted` and `canceled` close. */
  stream(key: number, message: WatchMessage): void {
    const call = this.#open.get(key);
    if (call === undefined) return;
    if (message.type === "compacted" || message.type === "canceled") this.close(key);
    const { caller } = call;
    if (caller.type === "client") this.#out.watch(caller.call, message);
    if (caller.type === "peer") this.#streamTo(caller, call, message);
  }

  /** The reader of a stream elsewhere has room. @returns false when nothing is left of the message that it has in hand */
  streamRest(call: Call): boolean {
    const [next, ...rest] = call.rest;
    if (next === undefined || call.caller.type !== "peer") return false;
    call.rest = rest;
    this.#sendPart(call.caller, call, next);
    return true;
  }

  /** Forgets a call: nobody waits for its answer any more. */
  close(key: number): void {
    const call = this.#open.get(key);
    if (call === undefined) return;
    this.#open.delete(key);
    if (isStream(call.request)) this.#streams -= 1;
    if (call.caller.type !== "part") this.#keysOf(call.caller).delete(call.caller.call);
    this.#deadlines.delete(key);
  }

  get all(): readonly Call[] {
    return [...this.#open.values()];
  }

  /** Calls that came from a node which is gone. */
  from(node: NodeId): readonly Call[] {
    return [...this.#open.values()].filter(({ caller }) => caller.type === "peer" && caller.node === node);
  }

  takeExpired(nowMs: Millis): readonly Call[] {
    return this.#deadlines.takeDue(nowMs).flatMap((key) => this.get(key) ?? []);
  }

  deadlineMs(): Millis | null {
    return this.#deadlines.next();
  }

  /** Peers are members, so their number is bounded. */
  #keysOf(caller: Exclude<Caller, { readonly type: "part" }>): Map<number, number> {
    if (caller.type === "client") return this.#ofClients;
    const known = this.#ofPeers.get(caller.node);
    if (known !== undefined) return known;
    const keys = new Map<number, number>();
    this.#ofPeers.set(caller.node, keys);
    return keys;
  }

  /** Streams are counted apart: they cost little, and would else keep calls out. */
  #refusal(request: Request): Failure | null {
    const calls = this.unanswered;
    const callsMax = limits.callsMax + (isOfAgents(request) ? limits.agentCallsMax : 0);
    if (isStream(request) ? this.#streams < limits.watchesMax : calls < callsMax) return null;
    const message = isStream(request)
      ? `The node serves ${this.#streams} watches, limit ${limits.watchesMax}`
      : `The node is answering ${calls} calls, limit ${callsMax}`;
    return failure("overloaded", message);
  }

  #deliver(call: Call, reply: Reply): void {
    const { caller, request } = call;
    if (isStream(request) && reply.type === "failed") {
      this.#deliverStreamEnd(caller, { type: "canceled", failure: reply.failure });
    } else if (caller.type === "client") {
      this.#out.reply(caller.call, reply);
    } else if (caller.type === "peer") {
      const fitting = replyThatFits(request, reply);
      this.#out.send(caller.node, { type: "forwardReply", call: caller.call, reply: fitting });
    } else {
      caller.answer(reply);
    }
  }

  #deliverStreamEnd(caller: Caller, message: WatchMessage): void {
    if (caller.type === "client") this.#out.watch(caller.call, message);
    if (caller.type === "peer") this.#sendStream(caller, { message, part: 0, more: false });
  }

  #streamTo(caller: Peer, call: Call, message: WatchMessage): void {
    if (markOf(message) === null) return this.#sendStream(caller, { message, part: 0, more: false });
    const [first, ...rest] = toParts(message);
    call.rest = rest;
    if (first !== undefined) this.#sendPart(caller, call, first);
  }

  #sendPart(caller: Peer, call: Call, part: StreamPart): void {
    call.inHand = markOfPart(part);
    this.#sendStream(caller, part);
  }

  #sendStream({ node, call }: Peer, part: StreamPart): void {
    this.#out.send(node, { type: "forwardWatch", call, ...part });
  }
}

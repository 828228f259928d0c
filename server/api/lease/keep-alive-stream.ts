// One KeepAliveLease call: requests are asked as they come, so that those of many leases share a round of the group, and answered
// in their order. So many at most are under way: a client that sends more, or reads nothing, is not read either. What the group
// cannot answer in time ends the stream, and says why.

import { once } from "node:events";
import { create } from "@bufbuild/protobuf";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import { InvariantError } from "../../../proto/assert.ts";
import { uint64 } from "../../../proto/codec/integers.ts";
import { DbError } from "../../../proto/errors.ts";
import {
  type KeepAliveLeaseRequest,
  type KeepAliveLeaseResponse,
  KeepAliveLeaseResponseSchema,
} from "../../../proto/gen/bailiwick/v1/lease_pb.ts";
import { limits } from "../../node/limits.ts";
import { Asker } from "../asker.ts";
import type { ApiWorld } from "../call-context.ts";
import { readGroup } from "../convert/fields.ts";
import { toHeader } from "../convert/headers.ts";
import { readLease } from "../convert/leases.ts";
import { MalformedMessage } from "../service.ts";
import { toStreamError } from "../status-error.ts";

type Incoming = KeepAliveLeaseRequest | MalformedMessage;
type Stream = ServerDuplexStream<Incoming, KeepAliveLeaseResponse>;

export class KeepAliveStream {
  readonly #stream: Stream;
  readonly #world: ApiWorld;
  readonly #asker = new Asker();
  /** Asked, and not answered to the client yet. */
  readonly #answers: Promise<KeepAliveLeaseResponse>[] = [];
  #isAnswering = false;
  /** The client sends no more. */
  #isLast = false;
  #isOver = false;
  /** Ends the wait for room. */
  readonly #left = new AbortController();

  constructor(stream: Stream, world: ApiWorld) {
    this.#stream = stream;
    this.#world = world;
    world.streams.add(this);
    stream.on("data", (message: Incoming) => this.#receive(message));
    stream.on("end", () => this.#endOfRequests());
    stream.on("cancelled", () => this.#leave());
    stream.on("close", () => this.#leave());
  }

  /** Ends the stream well; what is being asked is not answered any more. */
  stop(): void {
    if (this.#isOver) return;
    this.#leave();
    this.#stream.end();
  }

  #receive(message: Incoming): void {
    if (this.#isOver) return;
    const answer = this.#ask(message);
    // Its failure is told in its turn.
    answer.catch(() => {});
    this.#answers.push(answer);
    this.#flow();
    if (!this.#isAnswering) void this.#answerAll();
  }

  async #ask(message: Incoming): Promise<KeepAliveLeaseResponse> {
    if (message instanceof MalformedMessage) throw new DbError(message.failure);
    const { self, calls } = this.#world;
    const request = { type: "keepAliveLease", group: readGroup(message.group), id: readLease(message.id) } as const;
    const reply = await calls.call(request, { budgetMs: limits.callBudgetMsUsual, asker: this.#asker });
    if (reply.type === "failed") throw new DbError(reply.failure);
    if (reply.type !== "keepAliveLease") throw new InvariantError(`The node answered ${reply.type} to a renewal`);
    const { header, id, ttlMs } = reply;
    const response = { header: toHeader(self, header), id: uint64.toWire(id, "id"), ttlMs };
    return create(KeepAliveLeaseResponseSchema, response);
  }

  async #answerAll(): Promise<void> {
    this.#isAnswering = true;
    try {
      for (let next = this.#answers[0]; next !== undefined; next = this.#answers[0]) {
        const response = await next;
        if (this.#isOver) return;
        if (!this.#stream.write(response)) await once(this.#stream, "drain", { signal: this.#left.signal });
        void this.#answers.shift();
        this.#flow();
      }
    } catch (reason) {
      this.#fail(DbError.from(reason));
    }
    this.#isAnswering = false;
    if (this.#isLast) this.stop();
  }

  #flow(): void {
    if (this.#answers.length >= limits.streamRenewalsMax) this.#stream.pause();
    else if (this.#stream.isPaused()) this.#stream.resume();
  }

  #endOfRequests(): void {
    this.#isLast = true;
    if (!this.#isAnswering) this.stop();
  }

  #fail(reason: DbError): void {
    if (this.#isOver) return;
    this.#leave();
    this.#stream.emit("error", toStreamError(reason));
  }

  #leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#world.streams.delete(this);
    this.#asker.leave();
    this.#left.abort();
  }
}

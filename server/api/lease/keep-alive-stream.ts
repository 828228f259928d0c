// One KeepAliveLease call: each request is asked and answered before the next is read, so that a client which sends more than
// is answered waits, and the order needs no thought. What the group cannot answer in time ends the stream, and says why.

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
  /** Being asked. */
  #isAsking = false;
  /** The client sends no more. */
  #isLast = false;
  #isOver = false;

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
    this.#stream.pause();
    this.#isAsking = true;
    this.#answer(message).then(
      (response) => this.#send(response),
      (reason: unknown) => this.#fail(DbError.from(reason)),
    );
  }

  async #answer(message: Incoming): Promise<KeepAliveLeaseResponse> {
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

  #send(response: KeepAliveLeaseResponse): void {
    this.#isAsking = false;
    if (this.#isOver) return;
    const hasRoom = this.#stream.write(response);
    if (this.#isLast) return this.stop();
    if (hasRoom) this.#stream.resume();
    else this.#stream.once("drain", () => this.#stream.resume());
  }

  #endOfRequests(): void {
    this.#isLast = true;
    if (!this.#isAsking) this.stop();
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
  }
}

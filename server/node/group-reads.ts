// Reads of a group on one of its owners: at once what is applied here, or, of the leader, once it has confirmed that it leads.

import { failure } from "../../proto/errors.ts";
import type { Millis } from "../../proto/ids.ts";
import type { KeySpan } from "../../proto/model.ts";
import { plainRequest, type Request } from "../../proto/requests.ts";
import { spanOfKey } from "../../storage/mvcc/span.ts";
import { footprintOf } from "../txn/locks.ts";
import type { Call } from "./calls.ts";
import {
  answerRead,
  failed,
  firstPart,
  type GroupReplica,
  headerOf,
  type LeaseRead,
  type PlacementRead,
  type ReadRequest,
} from "./group-replies.ts";
import { limits } from "./limits.ts";
import type { World } from "./world.ts";

/** Who answers what is not asked of keys, when it is known that this member still led after it was asked. */
interface Answers<Asked> {
  answer(call: Call, request: Asked, nowMs: Millis): void;
}

export class GroupReads {
  readonly #world: World;
  readonly #replica: GroupReplica;
  /** Calls whose read is being confirmed, by the number under which the core knows it. */
  readonly #confirming = new Map<number, number>();
  /** Calls whose read is confirmed, of keys that a transaction is about to write. */
  readonly #locked = new Set<number>();
  readonly #leases: Answers<LeaseRead>;
  readonly #placement: Answers<PlacementRead>;
  #last = 0;

  constructor(world: World, replica: GroupReplica, leases: Answers<LeaseRead>, placement: Answers<PlacementRead>) {
    this.#world = world;
    this.#replica = replica;
    this.#leases = leases;
    this.#placement = placement;
  }

  /** @returns false when the leader has to serve it */
  read(key: number, request: ReadRequest | LeaseRead | PlacementRead, nowMs: Millis): boolean {
    if ((request.type === "get" || request.type === "list") && request.consistency === "local") {
      this.#answer(key, request, true);
      return true;
    }
    if (this.#replica.role !== "leader") return false;
    const readsMax = limits.readsMax + (request.type === "renewOwnership" ? limits.ownersMax : 0);
    if (this.#confirming.size >= readsMax) {
      this.#refuse(key, "confirming", this.#confirming.size);
      return true;
    }
    this.#last += 1;
    this.#confirming.set(this.#last, key);
    this.#replica.step({ type: "read", read: this.#last }, nowMs);
    return true;
  }

  readable(read: number, nowMs: Millis): void {
    const key = this.take(read);
    const call = key === null ? null : this.#world.calls.get(key);
    if (call === null) return;
    const { request } = call;
    if (isOfLease(request)) this.#leases.answer(call, request, nowMs);
    else if (isOfPlacement(request)) this.#placement.answer(call, request, nowMs);
    else this.#serve(call.key);
  }

  /** Transactions have come to an end: reads of keys that they held may be answered. */
  unlock(): void {
    if (this.#locked.size === 0) return;
    const keys = [...this.#locked];
    this.#locked.clear();
    for (const key of keys) this.#serve(key);
  }

  /** The call of a read that is not confirmed any more. */
  take(read: number): number | null {
    const key = this.#confirming.get(read) ?? null;
    this.#confirming.delete(read);
    return key;
  }

  /** The calls of all of them. */
  takeAll(): readonly number[] {
    const keys = [...this.#confirming.values(), ...this.takeLocked()];
    this.#confirming.clear();
    return keys;
  }

  /** The calls that wait for the end of a transaction. */
  takeLocked(): readonly number[] {
    const keys = [...this.#locked];
    this.#locked.clear();
    return keys;
  }

  /** Nobody sees one group's half of a transaction and not yet the other's: a read of what it holds waits for its end. */
  #serve(key: number): void {
    const call = this.#world.calls.get(key);
    if (call === null) return;
    const request = plainRequest(call.request) as ReadRequest;
    const holder = this.#replica.state.transactions.conflict({ reads: spansRead(request), writes: [], owners: [] });
    if (holder === null) return this.#answer(key, request, false);
    if (this.#locked.size >= limits.readsMax) this.#forgetClosed();
    if (this.#locked.size >= limits.readsMax)
      return this.#refuse(key, "waiting for transactions with", this.#locked.size);
    call.heldBy = holder.id;
    this.#locked.add(key);
  }

  /** Nobody waits for them any more. */
  #forgetClosed(): void {
    for (const key of this.#locked) if (this.#world.calls.get(key) === null) this.#locked.delete(key);
  }

  #refuse(key: number, doing: string, reads: number): void {
    const { group } = this.#replica.key;
    const message = `The group is ${doing} ${reads} reads, limit ${limits.readsMax}`;
    this.#world.calls.answer(key, failed(failure("overloaded", message, { group })));
  }

  #answer(key: number, request: ReadRequest, stale: boolean): void {
    const header = headerOf(this.#replica.state, this.#world.self, stale);
    this.#world.calls.answer(key, answerRead(request, this.#replica.state, header));
  }
}

function isOfLease(request: Request): request is LeaseRead {
  return request.type === "keepAliveLease" || request.type === "getLease" || request.type === "listLeases";
}

function isOfPlacement(request: Request): request is PlacementRead {
  return request.type === "renewOwnership" || request.type === "explainGroup" || request.type === "foreseeDrain";
}

/** At the newest revision; older ones are what they are. */
function spansRead(request: ReadRequest): readonly KeySpan[] {
  switch (request.type) {
    case "get":
      return request.revision === null ? [spanOfKey(request.key)] : [];
    case "list":
      return request.revision === null ? [request.span] : [];
    case "transact":
      return footprintOf(firstPart(request)).reads;
    case "decision":
      return [];
  }
}

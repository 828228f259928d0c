// Which part of a group serves each call that comes to one of its owners, and what is refused before it is logged. Only the
// leader takes writes; whoever cannot serve a call leaves it to the leader.

import type { Failure } from "../../proto/errors.ts";
import type { Millis } from "../../proto/ids.ts";
import type { GroupStatus } from "../../proto/requests.ts";
import { isReadOnly } from "../../proto/transactions.ts";
import type { Call } from "./calls.ts";
import type { Compactor } from "./compactor.ts";
import type { GroupMembers } from "./group-members.ts";
import type { GroupProposals, IdentifiedRequest } from "./group-proposals.ts";
import type { GroupReads } from "./group-reads.ts";
import {
  failed,
  fateUnknown,
  type GroupReplica,
  headerOf,
  type TransactRequest,
  type WriteRequest,
} from "./group-replies.ts";
import type { GroupWatches } from "./group-watches.ts";
import type { Leases } from "./leases.ts";
import type { PlacementKeeper } from "./placement-keeper.ts";
import { answerRecalled } from "./recall.ts";
import type { SessionKeeper } from "./session-keeper.ts";
import type { Wishes } from "./wishes.ts";
import type { World } from "./world.ts";
import { writeRefusal } from "./write-refusal.ts";

export interface CallParts {
  readonly reads: GroupReads;
  readonly proposals: GroupProposals;
  readonly watches: GroupWatches;
  readonly members: GroupMembers;
  readonly leases: Leases;
  readonly placement: PlacementKeeper;
  readonly wishes: Wishes;
  readonly sessions: SessionKeeper;
  readonly compactor: Compactor;
  readonly status: (nowMs: Millis) => GroupStatus;
}

export class GroupCalls {
  readonly #world: World;
  readonly #replica: GroupReplica;
  readonly #parts: CallParts;

  constructor(world: World, replica: GroupReplica, parts: CallParts) {
    this.#world = world;
    this.#replica = replica;
    this.#parts = parts;
  }

  /** @returns false when the leader has to serve it */
  serve(call: Call, nowMs: Millis): boolean {
    const { request } = call;
    const { watches, reads, leases, placement, wishes, members, status } = this.#parts;
    switch (request.type) {
      case "groupStatus":
        this.#world.calls.answer(call.key, { type: "groupStatus", status: status(nowMs) });
        return true;
      case "watch":
        watches.open(call.key, request, nowMs);
        return true;
      case "watchGroup":
        watches.openStatus(call.key, request, nowMs);
        return true;
      case "get":
      case "list":
        return reads.read(call.key, request, nowMs);
      case "decision":
      case "getLease":
      case "listLeases":
      case "explainGroup":
      case "foreseeDrain":
        return reads.read(call.key, request, nowMs);
      case "keepAliveLease":
        leases.heard(request.id, nowMs);
        return reads.read(call.key, request, nowMs);
      case "renewOwnership":
        placement.heard(request, nowMs);
        if (this.#replica.role !== "leader" || !placement.answersAtOnce(request)) {
          return reads.read(call.key, request, nowMs);
        }
        placement.answer(call, request, nowMs);
        return true;
      case "wish":
        return wishes.serve(call, request, nowMs);
      case "transact":
        return isLocalRead(request) ? reads.read(call.key, request, nowMs) : this.write(call, request, nowMs);
      case "put":
      case "delete":
      case "prepare":
      case "finish":
      case "compact":
      case "configure":
      case "grantLease":
      case "revokeLease":
      case "openSession":
      case "closeSession":
        return this.write(call, request, nowMs);
      case "identified":
        return this.#once(call, request, nowMs);
      case "setOwners":
        return members.setOwners(call, request, nowMs);
      default:
        return false;
    }
  }

  /** @returns false when this member does not lead */
  write(call: Call, request: WriteRequest | IdentifiedRequest, nowMs: Millis): boolean {
    if (this.#replica.role !== "leader") return false;
    const { state } = this.#replica;
    const { sessions, compactor } = this.#parts;
    if (request.type === "openSession" && request.session !== null) sessions.heard(request.session, nowMs);
    const { quotaBytes } = compactor.limitsOf(state);
    const refusal = writeRefusal(request, { state, quotaBytes }, this.#world);
    return this.#log(call, request, { refusal, nowMs });
  }

  /** What became of it meanwhile is remembered, or its end is known to nobody here. */
  again(key: number): void {
    const call = this.#world.calls.get(key);
    if (call?.request.type !== "identified") return;
    const { state } = this.#replica;
    const answer = state.sessions.find(call.request.identity);
    const header = headerOf(state, this.#world.self, false);
    const group = this.#replica.key.group;
    const reply =
      answer === null ? failed(fateUnknown(group)) : answerRecalled(call.request.request, answer, state, header);
    this.#world.calls.answer(key, reply);
  }

  /** A read needs no identity: it is repeated as often as one likes. */
  #once(call: Call, request: IdentifiedRequest, nowMs: Millis): boolean {
    const { request: asked, identity } = request;
    const { reads, members, wishes, sessions, proposals, placement } = this.#parts;
    if (asked.type === "transact" && isLocalRead(asked)) return reads.read(call.key, asked, nowMs);
    if (asked.type === "setOwners" && asked.validateOnly) return members.setOwners(call, asked, nowMs);
    if (asked.type === "wish" && asked.validateOnly) return wishes.serve(call, asked, nowMs);
    if (this.#replica.role !== "leader") return false;
    sessions.heard(identity.session, nowMs);
    if (proposals.recall(call, request, nowMs)) return true;
    // Changes of the members go on while writes are refused.
    if (asked.type === "setOwners") return this.#log(call, request, { refusal: members.refuse(asked), nowMs });
    const write = () => this.write(call, request, nowMs);
    if (asked.type !== "wish") return write();
    const refusal = placement.refuseWish(asked.wish, nowMs);
    return refusal === null
      ? wishes.whereRoomIs(call, asked.wish, write)
      : this.#log(call, request, { refusal, nowMs });
  }

  #log(
    call: Call,
    request: WriteRequest | IdentifiedRequest,
    { refusal, nowMs }: { readonly refusal: Failure | null; readonly nowMs: Millis },
  ): boolean {
    if (refusal === null) this.#parts.proposals.write(call, request, nowMs);
    else this.#world.calls.answer(call.key, failed(refusal));
    return true;
  }
}

/** Of this group alone, and nothing but reads. */
function isLocalRead({ parts }: TransactRequest): boolean {
  return parts.length === 1 && parts.every(isReadOnly);
}

// What an owner proposes to its group: gathered during a turn, one append for all, and each told what became of it.

import { encodeGroupCommand } from "../../proto/codec/commands.ts";
import { encodeRequest } from "../../proto/codec/requests.ts";
import type { Compare, GroupCommand, IdentifiableCommand } from "../../proto/commands.ts";
import { type Failure, failure } from "../../proto/errors.ts";
import type { Millis, NodeId, Revision } from "../../proto/ids.ts";
import type { GroupWish } from "../../proto/placement.ts";
import type { Random } from "../../proto/random.ts";
import { type GroupRequest, type IdentifiableRequest, plainRequest } from "../../proto/requests.ts";
import type { RememberedOutcome } from "../../proto/sessions.ts";
import type { TransactionId } from "../../proto/transactions.ts";
import { hash64, hashText } from "../../storage/hash.ts";
import { drawLeaseId } from "../lease/lease-id.ts";
import type { Call } from "./calls.ts";
import {
  answerWrite,
  failed,
  fateUnknown,
  firstPart,
  type GroupReplica,
  type TransactRequest,
  type WriteRequest,
} from "./group-replies.ts";
import type { GroupOutcome } from "./group-state.ts";
import { limits } from "./limits.ts";
import type { Manager } from "./manager.ts";
import { type World, wallMs } from "./world.ts";

export type IdentifiedRequest = GroupRequest & { readonly type: "identified" };

/** A finding is made again while it holds: nobody waits for what becomes of it. */
type Proposal = { readonly type: "call"; readonly key: number } | { readonly type: "decision" | "finding" };

type Granted = Extract<RememberedOutcome, { readonly type: "leaseGranted" }>;

interface Queued {
  readonly payload: Uint8Array;
  readonly proposal: Proposal;
}

export interface ProposalsOwner {
  /** While this owner leads; its decisions are proposals too. */
  readonly manager: () => Manager | null;
  /** The first one of this turn has come: they are to be proposed at its end. */
  readonly waiting: () => void;
  /** A transaction over several groups that a client has asked for goes on from its record. */
  readonly begun: (key: number, begun: GroupOutcome & { readonly type: "prepared" }, nowMs: Millis) => void;
  /** A lease that was granted is asked for once more. */
  readonly granted: (key: number, granted: Granted, nowMs: Millis) => void;
  /** Owners that a client wants: to be brought about, or waited for. */
  readonly wanted: (key: number, owners: readonly NodeId[], nowMs: Millis) => void;
  /** A wish as the log is to have it. */
  readonly stamped: (wish: GroupWish) => GroupWish;
  /** It is asked for once more, and not decided yet. */
  readonly repeated: (key: number, id: TransactionId, nowMs: Millis) => void;
  /** Calls that this member can no longer serve: to be routed again. */
  readonly reroute: (calls: readonly number[], nowMs: Millis) => void;
}

export class GroupProposals {
  readonly #world: World;
  readonly #replica: GroupReplica;
  readonly #owner: ProposalsOwner;
  /** Encoded, waiting to be proposed. */
  #queued: Queued[] = [];
  #queuedBytes = 0;
  /** Under way, by the number under which the core knows them. */
  readonly #underWay = new Map<number, Proposal>();
  #last = 0;

  constructor(world: World, replica: GroupReplica, owner: ProposalsOwner) {
    this.#world = world;
    this.#replica = replica;
    this.#owner = owner;
  }

  write(call: Call, request: WriteRequest | IdentifiedRequest, nowMs: Millis): void {
    const payload = encodeGroupCommand(this.#commandOf(request, nowMs));
    if (this.areWaiting && this.#queuedBytes + payload.byteLength > limits.uncommittedBytesMax) {
      this.#world.calls.answer(call.key, failed(this.#refusalOfLeader()));
      return;
    }
    call.mayHaveHappened = true;
    this.#queue({ payload, proposal: { type: "call", key: call.key } });
  }

  /** Answers a request that was carried out before, when that is applied here. @returns false: it was not */
  recall(call: Call, request: IdentifiedRequest, nowMs: Millis): boolean {
    const { state } = this.#replica;
    if (state.sessions.find(request.identity) === null) return false;
    const outcome = state.recall(request.identity, digestOf(request.request));
    if (outcome !== null) this.#answer(call.key, outcome, nowMs);
    return outcome !== null;
  }

  decision(payload: Uint8Array): void {
    this.#queue({ payload, proposal: { type: "decision" } });
  }

  finding(command: GroupCommand): void {
    this.#queue({ payload: encodeGroupCommand(command), proposal: { type: "finding" } });
  }

  /** Some wait to be proposed. */
  get areWaiting(): boolean {
    return this.#queued.length > 0;
  }

  /** One append for all that wait, as far as it may hold them; the rest goes on waiting. */
  propose(nowMs: Millis): void {
    const batch = this.#takeBatch();
    const numbers = batch.map(({ proposal }) => this.#number(proposal));
    const payloads = batch.map(({ payload }) => payload);
    if (this.#replica.propose(payloads, numbers, nowMs)) return;
    for (const number of numbers) this.#refuse(number, nowMs);
  }

  applied(number: number, outcome: GroupOutcome, nowMs: Millis): void {
    const proposal = this.#take(number);
    if (proposal?.type === "decision") this.#owner.manager()?.decided();
    if (proposal?.type === "call") this.#answer(proposal.key, outcome, nowMs);
  }

  /** Another entry has taken its place. */
  lost(number: number): void {
    const proposal = this.#take(number);
    if (proposal?.type === "decision") this.#owner.manager()?.decided();
    if (proposal?.type !== "call") return;
    const { group } = this.#replica.key;
    const message = `The manager of ${group} changed before the write took effect; it did not happen`;
    this.#world.calls.answer(proposal.key, failed(failure("no_leader", message, { group })));
  }

  /** What became of it cannot be told here any more. */
  forgotten(number: number): void {
    const proposal = this.#take(number);
    if (proposal?.type !== "call") return;
    this.#world.calls.answer(proposal.key, failed(fateUnknown(this.#replica.key.group)));
  }

  /** This owner leads no more: what has not been proposed yet goes elsewhere. */
  resign(nowMs: Millis): void {
    const queued = this.#queued;
    this.#queued = [];
    this.#queuedBytes = 0;
    const calls = queued.flatMap(({ proposal }) => (proposal.type === "call" ? [proposal.key] : []));
    this.#owner.reroute(calls, nowMs);
  }

  close(): void {
    for (const number of [...this.#underWay.keys()]) this.forgotten(number);
  }

  #queue(queued: Queued): void {
    if (this.#queued.length === 0) this.#owner.waiting();
    this.#queued.push(queued);
    this.#queuedBytes += queued.payload.byteLength;
  }

  #takeBatch(): readonly Queued[] {
    let bytes = 0;
    let count = 0;
    for (const { payload } of this.#queued) {
      if (count > 0 && bytes + payload.byteLength > limits.proposeBytesMax) break;
      bytes += payload.byteLength;
      count += 1;
    }
    this.#queuedBytes -= bytes;
    return this.#queued.splice(0, count);
  }

  #number(proposal: Proposal): number {
    this.#last += 1;
    this.#underWay.set(this.#last, proposal);
    return this.#last;
  }

  #take(number: number): Proposal | null {
    const proposal = this.#underWay.get(number) ?? null;
    this.#underWay.delete(number);
    return proposal;
  }

  #answer(key: number, outcome: GroupOutcome, nowMs: Millis): void {
    const call = this.#world.calls.get(key);
    if (call === null) return;
    const request = plainRequest(call.request) as WriteRequest;
    if (request.type === "transact" && outcome.type === "prepared") return this.#owner.begun(key, outcome, nowMs);
    const recalled = outcome.type === "recalled" ? outcome.answer.outcome : null;
    if (recalled?.type === "begun") return this.#owner.repeated(key, recalled.id, nowMs);
    if (recalled?.type === "leaseGranted") return this.#owner.granted(key, recalled, nowMs);
    const wanted = outcome.type === "ownersWanted" ? outcome : recalled;
    if (wanted?.type === "ownersWanted") return this.#owner.wanted(key, wanted.owners, nowMs);
    this.#world.calls.answer(key, answerWrite(request, outcome, this.#replica.state, this.#world.self));
  }

  #commandOf(request: WriteRequest | IdentifiedRequest, nowMs: Millis): GroupCommand {
    switch (request.type) {
      case "identified": {
        const { identity, request: asked } = request;
        return {
          type: "identified",
          identity,
          digest: digestOf(asked),
          command: this.#identifiable(asked, nowMs),
        };
      }
      case "openSession":
        return { type: "openSession", session: request.session ?? this.#newSession(), ttlMs: request.ttlMs };
      default:
        return commandOf(request, (asked) => this.#identifiable(asked, nowMs));
    }
  }

  #identifiable(request: IdentifiableRequest, nowMs: Millis): IdentifiableCommand {
    if (request.type !== "wish") return identifiableCommandOf(request, this.#world.random);
    const { who, why } = request;
    const wish = this.#owner.stamped(request.wish);
    return { type: "wish", wish, who, why, manager: this.#world.self, atMs: wallMs(this.#world, nowMs) };
  }

  /** 96 bits: no two of them are ever equal. */
  #newSession(): string {
    const { random } = this.#world;
    return `s${[1, 2, 3].map(() => random.uint32().toString(16).padStart(8, "0")).join("")}`;
  }

  /** Nothing was proposed: this member leads no more, hands leadership over, or holds too much that is uncommitted. */
  #refuse(number: number, nowMs: Millis): void {
    const proposal = this.#take(number);
    if (proposal?.type === "decision") this.#owner.manager()?.refused();
    if (proposal?.type !== "call") return;
    const call = this.#world.calls.get(proposal.key);
    if (call !== null) call.mayHaveHappened = false;
    if (this.#replica.role === "leader") this.#world.calls.answer(proposal.key, failed(this.#refusalOfLeader()));
    else this.#owner.reroute([proposal.key], nowMs);
  }

  #refusalOfLeader(): Failure {
    const { group } = this.#replica.key;
    const { heir } = this.#replica.status;
    if (heir !== null) return failure("no_leader", `Leadership of ${group} is just going over to ${heir}`, { group });
    const message = `The group holds ${limits.uncommittedBytesMax} bytes that are not committed yet`;
    return failure("overloaded", message, { group });
  }
}

type PlainWrite = Exclude<WriteRequest, { readonly type: "openSession" }>;

function commandOf(
  request: PlainWrite,
  identifiable: (request: IdentifiableRequest) => IdentifiableCommand,
): GroupCommand {
  switch (request.type) {
    case "configure":
      return { type: "configure", config: request.config };
    case "prepare":
      return { type: "prepare", id: request.id, part: request.part, floor: request.floor };
    case "finish":
      return { type: "finish", id: request.id, decision: request.decision, floor: request.floor };
    case "keepAliveLease":
      return { type: "renewLease", id: request.id };
    case "closeSession":
      return { type: "closeSession", session: request.session };
    default:
      return identifiable(request);
  }
}

/** A lease whose id the group chooses has one from here on: whoever asks again is told of the one that was granted. */
function identifiableCommandOf(
  request: Exclude<IdentifiableRequest, { readonly type: "wish" }>,
  random: Random,
): IdentifiableCommand {
  switch (request.type) {
    case "compact":
      return { type: "compact", revision: request.revision };
    case "transact":
      return transactCommandOf(request);
    case "grantLease":
      return { type: "grantLease", id: request.id ?? drawLeaseId(random), ttlMs: request.ttlMs };
    case "revokeLease":
      return { type: "revokeLease", id: request.id };
    case "setOwners":
      return { type: "setOwners", owners: request.owners, ifIndex: request.ifIndex };
    case "put":
      return {
        type: "write",
        compares: comparesOf(request.key, request.ifModRevision),
        fence: request.fence?.epoch ?? null,
        writes: [{ type: "put", key: request.key, value: request.value, lease: request.lease }],
        returnsRemoved: false,
      };
    case "delete":
      return {
        type: "write",
        compares: comparesOf(request.span.start, request.ifModRevision),
        fence: request.fence?.epoch ?? null,
        writes: [{ type: "delete", span: request.span }],
        returnsRemoved: request.returnPrevious,
      };
  }
}

/** The first part is of the group that coordinates, which is this one. */
function transactCommandOf(request: TransactRequest): IdentifiableCommand {
  const part = firstPart(request);
  if (request.parts.length === 1) return { type: "transact", part };
  return { type: "begin", groups: request.parts.map(({ group }) => group), part };
}

/** Of all of it, other groups' parts included. */
function digestOf(request: IdentifiableRequest): string {
  return hashText(hash64(encodeRequest(request)));
}

function comparesOf(key: Uint8Array, revision: Revision | null): readonly Compare[] {
  return revision === null ? [] : [{ type: "modRevision", key, revision }];
}

// The leases of a group as its leader looks after them: keeps their time (server/lease), proposes what is due, and answers those
// who renew. Only what the log says counts; the next leader goes on from there, and from its own first commit on.

import type { GroupCommand } from "../../proto/commands.ts";
import type { Millis, Term } from "../../proto/ids.ts";
import type { Lease } from "../../proto/leases.ts";
import { Timekeeper } from "../lease/timekeeper.ts";
import type { Call } from "./calls.ts";
import { Deadlines } from "./deadlines.ts";
import { type GroupReplica, headerOf, type KeepAliveRequest, type LeaseRead } from "./group-replies.ts";
import type { GroupOutcome } from "./group-state.ts";
import { answerLeaseRead } from "./lease-replies.ts";
import { limits } from "./limits.ts";
import type { World } from "./world.ts";

export interface LeasesOwner {
  readonly propose: (command: GroupCommand) => void;
  /** A renewal that has to be in the log: the call is answered with what becomes of it. */
  readonly log: (call: Call, request: KeepAliveRequest, nowMs: Millis) => void;
}

export class Leases {
  readonly #world: World;
  readonly #replica: GroupReplica;
  readonly #owner: LeasesOwner;
  /** null: this member does not lead, or has not committed anything yet as the leader. */
  #keeper: Timekeeper | null = null;
  #isLeading = false;

  constructor(world: World, replica: GroupReplica, owner: LeasesOwner) {
    this.#world = world;
    this.#replica = replica;
    this.#owner = owner;
  }

  lead(): void {
    this.#isLeading = true;
  }

  /** Whatever this member knew of the time is worth nothing from now on. */
  resign(): void {
    this.#isLeading = false;
    this.#keeper = null;
  }

  /** With the first entry of its own term the leader knows all that was committed before: the time begins. */
  entryApplied(term: Term, nowMs: Millis): void {
    if (!this.#isLeading || this.#keeper !== null || term !== this.#replica.term) return;
    this.#keeper = new Timekeeper(new Deadlines<number>(), {
      clockRateErrorMax: Math.max(this.#world.leaseRead?.clockRateErrorMax ?? 0, limits.leaseClockRateErrorMin),
      retryMs: limits.leaseRetryMs,
      stallMs: limits.leaseStallMs,
      batchMax: limits.leaseBatchMax,
    });
    for (const lease of this.#replica.state.leases.above(0)) this.#keeper.begin(lease, nowMs);
  }

  applied(outcome: GroupOutcome, nowMs: Millis): void {
    const keeper = this.#keeper;
    if (keeper === null) return;
    if (outcome.type === "leaseGranted") keeper.begin(outcome.lease, nowMs);
    else if (outcome.type === "leaseRenewed" && outcome.lease !== null) keeper.begin(outcome.lease, nowMs);
    else if (outcome.type === "leaseRevoked") keeper.ended(outcome.id);
    else if (outcome.type === "leasesExpired") {
      for (const id of outcome.ended) keeper.ended(id);
      for (const id of outcome.kept) keeper.kept(id);
    }
  }

  /** A request to renew has come. It is answered once this member is known to lead still; its time counts from now. */
  heard(id: number, nowMs: Millis): void {
    this.#keeper?.heard(id, nowMs);
  }

  /** This member led the group when it was asked, or later: what it knows now is the answer. */
  answer(call: Call, request: LeaseRead, nowMs: Millis): void {
    if (request.type === "keepAliveLease") return this.#renew(call, request, nowMs);
    const { state } = this.#replica;
    const header = headerOf(state, this.#world.self, false);
    const leftMs = ({ id }: Lease) => this.#keeper?.leftMs(id, nowMs) ?? 0;
    this.#world.calls.answer(call.key, answerLeaseRead(request, header, state.leases, leftMs));
  }

  /** A grant that is asked for once more, and was carried out: what is left of the lease now, 0 when it has ended. */
  answerGrant(key: number, id: number, grantedTtlMs: number, nowMs: Millis): void {
    const { state } = this.#replica;
    const isThere = state.leases.get(id) !== null;
    const ttlMs = isThere ? (this.#keeper?.leftMs(id, nowMs) ?? 0) : 0;
    const lease = { id, grantedTtlMs, ttlMs, keyCount: state.leases.keyCountOf(id) };
    const header = headerOf(state, this.#world.self, false);
    this.#world.calls.answer(key, { type: "grantLease", header, lease });
  }

  /** Looked up only now: it may have ended since it was asked for. */
  #renew(call: Call, request: KeepAliveRequest, nowMs: Millis): void {
    const { id } = request;
    const lease = this.#replica.state.leases.get(id);
    if (lease !== null && this.#keeper?.mustLog(id) !== false) return this.#owner.log(call, request, nowMs);
    const header = headerOf(this.#replica.state, this.#world.self, false);
    this.#world.calls.answer(call.key, { type: "keepAliveLease", header, id, ttlMs: lease?.ttlMs ?? 0 });
  }

  /** Proposes what is due. */
  drive(nowMs: Millis): void {
    const { state } = this.#replica;
    if (this.#keeper === null || state.lock !== null) return;
    const { expired, checkpoints } = this.#keeper.due(nowMs, (id) => state.isLeaseHeld(id));
    const { term } = this.#replica;
    if (expired.length > 0) this.#owner.propose({ type: "expireLeases", term, leases: expired });
    if (checkpoints.length > 0) this.#owner.propose({ type: "checkpointLeases", leases: checkpoints });
  }

  deadlineMs(): Millis | null {
    return this.#replica.state.lock === null ? (this.#keeper?.deadlineMs() ?? null) : null;
  }
}

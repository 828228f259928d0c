// Holders of leases: each is granted one, attaches keys to it, and renews it for a while by a clock of its own, lets it end, or
// revokes it. Some attach once more when they may be too late. Nobody tries again, unless a grant or a revocation under an
// identity: what was told is compared with the logs.

import type { GroupId, NodeId } from "../../../proto/ids.ts";
import type { Random } from "../../../proto/random.ts";
import type { GroupRequest, Reply } from "../../../proto/requests.ts";
import { bytesOf } from "../../../storage/bytes.ts";
import { limits } from "../../node/limits.ts";
import type { WorkloadOptions } from "../run-options.ts";
import type { World } from "../world.ts";
import type { Outcome } from "./history.ts";
import type { Insistence } from "./insistence.ts";

type LeaseRequest = GroupRequest & { readonly type: "grantLease" | "put" | "keepAliveLease" | "revokeLease" };

export interface LeaseCall {
  readonly type: LeaseRequest["type"];
  readonly invokedMs: number;
  /** null: still open */
  outcome: Outcome | null;
}

export interface HeldLease {
  readonly group: GroupId;
  /** Of no other lease of the run. */
  readonly id: number;
  readonly ttlMs: number;
  readonly calls: LeaseCall[];
}

/** Of keys that go with a lease. */
export const leasePrefix = "lease-";

/** A renewal after one of these shares of the time: some come late. */
const renewShares = [1 / 3, 1 / 3, 0.75];
/** How much slower or faster than the world's a holder's clock runs. */
const skewMax = 0.05;
const renewalsMax = 20;
const atTheEndMs = 15;
const budgetMs = { min: 400, max: 1_500 };
const answerSlackMs = 3_000;
const rivalsShare = 0.8;
/** Between two looks at who holds itself for the leader. */
const rivalsMs = 250;

interface LeaseHoldersOptions {
  readonly world: World;
  readonly groups: readonly GroupId[];
  readonly random: Random;
  readonly workload: WorkloadOptions;
  /** null: nobody asks twice. */
  readonly insistence: Insistence | null;
}

export class LeaseHolders {
  readonly #options: LeaseHoldersOptions;
  readonly held: HeldLease[] = [];
  #isStopped = true;

  constructor(options: LeaseHoldersOptions) {
    this.#options = options;
  }

  start(): void {
    const { workload, random } = this.#options;
    this.#isStopped = false;
    this.#options.insistence?.start();
    for (let holder = 0; holder < workload.leases; holder++) this.#think(random.fork());
    if (workload.leases > 0) this.#tryRivals(random.fork());
  }

  /** Nobody asks for anything any more: all leases are left to end. */
  stop(): void {
    this.#isStopped = true;
    this.#options.insistence?.stop();
  }

  /** Asks for a lease that nobody renews. @param ended is told whether it was granted */
  abandon(group: GroupId, ttl: number, random: Random, ended: (isGranted: boolean) => void): HeldLease {
    const lease = this.#newLease(group, ttl);
    const request = { type: "grantLease", group, id: lease.id, ttlMs: ttl } as const;
    this.#send(lease, request, random, (outcome) => ended(outcome.type === "ok"));
    return lease;
  }

  #newLease(group: GroupId, ttl: number): HeldLease {
    const lease: HeldLease = { group, id: this.held.length + 1, ttlMs: ttl, calls: [] };
    this.held.push(lease);
    return lease;
  }

  #think(random: Random): void {
    const delayMs = -Math.log(1 - random.fraction()) * this.#options.workload.thinkMsMean;
    this.#after(delayMs, () => this.#begin(random));
  }

  #begin(random: Random): void {
    const group = random.pick(this.#options.groups);
    const { leaseTtlMsMax: max } = this.#options.workload;
    const lease = this.#newLease(group, random.between(max / 3, max));
    const request = { type: "grantLease", group, id: lease.id, ttlMs: lease.ttlMs } as const;
    this.#send(lease, request, random, (outcome) => {
      if (outcome.type === "ok") this.#attach(lease, random, () => this.#hold(lease, random));
      else this.#think(random);
    });
  }

  /** A key of its own each time. */
  #attach(lease: HeldLease, random: Random, next: () => void): void {
    const { group, id, calls } = lease;
    const key = bytesOf(`${leasePrefix}${id}-${calls.length}`);
    const put = { type: "put", group, key, value: bytesOf(`${id}`), lease: id } as const;
    const request = { ...put, ifModRevision: null, fence: null, returnPrevious: false };
    this.#send(lease, request, random, next);
  }

  /** While two hold themselves for the leader of a group, both are asked for renewals: what one of them says is worth nothing. */
  #tryRivals(random: Random): void {
    const { world, groups } = this.#options;
    this.#after(rivalsMs, () => {
      for (const group of groups) {
        const rivals = world.leaders.of(group);
        const lease =
          rivals.length > 1 ? this.held.findLast((each) => each.group === group && isHeld(each)) : undefined;
        if (lease === undefined) continue;
        const request = { type: "keepAliveLease", group, id: lease.id } as const;
        for (const rival of rivals) this.#sendTo(rival, lease, request, random, () => {});
      }
      this.#tryRivals(random);
    });
  }

  #hold(lease: HeldLease, random: Random): void {
    const kind = random.between(1, 100);
    if (kind <= 15) this.#revoke(lease, random);
    else if (kind <= 30) this.#comeLate(lease, random);
    else if (kind <= 50) this.#renewAtTheEnd(lease, random);
    else this.#renew(lease, random, random.between(2, renewalsMax));
  }

  #renew(lease: HeldLease, random: Random, times: number): void {
    const rate = 1 + skewMax * (2 * random.fraction() - 1);
    this.#renewIn(lease.ttlMs * random.pick(renewShares) * rate, lease, random, times);
  }

  #renewIn(delayMs: number, lease: HeldLease, random: Random, times: number): void {
    this.#after(delayMs, () => {
      const request = { type: "keepAliveLease", group: lease.group, id: lease.id } as const;
      this.#send(lease, request, random, (outcome) => {
        if (isToldGone(outcome)) this.#think(random);
        else if (times > 0) this.#renew(lease, random, times - 1);
        else if (random.chance(0.3)) this.#revoke(lease, random);
        else this.#comeLate(lease, random);
      });
    });
  }

  /** While its end is on its way into the log, as nearly as a holder can know. */
  #renewAtTheEnd(lease: HeldLease, random: Random): void {
    const { world } = this.#options;
    const grantedMs = lease.calls[0]?.outcome?.atMs ?? world.nowMs;
    const endMs = grantedMs + lease.ttlMs * (1 + limits.leaseClockRateErrorMin);
    const delayMs = endMs - world.nowMs + random.between(-atTheEndMs, atTheEndMs);
    this.#renewIn(Math.max(0, delayMs), lease, random, 0);
  }

  #revoke(lease: HeldLease, random: Random): void {
    const { group, id } = lease;
    this.#send(lease, { type: "revokeLease", group, id }, random, () => {
      if (random.chance(0.5)) this.#renew(lease, random, 0);
      else this.#think(random);
    });
  }

  /** Attaches another key about when the lease ends. */
  #comeLate(lease: HeldLease, random: Random): void {
    const lateMs = lease.ttlMs * (0.8 + random.fraction());
    this.#after(lateMs, () => this.#attach(lease, random, () => this.#think(random)));
  }

  /** Any node; but while two hold themselves for the leader of the group, mostly one of these. */
  #place(group: GroupId, random: Random): NodeId {
    const { world } = this.#options;
    const leaders = world.leaders.of(group);
    return leaders.length > 1 && random.chance(rivalsShare) ? random.pick(leaders) : random.pick(world.nodes).node;
  }

  #after(delayMs: number, run: () => void): void {
    this.#options.world.scheduler.after(delayMs, () => {
      if (!this.#isStopped) run();
    });
  }

  #send(lease: HeldLease, request: LeaseRequest, random: Random, ended: (outcome: Outcome) => void): void {
    this.#sendTo(this.#place(lease.group, random), lease, request, random, ended);
  }

  #sendTo(
    place: NodeId,
    lease: HeldLease,
    request: LeaseRequest,
    random: Random,
    ended: (outcome: Outcome) => void,
  ): void {
    const { world } = this.#options;
    const call: LeaseCall = { type: request.type, invokedMs: world.nowMs, outcome: null };
    lease.calls.push(call);
    const end = (outcome: Outcome) => {
      if (call.outcome !== null) return;
      call.outcome = outcome;
      ended(outcome);
    };
    const node = world.node(place);
    const budget = random.between(budgetMs.min, budgetMs.max);
    if (this.#insist(lease, request, { node: node.node, budgetMs: budget }, end)) return;
    if (!node.isRunning) {
      world.scheduler.after(budget, () => end({ type: "failed", atMs: world.nowMs, code: "refused" }));
      return;
    }
    const sent = node.call(request, budget, {
      reply: (reply) => end(outcomeOf(reply, world.nowMs)),
      watch: () => {},
      lost: () => end({ type: "unknown", atMs: world.nowMs, code: "lost" }),
    });
    world.scheduler.after(budget + answerSlackMs, () => {
      if (call.outcome !== null) return;
      node.cancel(sent);
      end({ type: "unknown", atMs: world.nowMs, code: "silence" });
    });
  }

  /** @returns false when it is to be sent as it is */
  #insist({ group }: HeldLease, request: LeaseRequest, sent: Sent, ended: (outcome: Outcome) => void): boolean {
    const { insistence } = this.#options;
    if (insistence === null || (request.type !== "grantLease" && request.type !== "revokeLease")) return false;
    return insistence.send({ client: "leases", group, request, ...sent }, ended);
  }
}

/** Where a request is sent first. */
interface Sent {
  readonly node: NodeId;
  readonly budgetMs: number;
}

/** As far as its holder knows. */
function isHeld({ calls }: HeldLease): boolean {
  const isGranted = calls[0]?.outcome?.type === "ok";
  return isGranted && !calls.some(({ type, outcome }) => type === "revokeLease" || isToldGone(outcome));
}

function isToldGone(outcome: Outcome | null): boolean {
  return outcome?.type === "ok" && outcome.reply.type === "keepAliveLease" && outcome.reply.ttlMs === 0;
}

function outcomeOf(reply: Reply, atMs: number): Outcome {
  if (reply.type !== "failed") return { type: "ok", atMs, reply };
  const { code, effect } = reply.failure;
  return { type: effect === "unknown" ? "unknown" : "failed", atMs, code };
}

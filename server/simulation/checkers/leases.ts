// Leases against what the groups have committed, and when: none ends before the time that its holder was promised, none is
// renewed after its end or by who was deposed before, nobody is told that one is gone while it lives, and no key outlives its
// lease.

import type { GroupId } from "../../../proto/ids.ts";
import type { Reply } from "../../../proto/requests.ts";
import { textOf } from "../../../storage/bytes.ts";
import type { GroupOutcome } from "../../node/group-state.ts";
import { demand } from "../violation.ts";
import type { HeldLease, LeaseCall } from "../workload/leases.ts";
import type { CommittedEntry } from "./committed-logs.ts";
import type { ElectionChecker } from "./election.ts";
import { nameOf as nameOfGroup } from "./memberships.ts";
import type { Timeline } from "./replay.ts";

interface End {
  /** When its entry was first held to be committed, on the world's clock. */
  readonly atMs: number;
  readonly by: "its time" | "a caller";
}

/** Which leases of a group its log has ended, and which it has left. */
export class LeaseLog {
  readonly ends = new Map<number, End>();
  readonly left = new Set<number>();
  readonly #entries: readonly CommittedEntry[];

  /** @param entries all that the group has committed */
  constructor(entries: readonly CommittedEntry[]) {
    this.#entries = entries;
  }

  /** The highest term of which something was committed by then; 0: nothing was. */
  termAt(atMs: number): number {
    return this.#entries.findLast(({ committedMs }) => committedMs <= atMs)?.term ?? 0;
  }

  heard(outcome: GroupOutcome, { committedMs: atMs }: CommittedEntry): void {
    if (outcome.type === "leaseGranted") this.left.add(outcome.lease.id);
    if (outcome.type === "leaseRevoked") this.#end(outcome.id, { atMs, by: "a caller" });
    if (outcome.type === "leasesExpired") for (const id of outcome.ended) this.#end(id, { atMs, by: "its time" });
  }

  #end(id: number, end: End): void {
    this.left.delete(id);
    this.ends.set(id, end);
  }
}

interface LeaseChecks {
  readonly logs: ReadonlyMap<GroupId, LeaseLog>;
  readonly timelines: ReadonlyMap<GroupId, Timeline>;
  readonly election: ElectionChecker;
  /** Of its time that a lease has at least on the world's clock: 1 while the clocks keep their bound. */
  readonly leastShare: number;
}

/** @returns how many calls were compared */
export function checkLeases(held: readonly HeldLease[], checks: LeaseChecks): number {
  const { logs, timelines, leastShare } = checks;
  let compared = 0;
  for (const lease of held) {
    const end = logs.get(lease.group)?.ends.get(lease.id) ?? null;
    checkEnd(lease, end, leastShare);
    for (const call of lease.calls) {
      checkCall(lease, call, end);
      checkLeader(lease, call, checks);
    }
    compared += lease.calls.length;
  }
  for (const [group, timeline] of timelines) checkKeys(group, timeline, logs.get(group));
  return compared;
}

function checkEnd(lease: HeldLease, end: End | null, leastShare: number): void {
  if (end === null) return;
  if (end.by === "a caller") {
    const isAsked = lease.calls.some(({ type, invokedMs }) => type === "revokeLease" && invokedMs <= end.atMs);
    return demand(isAsked, "leases", () => `${nameOf(lease)} was revoked at ${ms(end.atMs)}, and nobody asked for it`);
  }
  for (const call of lease.calls.filter(isPromise)) {
    const untilMs = call.invokedMs + lease.ttlMs * leastShare;
    demand(
      end.atMs >= untilMs,
      "leases end in time",
      () =>
        `${nameOf(lease)} ended at ${ms(end.atMs)}, a ${call.type} of ${ms(call.invokedMs)} was promised ${ms(untilMs)}`,
    );
  }
}

/** Its holder counts on the whole time from the sending on. */
function isPromise({ outcome }: LeaseCall): boolean {
  if (outcome?.type !== "ok") return false;
  const { reply } = outcome;
  return reply.type === "grantLease" || (reply.type === "keepAliveLease" && reply.ttlMs > 0);
}

function checkCall(lease: HeldLease, call: LeaseCall, end: End | null): void {
  const name = () => `a ${call.type} of ${ms(call.invokedMs)} on ${nameOf(lease)}`;
  if (call.outcome?.type === "ok" && isUse(call) && end !== null) {
    const isAlive = call.invokedMs <= end.atMs;
    demand(isAlive, "leases that ended", () => `${name()} was answered, it had ended at ${ms(end.atMs)}`);
  }
  const grant = lease.calls.find(({ type }) => type === "grantLease");
  const grantedMs = grant?.outcome?.type === "ok" ? grant.outcome.atMs : Number.POSITIVE_INFINITY;
  if (!isToldGone(call) || call.outcome === null || call.invokedMs < grantedMs) return;
  const toldMs = call.outcome.atMs;
  const isGone = end !== null && end.atMs <= toldMs;
  demand(
    isGone,
    "leases that live",
    () => `${name()} was told at ${ms(toldMs)} that it is gone; its end: ${end?.atMs}`,
  );
}

/** What a leader tells of its own clock is worth nothing once another one has committed something. */
function checkLeader(lease: HeldLease, call: LeaseCall, { logs, election }: LeaseChecks): void {
  const log = logs.get(lease.group);
  if (log === undefined || call.type !== "keepAliveLease" || call.outcome?.type !== "ok") return;
  const { header } = call.outcome.reply as Reply & { readonly type: "keepAliveLease" };
  const term = log.termAt(call.invokedMs);
  const group = nameOfGroup(lease.group);
  const isLeader = election.leaderOf(group, term) === null || election.hasLedSince(group, term, header.node);
  const name = () => `A keepAliveLease of ${ms(call.invokedMs)} on ${nameOf(lease)}`;
  demand(isLeader, "renewals", () => `${name()} was answered by ${header.node}, deposed by a commit of term ${term}`);
}

/** An answer that only a lease which is alive can have. */
function isUse(call: LeaseCall): boolean {
  return call.type === "keepAliveLease" ? isPromise(call) : call.type === "put";
}

function isToldGone({ outcome }: LeaseCall): boolean {
  if (outcome?.type === "failed") return outcome.code === "not_found";
  return outcome?.type === "ok" && outcome.reply.type === "keepAliveLease" && outcome.reply.ttlMs === 0;
}

function checkKeys(group: GroupId, timeline: Timeline, log: LeaseLog | undefined): void {
  for (const { key, lease } of timeline.contentAt(timeline.newest)) {
    const isThere = lease === 0 || log?.left.has(lease) === true;
    demand(isThere, "keys of leases", () => `${group} holds ${textOf(key)} of lease ${lease}, which is gone`);
  }
}

function nameOf({ group, id, ttlMs }: HeldLease): string {
  return `lease ${id} of ${group} (${ttlMs} ms)`;
}

function ms(value: number): string {
  return value.toFixed(3);
}

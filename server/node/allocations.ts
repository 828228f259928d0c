// The node's part of its allocation ledger (D5): keeps on disk what has begun here, answers managers that ask for room, and lets
// an epoch begin only when that is durable. Reservations are kept in memory alone: a restart ends them, and the gate then refuses.
// The mark says that the ledger knows of everything that runs here; without it the agent has to say so first.

import {
  decodeAllocationRecord,
  decodeLedgerMark,
  encodeAllocationRecord,
  encodeLedgerMark,
} from "../../proto/codec/allocations.ts";
import { failure } from "../../proto/errors.ts";
import type { BootNumber, GroupId, Millis } from "../../proto/ids.ts";
import type { GroupReport, Reservation } from "../../proto/placement.ts";
import type { Amounts } from "../../proto/policies.ts";
import type { Reply, Request } from "../../proto/requests.ts";
import { allocationKey, ledgerMarkKey, parseKey } from "../../storage/keys.ts";
import type { Operation, Row } from "../../storage/ordered-store.ts";
import {
  type Admission,
  AllocationLedger,
  type AllocationRules,
  type EpochKey,
  type StoppedKey,
  type TermsOf,
} from "../recovery/allocation-ledger.ts";
import type { Call } from "./calls.ts";
import { failed } from "./group-replies.ts";
import type { WriteId } from "./inputs.ts";
import { limits } from "./limits.ts";
import { earliest } from "./millis.ts";
import type { World } from "./world.ts";

export interface AllocationsOptions {
  /** Capacity of this node as operators have configured it; where they have not, what its agent measured counts. */
  readonly configured: () => Amounts;
  /** What a group of this node asks of it by its policies; null while they are not known here. */
  readonly termsOf: TermsOf;
}

/** Who wants to know whether an epoch may begin here. One of the two is called, once. */
export interface Waiter {
  /** @param refusal null: it has begun here, durably */
  readonly answer: (refusal: string | null) => void;
  /** That is not durable at this time: the disk may hang. It can be asked for again. */
  readonly untilMs: Millis;
  readonly late: () => void;
}

interface Starting {
  readonly group: GroupId;
  readonly write: WriteId;
  waiting: readonly Waiter[];
}

export class Allocations {
  readonly #world: Pick<World, "self" | "boot" | "out" | "calls">;
  readonly #options: AllocationsOptions;
  #ledger: AllocationLedger;
  /** The mark is on disk, or on its way there. */
  #isMarked = false;
  #measured: Amounts = new Map();
  /** Epochs that have begun, and of which that is not durable yet. */
  readonly #starting = new Map<GroupId, Starting>();

  constructor(world: Pick<World, "self" | "boot" | "out" | "calls">, options: AllocationsOptions) {
    this.#world = world;
    this.#options = options;
    this.#ledger = this.#create([], false);
  }

  /**
   * @param rows of `allocationRange()`
   * @param anewSince start in which the node was quarantined last: an older mark says nothing any more
   */
  restore(rows: readonly Row[], anewSince: BootNumber): void {
    const { begun, damaged, markedIn } = readLedger(rows);
    this.#isMarked = markedIn !== null && markedIn >= anewSince && damaged.length === 0;
    this.#ledger = this.#create(begun, this.#isMarked);
    if (damaged.length === 0) return;
    this.#world.out.write([ledgerMarkKey(), ...damaged].map(deletion));
    this.#world.out.note("warn", "The allocation ledger is damaged", { rows: damaged.length });
  }

  /** false: it admits nothing until the agent has said what runs here, and the groups what that uses. */
  get isWhole(): boolean {
    return this.#ledger.isWhole;
  }

  /** Groups that may run here, by the ledger. */
  get begun(): readonly GroupId[] {
    return this.#ledger.begun;
  }

  reserve(call: Call, request: Request & { readonly type: "reserve" }, nowMs: Millis): void {
    this.#learn();
    const { reservation, validateOnly } = request;
    const admission = validateOnly
      ? this.#ledger.assess(reservation, this.#capacity(), nowMs)
      : this.#ledger.reserve(reservation, this.#capacity(), nowMs);
    this.#world.calls.answer(call.key, this.#replyTo(admission));
  }

  /** The final gate. Called again of an epoch that has begun, it lets it pass. */
  begin(key: EpochKey, waiter: Waiter, nowMs: Millis): void {
    this.#learn();
    const beginning = this.#ledger.begin(key, nowMs);
    if (beginning.type === "refused") return waiter.answer(beginning.reason);
    const { allocation, isNew } = beginning;
    if (!isNew) return this.#await(allocation.group, waiter);
    const { group, epoch } = allocation;
    const overtaken = this.#starting.get(group)?.waiting ?? [];
    this.#starting.set(group, { group, write: this.#world.out.nextWrite, waiting: [waiter] });
    this.#world.out.writeDurably([putAllocation(allocation)], null);
    for (const other of overtaken) other.answer(`${group} goes on under epoch ${epoch}`);
  }

  /**
   * The group does not run here under this epoch or an older one, nor will it: its agent says that it is offline under this
   * epoch, or that it is offline while this epoch, the newest of the group, is not granted to it.
   */
  released(key: StoppedKey): void {
    if (this.#ledger.release(key)) {
      // Lost in a crash it comes back, and the agent denies it again.
      this.#world.out.write([deleteAllocation(key.group)]);
      this.#stopped(key.group);
    }
    this.#maybeMark();
  }

  /**
   * The first complete report of an agent since it, or this node, started. Not for later ones: what begins here while one is on its
   * way is not in it.
   */
  reported(reports: readonly GroupReport[]): void {
    const running = reports.filter(({ state }) => state !== "offline");
    const { begun, gone } = this.#ledger.reported(running, this.#options.termsOf);
    this.#world.out.write([...gone.map(deleteAllocation), ...begun.map(putAllocation)]);
    this.#maybeMark();
    for (const group of gone) this.#stopped(group);
  }

  /** The group has other policies, by its log as applied here. */
  configured(group: GroupId, { demand, differentNode }: AllocationRules): void {
    const changed = this.#ledger.change(group, { demand, differentNode });
    // Lost in a crash, the change of the policies is lost with it, and comes again.
    if (changed !== null) this.#world.out.write([putAllocation(changed)]);
  }

  /** By the agent; counts for dimensions of which nothing is configured. */
  measured(capacity: Amounts): void {
    this.#measured = capacity;
  }

  /** This node is in quarantine from this step on: its disk may miss what has begun here. */
  lose(): void {
    this.#ledger.lose();
    this.#isMarked = false;
    this.#world.out.write([deletion(ledgerMarkKey())]);
  }

  /** By dimension, of those of which a capacity is known. */
  free(nowMs: Millis): Amounts {
    this.#ledger.expire(nowMs);
    return this.#ledger.free(this.#capacity());
  }

  durable(write: WriteId): void {
    const started = [...this.#starting.values()].filter((starting) => starting.write <= write);
    for (const { group } of started) this.#starting.delete(group);
    for (const { waiting } of started) for (const { answer } of waiting) answer(null);
  }

  deadline(nowMs: Millis): void {
    this.#ledger.expire(nowMs);
    for (const starting of this.#starting.values()) {
      const { waiting } = starting;
      starting.waiting = waiting.filter(({ untilMs }) => untilMs > nowMs);
      for (const { late } of waiting.filter(({ untilMs }) => untilMs <= nowMs)) late();
    }
  }

  /** When the next reservation ends, or the next waiter has waited for long enough. */
  deadlineMs(): Millis | null {
    const waits = [...this.#starting.values()].flatMap(({ waiting }) => waiting.map(({ untilMs }) => untilMs));
    return earliest(this.#ledger.deadlineMs(), ...waits);
  }

  #create(begun: readonly Reservation[], isWhole: boolean): AllocationLedger {
    const { reservationMs, allocationsMax } = limits;
    return new AllocationLedger(
      { node: this.#world.self, reservationMs, entriesMax: allocationsMax },
      { begun, isWhole },
    );
  }

  #capacity(): Amounts {
    return new Map([...this.#measured, ...this.#options.configured()]);
  }

  /** Policies may have come since it was last asked. */
  #learn(): void {
    if (this.#ledger.isWhole) return;
    this.#world.out.write(this.#ledger.learn(this.#options.termsOf).map(putAllocation));
    this.#maybeMark();
  }

  /** In the write of the very step in which the ledger becomes whole, with the rows that make it so. */
  #maybeMark(): void {
    if (this.#isMarked || !this.#ledger.isWhole) return;
    this.#isMarked = true;
    this.#world.out.write([ledgerMark(this.#world.boot)]);
    this.#world.out.note("info", "The allocation ledger is whole", {});
  }

  #replyTo(admission: Admission): Reply {
    if (admission.type === "admitted") return { type: "reserve", isAdmitted: true, reason: "" };
    const { reason, isFull } = admission;
    if (isFull) return failed(failure("overloaded", reason, { node: this.#world.self }));
    return { type: "reserve", isAdmitted: false, reason };
  }

  /** It has begun; whether that is durable is another matter. */
  #await(group: GroupId, waiter: Waiter): void {
    const starting = this.#starting.get(group);
    if (starting === undefined) return waiter.answer(null);
    const { waiting } = starting;
    if (waiting.length < limits.allocationWaitersMax) starting.waiting = [...waiting, waiter];
    else waiter.answer(`${waiting.length} wait already for ${group} to begin on ${this.#world.self}`);
  }

  /** Nobody waits any more for it to begin. */
  #stopped(group: GroupId): void {
    const waiting = this.#starting.get(group)?.waiting ?? [];
    this.#starting.delete(group);
    for (const { answer } of waiting) answer(`${group} has stopped on ${this.#world.self}`);
  }
}

/** A node that starts for the first time knows of everything that runs there: nothing does. */
export function ledgerMark(boot: BootNumber): Operation {
  return { type: "put", key: ledgerMarkKey(), value: encodeLedgerMark({ boot }) };
}

function putAllocation(reservation: Reservation): Operation {
  return { type: "put", key: allocationKey(reservation.group), value: encodeAllocationRecord({ reservation }) };
}

function deleteAllocation(group: GroupId): Operation {
  return deletion(allocationKey(group));
}

function deletion(key: Uint8Array): Operation {
  return { type: "delete", key };
}

interface StoredLedger {
  readonly begun: readonly Reservation[];
  readonly damaged: readonly Uint8Array[];
  /** null: never. */
  readonly markedIn: BootNumber | null;
}

function readLedger(rows: readonly Row[]): StoredLedger {
  const begun: Reservation[] = [];
  const damaged: Uint8Array[] = [];
  let markedIn: BootNumber | null = null;
  for (const row of rows) {
    const key = parseKey(row.key);
    const content = key.type === "ledgerMark" ? decoded(row.value, decodeLedgerMark) : null;
    const allocation = key.type === "allocation" ? decoded(row.value, decodeAllocationRecord)?.reservation : null;
    if (content !== null) markedIn = content.boot;
    else if (key.type === "allocation" && allocation?.group === key.group) begun.push(allocation);
    else damaged.push(row.key);
  }
  return { begun, damaged, markedIn };
}

function decoded<Value>(bytes: Uint8Array, decode: (bytes: Uint8Array) => Value): Value | null {
  try {
    return decode(bytes);
  } catch {
    return null;
  }
}

// The node's part of the allocation ledger: what is on its disk, when the gate answers, what a restart leaves of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  decodeAllocationRecord,
  decodeLedgerMark,
  encodeAllocationRecord,
  encodeLedgerMark,
} from "../../../proto/codec/allocations.ts";
import { toBootNumber, toEpoch, toGroupId, toIncarnation, toLogIndex, toMillis, toNodeId } from "../../../proto/ids.ts";
import type { GroupReport, Reservation } from "../../../proto/placement.ts";
import type { Amounts } from "../../../proto/policies.ts";
import type { Reply } from "../../../proto/requests.ts";
import { Allocations, ledgerMark, type Waiter } from "../../../server/node/allocations.ts";
import { Calls } from "../../../server/node/calls.ts";
import { limits } from "../../../server/node/limits.ts";
import { Outbox } from "../../../server/node/outbox.ts";
import type { EpochKey, TermsOf } from "../../../server/recovery/allocation-ledger.ts";
import { compareBytes } from "../../../storage/bytes.ts";
import { allocationKey, ledgerMarkKey } from "../../../storage/keys.ts";
import type { Operation, Row } from "../../../storage/ordered-store.ts";

const n1 = toNodeId("n1");
const noAmounts: Amounts = new Map();
const eightCpu: Amounts = new Map([["cpu", 8]]);
const first = toBootNumber(1);
const never = toBootNumber(0);

function wants(group: string, epoch = 1, cpu = 1): Reservation {
  return {
    group: toGroupId(group),
    incarnation: toIncarnation(1),
    epoch: toEpoch(epoch),
    demand: new Map([["cpu", cpu]]),
    sameNode: [],
    differentNode: [],
  };
}

function reportOf(group: string, state: GroupReport["state"], epoch = 1): GroupReport {
  return { group: toGroupId(group), epoch: toEpoch(epoch), renews: true, state, resources: [], fence: null };
}

/** @param late where it is not durable at `untilMs` */
function waiter(answer: Waiter["answer"], late = () => {}, untilMs = Number.POSITIVE_INFINITY): Waiter {
  return { answer, late, untilMs: toMillis(untilMs) };
}

/** Rows of a node; a write is kept once it is durable, and lost in a crash before. */
class Disk {
  readonly #rows = new Map<string, Row>();
  #pending: { readonly write: number; readonly operations: readonly Operation[] }[] = [];

  get rows(): readonly Row[] {
    return [...this.#rows.values()].sort((left, right) => compareBytes(left.key, right.key));
  }

  get keys(): readonly string[] {
    return this.rows.map(({ key }) => Buffer.from(key).toString("hex"));
  }

  put(operations: readonly Operation[]): void {
    for (const operation of operations) {
      const name = Buffer.from(operation.key).toString("hex");
      if (operation.type === "put") this.#rows.set(name, operation);
      else this.#rows.delete(name);
    }
  }

  write(write: number, operations: readonly Operation[]): void {
    this.#pending.push({ write, operations });
  }

  /** @returns the newest write that is durable now; null: none was under way */
  sync(): number | null {
    const newest = this.#pending.at(-1)?.write ?? null;
    for (const { operations } of this.#pending) this.put(operations);
    this.#pending = [];
    return newest;
  }

  crash(): void {
    this.#pending = [];
  }
}

interface Parts {
  readonly disk?: Disk;
  readonly configured?: Amounts;
  readonly termsOf?: TermsOf;
  readonly anewSince?: typeof first;
}

/** One start of a node on this disk, with what it is asked. */
function start({ disk = new Disk(), configured = eightCpu, termsOf = () => null, anewSince = never }: Parts = {}) {
  const out = new Outbox();
  const world = { self: n1, boot: first, out, calls: new Calls(out) };
  const allocations = new Allocations(world, { configured: () => configured, termsOf });
  allocations.restore(disk.rows, anewSince);
  let syncs = 0;
  const settle = () => {
    const replies: Reply[] = [];
    for (const effect of out.take(toLogIndex(0), "")) {
      if (effect.type === "reply") replies.push(effect.reply);
      if (effect.type !== "write") continue;
      if (effect.batch.sync) syncs += 1;
      disk.write(effect.write, effect.batch.operations);
    }
    return replies;
  };
  settle();
  const becomeDurable = () => {
    const write = disk.sync();
    if (write === null) return;
    out.durable(write);
    allocations.durable(write);
  };
  let calls = 0;
  const reserve = (reservation: Reservation, nowMs = 0): string | null => {
    calls += 1;
    const request = { type: "reserve", node: n1, reservation, validateOnly: false } as const;
    const call = world.calls.open({ type: "client", call: calls }, request, null);
    assert.ok(call !== null);
    allocations.reserve(call, request, toMillis(nowMs));
    const [reply] = settle();
    if (reply?.type === "failed") return reply.failure.code;
    assert.ok(reply?.type === "reserve");
    assert.equal(reply.isAdmitted, reply.reason === "");
    return reply.isAdmitted ? null : reply.reason;
  };
  /** @returns the answers that have come, to which later ones are added */
  const begin = (key: EpochKey, nowMs = 0): readonly (string | null)[] => {
    const answers: (string | null)[] = [];
    allocations.begin(
      key,
      waiter((refusal) => answers.push(refusal)),
      toMillis(nowMs),
    );
    settle();
    return answers;
  };
  return { allocations, disk, settle, becomeDurable, reserve, begin, syncs: () => syncs };
}

/** A disk of a node that has once started, and on which these have begun. */
function diskWith(...begun: readonly Reservation[]): Disk {
  const disk = new Disk();
  disk.put([ledgerMark(first)]);
  for (const reservation of begun) {
    disk.put([{ type: "put", key: allocationKey(reservation.group), value: encodeAllocationRecord({ reservation }) }]);
  }
  return disk;
}

test("the gate answers only when it is durable that the epoch has begun, and of the same epoch to all who asked", () => {
  const node = start({ disk: diskWith() });
  assert.equal(node.reserve(wants("rg220")), null);
  assert.equal(node.syncs(), 0);
  const answers = node.begin(wants("rg220"));
  const others = node.begin(wants("rg220"));
  assert.deepEqual([answers, others, node.syncs()], [[], [], 1]);
  node.allocations.durable(0);
  assert.deepEqual(answers, []);
  node.becomeDurable();
  assert.deepEqual([answers, others], [[null], [null]]);
  assert.deepEqual(node.begin(wants("rg220")), [null]);
  assert.equal(node.syncs(), 1);
});

test("the gate refuses at once what has no reservation", () => {
  const node = start({ disk: diskWith() });
  assert.deepEqual(node.begin(wants("rg220")), ["rg220 has no reservation of epoch 1 on n1"]);
  node.reserve(wants("rg220"));
  const lateMs = limits.reservationMs;
  assert.equal(node.allocations.deadlineMs(), lateMs);
  assert.deepEqual(node.begin(wants("rg220"), lateMs), ["rg220 has no reservation of epoch 1 on n1"]);
});

test("a deadline ends reservations, and what they held is free", () => {
  const node = start({ disk: diskWith() });
  node.reserve(wants("rg220", 1, 5), 7);
  assert.deepEqual(node.allocations.free(toMillis(8)), new Map([["cpu", 3]]));
  node.allocations.deadline(toMillis(7 + limits.reservationMs));
  assert.equal(node.allocations.deadlineMs(), null);
  assert.deepEqual(node.allocations.free(toMillis(7 + limits.reservationMs)), eightCpu);
});

test("what has begun survives a restart, and a reservation does not", () => {
  const { disk, ...node } = start({ disk: diskWith() });
  for (const group of ["rg220", "rg222"]) assert.equal(node.reserve(wants(group, 3, 4)), null);
  node.begin(wants("rg220", 3));
  node.becomeDurable();
  const next = start({ disk });
  assert.equal(next.reserve(wants("rg226", 1, 5)), "n1 has 4 of 8 cpu left, rg226 asks for 5");
  assert.deepEqual(next.begin(wants("rg220", 3)), [null]);
  assert.deepEqual(next.begin(wants("rg222", 3)), ["rg222 has no reservation of epoch 3 on n1"]);
});

test("other policies of a group that has begun are put on record, and of one that has not nothing is", () => {
  const { disk, ...node } = start({ disk: diskWith(wants("rg220", 3, 2)) });
  node.allocations.configured(toGroupId("rg220"), wants("rg220", 1, 6));
  node.allocations.configured(toGroupId("rg222"), wants("rg222", 1, 6));
  node.settle();
  node.becomeDurable();
  assert.deepEqual(start({ disk }).reserve(wants("rg226", 1, 3)), "n1 has 2 of 8 cpu left, rg226 asks for 3");
  assert.equal(disk.rows.length, 2);
});

test("a newer epoch of a group takes over its row, and whoever still waits for the older one is told so", () => {
  const node = start({ disk: diskWith() });
  node.reserve(wants("rg220", 3));
  const older = node.begin(wants("rg220", 3));
  node.reserve(wants("rg220", 4, 2));
  const newer = node.begin(wants("rg220", 4));
  assert.deepEqual(older, ["rg220 goes on under epoch 4"]);
  node.becomeDurable();
  assert.deepEqual([older.length, newer], [1, [null]]);
  const row = node.disk.rows.find(({ key }) => compareBytes(key, allocationKey(toGroupId("rg220"))) === 0);
  assert.ok(row !== undefined);
  assert.deepEqual(decodeAllocationRecord(row.value).reservation, wants("rg220", 4, 2));
});

test("whoever waits for a new epoch, and asks again from within the refusal of the older one, waits for the disk too", () => {
  const node = start({ disk: diskWith() });
  node.reserve(wants("rg220", 3));
  const answers: (string | null)[] = [];
  const last = waiter((refusal) => answers.push(refusal));
  const again = () => node.allocations.begin(wants("rg220", 4), last, toMillis(0));
  node.allocations.begin(wants("rg220", 3), waiter(again), toMillis(0));
  node.settle();
  node.reserve(wants("rg220", 4));
  node.begin(wants("rg220", 4));
  assert.deepEqual(answers, []);
  node.becomeDurable();
  assert.deepEqual(answers, [null]);
});

test("more than so many do not wait for one epoch to begin", () => {
  const node = start({ disk: diskWith() });
  node.reserve(wants("rg220"));
  const waiting = Array.from({ length: limits.allocationWaitersMax }, () => node.begin(wants("rg220")));
  assert.match(node.begin(wants("rg220"))[0] ?? "", /wait already for rg220/);
  node.becomeDurable();
  assert.ok(waiting.every(([answer]) => answer === null));
});

test("who waits for an epoch to begin is told in time that it is not durable, and may ask again", () => {
  const node = start({ disk: diskWith() });
  node.reserve(wants("rg220"));
  const answers: (string | null)[] = [];
  const wait = waiter(
    (refusal) => answers.push(refusal),
    () => answers.push("late"),
    500,
  );
  node.allocations.begin(wants("rg220"), wait, toMillis(0));
  node.settle();
  assert.equal(node.allocations.deadlineMs(), 500);
  for (const nowMs of [499, 500]) node.allocations.deadline(toMillis(nowMs));
  node.becomeDurable();
  assert.deepEqual([answers, node.begin(wants("rg220")), node.allocations.deadlineMs()], [["late"], [null], null]);
});

test("what has stopped leaves the disk, and an epoch that stopped before it had begun durably is refused", () => {
  const node = start({ disk: diskWith() });
  node.reserve(wants("rg220", 3, 8));
  const answers = node.begin(wants("rg220", 3));
  node.allocations.released(wants("rg220", 2));
  assert.deepEqual(answers, []);
  node.allocations.released(wants("rg220", 3));
  node.settle();
  assert.deepEqual(answers, ["rg220 has stopped on n1"]);
  node.becomeDurable();
  assert.equal(answers.length, 1);
  assert.deepEqual(node.disk.keys, ["08"]);
  assert.equal(node.reserve(wants("rg226", 1, 8)), null);
});

test("a ledger without its mark admits nothing until the agent has said all, and that is on disk with the mark", () => {
  const terms = { ...wants("rg226", 0, 5) };
  const { disk, ...node } = start({ termsOf: () => terms });
  assert.equal(node.allocations.isWhole, false);
  assert.equal(node.reserve(wants("rg220")), "n1 does not know what runs there: its agent has to say so first");
  node.allocations.reported([reportOf("rg226", "online", 4), reportOf("rg220", "offline", 0)]);
  assert.equal(node.reserve(wants("rg220", 1, 4)), "n1 has 3 of 8 cpu left, rg220 asks for 4");
  node.becomeDurable();
  assert.deepEqual(disk.keys, ["08", "08057267323236"]);
  assert.deepEqual(decodeLedgerMark(disk.rows[0]?.value ?? new Uint8Array(1)), { boot: 1 });
  assert.equal(start({ disk }).reserve(wants("rg220", 1, 4)), "n1 has 3 of 8 cpu left, rg220 asks for 4");
});

test("groups whose policies are not known yet keep the ledger from being whole, and are asked about again", () => {
  let known: ReturnType<TermsOf> = null;
  const node = start({ termsOf: () => known });
  node.allocations.reported([reportOf("rg226", "releasing", 4)]);
  assert.match(node.reserve(wants("rg220")) ?? "", /does not know what rg226 uses/);
  node.becomeDurable();
  assert.deepEqual(node.disk.keys, []);
  known = wants("rg226", 0, 5);
  assert.equal(node.reserve(wants("rg220", 1, 4)), "n1 has 3 of 8 cpu left, rg220 asks for 4");
  node.becomeDurable();
  assert.deepEqual(node.disk.keys, ["08", "08057267323236"]);
});

test("what the agent does not name after a restart leaves the ledger, the rest stays", () => {
  const disk = diskWith(wants("rg220", 3, 4), wants("rg222", 3, 4));
  const node = start({ disk });
  assert.match(node.reserve(wants("rg226")) ?? "", /0 of 8 cpu left/);
  node.allocations.reported([reportOf("rg220", "online", 3)]);
  assert.equal(node.reserve(wants("rg226", 1, 4)), null);
  node.becomeDurable();
  assert.deepEqual(disk.keys, ["08", "08057267323230"]);
});

test("an epoch whose group the agent does not name before it has begun durably is refused", () => {
  const node = start({ disk: diskWith() });
  node.reserve(wants("rg220"));
  const answers = node.begin(wants("rg220"));
  node.allocations.reported([]);
  node.settle();
  node.becomeDurable();
  assert.deepEqual(answers, ["rg220 has stopped on n1"]);
  assert.deepEqual(node.disk.keys, ["08"]);
});

test("a damaged row, a damaged mark and one from before the last quarantine make the ledger doubtful, whole rows stay", () => {
  const key = allocationKey(toGroupId("rg222"));
  const damages: readonly Operation[] = [
    { type: "put", key, value: Uint8Array.of(0xff) },
    { type: "put", key, value: encodeAllocationRecord({ reservation: wants("rg224") }) },
    { type: "put", key: ledgerMarkKey(), value: Uint8Array.of(0xff) },
    { type: "put", key: Uint8Array.of(...ledgerMarkKey(), 1, 0), value: encodeLedgerMark({ boot: first }) },
  ];
  for (const damage of damages) {
    const disk = diskWith(wants("rg220", 3, 4));
    disk.put([damage]);
    const node = start({ disk });
    assert.equal(node.allocations.isWhole, false);
    node.becomeDurable();
    assert.deepEqual(disk.keys, ["08057267323230"]);
    assert.equal(start({ disk }).allocations.isWhole, false);
    assert.deepEqual(node.begin(wants("rg220", 3)), [null]);
  }
  assert.equal(start({ disk: diskWith(), anewSince: toBootNumber(1) }).allocations.isWhole, true);
  assert.equal(start({ disk: diskWith(), anewSince: toBootNumber(2) }).allocations.isWhole, false);
});

test("a quarantine takes the mark away, also for the starts that follow", () => {
  const { disk, ...node } = start({ disk: diskWith(wants("rg220", 3)) });
  node.reserve(wants("rg222"));
  node.allocations.lose();
  node.settle();
  assert.match(node.begin(wants("rg222"))[0] ?? "", /no reservation/);
  node.becomeDurable();
  assert.deepEqual(disk.keys, ["08057267323230"]);
  assert.equal(start({ disk }).allocations.isWhole, false);
});

test("measured capacity counts where none is configured", () => {
  const measured = new Map([
    ["cpu", 100],
    ["memory", 5],
  ]);
  const node = start({ disk: diskWith() });
  node.allocations.measured(measured);
  assert.deepEqual(
    node.allocations.free(toMillis(0)),
    new Map([
      ["cpu", 8],
      ["memory", 5],
    ]),
  );
  const unconfigured = start({ disk: diskWith(), configured: noAmounts });
  assert.equal(unconfigured.reserve(wants("rg220", 1, 200)), null);
  unconfigured.allocations.measured(measured);
  assert.equal(unconfigured.reserve(wants("rg222", 1, 1)), "n1 has 0 of 100 cpu left, rg222 asks for 1");
});

test("a ledger that is full is overloaded", () => {
  const begun = Array.from({ length: limits.allocationsMax }, (_, number) => wants(`g${number}`, 1, 0));
  const node = start({ disk: diskWith(...begun) });
  assert.equal(node.reserve(wants("rg220")), "overloaded");
  assert.equal(node.reserve(wants("g7", 2)), null);
});

test("a record of an allocation returns from disk as it was written, byte for byte as it was once", () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9]{0,9}$/).map(toGroupId);
  const amounts = fc.uniqueArray(fc.tuple(fc.constantFrom("cpu", "memory", "disk"), fc.maxSafeNat()), {
    selector: ([dimension]) => dimension,
  });
  const any: fc.Arbitrary<Reservation> = fc.record(
    {
      group: name,
      incarnation: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }).map(toIncarnation),
      epoch: fc.maxSafeNat().map(toEpoch),
      demand: amounts.map((entries) => new Map(entries)),
      sameNode: fc.array(name),
      differentNode: fc.array(name),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(any, (reservation) => {
      assert.deepEqual(decodeAllocationRecord(encodeAllocationRecord({ reservation })), { reservation });
    }),
  );
  const reservation = { ...wants("rg220", 7, 4), sameNode: [toGroupId("a")], differentNode: [toGroupId("b")] };
  const hex = Buffer.from(encodeAllocationRecord({ reservation })).toString("hex");
  assert.equal(hex, "0a1c0a0572673232301001180722090a070a0363707510042a0161320162");
  assert.equal(Buffer.from(encodeLedgerMark({ boot: toBootNumber(300) })).toString("hex"), "08ac02");
});

type Step =
  | { readonly type: "reserve" | "begin" | "release"; readonly group: number; readonly epoch: number }
  | { readonly type: "sync" }
  | { readonly type: "crash" }
  | { readonly type: "expire" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constantFrom("reserve", "begin", "begin", "release"),
      group: fc.nat({ max: 2 }),
      epoch: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Step>({ type: "sync" }, { type: "sync" }, { type: "crash" }, { type: "expire" }),
  },
);

/** Groups of 3, 4 and 5 of 8 cpu: the last two do not fit together, nor all three. */
class Model {
  readonly #disk = diskWith();
  #node = start({ disk: this.#disk });
  #nowMs = 0;
  /** As far as the gate has answered, and with which epoch. */
  readonly #running = new Map<string, number>();

  take(step: Step): void {
    switch (step.type) {
      case "sync":
        return this.#node.becomeDurable();
      case "expire":
        this.#nowMs += limits.reservationMs;
        return;
      case "crash":
        this.#disk.crash();
        this.#node = start({ disk: this.#disk });
        return;
      default:
        return this.#ask(step.type, wants(`g${step.group}`, step.epoch, 3 + step.group));
    }
  }

  check(): void {
    const groups = [...this.#running.keys()];
    const used = groups.reduce((sum, group) => sum + 3 + Number(group.slice(1)), 0);
    assert.ok(used <= 8, `${groups} run at once`);
    assert.ok((this.#node.allocations.free(toMillis(this.#nowMs)).get("cpu") ?? 8) <= 8 - used);
  }

  #ask(type: "reserve" | "begin" | "release", wanted: Reservation): void {
    const { group, epoch } = wanted;
    const then = (refusal: string | null) => {
      if (refusal === null) this.#running.set(group, epoch);
    };
    if (type === "reserve") this.#node.reserve(wanted, this.#nowMs);
    else if (type === "begin") this.#node.allocations.begin(wanted, waiter(then), toMillis(this.#nowMs));
    else {
      this.#node.allocations.released(wanted);
      if ((this.#running.get(group) ?? Number.POSITIVE_INFINITY) <= epoch) this.#running.delete(group);
    }
    this.#node.settle();
  }
}

test("whenever the node crashes, what the gate has let through holds its room until it has stopped", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const model = new Model();
      for (const each of steps) {
        model.take(each);
        model.check();
      }
    }),
    { numRuns: 400 },
  );
});

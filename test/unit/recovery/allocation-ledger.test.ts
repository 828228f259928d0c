// The allocation ledger (D5): one order for all groups of a node, no room given twice, nothing freed before it has stopped.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type GroupId, toEpoch, toGroupId, toIncarnation, toNodeId } from "../../../proto/ids.ts";
import type { Reservation } from "../../../proto/placement.ts";
import type { Amounts } from "../../../proto/policies.ts";
import {
  AllocationLedger,
  type AllocationTerms,
  type EpochKey,
  type LedgerRecord,
} from "../../../server/recovery/allocation-ledger.ts";
import { ms } from "./fixtures.ts";

const options = { node: toNodeId("n208"), reservationMs: 10_000, entriesMax: 3 };
const whole: LedgerRecord = { begun: [], isWhole: true };
const eightCpu = amountsOf({ cpu: 8 });

function amountsOf(amounts: Readonly<Record<string, number>>): Amounts {
  return new Map(Object.entries(amounts));
}

interface Wanted {
  readonly epoch?: number;
  readonly incarnation?: number;
  readonly cpu?: number;
  readonly sameNode?: readonly string[];
  readonly differentNode?: readonly string[];
}

function wants(group: string, wanted: Wanted = {}): Reservation {
  return {
    group: toGroupId(group),
    incarnation: toIncarnation(wanted.incarnation ?? 1),
    epoch: toEpoch(wanted.epoch ?? 1),
    demand: amountsOf({ cpu: wanted.cpu ?? 1 }),
    sameNode: (wanted.sameNode ?? []).map(toGroupId),
    differentNode: (wanted.differentNode ?? []).map(toGroupId),
  };
}

/** A ledger with short forms of what is asked of it, at eight cpu. */
function create(record = whole, capacity = eightCpu) {
  const ledger = new AllocationLedger(options, record);
  const reserve = (request: Reservation, nowMs = 0) => {
    const admission = ledger.reserve(request, capacity, ms(nowMs));
    return admission.type === "admitted" ? null : admission.reason;
  };
  const begin = (key: EpochKey, nowMs = 0) => {
    const beginning = ledger.begin(key, ms(nowMs));
    return beginning.type === "begun" ? null : beginning.reason;
  };
  const start = (request: Reservation) => assert.deepEqual([reserve(request), begin(request)], [null, null]);
  const cpuLeft = () => ledger.free(capacity).get("cpu");
  return { ledger, reserve, begin, start, cpuLeft };
}

test("assess() answers as reserve() would, and keeps nothing for it", () => {
  const { ledger, reserve, begin, cpuLeft } = create();
  const assess = (request: Reservation) => ledger.assess(request, eightCpu, ms(0));
  assert.equal(assess(wants("a", { cpu: 6 })).type, "admitted");
  assert.equal(cpuLeft(), 8);
  assert.match(begin(wants("a", { cpu: 6 })) ?? "", /a has no reservation of epoch 1/);
  assert.equal(reserve(wants("b", { cpu: 5 })), null);
  const full = { type: "refused", reason: "n208 has 3 of 8 cpu left, a asks for 6", isFull: false };
  assert.deepEqual(assess(wants("a", { cpu: 6 })), full);
});

test("a group is refused what others have not left of a dimension, with the numbers", () => {
  const { reserve, start, cpuLeft } = create();
  start(wants("rg226", { cpu: 5 }));
  assert.equal(reserve(wants("rg222", { cpu: 1 })), null);
  assert.equal(reserve(wants("rg220", { cpu: 4 })), "n208 has 2 of 8 cpu left, rg220 asks for 4");
  assert.equal(reserve(wants("rg220", { cpu: 2 })), null);
  assert.equal(cpuLeft(), 0);
});

test("a dimension without a capacity is unlimited, and nothing is asked of one that is full", () => {
  const { ledger, reserve, start } = create();
  start(wants("rg226", { cpu: 8 }));
  const memory = { ...wants("rg220", { cpu: 0 }), demand: amountsOf({ cpu: 0, memory: 1e12 }) };
  assert.equal(reserve(memory), null);
  assert.deepEqual(ledger.free(amountsOf({ cpu: 4, disk: 3 })), amountsOf({ cpu: 0, disk: 3 }));
});

test("a different-node rule holds whichever of the two groups has it", () => {
  const { reserve, start } = create();
  start(wants("rg226", { differentNode: ["rg220", "rg226"] }));
  const refusal = "rg226 has begun on n208, and must run on a different node than rg220";
  assert.equal(reserve(wants("rg220")), refusal);
  assert.equal(reserve(wants("rg222")), null);
  const rule = wants("rg224", { differentNode: ["rg222"] });
  assert.equal(reserve(rule), "rg222 has a reservation on n208, and rg224 must run on a different node");
});

test("a same-node rule wants the other group here, reserved or begun, also when the epoch begins", () => {
  const { ledger, reserve, begin } = create();
  const follower = wants("rg220", { sameNode: ["rg226", "rg220"] });
  const refusal = "rg220 must run on the same node as rg226, which is not on n208";
  assert.equal(reserve(follower), refusal);
  assert.equal(reserve(wants("rg226")), null);
  assert.equal(reserve(follower, 5_000), null);
  assert.equal(begin(follower, 10_000), refusal);
  assert.equal(reserve(wants("rg226"), 10_000), null);
  assert.equal(begin(follower, 10_000), null);
  assert.equal(ledger.deadlineMs(), 20_000);
});

test("change() counts what has begun and what is promised by the new policies, and more than there is keeps others out", () => {
  const { ledger, reserve, begin, start, cpuLeft } = create();
  const change = (group: string, rules: Parameters<typeof wants>[1]) =>
    ledger.change(toGroupId(group), wants(group, rules));
  start(wants("rg226", { cpu: 2 }));
  reserve(wants("rg222", { cpu: 1 }));
  assert.deepEqual(change("rg226", { cpu: 7, epoch: 3 }), wants("rg226", { cpu: 7 }));
  assert.equal(change("rg222", { cpu: 3, differentNode: ["rg224"] }), null);
  assert.equal(change("rg220", { cpu: 3 }), null);
  assert.equal(reserve(wants("rg220", { cpu: 1 })), "n208 has 0 of 8 cpu left, rg220 asks for 1");
  assert.equal(reserve(wants("rg224")), "rg222 has a reservation on n208, and must run on a different node than rg224");
  assert.equal(begin(wants("rg222")), null);
  change("rg226", { cpu: 1 });
  assert.equal(cpuLeft(), 4);
  assert.equal(ledger.deadlineMs(), null);
});

test("a reservation ends at its time and not before, and asked for again it has its whole time again", () => {
  const { ledger, reserve, begin, cpuLeft } = create();
  reserve(wants("rg220", { cpu: 8 }), 0);
  reserve(wants("rg220", { cpu: 8 }), 4_000);
  assert.equal(ledger.deadlineMs(), 14_000);
  ledger.expire(ms(13_999));
  assert.equal(cpuLeft(), 0);
  assert.equal(begin(wants("rg220"), 14_000), "rg220 has no reservation of epoch 1 on n208");
  assert.equal(ledger.deadlineMs(), null);
  assert.equal(cpuLeft(), 8);
});

test("renewed out of turn, reservations still end in the order of their times", () => {
  const { ledger, reserve } = create();
  reserve(wants("rg220"), 0);
  reserve(wants("rg222"), 1_000);
  reserve(wants("rg220"), 2_000);
  assert.equal(ledger.deadlineMs(), 11_000);
  ledger.expire(ms(11_000));
  assert.equal(ledger.deadlineMs(), 12_000);
});

test("without a live reservation of exactly this epoch the gate stays shut", () => {
  const { reserve, begin } = create();
  reserve(wants("rg220", { epoch: 7 }));
  for (const other of [{ epoch: 6 }, { epoch: 8 }, { epoch: 7, incarnation: 2 }]) {
    assert.equal(begin(wants("rg220", other)), `rg220 has no reservation of epoch ${other.epoch} on n208`);
  }
  assert.equal(begin(wants("rg220", { epoch: 7 })), null);
});

test("an epoch that has begun passes the gate again, and is told from one that is new", () => {
  const { ledger, start } = create();
  const request = wants("rg220", { epoch: 7 });
  start(request);
  assert.deepEqual(ledger.begin(request, ms(1e6)), { type: "begun", allocation: request, isNew: false });
  assert.deepEqual(ledger.reserve(request, amountsOf({ cpu: 0 }), ms(1e6)), { type: "admitted" });
  assert.equal(ledger.deadlineMs(), null);
});

test("a newer epoch of a group does not count twice, and holds the larger amount until it begins", () => {
  const { reserve, begin, start, cpuLeft } = create();
  start(wants("rg220", { epoch: 7, cpu: 5 }));
  assert.equal(reserve(wants("rg220", { epoch: 8, cpu: 6 })), null);
  assert.equal(cpuLeft(), 2);
  assert.equal(reserve(wants("rg220", { epoch: 9, cpu: 3 })), null);
  assert.equal(cpuLeft(), 3);
  assert.equal(begin(wants("rg220", { epoch: 8 })), "rg220 has no reservation of epoch 8 on n208");
  assert.equal(begin(wants("rg220", { epoch: 9 })), null);
  assert.equal(cpuLeft(), 5);
});

test("the reservation of a newer epoch ends without what runs under the older one", () => {
  const { ledger, start, reserve, cpuLeft } = create();
  start(wants("rg220", { epoch: 7, cpu: 5 }));
  reserve(wants("rg220", { epoch: 8, cpu: 8 }));
  ledger.expire(ms(10_000));
  assert.equal(cpuLeft(), 3);
});

test("an older epoch than the newest here is refused; a later incarnation is newer whatever its epoch", () => {
  const { reserve, start } = create();
  start(wants("rg220", { epoch: 7 }));
  assert.equal(reserve(wants("rg220", { epoch: 6 })), "rg220 has begun on n208 under epoch 7, this is for epoch 6");
  assert.equal(reserve(wants("rg220", { epoch: 9 })), null);
  assert.equal(
    reserve(wants("rg220", { epoch: 8 })),
    "rg220 has a reservation of epoch 9 on n208, this is for epoch 8",
  );
  assert.equal(reserve(wants("rg220", { incarnation: 2, epoch: 1 })), null);
  assert.match(reserve(wants("rg220", { epoch: 10 })) ?? "", /reservation of epoch 1/);
});

test("capacity is free again only when the application stopped under this epoch or a later one", () => {
  const { ledger, start, cpuLeft } = create();
  start(wants("rg220", { epoch: 7, cpu: 5 }));
  assert.equal(ledger.release(wants("rg220", { epoch: 6 })), false);
  assert.equal(cpuLeft(), 3);
  assert.equal(ledger.release(wants("rg220", { epoch: 8 })), true);
  assert.equal(cpuLeft(), 8);
  assert.equal(ledger.release(wants("rg220", { epoch: 8 })), false);
});

test("of a group that the node owns no more its epoch alone says whether it has stopped", () => {
  const { ledger, start, cpuLeft } = create();
  start(wants("rg220", { incarnation: 2, epoch: 7, cpu: 5 }));
  assert.equal(ledger.release(wants("rg220", { incarnation: 1, epoch: 9 })), false);
  assert.equal(ledger.release({ ...running("rg220", 6), incarnation: null }), false);
  assert.equal(ledger.release({ ...running("rg220", 7), incarnation: null }), true);
  assert.equal(cpuLeft(), 8);
});

test("a full ledger refuses one more group as full, and goes on with those it has", () => {
  const { ledger, reserve } = create();
  for (const group of ["rg220", "rg222", "rg224"]) reserve(wants(group));
  const admission = ledger.reserve(wants("rg226"), eightCpu, ms(0));
  const reason = "n208 holds allocations of 3 groups, limit 3";
  assert.deepEqual(admission, { type: "refused", reason, isFull: true });
  assert.equal(reserve(wants("rg224", { epoch: 2 })), null);
  assert.equal(reserve(wants("rg226"), 10_000), null);
});

const terms: AllocationTerms = {
  incarnation: toIncarnation(1),
  demand: amountsOf({ cpu: 6 }),
  sameNode: [],
  differentNode: [],
};
const running = (group: string, epoch: number) => ({ group: toGroupId(group), epoch: toEpoch(epoch) });

test("a lost ledger admits nothing until the agent has said what runs there; then that holds what its policies say", () => {
  const { ledger, reserve, cpuLeft } = create({ begun: [], isWhole: false });
  assert.equal(reserve(wants("rg220")), "n208 does not know what runs there: its agent has to say so first");
  const change = ledger.reported([running("rg226", 4)], () => terms);
  assert.deepEqual(change, { begun: [{ ...terms, ...running("rg226", 4) }], gone: [] });
  assert.equal(cpuLeft(), 2);
  assert.equal(reserve(wants("rg220", { cpu: 3 })), "n208 has 2 of 8 cpu left, rg220 asks for 3");
});

test("while it is not known what a running group uses nothing is admitted, until that is known or the group has stopped", () => {
  for (const stops of [false, true]) {
    const { ledger, reserve } = create({ begun: [], isWhole: false });
    ledger.reported([running("rg226", 4)], () => null);
    assert.equal(ledger.isWhole, false);
    assert.equal(reserve(wants("rg220")), "n208 does not know what rg226 uses, which runs there (1 in all)");
    if (stops) ledger.release(wants("rg226", { epoch: 4 }));
    else assert.equal(ledger.learn(() => terms).length, 1);
    assert.equal(ledger.isWhole, true);
    assert.equal(reserve(wants("rg220", { cpu: 3 })) === null, stops);
  }
});

test("the gate is shut while the ledger is not whole, also for what was admitted before", () => {
  const { ledger, reserve, begin } = create();
  reserve(wants("rg220"));
  ledger.reported([running("rg226", 4)], () => null);
  assert.match(begin(wants("rg220")) ?? "", /does not know what rg226 uses/);
  ledger.learn(() => terms);
  assert.equal(begin(wants("rg220")), null);
});

test("the agent's word confirms, denies and raises what is on record", () => {
  const begun = [wants("rg220", { epoch: 3, cpu: 1 }), wants("rg222", { cpu: 1 }), wants("rg224", { cpu: 1 })];
  const { ledger, cpuLeft } = create({ begun, isWhole: true });
  const change = ledger.reported([running("rg220", 2), running("rg224", 5)], (group) =>
    group === "rg224" ? { ...terms, demand: amountsOf({ cpu: 2 }) } : terms,
  );
  assert.deepEqual(change.gone, [toGroupId("rg222")]);
  assert.deepEqual(change.begun, [{ ...terms, ...running("rg224", 5), demand: amountsOf({ cpu: 2 }) }]);
  assert.equal(cpuLeft(), 5);
  assert.equal(ledger.release(wants("rg220", { epoch: 2 })), false);
});

test("a node whose disk is in doubt ends its reservations, and keeps what has begun", () => {
  const { ledger, start, reserve, begin, cpuLeft } = create();
  start(wants("rg226", { cpu: 2 }));
  reserve(wants("rg220", { cpu: 3 }));
  ledger.lose();
  assert.equal(cpuLeft(), 6);
  assert.match(reserve(wants("rg220")) ?? "", /does not know what runs there/);
  assert.match(begin(wants("rg220")) ?? "", /no reservation/);
});

type Step =
  | { readonly type: "reserve" | "begin" | "release"; readonly group: number; readonly ahead: number }
  | { readonly type: "pass"; readonly afterMs: number }
  | { readonly type: "restart" };

const rulesOf = [
  { demand: [amountsOf({ cpu: 5, disk: 1 }), amountsOf({ cpu: 2 })], differentNode: [] },
  { demand: [amountsOf({ cpu: 4 }), amountsOf({ cpu: 6, disk: 3 })], differentNode: ["g2"] },
  { demand: [amountsOf({ cpu: 3, disk: 2 }), amountsOf({ cpu: 1 })], differentNode: [] },
  { demand: [amountsOf({ cpu: 1, disk: 2 }), amountsOf({ disk: 4 })], differentNode: ["g0", "g1"] },
];
const capacity = amountsOf({ cpu: 8, disk: 4 });

/** What must be true whatever the ledger remembers, worked out from its answers alone. */
class Model {
  readonly begun = new Map<GroupId, Reservation>();
  readonly promised = new Map<GroupId, { readonly request: Reservation; readonly untilMs: number }>();
  readonly epochs = rulesOf.map(() => 0);
  ledger = this.#start();
  nowMs = 0;

  take(step: Step): void {
    switch (step.type) {
      case "pass":
        this.nowMs += step.afterMs;
        return this.#expire();
      case "restart":
        this.promised.clear();
        this.ledger = this.#start();
        return;
      case "reserve":
        return this.#reserve(this.#request(step));
      case "begin":
        return this.#begin(this.#request(step));
      case "release":
        return this.#release(this.#request(step));
    }
  }

  check(): void {
    for (const [dimension, amount] of capacity) {
      let held = 0;
      for (const group of new Set([...this.begun.keys(), ...this.promised.keys()])) {
        const both = [this.begun.get(group), this.promised.get(group)?.request];
        held += Math.max(...both.map((each) => each?.demand.get(dimension) ?? 0));
      }
      assert.ok(held <= amount, `${held} of ${amount} ${dimension} is held`);
      assert.equal(this.ledger.free(capacity).get(dimension), amount - held);
    }
    for (const { group, differentNode } of this.begun.values()) {
      const together = differentNode.filter((other) => this.begun.has(other));
      assert.deepEqual(together, [], `beside ${group}`);
    }
  }

  #start(): AllocationLedger {
    return new AllocationLedger({ ...options, entriesMax: 10 }, { begun: [...this.begun.values()], isWhole: true });
  }

  /** `ahead` of the newest epoch that the group has begun with; its demand changes with the epoch. */
  #request({ group, ahead }: { readonly group: number; readonly ahead: number }): Reservation {
    const epoch = Math.max(1, (this.epochs[group] ?? 0) + ahead);
    const { demand, differentNode } = rulesOf[group] as (typeof rulesOf)[number];
    return { ...wants(`g${group}`, { epoch, differentNode }), demand: demand[epoch % 2] as Amounts };
  }

  #reserve(request: Reservation): void {
    const { type } = this.ledger.reserve(request, capacity, ms(this.nowMs));
    const isBegun = this.begun.get(request.group)?.epoch === request.epoch;
    if (type === "admitted" && !isBegun) {
      this.promised.set(request.group, { request, untilMs: this.nowMs + options.reservationMs });
    }
  }

  #begin(request: Reservation): void {
    const { group, epoch } = request;
    const isBegun = this.begun.get(group)?.epoch === epoch;
    const isPromised = this.promised.get(group)?.request.epoch === epoch;
    const { type } = this.ledger.begin(request, ms(this.nowMs));
    assert.equal(type === "begun", isBegun || isPromised);
    if (type === "refused" || isBegun) return;
    this.promised.delete(group);
    this.begun.set(group, request);
    this.epochs[Number(group.slice(1))] = epoch;
  }

  #release(request: Reservation): void {
    const known = this.begun.get(request.group);
    const isOver = known !== undefined && known.epoch <= request.epoch;
    assert.equal(this.ledger.release(request), isOver);
    if (isOver) this.begun.delete(request.group);
  }

  #expire(): void {
    for (const [group, { untilMs }] of this.promised) if (untilMs <= this.nowMs) this.promised.delete(group);
    this.ledger.expire(ms(this.nowMs));
  }
}

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constantFrom("reserve", "reserve", "begin", "begin", "release"),
      group: fc.nat({ max: rulesOf.length - 1 }),
      ahead: fc.constantFrom(1, 1, 1, 0, 2),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("pass"), afterMs: fc.constantFrom(1, 3_000, 10_000) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("restart") }) },
);

test("whatever is asked in whatever order, no dimension is overcommitted and no different-node rule is broken", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const model = new Model();
      for (const each of steps) {
        model.take(each);
        model.check();
      }
    }),
    { numRuns: 400 },
  );
});

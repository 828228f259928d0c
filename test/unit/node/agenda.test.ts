import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Millis, toGroupId, toMillis } from "../../../proto/ids.ts";
import { Agenda, type Planned } from "../../../server/node/agenda.ts";
import { Cluster, n1, n2, n3 } from "./cluster.ts";

class Item implements Planned {
  dueMs: Millis | null = null;
  isRestless = false;
  isWriting = false;

  deadlineMs(): Millis | null {
    return this.dueMs;
  }
}

const count = 5;
const change = fc.record({
  item: fc.nat(count - 1),
  dueMs: fc.option(fc.nat(20)),
  isRestless: fc.boolean(),
  isWriting: fc.boolean(),
  isAway: fc.boolean(),
});

test("whoever changes has its turn in the step, others when they are due, always in the order in which they came", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      const agenda = new Agenda<Item>();
      const all = Array.from({ length: count }, () => new Item());
      let held = [...all];
      for (const item of all) agenda.add(item);
      for (const [step, { item: at, dueMs, isAway, ...flags }] of changes.entries()) {
        const item = all[at] as Item;
        const nowMs = toMillis(Math.floor(step / 2));
        const isDue = (each: Item) => each.dueMs !== null && each.dueMs <= nowMs;
        assert.deepEqual(
          agenda.atDeadline(nowMs),
          step === 0 ? [] : held.filter((each) => isDue(each) || each.isRestless),
        );
        assert.deepEqual(agenda.writing(), step === 0 ? [] : held.filter((each) => each.isWriting));
        const expected = held.filter((each) => step === 0 || each === item || isDue(each));
        agenda.touch(item);
        const taken = agenda.take(nowMs);
        assert.deepEqual(taken, expected);
        Object.assign(item, flags, { dueMs });
        for (const each of taken) agenda.file(each);
        if (isAway) agenda.drop(item);
        if (isAway) held = held.filter((each) => each !== item);
        const dues = held.flatMap((each) => each.dueMs ?? []);
        assert.equal(agenda.deadlineMs(), dues.length === 0 ? null : Math.min(...dues));
      }
    }),
  );
});

test("what happens during a turn counts for the next step", () => {
  const agenda = new Agenda<Item>();
  const item = new Item();
  agenda.add(item);
  assert.deepEqual(agenda.take(toMillis(0)), [item]);
  agenda.touch(item);
  agenda.file(item);
  assert.deepEqual(agenda.touched(), [item]);
  assert.deepEqual(agenda.take(toMillis(0)), [item]);
  assert.deepEqual(agenda.take(toMillis(0)), []);
});

test("a step of a node gives no turn to groups to which nothing has happened", () => {
  const names = Array.from({ length: 20 }, (_, at) => `g${at}`);
  const groups = Object.fromEntries(names.map((name) => [name, [n1, n2, n3]]));
  const cluster = new Cluster({ nodes: [n1, n2, n3], groups, voters: [n1, n2, n3] });
  cluster.advance(5_000);
  const { machine } = cluster.member(n1);
  let turns = 0;
  for (const name of names) {
    const group = machine.group(toGroupId(name));
    assert.ok(group !== null);
    const settle = group.settle.bind(group);
    group.settle = (nowMs) => {
      turns += 1;
      return settle(nowMs);
    };
  }
  const nowMs = toMillis(cluster.nowMs);
  machine.step({ type: "diskFree", bytes: 1e12 }, nowMs);
  machine.step({ type: "durable", write: 1 }, nowMs);
  assert.equal(turns, 0);
  machine.step(
    { type: "call", call: 1, request: { type: "groupStatus", group: toGroupId("g7") }, budgetMs: 1000 },
    nowMs,
  );
  assert.equal(turns, 1);
});

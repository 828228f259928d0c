import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toMillis } from "../../../proto/ids.ts";
import { Deadlines } from "../../../server/node/deadlines.ts";

const action = fc.oneof(
  fc.record({ type: fc.constant("set" as const), key: fc.nat(5), atMs: fc.nat(20) }),
  fc.record({ type: fc.constant("delete" as const), key: fc.nat(5), atMs: fc.nat(20) }),
  fc.record({ type: fc.constant("take" as const), key: fc.nat(5), atMs: fc.nat(20) }),
);

test("deadlines come in the order of a sorted array, whatever was set, moved and withdrawn", () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const deadlines = new Deadlines<number>();
      const model = new Map<number, number>();
      for (const { type, key, atMs } of actions) {
        if (type === "set") deadlines.set(key, toMillis(atMs));
        if (type === "set") model.set(key, atMs);
        if (type === "delete") deadlines.delete(key);
        if (type === "delete") model.delete(key);
        if (type === "take") {
          const taken = deadlines.takeDue(toMillis(atMs));
          const due = [...model].filter(([, at]) => at <= atMs);
          assert.deepEqual(
            taken.map((due) => model.get(due)),
            due.map(([, at]) => at).sort((left, right) => left - right),
          );
          assert.deepEqual([...taken].sort(), due.map(([name]) => name).sort());
          for (const name of taken) model.delete(name);
        }
        assert.equal(deadlines.next(), model.size === 0 ? null : Math.min(...model.values()));
      }
    }),
  );
});

test("withdrawn deadlines do not gather", () => {
  const deadlines = new Deadlines<number>();
  deadlines.set(-1, toMillis(5));
  for (let key = 0; key < 20_000; key++) {
    deadlines.set(key, toMillis(60_000 + (key % 7)));
    deadlines.delete(key);
  }
  assert.ok(deadlines.heldCount < 2_000, `${deadlines.heldCount} are held`);
  assert.deepEqual(deadlines.takeDue(toMillis(100_000)), [-1]);
});

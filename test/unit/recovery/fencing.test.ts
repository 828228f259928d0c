import assert from "node:assert/strict";
import { test } from "node:test";
import { toEpoch, toNodeId } from "../../../proto/ids.ts";
import { Fencing } from "../../../server/recovery/fencing.ts";
import { ms } from "./fixtures.ts";

const [n1, n2, n3] = [toNodeId("n1"), toNodeId("n2"), toNodeId("n3")];
const [fifth, sixth] = [toEpoch(5), toEpoch(6)];
const policy = { command: ["/sbin/off"], timeoutMs: 10_000 };

/** n2 is told at 1,000 to fence n1 under epoch 5. */
function ordered(identity = "1/4"): Fencing {
  const fencing = new Fencing({ identity, pauseMs: 2_000, wayMs: 500 });
  fencing.begin({ node: n1, by: n2, epoch: fifth }, policy, ms(1_000));
  return fencing;
}

function orderOf(fencing: Fencing, by = n2): string {
  const order = fencing.orderFor(by, fifth);
  assert(order !== null, `${by} is told nothing`);
  return order.order;
}

test("an order is for one agent and one epoch, and from then on that epoch is renewed no more", () => {
  const fencing = ordered();
  assert.deepEqual(fencing.orderFor(n2, fifth), { order: "1/4/5/1", node: n1, epoch: fifth, ...policy });
  assert.deepEqual([fencing.orderFor(n3, fifth), fencing.orderFor(n2, sixth)], [null, null]);
  assert.deepEqual([fencing.isOrdered(fifth), fencing.isOrdered(sixth), fencing.isDone(fifth)], [true, false, false]);
  assert.deepEqual(fencing.view(fifth), { node: n1, by: n2, type: "ordered", untilMs: 11_500 });
  assert.equal(fencing.view(sixth), null);
});

test("exit status 0 of the agent that was told is a success, and nothing is ordered any more", () => {
  const fencing = ordered();
  assert.equal(fencing.heard(n2, { order: orderOf(fencing), exitStatus: 0, reason: "" }, ms(3_000)), true);
  assert.deepEqual([fencing.isDone(fifth), fencing.isDone(sixth), fencing.orderFor(n2, fifth)], [true, false, null]);
  const failure = { order: "1/4/5/1", exitStatus: 1, reason: "" };
  assert.equal(fencing.heard(n2, failure, ms(4_000)), false);
  assert.equal(fencing.isDone(fifth), true);
});

test("an outcome of another manager, incarnation, epoch, attempt or agent does not count", () => {
  for (const other of ["1/3/5/1", "2/4/5/1", "1/4/6/1", "1/4/5/2", "", "1/4/5"]) {
    const fencing = ordered();
    assert.equal(fencing.heard(n2, { order: other, exitStatus: 0, reason: "" }, ms(3_000)), false, other);
    assert.equal(fencing.isDone(fifth), false, other);
  }
  const fencing = ordered();
  assert.equal(fencing.heard(n3, { order: orderOf(fencing), exitStatus: 0, reason: "" }, ms(3_000)), false);
  const next = new Fencing({ identity: "1/5", pauseMs: 2_000, wayMs: 500 });
  assert.equal(next.heard(n2, { order: orderOf(ordered()), exitStatus: 0, reason: "" }, ms(3_000)), false);
  assert.equal(next.isDone(fifth), false);
});

test("a failure says why, and is followed by a pause; the epoch is renewed no more all the same", () => {
  const fencing = ordered();
  fencing.heard(n2, { order: orderOf(fencing), exitStatus: 3, reason: "No answer" }, ms(3_000));
  assert.deepEqual(fencing.view(fifth), { node: n1, by: n2, type: "failed", reason: "No answer", againMs: 5_000 });
  assert.deepEqual([fencing.orderFor(n2, fifth), fencing.isOrdered(fifth)], [null, true]);
  fencing.begin({ node: n1, by: n3, epoch: fifth }, policy, ms(5_000));
  assert.deepEqual([orderOf(fencing, n3), fencing.count], ["1/4/5/2", 2]);
  fencing.begin({ node: n2, by: n3, epoch: sixth }, policy, ms(9_000));
  assert.equal(fencing.count, 1, "they are counted for each epoch");
});

test("a failure without a word is told by its exit status", () => {
  const fencing = ordered();
  fencing.heard(n2, { order: orderOf(fencing), exitStatus: 3, reason: "" }, ms(3_000));
  assert.deepEqual(fencing.view(fifth), { node: n1, by: n2, type: "failed", reason: "exit status 3", againMs: 5_000 });
});

test("an agent that falls silent, or says nothing in time, has failed; its success counts when it comes late", () => {
  const silent = ordered();
  silent.expire((node) => node !== n2, ms(2_000));
  assert.equal(silent.view(fifth)?.type, "failed");
  const late = ordered();
  late.expire(() => true, ms(11_499));
  assert.equal(late.view(fifth)?.type, "ordered");
  late.expire(() => true, ms(11_500));
  assert.equal(late.view(fifth)?.type, "failed");
  assert.equal(late.heard(n2, { order: "1/4/5/1", exitStatus: 0, reason: "" }, ms(12_000)), true);
  assert.equal(late.isDone(fifth), true);
});

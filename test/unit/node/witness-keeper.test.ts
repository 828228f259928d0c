import assert from "node:assert/strict";
import { test } from "node:test";
import { toMemberId, toMillis, toNodeId } from "../../../proto/ids.ts";
import { firstConfiguration } from "../../../proto/membership.ts";
import { WitnessKeeper } from "../../../server/node/witness-keeper.ts";
import type { RaftStatus } from "../../../server/raft/types.ts";

const [a, b, v, w, x] = ["a", "b", "v", "w", "x"].map(toNodeId) as [never, never, never, never, never];

function withWitness(node: never, member: number): RaftStatus {
  const { membership } = firstConfiguration([a, b]);
  const witness = { node, member: toMemberId(member), votes: 1, isWitness: true };
  const peers = [{ peer: node, heardMs: null }];
  return { membership: { ...membership, voters: [...membership.voters, witness] }, peers } as never;
}

test("rank() puts nodes that were silent lately last, and the one that was so last behind all", () => {
  const keeper = new WitnessKeeper();
  const rank = (node: never, member: number, nowMs: number) =>
    keeper.rank([v, w, x], withWitness(node, member), toMillis(nowMs)).join(" ");
  assert.equal(rank(v, 2, 0), "v w x");
  assert.equal(rank(v, 2, 10_001), "w x");
  assert.equal(rank(w, 3, 10_002), "w x v");
  assert.equal(rank(w, 3, 20_003), "x v");
  assert.equal(rank(x, 4, 20_004), "x v w");
  assert.equal(rank(x, 4, 30_005), "v w");
  assert.equal(rank(a, 5, 640_000), "v w x");
});

test("rank() takes a witness that was renewed for one that has had no time to be heard yet", () => {
  const keeper = new WitnessKeeper();
  assert.deepEqual(keeper.rank([w], withWitness(w, 2), toMillis(0)), [w]);
  assert.deepEqual(keeper.rank([w], withWitness(w, 3), toMillis(10_001)), [w]);
});

test("rank() leaves a silent witness where no other node can be one", () => {
  const keeper = new WitnessKeeper();
  for (const nowMs of [0, 10_001, 30_000]) assert.deepEqual(keeper.rank([w], withWitness(w, 2), toMillis(nowMs)), [w]);
});

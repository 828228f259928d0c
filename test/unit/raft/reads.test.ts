import { strict as assert } from "node:assert";
import { test } from "node:test";
import { toLogIndex } from "../../../proto/ids.ts";
import { Reads } from "../../../server/raft/reads.ts";

const releasedBy = (reads: Reads, round: number) => reads.release(round).map((pending) => pending.read);

test("add() joins the newest round until a beat has carried it", () => {
  const reads = new Reads();
  reads.add(1, toLogIndex(5));
  reads.add(2, toLogIndex(6));
  const round = reads.carry();
  reads.add(3, toLogIndex(6));
  assert.equal(reads.carry(), round + 1);
  assert.deepEqual(releasedBy(reads, round), [1, 2]);
  assert.deepEqual(releasedBy(reads, round + 1), [3]);
});

test("an answer from before a read never confirms it, and no round is used twice (R13)", () => {
  const reads = new Reads();
  const before = reads.carry();
  reads.add(1, toLogIndex(5));
  assert.deepEqual(releasedBy(reads, before), []);
  const rounds = [reads.carry()];
  for (let read = 2; read < 9; read++) {
    reads.add(read, toLogIndex(5));
    rounds.push(reads.carry());
  }
  assert.equal(new Set([before, ...rounds]).size, rounds.length + 1);
});

test("beats without a new read keep their round", () => {
  const reads = new Reads();
  assert.equal(reads.carry(), reads.carry());
});

test("refuse() empties all", () => {
  const reads = new Reads();
  reads.add(1, toLogIndex(5));
  reads.carry();
  reads.add(2, toLogIndex(5));
  assert.deepEqual(reads.refuse(), [1, 2]);
  assert.equal(reads.size, 0);
});

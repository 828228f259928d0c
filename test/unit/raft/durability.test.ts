import { strict as assert } from "node:assert";
import { test } from "node:test";
import { toLogIndex, toMillis, toTerm } from "../../../proto/ids.ts";
import type { EntryId, HardState } from "../../../proto/raft.ts";
import { Durability } from "../../../server/raft/durability.ts";
import { id, n1 } from "./fixtures.ts";

const begun = () => new Durability({ term: toTerm(1), vote: null, standIn: null }, toLogIndex(4));

function begin(durability: Durability, hardState: HardState | null, last: EntryId, askedMs = 0) {
  return durability.begin({ hardState, last }, toMillis(askedMs));
}

test("waitingSinceMs is when the oldest write that is still under way was asked for", () => {
  const durability = begun();
  assert.equal(durability.waitingSinceMs, null);
  const first = begin(durability, null, id(1, 5), 10);
  const second = begin(durability, null, id(1, 6), 20);
  assert.equal(durability.waitingSinceMs, 10);
  durability.finish(first);
  assert.equal(durability.waitingSinceMs, 20);
  durability.finish(second);
  assert.equal(durability.waitingSinceMs, null);
});

test("finish() counts the write and every earlier one", () => {
  const durability = begun();
  begin(durability, { term: toTerm(2), vote: n1, standIn: null }, id(1, 5));
  const second = begin(durability, null, id(2, 7));
  assert.equal(durability.last, 4);
  assert.equal(durability.term, 1);
  durability.finish(second);
  assert.equal(durability.last, 7);
  assert.equal(durability.term, 2);
});

test("a write says nothing of entries that were truncated after it was asked for", () => {
  const durability = begun();
  const first = begin(durability, null, id(1, 6));
  durability.truncatedAfter(toLogIndex(5));
  begin(durability, null, id(2, 6));
  durability.finish(first);
  assert.equal(durability.last, 5);
});

test("a rewritten entry is durable only by its last write, though term and index are the same (R16)", () => {
  const durability = begun();
  const first = begin(durability, null, id(1, 5));
  durability.truncatedAfter(toLogIndex(4));
  const second = begin(durability, null, id(2, 5));
  durability.truncatedAfter(toLogIndex(4));
  const third = begin(durability, null, id(1, 5));
  durability.finish(first);
  assert.equal(durability.last, 4);
  durability.finish(second);
  assert.equal(durability.last, 4);
  durability.finish(third);
  assert.equal(durability.last, 5);
});

test("truncatedAfter() takes back what was durable", () => {
  const durability = begun();
  durability.truncatedAfter(toLogIndex(2));
  assert.equal(durability.last, 2);
});

test("finish() ignores a second report and refuses one of a write that never was", () => {
  const durability = begun();
  const token = begin(durability, null, id(1, 5));
  durability.finish(token);
  durability.finish(token);
  assert.equal(durability.last, 5);
  assert.throws(() => durability.finish({ ...token, sequence: 2 }), /Write 2 of 1 was never asked for/);
});

// The index of versions by key: look-ups around each version, and what compaction forgets.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Revision, toRevision } from "../../../../proto/ids.ts";
import { KeyIndex, previousOf, type Version, versionAt } from "../../../../storage/mvcc/key-index.ts";
import type { KeyValue } from "../../../../storage/mvcc/types.ts";

const key = Buffer.from("k");

function add(index: KeyIndex, revision: number, exists: boolean): Version {
  const history = index.historyOf(key, "k");
  const number = revision as Revision;
  const kv: KeyValue = { key, value: key, createRevision: number, modRevision: number, version: 1, lease: 0 };
  const version: Version = { revision: number, ordinal: 0, history, kv: exists ? kv : null, endedLease: 0 };
  index.add(version);
  return version;
}

test("KeyIndex forgets a key with its last version, and keeps one that came back", () => {
  const index = new KeyIndex();
  const [put, gone] = [add(index, 2, true), add(index, 3, false)];
  assert.deepEqual(index.supersede(put), []);
  const back = add(index, 4, true);
  assert.deepEqual(index.supersede(gone), [put, gone]);
  assert.equal(index.size, 1);
  const goneAgain = add(index, 5, false);
  assert.deepEqual([index.supersede(back), index.supersede(goneAgain)], [[], [back, goneAgain]]);
  assert.equal(index.size, 0);
  assert.equal(index.history("k"), null);
});

test("supersede() stops at versions that come out of order", () => {
  const index = new KeyIndex();
  add(index, 2, true);
  add(index, 3, true);
  const third = add(index, 4, true);
  assert.throws(() => index.supersede(third), /compaction reached revision 4 out of order/);
});

test("versionAt() and previousOf() find their neighbours at every revision", () => {
  const index = new KeyIndex();
  const versions = [2, 5, 6, 9].map((revision) => add(index, revision, revision !== 6));
  const found = Array.from({ length: 11 }, (_, at) => versionAt(index.historyOf(key, "k"), toRevision(at))?.revision);
  assert.deepEqual(found, [undefined, undefined, 2, 2, 2, 5, 6, 6, 6, 9, 9]);
  assert.deepEqual(
    versions.map((version) => previousOf(version)?.modRevision ?? null),
    [null, 2, 5, null],
  );
});

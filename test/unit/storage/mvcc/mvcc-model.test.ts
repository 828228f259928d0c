// Random histories against the naive model: writes, reads at every revision, changes, compaction, restore, snapshot.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Revision, toRevision } from "../../../../proto/ids.ts";
import { Mvcc } from "../../../../storage/mvcc/mvcc.ts";
import type {
  KeySpan,
  KeyValue,
  RevisionEvents,
  VersionId,
  VersionRow,
  Write,
} from "../../../../storage/mvcc/types.ts";
import { Model, text, toModel } from "./model.ts";

const key = fc
  .constantFrom("", "a", "a\u0000", "ab", "b", "\u0000", "\u00ff", "c")
  .map((name) => Buffer.from(name, "latin1"));
const value = fc.uint8Array({ maxLength: 3 });
const span: fc.Arbitrary<KeySpan> = fc.tuple(key, fc.option(key)).map(([start, end]) => ({ start, end }));
const write: fc.Arbitrary<Write> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(key, value, fc.nat({ max: 2 }))
      .map(([name, bytes, lease]): Write => ({ type: "put", key: name, value: bytes, lease })),
  },
  { weight: 1, arbitrary: span.map((range): Write => ({ type: "delete", range })) },
  {
    weight: 2,
    arbitrary: key.map(
      (start): Write => ({ type: "delete", range: { start, end: Buffer.concat([start, Buffer.alloc(1)]) } }),
    ),
  },
);
type Step =
  | { readonly type: "apply"; readonly writes: readonly Write[] }
  | { readonly type: "compact"; readonly back: number; readonly sweep: number }
  | { readonly type: "restore" };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.array(write, { maxLength: 4 }).map((writes): Step => ({ type: "apply", writes })) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("compact" as const),
      back: fc.nat({ max: 4 }),
      sweep: fc.nat({ max: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ type: "restore" }) },
);

/** The stored rows, as the ordered store would keep them. */
class Rows {
  readonly #rows = new Map<string, VersionRow>();

  put(rows: readonly VersionRow[]): void {
    for (const row of rows) this.#rows.set(nameOf(row), row);
  }

  delete(ids: readonly VersionId[]): void {
    for (const id of ids) assert.ok(this.#rows.delete(nameOf(id)), `row ${nameOf(id)} is deleted twice or never was`);
  }

  sorted(): VersionRow[] {
    return [...this.#rows.values()].sort(
      (left, right) => left.revision - right.revision || left.ordinal - right.ordinal,
    );
  }

  get size(): number {
    return this.#rows.size;
  }
}

const nameOf = ({ revision, ordinal }: VersionId): string => `${revision}/${ordinal}`;

function mustRestore(revision: Revision, floor: Revision, rows: Iterable<VersionRow>): Mvcc {
  const answer = Mvcc.restore({ revision, floor, rows });
  return answer.type === "restored" ? answer.mvcc : assert.fail(answer.reason);
}

const events = ({ events: all }: { readonly events: RevisionEvents["events"] }) =>
  all
    .map(({ key: name, kv, previous }) => [text(name), kvOf(kv), kvOf(previous)] as const)
    .sort(([left], [right]) => (left < right ? -1 : 1));
const kvOf = (kv: KeyValue | null) => (kv === null ? null : toModel(kv)[1]);

function checkReads(mvcc: Mvcc, model: Model, range: KeySpan): void {
  assert.equal(mvcc.revision, model.revision);
  assert.equal(mvcc.keyCount, model.now.size);
  for (let at = 0; at <= model.revision + 1; at++) {
    const answer = mvcc.range(range, { at: toRevision(at), limit: 100 });
    if (at > model.revision) assert.deepEqual(answer, { type: "futureRevision", newest: model.revision });
    else if (at < mvcc.floor) assert.deepEqual(answer, { type: "compacted", floor: mvcc.floor });
    else {
      const wanted = model.range(at, range.start, range.end);
      assert.deepEqual(answer.type === "page" ? answer.kvs.map(toModel) : answer, wanted);
      const counted = mvcc.range(range, { at: toRevision(at), limit: 0, countAll: true });
      assert.equal(counted.type === "page" && counted.count, wanted.length);
    }
    const one = mvcc.get(range.start, toRevision(at));
    if (one.type !== "value") assert.equal(one.type, answer.type);
    else assert.deepEqual(kvOf(one.kv), model.states[at]?.get(text(range.start)) ?? null);
  }
  assert.deepEqual(mvcc.range(range, { at: null, limit: 100 }), mvcc.range(range, { at: mvcc.revision, limit: 100 }));
}

function checkPages(mvcc: Mvcc, model: Model, range: KeySpan): void {
  const wanted = model.range(model.revision, range.start, range.end);
  const seen: KeyValue[] = [];
  let after: Uint8Array | null = null;
  for (let page = 0; page <= wanted.length + 1; page++) {
    const answer = mvcc.range(range, { at: null, limit: 2, after, countAll: page % 2 === 0 });
    if (answer.type !== "page") assert.fail(answer.type);
    assert.equal(answer.count, page % 2 === 0 ? wanted.length : answer.kvs.length);
    seen.push(...answer.kvs);
    assert.equal(answer.more, seen.length < wanted.length);
    if (!answer.more) break;
    after = (answer.kvs.at(-1) as KeyValue).key;
  }
  assert.deepEqual(seen.map(toModel), wanted);
}

function checkChanges(mvcc: Mvcc, model: Model): void {
  for (let since = 0; since <= model.revision; since++) {
    const seen: number[] = [];
    let from = toRevision(since);
    for (;;) {
      const answer = mvcc.changesSince(from, { eventsMax: 3, bytesMax: 8 });
      if (Math.max(since, 1) < mvcc.floor) assert.deepEqual(answer, { type: "compacted", floor: mvcc.floor });
      if (answer.type !== "changes") break;
      for (const revision of answer.revisions) {
        seen.push(revision.revision);
        assert.deepEqual(events(revision), model.changes(revision.revision));
      }
      assert.equal(answer.more, answer.through < model.revision);
      from = answer.through;
      if (!answer.more) break;
    }
    if (Math.max(since, 1) < mvcc.floor) continue;
    assert.deepEqual(
      seen,
      Array.from({ length: model.revision - Math.max(since, 1) }, (_, turn) => Math.max(since, 1) + turn + 1),
    );
  }
}

test("Mvcc agrees with the model over any history of writes, compactions and restores", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 14 }), span, (steps, range) => {
      const model = new Model();
      const rows = new Rows();
      let mvcc = new Mvcc();
      for (const current of steps) {
        if (current.type === "apply") {
          const applied = mvcc.apply(current.writes);
          model.apply(current.writes);
          rows.put(applied.rows);
          assert.equal(applied.events.length, applied.rows.length);
          if (applied.rows.length > 0) assert.deepEqual(events(applied), model.changes(applied.revision));
        } else if (current.type === "compact") {
          mvcc.compact(toRevision(Math.max(1, mvcc.revision - current.back)));
          rows.delete(mvcc.sweep(current.sweep).rows);
        } else {
          const { bytes } = mvcc;
          mvcc = mustRestore(mvcc.revision, mvcc.floor, rows.sorted());
          assert.equal(mvcc.bytes, bytes);
        }
        checkReads(mvcc, model, range);
        checkChanges(mvcc, model);
      }
      checkPages(mvcc, model, range);
      mvcc.compact(mvcc.revision);
      while (mvcc.sweep(1).more) checkReads(mvcc, model, range);
    }),
    { numRuns: 250 },
  );
});

test("sweep() leaves exactly the newest version of each live key at the floor, and all above", () => {
  fc.assert(
    fc.property(fc.array(fc.array(write, { maxLength: 3 }), { maxLength: 12 }), fc.nat({ max: 12 }), (all, back) => {
      const model = new Model();
      const rows = new Rows();
      const mvcc = new Mvcc();
      for (const writes of all) {
        rows.put(mvcc.apply(writes).rows);
        model.apply(writes);
      }
      const floor = Math.max(1, model.revision - back);
      mvcc.compact(toRevision(floor));
      for (let more = true; more; ) {
        const swept = mvcc.sweep(2);
        assert.ok(swept.rows.length <= 4);
        rows.delete(swept.rows);
        more = swept.more;
      }
      const live = [...(model.states[floor]?.values() ?? [])].length;
      const above = Array.from({ length: model.revision - floor }, (_, turn) => model.changes(floor + turn + 1).length);
      assert.equal(
        rows.size,
        above.reduce((sum, count) => sum + count, live),
      );
      checkReads(mustRestore(mvcc.revision, mvcc.floor, rows.sorted()), model, { start: Buffer.alloc(0), end: null });
      assert.equal(mustRestore(mvcc.revision, mvcc.floor, rows.sorted()).bytes, mvcc.bytes);
    }),
    { numRuns: 250 },
  );
});

test("snapshot() pages restore the state at their revision, and writes go on from there", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(write, { maxLength: 3 }), { maxLength: 8 }),
      fc.nat({ max: 4 }),
      write,
      (all, back, last) => {
        const model = new Model();
        const mvcc = new Mvcc();
        for (const writes of all) {
          mvcc.apply(writes);
          model.apply(writes);
        }
        const at = toRevision(Math.max(1, model.revision - back));
        const rows = new Rows();
        let after: Uint8Array | null = null;
        for (let more = true; more; ) {
          const page = mvcc.snapshot(at, { after, rowsMax: 2, bytesMax: 1000 });
          if (page.type !== "page") assert.fail(page.type);
          rows.put(page.rows);
          after = page.next;
          more = page.next !== null;
        }
        const copy = mustRestore(at, at, rows.sorted());
        model.states.length = at + 1;
        checkReads(copy, model, { start: Buffer.alloc(0), end: null });
        copy.apply([last]);
        model.apply([last]);
        checkReads(copy, model, { start: Buffer.alloc(0), end: null });
        checkChanges(copy, model);
      },
    ),
    { numRuns: 150 },
  );
});

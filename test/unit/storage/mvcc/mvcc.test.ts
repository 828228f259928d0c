// Single points of the versions of keys: the worked example, refusals, limits, damage.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Revision, toRevision } from "../../../../proto/ids.ts";
import { Mvcc } from "../../../../storage/mvcc/mvcc.ts";
import type { KeySpan, VersionRow, Write } from "../../../../storage/mvcc/types.ts";
import { type DecodedVersion, decodeVersion, encodeVersion } from "../../../../storage/mvcc/versions.ts";
import { text } from "./model.ts";

const bytes = (name: string): Uint8Array => Buffer.from(name, "latin1");
const put = (key: string, value: string, lease = 0): Write => ({
  type: "put",
  key: bytes(key),
  value: bytes(value),
  lease,
});
const remove = (key: string): Write => ({ type: "delete", range: { start: bytes(key), end: bytes(`${key}\u0000`) } });
const everything: KeySpan = { start: bytes(""), end: null };
const at = toRevision;

/** The worked example of key-index.ts. */
function example(): { mvcc: Mvcc; rows: VersionRow[] } {
  const mvcc = new Mvcc();
  const writes = [put("a", "A"), put("b", "B"), put("a", "A'"), remove("a"), put("a", 'A"')];
  return { mvcc, rows: writes.flatMap((write) => mvcc.apply([write]).rows) };
}

function show(mvcc: Mvcc, revision: number | null): string[] {
  const answer = mvcc.range(everything, { at: revision as Revision | null, limit: 10 });
  return answer.type === "page" ? answer.kvs.map(({ key, value }) => `${text(key)}=${text(value)}`) : [answer.type];
}

test("the worked example reads and compacts as key-index.ts says", () => {
  const reads = [1, 2, 3, 4, 5, 6, null].map((revision) => show(example().mvcc, revision));
  assert.deepEqual(reads, [[], ["a=A"], ["a=A", "b=B"], ["a=A'", "b=B"], ["b=B"], ['a=A"', "b=B"], ['a=A"', "b=B"]]);
  const left = [3, 4, 5].map((floor) => {
    const { mvcc, rows } = example();
    mvcc.compact(at(floor));
    const gone = new Set(mvcc.sweep(100).rows.map(({ revision }) => revision));
    return rows.flatMap(({ revision }) => (gone.has(revision) ? [] : [revision]));
  });
  assert.deepEqual(left, [
    [2, 3, 4, 5, 6],
    [3, 4, 5, 6],
    [3, 6],
  ]);
});

test("create revision, mod revision, version and lease follow puts and deletes", () => {
  const mvcc = new Mvcc();
  for (const write of [put("k", "1", 7), put("k", "2"), remove("k"), put("k", "")]) mvcc.apply([write]);
  const history = [2, 3, 4, 5].map((revision) => {
    const answer = mvcc.get(bytes("k"), at(revision));
    if (answer.type !== "value" || answer.kv === null) return null;
    const { createRevision, modRevision, version, lease, value } = answer.kv;
    return [createRevision, modRevision, version, lease, text(value)];
  });
  assert.deepEqual(history, [[2, 2, 1, 7, "1"], [2, 3, 2, 0, "2"], null, [5, 5, 1, 0, ""]]);
});

test("a transaction has one revision, sees its own writes, and makes one event a key", () => {
  const mvcc = new Mvcc();
  mvcc.apply([put("a", "0"), put("z", "0")]);
  const everyKey: Write = { type: "delete", range: everything };
  const applied = mvcc.apply([put("a", "1"), put("b", "1"), everyKey, put("a", "2"), put("c", "1"), remove("c")]);
  assert.equal(applied.revision, 3);
  assert.deepEqual(
    applied.replaced.map((kvs) => kvs.map(({ key, value }) => text(key) + text(value))),
    [["a0"], [], ["a1", "b1", "z0"], [], [], ["c1"]],
  );
  const events = applied.events.map(({ key, kv, previous }) => [
    text(key),
    kv?.version ?? null,
    previous?.version ?? null,
  ]);
  assert.deepEqual(events, [
    ["a", 1, 1],
    ["z", null, 1],
  ]);
  assert.deepEqual(
    applied.rows.map(({ revision, ordinal }) => [revision, ordinal]),
    [
      [3, 0],
      [3, 1],
    ],
  );
});

test("what changes nothing does not move the revision", () => {
  const mvcc = new Mvcc();
  assert.equal(mvcc.revision, 1);
  for (const writes of [[], [remove("a")], [put("a", "1"), remove("a")]]) {
    const applied = mvcc.apply(writes);
    assert.deepEqual([applied.revision, applied.events, applied.rows], [1, [], []]);
  }
  assert.equal(mvcc.apply([put("a", "")]).revision, 2);
  assert.equal(mvcc.apply([put("a", "")]).revision, 3, "a put of the same value is a change");
});

test("reads and changes name the floor or the newest revision when they cannot be answered", () => {
  const { mvcc } = example();
  assert.equal(mvcc.compact(at(4)), null);
  const compacted = { type: "compacted", floor: 4 };
  const future = { type: "futureRevision", newest: 6 };
  const limits = { eventsMax: 10, bytesMax: 1000 };
  assert.deepEqual(mvcc.get(bytes("a"), at(3)), compacted);
  assert.deepEqual(mvcc.get(bytes("a"), at(7)), future);
  assert.deepEqual(mvcc.range(everything, { at: at(3), limit: 1 }), compacted);
  assert.deepEqual(mvcc.changesSince(at(3), limits), compacted);
  assert.deepEqual(mvcc.changesSince(at(7), limits), future);
  assert.deepEqual(mvcc.snapshot(at(3), { after: null, rowsMax: 1, bytesMax: 1 }), compacted);
  assert.deepEqual(mvcc.compact(at(4)), compacted);
  assert.deepEqual(mvcc.compact(at(7)), future);
  assert.deepEqual(mvcc.changesSince(at(6), limits), { type: "changes", revisions: [], through: 6, more: false });
  const first = mvcc.changesSince(at(4), limits);
  const event = first.type === "changes" ? first.revisions[0]?.events[0] : null;
  assert.equal(event?.previous && text(event.previous.value), "A'", "the predecessor at the floor is known");
});

test("changesSince() gives whole revisions, the first whatever the limits", () => {
  const mvcc = new Mvcc();
  mvcc.apply([put("a", "x".repeat(100)), put("b", ""), put("c", "")]);
  mvcc.apply([put("d", "")]);
  mvcc.apply([put("e", "")]);
  const pages = (since: number, eventsMax: number, bytesMax: number) => {
    const answer = mvcc.changesSince(at(since), { eventsMax, bytesMax });
    return answer.type === "changes"
      ? [answer.revisions.map(({ events }) => events.length), answer.through, answer.more]
      : [];
  };
  assert.deepEqual(pages(1, 1, 1), [[3], 2, true]);
  assert.deepEqual(pages(1, 4, 1000), [[3, 1], 3, true]);
  assert.deepEqual(pages(1, 100, 104), [[3, 1], 3, true]);
  assert.deepEqual(pages(2, 0, 0), [[1], 3, true]);
  assert.deepEqual(pages(0, 100, 1000), [[3, 1, 1], 4, false]);
});

test("range() ends at its limit of keys or bytes", () => {
  const mvcc = new Mvcc();
  mvcc.apply(["a", "b", "c", "d"].map((key) => put(key, "12345")));
  const page = (limit: number, bytesMax?: number) => {
    const answer = mvcc.range(everything, { at: null, limit, ...(bytesMax === undefined ? {} : { bytesMax }) });
    return answer.type === "page" ? [answer.kvs.length, answer.more, answer.count] : [];
  };
  assert.deepEqual(page(0), [0, true, 0]);
  assert.deepEqual(page(3), [3, true, 3]);
  assert.deepEqual(page(4), [4, false, 4]);
  assert.deepEqual(page(10, 1), [1, true, 1]);
  assert.deepEqual(page(10, 12), [2, true, 2]);
  const counted = mvcc.range(everything, { at: null, limit: 0, countAll: true });
  assert.deepEqual(counted, { type: "page", kvs: [], more: true, count: 4 });
});

test("range() counts the whole range on every page", () => {
  const mvcc = new Mvcc();
  const keys = ["a", "b", "c", "d", "e"];
  mvcc.apply(keys.map((key) => put(key, "")));
  const pages = [null, "b", "d", "e"].map((after) => {
    const options = { at: null, limit: 2, after: after === null ? null : bytes(after), countAll: true };
    const answer = mvcc.range(everything, options);
    return answer.type === "page" ? [answer.kvs.map(({ key }) => text(key)).join(""), answer.more, answer.count] : [];
  });
  assert.deepEqual(pages, [
    ["ab", true, 5],
    ["cd", true, 5],
    ["e", false, 5],
    ["", false, 5],
  ]);
});

test("the revision and the floor outlive the rows: nothing is reused after everything was deleted and compacted", () => {
  const mvcc = new Mvcc();
  mvcc.apply([put("a", "1")]);
  mvcc.apply([remove("a")]);
  mvcc.compact(at(3));
  assert.equal(mvcc.sweep(10).rows.length, 2);
  assert.equal(mvcc.bytes, 0);
  const answer = Mvcc.restore({ revision: at(3), floor: at(3), rows: [] });
  if (answer.type !== "restored") assert.fail(answer.reason);
  assert.equal(answer.mvcc.apply([put("a", "2")]).revision, 4);
});

test("restore() finds rows that do not make up one history", () => {
  const { rows } = example();
  const [a2, b3, a4, gone5, a6] = rows as [VersionRow, VersionRow, VersionRow, VersionRow, VersionRow];
  const reason = (stored: readonly VersionRow[], revision = 6, floor = 1) => {
    const answer = Mvcc.restore({ revision: at(revision), floor: at(floor), rows: stored });
    return answer.type === "damaged" ? answer.reason : "restored";
  };
  assert.equal(reason(rows), "restored");
  assert.equal(reason([b3, a6], 6, 5), "restored");
  assert.match(reason([a2, b3, a4, gone5]), /versions end at 5, the revision is 6/);
  assert.match(reason(rows, 5), /version 6\/0: the revision is 5/);
  assert.match(reason([a2, a4, gone5, a6]), /version 4\/0: follows revision 2/);
  assert.match(reason([b3, a4, gone5, a6]), /version 3\/0: follows revision 1/);
  assert.match(reason([b3, a2, a4, gone5, a6], 6, 4), /version 2\/0: follows revision 3/);
  assert.match(reason([a2, b3, { ...a4, ordinal: 1 }, gone5, a6]), /ordinal 0 is missing/);
  assert.match(reason([a2, b3, a4, { ...gone5, ordinal: 0 }, { ...gone5, ordinal: 1 }, a6]), /twice in one revision/);
  assert.match(reason([b3, gone5, a6], 6, 4), /deletes a key that does not exist/);
  assert.match(reason([{ ...a4, revision: at(2) }, b3, a4, gone5, a6]), /does not continue its key|malformed/);
  assert.match(reason([{ ...a2, value: a2.value.subarray(0, 20) }, b3, a4, gone5, a6]), /version 2\/0: malformed/);
  assert.match(reason(rows, 6, 7), /floor 7 of revision 6/);
  assert.match(reason([], 1, 0), /floor 0/);
});

test("a version survives its bytes; other formats and numbers beyond 2^53 are refused", () => {
  const kv = {
    key: bytes("k\u00ff"),
    value: bytes("v"),
    createRevision: at(5),
    modRevision: at(9),
    version: 3,
    lease: 2,
  };
  const row = { revision: at(9), ordinal: 0 };
  const value = encodeVersion(kv.key, kv);
  assert.equal(
    Buffer.from(value).toString("hex"),
    `0101000000026bff${"0".repeat(15)}5${"0".repeat(15)}3${"0".repeat(15)}276`,
  );
  const decoded = mustDecode({ ...row, value });
  assert.deepEqual(decoded.kv && { ...decoded.kv, key: text(decoded.kv.key), value: text(decoded.kv.value) }, {
    ...kv,
    key: "k\u00ff",
    value: "v",
  });
  const deletion = encodeVersion(kv.key, null);
  assert.equal(Buffer.from(deletion).toString("hex"), "0100000000026bff");
  assert.equal(mustDecode({ ...row, value: deletion }).kv, null);
  const damaged = (offset: number, byte: number, source = value) => {
    const changed = Uint8Array.from(source);
    changed[offset] = byte;
    return decodeVersion({ ...row, value: changed });
  };
  assert.equal(damaged(0, 2), "format 2, this version knows 1");
  assert.equal(damaged(1, 2), "malformed");
  assert.equal(damaged(5, 200), "malformed");
  assert.equal(damaged(9, 0x20), "malformed", "create revision of 2^53");
  assert.equal(damaged(17, 0x20), "malformed", "version of 2^53");
  assert.equal(damaged(25, 0x20), "malformed", "lease of 2^53");
  assert.equal(damaged(15, 10), "malformed", "created after it was written");
  assert.equal(damaged(23, 0), "malformed", "version 0");
  for (let length = 1; length < 32; length++) {
    assert.equal(decodeVersion({ ...row, value: value.subarray(0, length) }), "malformed");
  }
  assert.equal(decodeVersion({ ...row, value: Buffer.concat([deletion, Buffer.alloc(1)]) }), "malformed");
});

function mustDecode(row: VersionRow): DecodedVersion {
  const decoded = decodeVersion(row);
  assert.ok(typeof decoded !== "string", String(decoded));
  return decoded;
}

test("a hot key with 50,000 versions is written, read and compacted in time", () => {
  const mvcc = new Mvcc();
  const begun = process.cpuUsage();
  for (let turn = 0; turn < 50_000; turn++) mvcc.apply([put("hot", "")]);
  for (let revision = 2; revision < 50_000; revision += 7) assert.equal(show(mvcc, revision).length, 1);
  mvcc.compact(mvcc.revision);
  let swept = 0;
  for (let more = true; more; ) {
    const step = mvcc.sweep(1000);
    swept += step.rows.length;
    more = step.more;
  }
  assert.equal(swept, 49_999);
  // Of the processor, which a busy machine does not lengthen; quadratic work would take minutes.
  assert.ok(process.cpuUsage(begun).user < 5_000_000);
});

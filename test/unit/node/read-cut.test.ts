import assert from "node:assert/strict";
import { test } from "node:test";
import { toGroupId, toIncarnation, toNodeId, toRevision } from "../../../proto/ids.ts";
import type { Reply, Request } from "../../../proto/requests.ts";
import type { OperationResult, Part } from "../../../proto/transactions.ts";
import { limits } from "../../../server/node/limits.ts";
import { isCut, readCut } from "../../../server/node/read-cut.ts";
import { bytesOf } from "../../../storage/bytes.ts";

type Reading = Reply & { readonly type: "transact" };

const a = toGroupId("a");
const b = toGroupId("b");
const key = bytesOf("k");
const get = { type: "get", key } as const;

interface Told {
  readonly revision: number;
  /** Of the key, one for each operation; 0: it is not there. */
  readonly modRevisions: readonly number[];
  readonly incarnation?: number;
  readonly holds?: boolean;
}

/** Groups that tell one thing after the other, the last of them for ever. */
function cutOf(told: Readonly<Record<"a" | "b", readonly Told[]>>, fields: Partial<Part> = {}) {
  const parts = [a, b].map((group): Part => {
    return { group, comparisons: [], fence: null, success: [get], failure: [], ...fields };
  });
  const asked: Request[] = [];
  const ends: (Reply | "locks")[] = [];
  const turns = { a: 0, b: 0 };
  readCut(
    { type: "transact", group: a, parts },
    {
      ask: (request, answer) => {
        asked.push(request);
        const group = (request as { group: "a" | "b" }).group;
        const turn = Math.min(turns[group]++, told[group].length - 1);
        answer(readingOf(group, told[group][turn] as Told));
      },
      answer: (reply) => ends.push(reply),
      takeLocks: () => ends.push("locks"),
    },
  );
  assert.equal(ends.length, 1);
  return { end: ends[0] as Reply | "locks", rounds: asked.length / 2 };
}

function readingOf(group: string, { revision, modRevisions, incarnation = 1, holds = true }: Told): Reply {
  if (revision === 0)
    return {
      type: "failed",
      failure: { code: "no_quorum", message: "", effect: "none", details: {} },
    } as unknown as Reply;
  const header = {
    group: toGroupId(group),
    incarnation: toIncarnation(incarnation),
    revision: toRevision(revision),
    node: toNodeId("n1"),
    stale: false,
  };
  const results = modRevisions.map((at): OperationResult => {
    const revisionsOf = { createRevision: toRevision(1), modRevision: toRevision(at) };
    return { type: "get", kv: at === 0 ? null : { key, value: key, ...revisionsOf, version: 1, lease: 0 } };
  });
  return {
    type: "transact",
    header,
    succeeded: holds,
    parts: [{ group: header.group, incarnation: header.incarnation, revision: header.revision, results }],
  };
}

const still = { revision: 7, modRevisions: [5] };

test("what two readings show alike is one cut, with the answers of the later one", () => {
  const { end, rounds } = cutOf({ a: [still, { revision: 9, modRevisions: [5] }], b: [still] });
  assert.deepEqual(
    (end as Reading).parts.map(({ revision }) => revision),
    [9, 7],
  );
  assert.equal((end as Reading).header.revision, 9);
  assert.equal(rounds, 2);
});

test("a key that was written between two readings has all groups read again", () => {
  const { end, rounds } = cutOf({ a: [still, { revision: 8, modRevisions: [8] }], b: [still] });
  assert.deepEqual(
    (end as Reading).parts.map(({ revision }) => revision),
    [8, 7],
  );
  assert.equal(rounds, 3);
});

const unlike: readonly (readonly [string, Told, Told, Partial<Part>])[] = [
  [
    "a key that is not there may have come and gone",
    { revision: 7, modRevisions: [0] },
    { revision: 8, modRevisions: [0] },
    {},
  ],
  ["a group that began anew has other revisions", still, { ...still, incarnation: 2 }, {}],
  [
    "what is compared may have come and gone",
    still,
    { revision: 8, modRevisions: [5] },
    { comparisons: [{ target: { type: "key", key }, relation: "equal", operand: { type: "version", number: 1 } }] },
  ],
];

for (const [title, one, other, fields] of unlike) {
  test(`${title}: the groups are read again`, () => {
    assert.equal(cutOf({ a: [one, other], b: [still] }, fields).rounds, 3);
    assert.equal(cutOf({ a: [one, one], b: [still] }, fields).rounds, 2);
  });
}

test("groups that are written all the time are read under locks", () => {
  const busy = Array.from({ length: 9 }, (_, at) => ({ revision: 7 + at, modRevisions: [7 + at] }));
  const { end, rounds } = cutOf({ a: busy, b: [still] });
  assert.equal(end, "locks");
  assert.equal(rounds, 1 + limits.cutAttemptsMax);
});

test("a group that refuses is left to the transaction with locks, once", () => {
  assert.equal(cutOf({ a: [{ revision: 0, modRevisions: [] }], b: [{ revision: 0, modRevisions: [] }] }).end, "locks");
});

test("the branch is chosen by the comparisons of all groups", () => {
  const both = { revision: 7, modRevisions: [3, 5] };
  const modRevisionsOf = (end: Reply | "locks") =>
    (end as Reading).parts.flatMap(({ results }) =>
      results.map((result) => result.type === "get" && result.kv?.modRevision),
    );
  const held = cutOf({ a: [both], b: [both] }, { failure: [get] });
  assert.deepEqual([(held.end as Reading).succeeded, modRevisionsOf(held.end)], [true, [3, 3]]);
  const missed = cutOf({ a: [both], b: [{ ...both, holds: false }] }, { failure: [get] });
  assert.deepEqual([(missed.end as Reading).succeeded, modRevisionsOf(missed.end)], [false, [5, 5]]);
});

test("only what reads, and in several groups, is a cut", () => {
  const part = (group: typeof a, fields: Partial<Part> = {}): Part => {
    return { group, comparisons: [], fence: null, success: [get], failure: [], ...fields };
  };
  const put = { type: "put", key, value: key, lease: 0, returnPrevious: false } as const;
  const isCutOf = (parts: readonly Part[]) => isCut({ type: "transact", group: a, parts });
  assert.equal(isCutOf([part(a), part(b)]), true);
  assert.equal(isCutOf([part(a)]), false);
  assert.equal(isCutOf([part(a), part(b, { failure: [put] })]), false);
});

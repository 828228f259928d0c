import assert from "node:assert/strict";
import { test } from "node:test";
import { type GroupId, toEpoch, toGroupId, toLogIndex } from "../../../proto/ids.ts";
import type { Request } from "../../../proto/requests.ts";
import type { Operation } from "../../../proto/transactions.ts";
import { limits } from "../../../server/node/limits.ts";
import { validateRequest } from "../../../server/node/validate.ts";
import { get, list, n1, n2, put, remove, rg, watchAll } from "./cluster.ts";

const bytes = (length: number) => new Uint8Array(length).fill(97);
const create = { type: "createGroup", group: rg, owners: [n1, n2], validateOnly: false } as const;
const drain = { type: "drainNode", node: n1, wanted: "drained", skipUnavailable: false, validateOnly: false } as const;
const recover = { type: "recoverGroup", group: rg, from: n1, owners: [], validateOnly: true } as const;
const owner = (at: number) => `n${at}` as typeof n1;
const longName = toGroupId("a".repeat(300));

/** What is wrong, and what the answer must name: field, value, limit. */
const refused: readonly (readonly [what: string, request: Request, field: string, words: readonly string[]])[] = [
  ["an empty key", put("", "v"), "key", ["empty"]],
  ["a long key", { ...get("k"), key: bytes(4097) } as Request, "key", ["4097", `${limits.keyBytesMax}`]],
  ["a long value", put("k", bytes(2 ** 20 + 1)), "value", ["1048577", `${limits.valueBytesMax}`]],
  ["a token of another group", fenced("other"), "fence.group", ["other", "rg"]],
  [
    "a token of another group with a delete",
    { ...remove("a", "b"), fence: tokenOf("other") } as Request,
    "fence.group",
    ["other"],
  ],
  ["a span that ends before it starts", remove("b", "a"), "end", ["before"]],
  ["an empty span", remove("b", "b"), "end", ["before"]],
  ["a list of none", list(0), "limit", ["0", "1 to 1000"]],
  ["a list of too many", list(1001), "limit", ["1001", `${limits.listRowsMax}`]],
  ["a part of a row", list(1.5), "limit", ["1.5"]],
  ["a group name", put("k", "v", longName), "group", ["aaa"]],
  ["keys of the system group", watchAll(null, toGroupId("cluster")), "group", ["system group"]],
  ["a node name", { type: "nodeStatus", node: owner(Number.NaN) } as Request, "node", ["nNaN"]],
  ["one owner", { ...create, owners: [n1] }, "owners", ["1", "at least 2"]],
  ["an owner twice", { ...create, owners: [n1, n2, n1] }, "owners", ["n1", "more than once"]],
  [
    "too many owners",
    { ...create, owners: Array.from({ length: 4097 }, (_, at) => owner(at)) },
    "owners",
    ["4097", "4096"],
  ],
  ["the system group's name", { ...create, group: toGroupId("cluster") }, "group", ["cluster"]],
  ["a reason of two lines", { ...drain, reason: "new\ndisk" }, "why", ["why", "U+000A"]],
  ["a reason that moves a cursor", { ...recover, reason: "\u009b2J" }, "why", ["why", "U+009B"]],
  ["a long reason", { ...drain, reason: "x".repeat(201) }, "why", ["201", "200"]],
  ["a large object", { type: "configure", group: rg, config: bytes(2 ** 20 + 1) }, "config", ["1048577"]],
];

function tokenOf(group: string) {
  return { group: toGroupId(group), epoch: toEpoch(1) };
}

function fenced(group: string): Request {
  return { ...put("k", "v"), fence: tokenOf(group) } as Request;
}

for (const [what, request, field, words] of refused) {
  test(`${what} is refused, with field, value and limit`, () => {
    const failure = validateRequest(request);
    assert.equal(failure?.code, "invalid_argument");
    assert.equal(failure.details.field, field);
    for (const word of words) assert.ok(failure.message.includes(word), failure.message);
  });
}

test("what is at a limit is carried out", () => {
  const largest = { ...put("k", bytes(2 ** 20)), key: bytes(4096) } as Request;
  const span = { start: bytes(4096), end: new Uint8Array([...bytes(4096), 0]) };
  const said = { ...drain, reason: "neue Platte: übermorgen, 新しい 💾 \u200d".padEnd(200, "x") } as const;
  const requests = [largest, { ...list(1000), span } as Request, list(1), fenced("rg"), create, watchAll(1), said];
  for (const request of requests) assert.equal(validateRequest(request), null);
});

/** A transaction over so many groups, in each of which the same is done. */
function transactOf(groups: number, success: readonly Operation[]): Request {
  const names = Array.from({ length: groups }, (_, at) => toGroupId(`g${String(at).padStart(5, "0")}`));
  const parts = names.map((group) => ({ group, comparisons: [], fence: null, success, failure: [] }));
  return { type: "transact", group: names[0] as GroupId, parts };
}

test("a planned change concerns as many groups as there may be, what clients ask for at most 16", () => {
  const intend: Operation = { type: "intend", node: n1, wanted: "drained", reason: "", after: toLogIndex(0) };
  const get: Operation = { type: "get", key: bytes(1) };
  assert.equal(validateRequest(transactOf(limits.groupsMax, [intend])), null);
  assert.match(validateRequest(transactOf(limits.groupsMax + 1, [intend]))?.message ?? "", /4097 groups, limit 4096/);
  assert.equal(validateRequest(transactOf(16, [get])), null);
  for (const success of [[], [get], [intend, get]]) {
    assert.match(validateRequest(transactOf(17, success))?.message ?? "", /17 groups, limit 16/);
  }
});

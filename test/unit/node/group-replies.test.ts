import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { toGroupId, toIncarnation, toNodeId, toRevision } from "../../../proto/ids.ts";
import type { GroupRequest, Header } from "../../../proto/requests.ts";
import { answerRead } from "../../../server/node/group-replies.ts";
import type { GroupState } from "../../../server/node/group-state.ts";
import { writesOf } from "../../../server/txn/operations.ts";
import { KeyIndex } from "../../../storage/mvcc/key-index.ts";
import { mvccOf, put, spanOf } from "../txn/fixtures.ts";

const mvcc = mvccOf();
mvcc.apply(writesOf(Array.from({ length: 5_000 }, (_, at) => put(`k${String(at).padStart(5, "0")}`, "v"))));
mvcc.apply(writesOf([put("later", "v")]));

const list: GroupRequest & { readonly type: "list" } = {
  type: "list",
  group: toGroupId("rg"),
  span: spanOf("k"),
  revision: toRevision(2),
  consistency: "local",
  limit: 10,
  keysOnly: true,
  countOnly: false,
  continues: false,
};
const header: Header = {
  group: list.group,
  incarnation: toIncarnation(1),
  revision: mvcc.revision,
  node: toNodeId("n1"),
  stale: false,
};

function answer(request: typeof list) {
  const reply = answerRead(request, { mvcc } as GroupState, header);
  return reply.type === "list" ? reply : assert.fail(reply.type);
}

/** Keys that the index gives out from here on. */
function visits(t: TestContext): () => number {
  let visited = 0;
  const { histories } = KeyIndex.prototype;
  t.mock.method(KeyIndex.prototype, "histories", function* (this: KeyIndex, ...of: Parameters<typeof histories>) {
    for (const history of histories.apply(this, of)) {
      visited += 1;
      yield history;
    }
  });
  return () => visited;
}

test("the first page of a list tells how many keys there are, and a later one looks at hardly more keys than it holds", (t) => {
  assert.deepEqual([answer(list).kvs.length, answer(list).count], [10, 5_000]);
  const visited = visits(t);
  const page = answer({ ...list, span: spanOf("k01000"), continues: true });
  assert.deepEqual([page.kvs.length, page.more], [10, true]);
  assert.ok(visited() <= 11, `visited ${visited()} keys`);
});

test("the keys that exist now are counted without looking at each", (t) => {
  const visited = visits(t);
  for (const revision of [null, mvcc.revision]) {
    assert.equal(answer({ ...list, revision }).count, 5_001);
    assert.equal(answer({ ...list, revision, span: spanOf("k00100", "k04900"), countOnly: true }).count, 4_800);
  }
  assert.ok(visited() <= 24, `visited ${visited()} keys`);
});

// What groups on one node see of each other when they decide.

import assert from "node:assert/strict";
import { test } from "node:test";
import { placementOf } from "../../../proto/codec/group-policies.ts";
import { encodeGroupConfig } from "../../../proto/group-config.ts";
import { toGroupId, toIncarnation, toLogIndex, toNodeId } from "../../../proto/ids.ts";
import type { GroupSummary } from "../../../proto/model.ts";
import { Neighbourhood } from "../../../server/node/neighbourhood.ts";

const [n1, n2, n3] = [toNodeId("n1"), toNodeId("n2"), toNodeId("n3")];
const [a, b, c, d] = [toGroupId("a"), toGroupId("b"), toGroupId("c"), toGroupId("d")];

function summary(group: string, owners: GroupSummary["owners"], state: "online" | "offline" = "offline"): GroupSummary {
  const ownership = { currentOwner: null, epoch: 0, state, reason: "" } as unknown as GroupSummary["ownership"];
  const placement = placementOf(encodeGroupConfig({ resources: [], management: { differentNode: ["a"] } }));
  return { group: toGroupId(group), incarnation: toIncarnation(1), index: toLogIndex(1), owners, ownership, placement };
}

test("groups see those that share an owner with them, first those that this node does not own", () => {
  const here = [summary("d", [n1, n2]), summary("a", [n1])];
  const around = new Neighbourhood({ elsewhere: () => elsewhere, here: () => here });
  const elsewhere = [summary("b", [n2]), summary("c", [n3])];
  const seen = (group: typeof a, owners: GroupSummary["owners"]) =>
    around.of({ group, owners }).map((each) => each.group);
  assert.deepEqual(seen(a, [n1, n2]), [b, d]);
  assert.deepEqual(seen(d, [n1, n3]), [c, a]);
  assert.deepEqual(seen(c, [n3]), []);
});

test("what a group says of itself is read once for all who decide beside it, and again only when it says something else", () => {
  const none: readonly GroupSummary[] = [];
  let here = [summary("a", [n1]), summary("b", [n1]), summary("c", [n1])];
  const around = new Neighbourhood({ elsewhere: () => none, here: () => here });
  const seen = (by: typeof a, group: typeof a) =>
    around.of({ group: by, owners: [n1] }).find((each) => each.group === group);
  const [asSeenByA, other] = [seen(a, c), seen(a, b)];
  assert.deepEqual(asSeenByA?.policies.differentNode, [a]);
  assert.equal(seen(b, c), asSeenByA);
  here = here.map((each) => (each.group === c ? summary("c", [n1], "online") : each));
  assert.equal(seen(b, c)?.ownership.state, "online");
  assert.equal(seen(a, b), other);
});

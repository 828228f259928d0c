import assert from "node:assert/strict";
import { test } from "node:test";
import { toGroupId } from "../../../proto/ids.ts";
import type { GroupPolicies } from "../../../proto/policies.ts";
import { concerns } from "../../../server/recovery/neighbour-news.ts";
import { amounts, dependsOn, neighbourOf, ownedBy, policiesOf, unowned } from "./placement-fixtures.ts";

const [own, other] = [toGroupId("own"), toGroupId("other")];
const names: readonly Partial<GroupPolicies>[] = [
  { sameNode: [other, own] },
  { differentNode: [other, own] },
  { dependencies: [dependsOn("other"), dependsOn("own")] },
];
const weighing: readonly Partial<GroupPolicies>[] = [
  { demand: amounts({ cpu: 1 }) },
  { startup: "balanced" },
  { fallover: "mostFreeCapacity" },
];

/** Of another group that moves, or that tells something else of itself where it is. */
function isConcerned(fields: Partial<GroupPolicies>, before = neighbourOf("other", unowned()), now = before): boolean {
  return concerns({ group: own, policies: policiesOf(fields) }, { before, now });
}

test("whatever a group tells of itself concerns those that name it in a rule, and those that it names or has named", () => {
  assert(!isConcerned({}));
  for (const policies of names) {
    assert(isConcerned(policies));
    assert(isConcerned({}, neighbourOf("other", unowned(), policies), neighbourOf("other", unowned())));
    assert(isConcerned({}, neighbourOf("other", unowned()), neighbourOf("other", unowned(), policies)));
  }
});

test("where a group runs, and what it uses, concerns those that compare what is free of nodes", () => {
  const there = neighbourOf("other", ownedBy("n208"));
  const using = neighbourOf("other", ownedBy("n208"), { demand: amounts({ cpu: 2 }) });
  assert(!isConcerned({}, neighbourOf("other", unowned()), there));
  assert(!isConcerned({}, there, using));
  for (const policies of weighing) {
    assert(isConcerned(policies, neighbourOf("other", unowned()), there));
    assert(isConcerned(policies, there, using));
    assert(!isConcerned(policies, there, neighbourOf("other", ownedBy("n208", "releasing"))));
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type RecoveryStatus, recoveryStatuses } from "../../../proto/model.ts";
import { nodeStatus } from "../../../server/sphere/node-status.ts";
import { componentOf, entryOf } from "./reference-cluster.ts";

const groups = ["a", "b", "c"];
const entries = groups.map((group) => entryOf(group, "1 2"));

function statusOf(words: readonly (RecoveryStatus | null)[]): RecoveryStatus {
  const components = words.flatMap((status, position) =>
    status === null ? [] : [componentOf({ node: "1", group: groups[position] ?? "", status })],
  );
  return nodeStatus(components, entries.slice(0, words.length));
}

const cases: readonly [words: readonly (RecoveryStatus | null)[], status: RecoveryStatus][] = [
  [["up"], "up"],
  [["up", "up"], "up"],
  [["down", "down"], "down"],
  [["up", "down"], "partial"],
  [["up", "suspect"], "partial"],
  [["down", "suspect"], "suspect"],
  [["up", "joining"], "joining"],
  [["up", null], "joining"],
  [[null, null], "joining"],
  [["joining", "down"], "down"],
  [["joining", "suspect"], "suspect"],
  [["joining", "draining"], "draining"],
  [["joining", "up", "down"], "partial"],
  [["draining", "maintenance"], "draining"],
  [["maintenance", "left"], "maintenance"],
  [["draining", "maintenance", "left"], "draining"],
  [["maintenance", "up"], "partial"],
  [["maintenance", "down"], "partial"],
];

for (const [words, status] of cases) {
  test(`nodeStatus() of ${words.map((word) => word ?? "nothing").join(" and ")} is ${status}`, () => {
    assert.equal(statusOf(words), status);
    assert.equal(statusOf(words.toReversed()), status);
  });
}

test("nodeStatus() ignores verdicts of other incarnations and of groups that the node is not in", () => {
  const components = [
    componentOf({ node: "1", group: "a", incarnation: 1, index: 90, status: "down" }),
    componentOf({ node: "1", group: "a", incarnation: 2, index: 3, status: "up" }),
    componentOf({ node: "1", group: "gone", status: "down" }),
  ];
  assert.equal(nodeStatus(components, [entryOf("a", "1 2", 2)]), "up");
  assert.equal(nodeStatus(components, [entryOf("a", "1 2", 3)]), "joining");
});

test("nodeStatus() lets the newest verdict of a group count", () => {
  const older = componentOf({ node: "1", group: "a", index: 3, status: "down" });
  const newer = componentOf({ node: "1", group: "a", index: 4, status: "up" });
  assert.equal(nodeStatus([newer, older], [entryOf("a", "1 2")]), "up");
  assert.equal(nodeStatus([older, newer], [entryOf("a", "1 2")]), "up");
});

test("nodeStatus() looks for a verdict as often in many groups as in few", () => {
  const readsOf = (count: number) => {
    let reads = 0;
    const names = Array.from({ length: count }, (_, at) => `g${at}`);
    const components = names.map((group) => {
      const get = () => {
        reads += 1;
        return group;
      };
      return Object.defineProperty(componentOf({ node: "1", group }), "group", { get });
    });
    const entriesOfNode = names.map((group) => entryOf(group, "1 2"));
    assert.equal(nodeStatus(components, entriesOfNode), "up");
    return reads / count;
  };
  assert.equal(readsOf(50), readsOf(2));
});

test("nodeStatus() of a node in no group is the cluster group's verdict (A2)", () => {
  assert.equal(nodeStatus([componentOf({ node: "1", group: "cluster", status: "down" })], []), "down");
  assert.equal(nodeStatus([componentOf({ node: "1", group: "a", status: "up" })], []), "joining");
});

test("nodeStatus() does not depend on order, and never invents up or down", () => {
  const word = fc.constantFrom(...recoveryStatuses);
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 3 }), (words) => {
      const status = statusOf(words);
      assert.equal(statusOf(words.toReversed()), status);
      if (status === "up" || status === "down") assert.ok(words.includes(status));
      if (status === "up") assert.ok(words.every((each) => each === "up"));
    }),
    { numRuns: 200 },
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type NodeId, toNodeId } from "../../../proto/ids.ts";
import type { GroupSummary } from "../../../proto/model.ts";
import { Directory } from "../../../server/sphere/directory.ts";
import { mayHoldComponent, mayHoldSummary } from "../../../server/sphere/holding.ts";
import { StatusTable } from "../../../server/sphere/status-table.ts";
import {
  type ComponentFields,
  componentOf,
  entryOf,
  everything,
  groupNames,
  holdings,
  nodesOf,
  referenceDirectory,
  referenceGroups,
  referenceNodes,
  summaryOf,
} from "./reference-cluster.ts";

const directory = referenceDirectory();
const n202 = toNodeId("n202");
const n204 = toNodeId("n204");
const n208 = toNodeId("n208");
const n210 = toNodeId("n210");

function fullTable(): StatusTable {
  const table = new StatusTable();
  const { components, summaries } = everything();
  for (const component of components) table.mergeComponent(component);
  for (const summary of summaries) table.mergeSummary(summary);
  return table;
}

function assertHolds(table: StatusTable, row: (typeof holdings)[number]): void {
  const nodes = [...new Set(table.components().map(({ node }) => node))];
  assert.deepEqual(nodes, nodesOf(row.statuses), `statuses on n${row.node}`);
  const summaries = table.summaries().map(({ group }) => group);
  assert.deepEqual(summaries, groupNames(row.summaries), `summaries on n${row.node}`);
}

for (const row of holdings) {
  test(`retain() leaves n${row.node} exactly its statuses and summaries of the table`, () => {
    const table = fullTable();
    const dropped = table.retain(directory, toNodeId(`n${row.node}`));
    assertHolds(table, row);
    const kept = table.components().length + table.summaries().length;
    const { components, summaries } = everything();
    assert.equal(dropped.length + kept, components.length + summaries.length);
    assert.deepEqual(table.retain(directory, toNodeId(`n${row.node}`)), []);
  });
}

test("retain() says what it dropped, for the disk", () => {
  const table = new StatusTable();
  table.mergeComponent(componentOf({ node: "204", group: "rg222" }));
  table.mergeComponent(componentOf({ node: "202", group: "rg220" }));
  table.mergeComponent(componentOf({ node: "202", group: "departed" }));
  table.mergeSummary(summaryOf("rg220"));
  assert.deepEqual(table.retain(directory, n202), [
    { type: "component", node: "n202", group: "departed" },
    { type: "component", node: "n204", group: "rg222" },
    { type: "summary", group: "rg220" },
  ]);
});

test("retain() drops what is of an older incarnation, or of a node that has left the owner list", () => {
  const table = new StatusTable();
  table.mergeComponent(componentOf({ node: "1", group: "a" }));
  table.mergeComponent(componentOf({ node: "3", group: "b" }));
  table.mergeSummary(summaryOf("c"));
  const groups = [entryOf("a", "1 2", 2), entryOf("b", "1 2"), entryOf("c", "2 3", 2)];
  const changed = new Directory({ nodes: nodesOf("1 2 3"), groups });
  assert.equal(table.retain(changed, toNodeId("n1")).length, 3);
});

test("mayHoldComponent() accepts an incarnation that the directory does not know yet, not an older one", () => {
  const lagging = new Directory({ nodes: nodesOf("1 2"), groups: [entryOf("a", "1 2", 2)] });
  const self = toNodeId("n2");
  assert.equal(mayHoldComponent(componentOf({ node: "1", group: "a", incarnation: 3 }), lagging, self), true);
  assert.equal(mayHoldComponent(componentOf({ node: "1", group: "a", incarnation: 1 }), lagging, self), false);
  assert.equal(mayHoldSummary(summaryOf("a", { incarnation: 2 }), lagging, self), false);
});

const fields = fc.record<ComponentFields>({
  node: fc.constantFrom("1", "2"),
  group: fc.constantFrom("a", "b"),
  incarnation: fc.integer({ min: 1, max: 3 }),
  index: fc.integer({ min: 1, max: 4 }),
});

test("mergeComponent() and mergeSummary() give one result in any order, repeats included", () => {
  fc.assert(
    fc.property(fc.array(fields, { maxLength: 12 }), fc.infiniteStream(fc.nat()), (list, draws) => {
      const shuffled = list
        .concat(list)
        .map((item) => ({ item, key: draws.next().value as number }))
        .toSorted((left, right) => left.key - right.key)
        .map(({ item }) => item);
      const tables = [list, list.toReversed(), shuffled].map((order) => {
        const table = new StatusTable();
        for (const item of order) {
          table.mergeComponent(componentOf(item));
          table.mergeSummary(summaryOf(item.group, item));
        }
        return { components: table.components(), summaries: table.summaries() };
      });
      assert.deepEqual(tables[1], tables[0]);
      assert.deepEqual(tables[2], tables[0]);
    }),
    { numRuns: 100 },
  );
});

test("mergeComponent() keeps the highest incarnation, then the highest index, and calls only that news", () => {
  fc.assert(
    fc.property(fc.array(fields, { minLength: 1, maxLength: 12 }), (list) => {
      const table = new StatusTable();
      let best: readonly [number, number] = [0, 0];
      for (const { incarnation = 1, index = 1 } of list) {
        const isBetter = incarnation > best[0] || (incarnation === best[0] && index > best[1]);
        assert.equal(table.mergeComponent(componentOf({ node: "1", group: "a", incarnation, index })), isBetter);
        if (isBetter) best = [incarnation, index];
      }
      const [kept] = table.components(toNodeId("n1"));
      assert.deepEqual([kept?.incarnation, kept?.index], best);
    }),
    { numRuns: 100 },
  );
});

test("versionsFor() follows a change of the directory and of a verdict", () => {
  const table = new StatusTable();
  table.mergeComponent(componentOf({ node: "2", group: "a" }));
  const n1 = toNodeId("n1");
  const together = new Directory({ nodes: nodesOf("1 2 3"), groups: [entryOf("a", "1 2 3")] });
  const apart = new Directory({ nodes: nodesOf("1 2 3"), groups: [entryOf("a", "1 2")] });
  const indexes = (known: Directory) => table.versionsFor(toNodeId("n3"), known, n1, []).map(({ index }) => index);
  assert.deepEqual(indexes(together), [1]);
  assert.deepEqual(indexes(apart), []);
  assert.deepEqual(indexes(together), [1]);
  table.mergeComponent(componentOf({ node: "2", group: "a", index: 2 }));
  assert.deepEqual(indexes(together), [2]);
});

test("versionsFor() names what both may hold: nodes with both in their sphere, summaries for a hearer of the same group", () => {
  const table = fullTable();
  table.retain(directory, n208);
  const own = [summaryOf("rg220"), summaryOf("rg226")];
  const names = (peer: NodeId) =>
    table.versionsFor(peer, directory, n208, own).map(({ node, group }) => `${node ?? "summary"} ${group}`);
  // n202 and n208 meet in rg220 only; that rg226 says of n208 concerns n202, what it says of n210 does not.
  assert.deepEqual(names(n202), ["n202 rg220", "n208 rg220", "n208 rg226", "n214 rg220", "summary rg226"]);
  // n210 hears of rg220 from the shared node n208; of rg222, which it owns, the two only compare versions.
  assert.deepEqual(names(n210), [
    "n208 rg220",
    "n208 rg226",
    "n210 rg222",
    "n210 rg226",
    "n212 rg224",
    "n212 rg226",
    "summary rg220",
    "summary rg222",
    "summary rg224",
  ]);
  // n204 and n208 share no group, yet both are in the sphere of n210, and n208 relays nothing to n204.
  assert.deepEqual(names(n204), ["n210 rg222", "n210 rg226"]);
});

test("newerThan() sends what is newer or missing there, and asks for what is newer there", () => {
  const here = new StatusTable();
  here.mergeComponent(componentOf({ node: "202", group: "rg220", index: 5 }));
  here.mergeComponent(componentOf({ node: "208", group: "rg220", index: 5 }));
  here.mergeComponent(componentOf({ node: "214", group: "rg220", index: 5 }));
  const there = new StatusTable();
  there.mergeComponent(componentOf({ node: "202", group: "rg220", index: 4 }));
  there.mergeComponent(componentOf({ node: "208", group: "rg220", index: 5 }));
  const own = [summaryOf("rg226", { index: 2 })];
  const versions = () => there.versionsFor(n208, directory, n202, []);

  const repair = here.newerThan(versions(), n202, directory, n208, own);
  const sent = repair.components.map(({ node }) => node);
  assert.deepEqual(sent, nodesOf("202 214"));
  assert.deepEqual(repair.summaries, own);
  assert.equal(repair.wanted, false);

  there.mergeComponent(componentOf({ node: "208", group: "rg220", index: 6 }));
  assert.equal(here.newerThan(versions(), n202, directory, n208, own).wanted, true);
});

test("retain() drops the verdict of a group on a node that left it, though another group keeps the node in the sphere", () => {
  const table = new StatusTable();
  table.mergeComponent(componentOf({ node: "1", group: "a" }));
  table.mergeComponent(componentOf({ node: "1", group: "b" }));
  const changed = new Directory({ nodes: nodesOf("1 2 3"), groups: [entryOf("a", "1 2"), entryOf("b", "2 3")] });
  assert.deepEqual(table.retain(changed, toNodeId("n2")), [{ type: "component", node: "n1", group: "b" }]);
});

test("newerThan() sends no summary to an owner of the group, who has its log, and wants none of an own group", () => {
  const here = new StatusTable();
  here.mergeSummary(summaryOf("rg222", { index: 9 }));
  const own = [summaryOf("rg226"), summaryOf("rg220")];
  assert.deepEqual(
    here.newerThan([], n210, directory, n208, own).summaries.map(({ group }) => group),
    ["rg220"],
  );
  const newer = here.versionsFor(n210, directory, n208, own);
  const there = new StatusTable();
  assert.equal(there.newerThan(newer, n208, directory, n210, [summaryOf("rg222")]).wanted, true);
  const onlyOwn = newer.filter(({ group }) => group === "rg222");
  assert.equal(onlyOwn.length, 1);
  assert.equal(there.newerThan(onlyOwn, n208, directory, n210, [summaryOf("rg222")]).wanted, false);
});

test("newerThan() is not misled by versions that the pair may not share", () => {
  const here = new StatusTable();
  const foreign = new StatusTable();
  foreign.mergeComponent(componentOf({ node: "206", group: "rg224", index: 9 }));
  foreign.mergeSummary(summaryOf("rg224", { index: 9 }));
  foreign.mergeSummary(summaryOf("rg220", { index: 9 }));
  const versions = [...foreign.components(), ...foreign.summaries()].map((item) => ({
    group: item.group,
    incarnation: item.incarnation,
    node: "node" in item ? item.node : null,
    index: item.index,
  }));
  const repair = here.newerThan(versions, n208, directory, n202, [summaryOf("rg220")]);
  assert.deepEqual(repair, { components: [], summaries: [], wanted: false });
});

interface Member {
  readonly node: NodeId;
  readonly table: StatusTable;
  readonly own: readonly GroupSummary[];
}

/** A node that knows what its own groups' logs say, and nothing else. */
function memberOf(node: NodeId): Member {
  const table = new StatusTable();
  const own = referenceGroups.filter(({ owners }) => owners.includes(node)).map(({ group }) => summaryOf(group));
  for (const component of everything().components) {
    if (directory.owns(node, component.group)) table.mergeComponent(component);
  }
  return { node, table, own };
}

/** One digest from `asker` to `answerer` and the answer back; whether anything was news. */
function exchange(asker: Member, answerer: Member): boolean {
  const versions = asker.table.versionsFor(answerer.node, directory, asker.node, asker.own);
  const repair = answerer.table.newerThan(versions, asker.node, directory, answerer.node, answerer.own);
  const news = repair.components.map((component) => {
    assert.ok(mayHoldComponent(component, directory, asker.node), `${component.node} sent to ${asker.node}`);
    return asker.table.mergeComponent(component);
  });
  const more = repair.summaries.map((summary) => {
    assert.ok(mayHoldSummary(summary, directory, asker.node), `${summary.group} sent to ${asker.node}`);
    return asker.table.mergeSummary(summary);
  });
  return [...news, ...more].some((isNews) => isNews);
}

test("digests between members of a sphere alone bring every node exactly its row of the table", () => {
  const members = new Map(referenceNodes.map((node) => [node, memberOf(node)]));
  let isQuiet = false;
  for (let round = 0; round < 5 && !isQuiet; round++) {
    isQuiet = true;
    for (const asker of members.values()) {
      for (const peer of directory.sphereOf(asker.node)) {
        const answerer = members.get(peer);
        if (answerer !== undefined && peer !== asker.node && exchange(asker, answerer)) isQuiet = false;
      }
    }
  }
  assert.ok(isQuiet, "the exchange does not come to rest");
  for (const row of holdings) {
    const member = members.get(toNodeId(`n${row.node}`));
    assert.ok(member !== undefined);
    assertHolds(member.table, row);
    const full = fullTable();
    full.retain(directory, member.node);
    assert.deepEqual(member.table.components(), full.components());
  }
});

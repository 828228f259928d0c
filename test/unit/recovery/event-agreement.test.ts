import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toNodeId } from "../../../proto/ids.ts";
import type { DirectoryEntry, RecoveryStatus } from "../../../proto/model.ts";
import { EventAgreement, type NodeGroups, type RecordedStatus } from "../../../server/recovery/event-agreement.ts";
import { entryOf, ms, nodesOf, verdictOf } from "./fixtures.ts";

const options = { pollMs: 3000, intervalMs: 1000, pendingNodesMax: 16_384, changesMax: 1_024 };
const rg220 = entryOf("rg220", "n202 n208 n214");
const rg226 = entryOf("rg226", "n208 n210 n212");

function directoryOf(groups: readonly DirectoryEntry[], nodes = "n202 n208 n210 n212 n214 n300"): NodeGroups {
  const known = new Set(nodesOf(nodes));
  return {
    isNode: (node) => known.has(node),
    groupsOf: (node) => groups.filter(({ owners }) => owners.includes(node)),
  };
}

const directory = directoryOf([rg220, rg226]);
const always = (status: RecordedStatus) => () => status;
const report = (group: string, status: RecoveryStatus, index = 1) => ({
  ...verdictOf("n208", status, { group, index }),
  reason: `${group} says so`,
});

test("due() announces a failure once all groups of the node agree, without waiting (A3)", () => {
  const agreement = new EventAgreement(options);
  assert.equal(agreement.deadlineMs(), null);
  agreement.report(report("rg220", "down"), ms(100));
  agreement.report(report("rg226", "down"), ms(100));
  assert.equal(agreement.deadlineMs(), 100);
  assert.deepEqual(agreement.due(ms(100), always("up"), directory), {
    changes: [{ type: "nodeFailed", node: "n208", reason: "rg220 says so (decided by rg220, rg226)" }],
    polls: [],
  });
  assert.equal(agreement.deadlineMs(), null);
});

test("due() asks the groups that are silent, again and again until pollMs, then decides without them", () => {
  const agreement = new EventAgreement(options);
  agreement.report(report("rg220", "down"), ms(100));
  const poll = { node: "n208", status: "down", groups: [rg226] };
  for (const atMs of [100, 1100, 2100]) {
    assert.equal(agreement.deadlineMs(), atMs);
    assert.deepEqual(agreement.due(ms(atMs), always("up"), directory), { changes: [], polls: [poll] });
  }
  assert.equal(agreement.deadlineMs(), 3100);
  const { changes, polls } = agreement.due(ms(3100), always("up"), directory);
  assert.deepEqual(changes, [{ type: "nodeFailed", node: "n208", reason: "rg220 says so (decided by rg220)" }]);
  assert.deepEqual(polls, []);
});

test("groups that go on disagreeing are not asked without end: each answer that comes late begins a discussion anew", () => {
  const agreement = new EventAgreement(options);
  let polls = 0;
  for (let atMs = 0; atMs < 3000; atMs += 10) {
    for (const [group, status] of [
      ["rg220", "down"],
      ["rg226", "up"],
    ] as const) {
      agreement.report(report(group, status), ms(atMs));
      polls += agreement.due(ms(atMs), always("up"), directory).polls.length;
    }
  }
  assert.equal(polls, 3);
});

test("due() does not ask more often because reports come in", () => {
  const groups = [rg220, rg226, entryOf("rg3", "n208"), entryOf("rg4", "n208")];
  const agreement = new EventAgreement(options);
  agreement.report(report("rg220", "down"), ms(0));
  assert.equal(agreement.due(ms(0), always("up"), directoryOf(groups)).polls.length, 1);
  agreement.report(report("rg226", "down"), ms(10));
  assert.equal(agreement.deadlineMs(), 10);
  assert.deepEqual(agreement.due(ms(10), always("up"), directoryOf(groups)).polls, []);
  assert.equal(agreement.deadlineMs(), 1000);
  assert.deepEqual(agreement.due(ms(1000), always("up"), directoryOf(groups)).polls[0]?.groups, groups.slice(2));
});

test("due() drops a node on which its groups disagree: it is partial, no event", () => {
  const agreement = new EventAgreement(options);
  agreement.report(report("rg220", "down"), ms(0));
  agreement.report(report("rg226", "up"), ms(0));
  assert.deepEqual(agreement.due(ms(0), always("up"), directory), { changes: [], polls: [] });
  assert.equal(agreement.deadlineMs(), null);
});

test("due() announces a reintegration only of a node whose failure is recorded; a first start is no event (A3)", () => {
  for (const [recorded, expected] of [
    ["down", ["nodeReintegrated"]],
    ["new", []],
    ["up", []],
  ] as const) {
    const agreement = new EventAgreement(options);
    agreement.report(report("rg220", "up"), ms(0));
    agreement.report(report("rg226", "up"), ms(0));
    const { changes } = agreement.due(ms(0), always(recorded), directory);
    assert.deepEqual(
      changes.map(({ type }) => type),
      expected,
      recorded,
    );
    assert.equal(agreement.deadlineMs(), null);
  }
});

test("due() announces the failure of a node that was never in an event before, and no failure twice", () => {
  for (const [recorded, count] of [
    ["new", 1],
    ["down", 0],
  ] as const) {
    const agreement = new EventAgreement(options);
    agreement.report(report("rg220", "down"), ms(0));
    agreement.report(report("rg226", "down"), ms(0));
    assert.equal(agreement.due(ms(0), always(recorded), directory).changes.length, count);
  }
});

test("due() says nothing of a node that went down and up again in between", () => {
  const agreement = new EventAgreement(options);
  agreement.report(report("rg220", "down", 4), ms(0));
  agreement.due(ms(0), always("up"), directory);
  agreement.report(report("rg220", "up", 5), ms(200));
  agreement.report(report("rg220", "down", 4), ms(210));
  agreement.report(report("rg226", "up", 9), ms(220));
  assert.deepEqual(agreement.due(ms(220), always("up"), directory), { changes: [], polls: [] });
  assert.equal(agreement.deadlineMs(), null);
});

test("report() lets a late older verdict change nothing", () => {
  const agreement = new EventAgreement(options);
  agreement.report(report("rg220", "up", 5), ms(0));
  agreement.report(report("rg220", "down", 4), ms(0));
  agreement.report(report("rg226", "up", 9), ms(0));
  assert.deepEqual(
    agreement.due(ms(0), always("down"), directory).changes.map(({ type }) => type),
    ["nodeReintegrated"],
  );
});

test("due() takes draining and maintenance for words of one that is there", () => {
  for (const status of ["up", "draining", "maintenance"] as const) {
    const agreement = new EventAgreement(options);
    agreement.report(report("rg220", "down"), ms(0));
    agreement.report(report("rg226", status), ms(0));
    assert.deepEqual(agreement.due(ms(0), always("up"), directory).changes, [], status);
    for (const group of ["rg220", "rg226"]) agreement.report(report(group, status, 7), ms(0));
    const { changes } = agreement.due(ms(0), always("down"), directory);
    assert.deepEqual(
      changes.map(({ type }) => type),
      ["nodeReintegrated"],
      status,
    );
  }
});

test("due() takes joining, suspect and left for no opinion", () => {
  for (const status of ["joining", "suspect", "left"] as const) {
    const agreement = new EventAgreement(options);
    agreement.report(report("rg220", "down"), ms(0));
    agreement.report(report("rg226", status), ms(0));
    const { changes } = agreement.due(ms(0), always("up"), directory);
    assert.deepEqual(
      changes.map(({ type }) => type),
      ["nodeFailed"],
      status,
    );
  }
  const agreement = new EventAgreement(options);
  agreement.report(report("rg220", "left"), ms(0));
  agreement.report(report("rg226", "left"), ms(0));
  assert.deepEqual(agreement.due(ms(0), always("up"), directory).changes, []);
});

test("due() counts only groups that the directory knows, in their incarnation", () => {
  const agreement = new EventAgreement(options);
  agreement.report(report("departed", "down"), ms(0));
  agreement.report(report("rg226", "down"), ms(0));
  const recreated = directoryOf([rg220, { ...rg226, incarnation: entryOf("x", "n1", 2).incarnation }]);
  assert.deepEqual(agreement.due(ms(0), always("up"), recreated).polls[0]?.groups.length, 2);
  assert.deepEqual(agreement.due(ms(3000), always("up"), recreated), { changes: [], polls: [] });
  agreement.report({ ...report("rg220", "down"), node: toNodeId("stranger") }, ms(3000));
  assert.deepEqual(agreement.due(ms(3000), always("up"), directory), { changes: [], polls: [] });
  assert.equal(agreement.deadlineMs(), null);
});

test("due() lets the cluster group speak for a node in no group (A2)", () => {
  const agreement = new EventAgreement(options);
  agreement.report(verdictOf("n300", "down", { group: "cluster" }), ms(0));
  assert.equal(agreement.due(ms(0), always("up"), directory).changes.length, 1);
});

test("due() gives at most one entry an interval, with all that has come together meanwhile", () => {
  const names = Array.from({ length: 20 }, (_, index) => `m${index}`);
  const everyone = directoryOf([], names.join(" "));
  const agreement = new EventAgreement(options);
  const entries: { readonly atMs: number; readonly count: number }[] = [];
  const runUntil = (untilMs: number) => {
    for (let at = agreement.deadlineMs(); at !== null && at <= untilMs; at = agreement.deadlineMs()) {
      const { changes } = agreement.due(at, always("down"), everyone);
      if (changes.length > 0) entries.push({ atMs: at, count: changes.length });
    }
  };
  names.forEach((name, index) => {
    runUntil(index * 100);
    agreement.report(verdictOf(name, "up", { group: "cluster" }), ms(index * 100));
  });
  runUntil(10_000);
  assert.deepEqual(entries, [
    { atMs: 0, count: 1 },
    { atMs: 1000, count: 9 },
    { atMs: 2000, count: 10 },
  ]);
});

test("every discussion ends within pollMs and an interval, and an event never contradicts its reports", () => {
  const groups = [rg220, rg226, entryOf("rg3", "n208")];
  const word = fc.constantFrom<RecoveryStatus>("up", "down", "joining", "suspect", "draining");
  const item = fc.record({
    group: fc.constantFrom("rg220", "rg226", "rg3"),
    status: word,
    waitMs: fc.nat({ max: 400 }),
  });
  fc.assert(
    fc.property(fc.array(item, { minLength: 1, maxLength: 6 }), (items) => {
      const agreement = new EventAgreement(options);
      let nowMs = 0;
      items.forEach(({ group, status, waitMs }, index) => {
        nowMs += waitMs;
        agreement.report(report(group, status, index + 1), ms(nowMs));
      });
      const newest = new Map(items.map(({ group, status }) => [group, status]));
      let turns = 0;
      for (let at = agreement.deadlineMs(); at !== null; at = agreement.deadlineMs()) {
        nowMs = Math.max(nowMs, at);
        const { changes } = agreement.due(ms(nowMs), always("up"), directoryOf(groups));
        const words = new Set(newest.values());
        if (changes.length > 0) assert.ok(words.has("down") && !words.has("up") && !words.has("draining"));
        turns += 1;
        assert.ok(turns <= 8, "does not come to an end");
      }
      assert.ok(nowMs <= 400 * 6 + options.pollMs + options.intervalMs);
    }),
    { numRuns: 200 },
  );
});

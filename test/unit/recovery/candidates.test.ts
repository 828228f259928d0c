import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Candidate } from "../../../proto/placement.ts";
import { roomFor, without } from "../../../server/recovery/amounts.ts";
import { rankCandidates } from "../../../server/recovery/candidates.ts";
import { nodesOf } from "./fixtures.ts";
import {
  admittedBy,
  amounts,
  dependsOn,
  errorOn,
  failed,
  neighbourOf,
  never,
  ownedBy,
  owners,
  placementOf,
  policiesOf,
  samplesOf,
  secondOwner,
  statuses,
  thirdOwner,
  unowned,
  viewOf,
} from "./placement-fixtures.ts";

type Fields = Parameters<typeof viewOf>[0];
type Purpose = Parameters<typeof rankCandidates>[1];

const order = (purpose: Purpose, fields: Fields = {}) =>
  rankCandidates(viewOf(fields), purpose)
    .filter(({ rank }) => rank > 0)
    .map(({ node }) => node)
    .join(" ");
const candidate = (purpose: Purpose, node: string, fields: Fields = {}) =>
  rankCandidates(viewOf(fields), purpose).find((each) => each.node === node) as Candidate;
const factor = (found: Candidate, kind: string) => found.factors.find((each) => each.kind === kind);
/** The reason that excludes it. */
const exclusion = (purpose: Purpose, node: string, fields: Fields) =>
  candidate(purpose, node, fields).factors.find(({ excludes }) => excludes)?.reason;

test("rankCandidates() names every owner once, the best first, those that cannot take it last with rank 0", () => {
  const ranked = rankCandidates(viewOf({ verdicts: statuses({ n208: "down" }) }), "startup");
  assert.deepEqual(
    ranked.map(({ node, rank }) => [node, rank]),
    [
      ["n210", 1],
      ["n212", 2],
      ["n208", 0],
    ],
  );
});

test("for a fail-over the list begins behind the last owner", () => {
  assert.equal(order("fallover", { ownership: ownedBy("n210"), ...failed("n210") }), "n212 n208");
  assert.equal(order("fallover"), "n210 n212 n208");
});

test("for a move the owner that it leaves is excluded, and for a fallback every one that is no better", () => {
  assert.equal(order("move"), "n210 n212");
  assert.equal(exclusion("move", "n208", {}), "The application is to leave n208");
  assert.equal(order("fallback", { ownership: ownedBy("n212") }), "n208 n210");
  assert.equal(order("fallback", { ownership: ownedBy("n210") }), "n208");
  const reason = "n212 is number 3 of 3 in the owner list, behind n210 at number 2";
  assert.equal(exclusion("fallback", "n212", { ownership: ownedBy("n210") }), reason);
});

test("an owner on its way out of the list is given no right that only an operator could end, and any other one", () => {
  const leaving = nodesOf("n210");
  const lease = { ...policiesOf().lease, isEndless: true };
  assert.equal(order("fallover", { leaving, ...failed("n208") }), "n210 n212");
  assert.equal(order("fallover", { leaving, policies: policiesOf({ lease }), ...failed("n208") }), "n212");
  const reason = "n210 is on its way out of the owner list";
  assert.equal(exclusion("fallover", "n210", { leaving, policies: policiesOf({ lease }) }), reason);
});

test("the least loaded owner comes first by its fresh sample, those without one as next in the list", () => {
  const policies = policiesOf({ fallover: "leastLoaded" });
  assert.equal(
    order("fallover", { policies, samples: samplesOf({ n210: 80, n212: 20 }), ...failed("n208") }),
    "n212 n210",
  );
  assert.equal(order("fallover", { policies, samples: samplesOf({ n212: 99 }), ...failed("n208") }), "n212 n210");
  assert.equal(order("fallover", { policies, ...failed("n208") }), "n210 n212");
  const found = candidate("fallover", "n212", { policies, samples: samplesOf({ n212: 20 }) });
  assert.equal(factor(found, "load")?.reason, "n212 has 20 % of its capacity in use, as of 300 ms ago");
  assert.equal(found.sample?.node, "n212");
  const reason = "There is no fresh sample of the load of n210";
  assert.equal(factor(candidate("fallover", "n210", { policies }), "load")?.reason, reason);
  assert.equal(candidate("fallover", "n212", { samples: samplesOf({ n212: 20 }) }).sample, null, "it does not matter");
});

test("a load is a share of what is configured rather than of what was measured", () => {
  const policies = policiesOf({ fallover: "leastLoaded" });
  const samples = samplesOf({ n210: 80, n212: 20 });
  const capacities = new Map([[thirdOwner, amounts({ cpu: 22 })]]);
  assert.equal(order("fallover", { policies, samples, capacities, ...failed("n208") }), "n210 n212");
});

test("the owner with the most free capacity comes first: without what neighbours use there", () => {
  const policies = policiesOf({ fallover: "mostFreeCapacity", demand: amounts({ cpu: 1 }) });
  const capacities = new Map([
    [secondOwner, amounts({ cpu: 8 })],
    [thirdOwner, amounts({ cpu: 6 })],
  ]);
  assert.equal(order("fallover", { policies, capacities, ...failed("n208") }), "n210 n212");
  const neighbours = [neighbourOf("rg220", ownedBy("n210"), { demand: amounts({ cpu: 4 }) })];
  assert.equal(order("fallover", { policies, capacities, neighbours, ...failed("n208") }), "n212 n210");
  const stopped = [neighbourOf("rg220", ownedBy("n210", "offline"), { demand: amounts({ cpu: 4 }) })];
  assert.equal(order("fallover", { policies, capacities, neighbours: stopped, ...failed("n208") }), "n210 n212");
  const found = candidate("fallover", "n210", { policies, capacities, neighbours });
  assert.equal(factor(found, "capacity")?.reason, "n210 has cpu 4 free");
});

test("a node that never has enough is excluded, one that is full by its neighbours' word comes last", () => {
  const policies = policiesOf({ demand: amounts({ cpu: 4 }) });
  const small = new Map([[secondOwner, amounts({ cpu: 2 })]]);
  assert.equal(exclusion("fallover", "n210", { policies, capacities: small }), "n210 has 2 of the 4 cpu needed");
  const capacities = new Map([[secondOwner, amounts({ cpu: 4 })]]);
  const neighbours = [neighbourOf("rg220", ownedBy("n210"), { demand: amounts({ cpu: 3 }) })];
  assert.equal(order("fallover", { policies, capacities, neighbours, ...failed("n208") }), "n212 n210");
  const found = candidate("fallover", "n210", { policies, capacities, neighbours });
  assert.deepEqual(factor(found, "capacity"), {
    kind: "capacity",
    excludes: false,
    reason: "n210 has 1 of the 4 cpu needed free",
  });
});

test("what excludes an owner is said in one sentence", () => {
  const rg220 = neighbourOf("rg220", ownedBy("n208"));
  const cases: readonly (readonly [string, Fields])[] = [
    ["n210 is down", { verdicts: statuses({ n210: "down" }) }],
    ["n210 is draining", { verdicts: statuses({ n210: "draining" }) }],
    ["n210 has no verdict", { verdicts: [] }],
    ["The agent of n210 is silent", { agents: new Set() }],
    ["app has failed on n210: exit status 1", { placement: placementOf({ bans: [errorOn("n210")] }) }],
    [
      "The resource disk cannot run on n210",
      { policies: policiesOf({ resources: [{ name: "disk", nodes: [thirdOwner], isCritical: true }] }) },
    ],
    [
      "rg226 runs where rg220 does, which is on n208",
      { policies: policiesOf({ sameNode: [rg220.group] }), neighbours: [rg220] },
    ],
    [
      "rg226 depends on rg220, which is offline",
      { policies: policiesOf({ dependencies: [dependsOn("rg220")] }), neighbours: [neighbourOf("rg220", never)] },
    ],
    [
      "rg226 depends on rg220 on the same node, which is on n208",
      { policies: policiesOf({ dependencies: [dependsOn("rg220", { isSameNode: true })] }), neighbours: [rg220] },
    ],
    ["n210 refused: full", { reservations: new Map([[secondOwner, { type: "refused", reason: "full" } as const]]) }],
  ];
  for (const [reason, fields] of cases) assert.equal(exclusion("startup", "n210", fields), reason);
});

test("a node where another group says it is comes behind for a start, and is excluded for who may stay where it runs", () => {
  const rg220 = neighbourOf("rg220", ownedBy("n210"));
  const fields = { policies: policiesOf({ differentNode: [rg220.group] }), neighbours: [rg220] };
  assert.equal(order("startup", fields), "n208 n212 n210");
  assert.equal(order("fallover", { ...fields, ...failed("n208") }), "n212 n210");
  const reason = "rg220 says that it is on n210, and rg226 must run on a different node";
  assert.equal(exclusion("move", "n210", fields), reason);
  assert.equal(exclusion("fallback", "n210", { ...fields, ownership: ownedBy("n212") }), reason);
  assert.equal(exclusion("move", "n210", { ...fields, verdicts: statuses({ n208: "draining" }) }), undefined);
});

test("a resource that is not critical excludes nobody", () => {
  const policies = policiesOf({ resources: [{ name: "log", nodes: [thirdOwner], isCritical: false }] });
  assert.equal(order("startup", { policies }), "n208 n210 n212");
  assert.equal(factor(candidate("startup", "n210", { policies }), "resource")?.excludes, false);
});

test("what was weighed and excludes nobody is said as well", () => {
  const reasons = (node: string, purpose: Purpose, fields: Fields) =>
    candidate(purpose, node, fields).factors.map(({ reason }) => reason);
  assert.deepEqual(reasons("n210", "startup", {}), ["n210 is number 2 of 3 in the owner list", "n210 is up"]);
  const placement = placementOf({ movesMs: [viewOf().wallMs], intent: { pinnedTo: secondOwner } });
  assert.deepEqual(reasons("n210", "fallover", { placement, reservations: admittedBy("n210") }), [
    "n210 is number 2 of 3 in the owner list",
    "n210 is up",
    "An operator moved the application to n210",
    "1 of at most 3 moves in 3600000 ms",
    "n210 has reserved for epoch 6",
  ]);
  const settling = {
    ownership: never,
    policies: policiesOf({ settlingMs: 900_000 }),
    verdicts: statuses({ n208: "down" }),
  };
  assert.match(
    reasons("n210", "startup", settling).join(),
    /n208 of higher precedence may come up within .* 900000 ms/,
  );
  const balanced = { policies: policiesOf({ startup: "balanced" }), neighbours: [neighbourOf("rg1", ownedBy("n210"))] };
  assert.match(reasons("n210", "startup", balanced).join(), /n210 runs 1 other groups/);
});

test("where an operator wants it comes first, whatever the policy", () => {
  const pinned = placementOf({ intent: { pinnedTo: thirdOwner } });
  assert.equal(order("startup", { placement: pinned, ownership: unowned() }), "n212 n208 n210");
  const wished = placementOf({ intent: { pinnedTo: thirdOwner }, move: { to: secondOwner } });
  assert.equal(order("startup", { placement: wished, ownership: unowned() }), "n210 n212 n208");
});

test("amounts: what is left is never below nothing, and room is counted by the scarcest dimension", () => {
  assert.deepEqual(
    without(amounts({ cpu: 2, memory: 8 }), amounts({ cpu: 3, disk: 1 })),
    amounts({ cpu: 0, memory: 8 }),
  );
  assert.equal(roomFor(amounts({ cpu: 2, memory: 4 }), amounts({ cpu: 8, memory: 8 })), 2);
  assert.equal(roomFor(amounts({ disk: 1 }), amounts({ cpu: 8 })), Number.POSITIVE_INFINITY);
  assert.equal(roomFor(amounts({}), amounts({ cpu: 8, memory: 8 })), 16);
});

test("rankCandidates() gives ranks 1, 2, 3 … to those that nothing excludes, and 0 to all others", () => {
  const status = fc.constantFrom("up", "down", "draining", "joining", "suspect" as const);
  const purpose = fc.constantFrom<Purpose>("startup", "fallover", "fallback", "move");
  fc.assert(
    fc.property(fc.tuple(status, status, status), fc.subarray(owners), purpose, ([a, b, c], agents, why) => {
      const view = viewOf({ verdicts: statuses({ n208: a, n210: b, n212: c }), agents: new Set(agents) });
      const ranked = rankCandidates(view, why);
      assert.deepEqual(new Set(ranked.map(({ node }) => node)), new Set(owners));
      const eligible = ranked.filter(({ factors }) => factors.every(({ excludes }) => !excludes));
      assert.deepEqual(
        ranked.map(({ rank }) => rank),
        ranked.map((_, index) => (index < eligible.length ? index + 1 : 0)),
      );
      for (const { node } of eligible) assert.ok(view.agents.has(node));
    }),
  );
});

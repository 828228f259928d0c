import assert from "node:assert/strict";
import { test } from "node:test";
import type { Placement } from "../../../proto/placement.ts";
import { explain, explainAdvice } from "../../../server/recovery/explanation.ts";
import { unplaced } from "../../../server/recovery/placement-record.ts";
import { ms } from "./fixtures.ts";
import {
  amounts,
  dependsOn,
  errorOn,
  failed,
  hourMs,
  idle,
  neighbourOf,
  never,
  noonMs,
  ownedBy,
  owners,
  placementOf,
  policiesOf,
  ranOn,
  reportOf,
  samplesOf,
  secondOwner,
  statuses,
  thirdOwner,
  unowned,
  viewOf,
} from "./placement-fixtures.ts";

type Fields = Parameters<typeof viewOf>[0];

const explained = (fields: Fields = {}) => explain(viewOf(fields), 10);
const summary = (fields: Fields) => explained(fields).summary;
/** `event -> owner`, with the time where there is one. */
const triggers = (fields: Fields) =>
  explained(fields).triggers.map(
    ({ event, to, atMs }) => `${event} -> ${to ?? "nowhere"}${atMs === null ? "" : ` at +${atMs - noonMs}`}`,
  );
/** Those that do not hold of every group that runs. */
const special = (fields: Fields) =>
  triggers(fields).filter((text) => !/^(n\d+ fails|An operator (drains|stops))/.test(text));

const everyDay: ReadonlySet<number> = new Set([0, 1, 2, 3, 4, 5, 6]);
const minimum = { owners: 3, capacity: amounts({}), resources: [] };

/** Each names the rule that decides in its summary, and what would move the group but for that its owner fails. */
const cases: readonly (readonly [name: string, fields: Fields, summary: RegExp, triggers: readonly string[]])[] = [
  [
    "where it should be",
    {},
    /^rg226 is online on n208 under epoch 5; precedence in the owner list: n208 is up, and the first/,
    [],
  ],
  [
    "on a lower owner as the better are down",
    {
      ownership: ownedBy("n210"),
      verdicts: statuses({ n208: "down" }),
      policies: policiesOf({ fallback: { type: "immediate" } }),
    },
    /precedence in the owner list: n210 is up, and none of the 1 before it/,
    ["n208 is up again -> n208"],
  ],
  [
    "on a lower owner without fallback",
    { ownership: { ...ownedBy("n210"), reason: "n208 is down" } },
    /on n210 under epoch 5 \(n208 is down\); fallback policy: n210 keeps it: n208 is before n210 .*, and fallback is never/,
    [],
  ],
  [
    "on a lower owner until a delay is over",
    { ownership: ownedBy("n210"), policies: policiesOf({ fallback: { type: "delayed", delayMs: 500_250 } }) },
    /fallback policy: .* fallback is delayed by 500250 ms/,
    [
      "fallback policy: n210 keeps it: n208 is before n210 in the owner list, and fallback is delayed by 500250 ms -> n208 at +250",
    ],
  ],
  [
    "on a lower owner until a window opens",
    {
      ownership: ownedBy("n212"),
      policies: policiesOf({
        fallback: { type: "window", window: { fromMinute: 780, toMinute: 840, days: everyDay } },
      }),
    },
    /fallback policy: .* fallback is from 13:00 to 14:00 UTC/,
    [
      `fallback policy: n212 keeps it: n208 is before n212 in the owner list, and fallback is from 13:00 to 14:00 UTC -> n208 at +${hourMs}`,
    ],
  ],
  [
    "where an operator wants it",
    {
      ownership: ownedBy("n212"),
      policies: policiesOf({ fallback: { type: "immediate" } }),
      placement: placementOf({ intent: { pinnedTo: thirdOwner } }),
    },
    /owner that an operator chose: n212 keeps it: An operator moved rg226 to n212: no fallback/,
    [],
  ],
  [
    "frozen",
    { ...failed("n208"), placement: placementOf({ intent: { frozen: "new disk" } }) },
    /frozen by an operator: Frozen: new disk/,
    ["An operator unfreezes it -> n210"],
  ],
  [
    "stopped",
    { ownership: unowned(), ...idle, placement: placementOf({ intent: { isOnline: false } }) },
    /^rg226 has no owner, offline since epoch 5; stopped by an operator: rg226 is stopped/,
    ["An operator starts it -> n208"],
  ],
  [
    "not started automatically",
    { ownership: never, ...idle, policies: policiesOf({ startsAutomatically: false }) },
    /startAutomatically is false: rg226 does not start automatically/,
    ["An operator starts it -> n208"],
  ],
  [
    "not resumed automatically",
    { ownership: unowned("suspended"), ...idle, policies: policiesOf({ resumesAutomatically: false }) },
    /resumeAutomatically is false: rg226 does not resume automatically/,
    ["An operator starts it -> n208"],
  ],
  [
    "in error",
    {
      ownership: ownedBy("n208", "error"),
      report: reportOf("error"),
      placement: placementOf({ error: errorOn("n208"), bans: [errorOn("n208")] }),
    },
    /in error until an operator clears it: In error: app on n208: exit status 1/,
    ["An operator clears the error -> n208"],
  ],
  [
    "in error, with nobody",
    {
      ownership: unowned("error"),
      ...idle,
      placement: placementOf({ error: errorOn("n208"), bans: [errorOn("n208")] }),
    },
    /has no owner, error since epoch 5; in error until an operator clears it/,
    ["An operator clears the error -> n208"],
  ],
  [
    "the owner is lost and its right is not over",
    { ...failed("n208"), rightEndsMs: ms(1_004_000) },
    /right of the last owner: n208 is down: its right is not over yet/,
    ["right of the last owner: n208 is down: its right is not over yet -> n210 at +4000", "n208 is up again -> n208"],
  ],
  [
    "the owner is lost",
    failed("n208"),
    /reservation on the node: n208 is down; n210 is chosen by fallover nextInList/,
    ["reservation on the node: n208 is down; n210 is chosen by fallover nextInList -> n210"],
  ],
  [
    "settling",
    { ownership: never, ...idle, policies: policiesOf({ settlingMs: 607_000 }), verdicts: statuses({ n208: "down" }) },
    /settling time: n208 of higher precedence may come up within the settling time of 607000 ms/,
    [
      "settling time: n208 of higher precedence may come up within the settling time of 607000 ms -> n210 at +7000",
      "n208 is up again -> n208",
    ],
  ],
  [
    "without its minimum",
    {
      ownership: unowned("suspended"),
      ...idle,
      policies: policiesOf({ minimum }),
      verdicts: statuses({ n212: "down" }),
    },
    /minimum of resources: 2 of at least 3 owners are up/,
    ["n212 is up again -> n208"],
  ],
  [
    "frozen without its minimum",
    { policies: policiesOf({ minimum, lostQuorum: "freeze" }), verdicts: statuses({ n212: "down" }) },
    /policy for lost quorum: 2 of at least 3 owners are up: by lostQuorum freeze nothing is changed/,
    [],
  ],
  [
    "waiting for a dependency",
    {
      ownership: unowned(),
      ...idle,
      policies: policiesOf({ dependencies: [dependsOn("rg220")] }),
      neighbours: [neighbourOf("rg220", never)],
      placement: placementOf({ decisions: [ranOn("n208", 10_000)] }),
    },
    /dependency: rg226 depends on rg220, which is offline/,
    ["rg220 is online -> n208"],
  ],
  [
    "nobody can take it",
    {
      ownership: unowned("suspended"),
      ...idle,
      verdicts: statuses({ n208: "down", n210: "maintenance" }),
      agents: new Set(owners.slice(0, 2)),
    },
    /no owner can take it: No owner can take rg226: n208 is down; n210 is maintenance; The agent of n212 is silent/,
    ["n208 is up again -> n208", "n210 is undrained -> n210", "n212 is up again -> n212"],
  ],
  [
    "a place is refused",
    {
      ownership: unowned("suspended"),
      ...idle,
      verdicts: statuses({ n208: "down", n212: "down" }),
      policies: policiesOf({ differentNode: [neighbourOf("rg220", never).group] }),
      neighbours: [neighbourOf("rg220", ownedBy("n210"))],
      reservations: new Map([[secondOwner, { type: "refused", reason: "n210 has 1 of 4 cpu left" } as const]]),
    },
    /no owner can take it: .*n210 refused: n210 has 1 of 4 cpu left/,
    ["n208 is up again -> n208", "n212 is up again -> n212", "n210 has room for it -> n210"],
  ],
  [
    "drained, and nobody else can take it",
    { verdicts: statuses({ n208: "draining", n210: "down", n212: "down" }) },
    /drained node: n208 keeps it: n208 is draining, but no other owner can take it/,
    ["n210 is up again -> n210", "n212 is up again -> n212"],
  ],
  [
    "an operator's move that cannot be made",
    { placement: placementOf({ move: { to: thirdOwner } }), verdicts: statuses({ n212: "down" }) },
    /move by an operator: n208 keeps it: An operator wants rg226 on n212, but it stays: n212 is down/,
    ["n212 is up again -> n212"],
  ],
  [
    "beside a group that is elsewhere",
    {
      policies: policiesOf({ sameNode: [neighbourOf("rg220", never).group] }),
      neighbours: [neighbourOf("rg220", ownedBy("n212"))],
    },
    /reservation on the node: rg226 runs where rg220 does, which is on n212; n212 is chosen/,
    [
      "reservation on the node: rg226 runs where rg220 does, which is on n212; n212 is chosen by fallover nextInList -> n212",
    ],
  ],
  [
    "beside a group that must be elsewhere",
    {
      policies: policiesOf({ differentNode: [neighbourOf("rg220", never).group] }),
      neighbours: [neighbourOf("rg220", ownedBy("n208"))],
      verdicts: statuses({ n210: "down", n212: "down" }),
    },
    /different-node rule: n208 keeps it: rg220 is on n208 as well, .* but no other owner can take it/,
    ["n210 is up again -> n210", "n212 is up again -> n212"],
  ],
  [
    "at the anti-flap limit",
    {
      placement: placementOf({ movesMs: [noonMs - 3_000, noonMs - 2_000, noonMs - 1_000] }),
      ownership: ownedBy("n212"),
    },
    /fallback policy: n212 keeps it/,
    [],
  ],
  [
    "beyond the anti-flap limit",
    { ...failed("n208"), placement: placementOf({ movesMs: [noonMs - 3_000, noonMs - 2_000, noonMs - 1_000] }) },
    /anti-flap limit: 3 of at most 3 moves in 3600000 ms: rg226 is not moved to n210 without an operator/,
    ["anti-flap limit: 3 of at most 3 moves in 3600000 ms: rg226 is not moved to n210 without an operator -> nowhere"],
  ],
  [
    "starting",
    { ownership: ownedBy("n208", "acquiring"), report: reportOf("acquiring") },
    /is acquiring on n208 .* report of the agent: The agent of n208 is starting it/,
    [],
  ],
];

for (const [name, fields, expected, moving] of cases) {
  test(`explain() names the rule that decides, and what would move it: ${name}`, () => {
    assert.match(summary(fields), expected);
    assert.deepEqual(special(fields), moving);
  });
}

test("explain() tells where it would go if its owner failed, were drained, or an operator stopped it", () => {
  assert.deepEqual(triggers({}), [
    "n208 fails -> n210",
    "An operator drains n208 -> n210",
    "An operator stops it -> nowhere",
  ]);
  assert.deepEqual(triggers({ verdicts: statuses({ n210: "down", n212: "down" }) }), [
    "n208 fails -> nowhere",
    "An operator stops it -> nowhere",
  ]);
});

test("explain() tells until when a failure would be the end, at the anti-flap limit", () => {
  const placement = placementOf({ movesMs: [noonMs - 3_000, noonMs - 2_000, noonMs - 1_000] });
  assert.deepEqual(triggers({ placement }), [
    "n208 fails -> nowhere",
    `n208 fails after the anti-flap window -> n210 at +${hourMs - 3_000}`,
    "An operator drains n208 -> n210",
    "An operator stops it -> nowhere",
  ]);
});

test("explain() puts the owner that keeps it before those that could take it", () => {
  const ranked = explained({ ownership: ownedBy("n210") }).candidates.map(({ node, rank }) => `${node} ${rank}`);
  assert.deepEqual(ranked, ["n210 1", "n212 2", "n208 3"]);
  const lost = explained(failed("n208")).candidates.map(({ node, rank }) => `${node} ${rank}`);
  assert.deepEqual(lost, ["n210 1", "n212 2", "n208 0"]);
});

test("explain() shows the sample that is used", () => {
  const fields = { policies: policiesOf({ fallover: "leastLoaded" }), samples: samplesOf({ n210: 90, n212: 10 }) };
  const { candidates, triggers: moving } = explained(fields);
  assert.deepEqual(
    candidates.map(({ node, sample }) => [node, sample?.load.get("cpu") ?? null]),
    [
      ["n208", null],
      ["n212", 10],
      ["n210", 90],
    ],
  );
  assert.deepEqual(moving[0], { event: "n208 fails", to: "n212", atMs: null });
});

test("explain() tells the newest decisions first, as many as asked for", () => {
  const decisions = [ranOn("n212", 3_000), ranOn("n210", 2_000), ranOn("n208", 1_000)];
  const told = explain(viewOf({ placement: placementOf({ decisions }) }), 2).decisions;
  assert.deepEqual(
    told.map(({ to }) => to),
    ["n208", "n210"],
  );
});

const advised: Fields = {
  policies: policiesOf({ resources: [] }),
  placement: unplaced,
  agents: new Set(),
  report: null,
  rightEndsMs: ms(1_000_000),
};
const adviceOn = (fields: Fields) => explainAdvice(viewOf({ ...advised, ...fields }), 10);
const wishing = (fields: Partial<Placement>): Placement => ({ ...unplaced, ...fields });

/** Summary after the place, ranks, triggers. */
const adviceCases: readonly (readonly [name: string, Fields, summary: string, ranks: string, moving: string[]])[] = [
  [
    "on the second owner, without any agent",
    { ownership: ownedBy("n210") },
    "precedence in the owner list: n210 is up, and keeps it as long as it is",
    "n210 1, n208 2, n212 3",
    ["n210 fails -> n208", "An operator drains n210 -> n208", "An operator stops it -> nowhere"],
  ],
  [
    "on the only owner that is up",
    { verdicts: statuses({ n208: "draining", n210: "down", n212: "maintenance" }) },
    "drained node: No other owner is up: it stays on n208 until one is",
    "n208 0, n210 0, n212 0",
    [
      "n208 fails -> nowhere",
      "n210 is up again -> n210",
      "n212 is undrained -> n212",
      "An operator stops it -> nowhere",
    ],
  ],
  [
    "nowhere",
    { ownership: unowned("suspended"), verdicts: statuses({ n208: "down", n210: "down", n212: "down" }) },
    "no owner can take it: No owner is up: n208 is down; n210 is down; n212 is down",
    "n208 0, n210 0, n212 0",
    ["n208 is up again -> n208", "n210 is up again -> n210", "n212 is up again -> n212"],
  ],
  [
    "stopped",
    { ownership: unowned(), placement: wishing({ intent: { isOnline: false, frozen: null, pinnedTo: null } }) },
    "stopped by an operator: rg226 is stopped until an operator starts it",
    "n208 1, n210 2, n212 3",
    ["An operator starts it -> n208"],
  ],
  [
    "frozen on an owner that is down",
    {
      verdicts: statuses({ n208: "down" }),
      placement: wishing({ intent: { isOnline: true, frozen: "new disk", pinnedTo: null } }),
    },
    "frozen by an operator: Frozen: new disk",
    "n210 1, n212 2, n208 0",
    ["An operator unfreezes it -> n210"],
  ],
  [
    "about to be moved by an operator",
    { placement: wishing({ move: { to: thirdOwner } }) },
    "move by an operator: An operator wants it on n212",
    "n212 1, n208 2, n210 3",
    ["move by an operator: An operator wants it on n212 -> n212", "An operator stops it -> nowhere"],
  ],
];

for (const [name, fields, expected, ranks, moving] of adviceCases) {
  test(`explainAdvice() tells of a group without resources what its own plan decides: ${name}`, () => {
    const { summary: told, candidates, triggers: would } = adviceOn(fields);
    assert.ok(told.endsWith(`; ${expected}; without resources this is advice`), told);
    assert.equal(candidates.map(({ node, rank }) => `${node} ${rank}`).join(", "), ranks);
    assert.deepEqual(
      would.map(({ event, to }) => `${event} -> ${to ?? "nowhere"}`),
      moving,
    );
  });
}

// What the nodes read from a group's config object: every default, every field, and what was stored before it was checked.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { CodecError } from "../../../proto/codec/codec-error.ts";
import { decodeGroupPolicies, placementOf } from "../../../proto/codec/group-policies.ts";
import { GroupConfigSchema } from "../../../proto/gen/bailiwick/v1/group_config_pb.ts";
import { toPlainJson } from "../../../proto/plain-json.ts";
import { electionBoundMs, type GroupPolicies } from "../../../proto/policies.ts";
import { limits } from "../../../server/node/limits.ts";
import { bytesOf, documentedConfig } from "./group-configs.ts";

const usual: GroupPolicies = {
  startup: "highestPriority",
  fallover: "nextInList",
  fallback: { type: "never" },
  settlingMs: 0,
  demand: new Map(),
  sameNode: [],
  differentNode: [],
  dependencies: [],
  antiFlap: { movesMax: 3, windowMs: 3_600_000 },
  startsAutomatically: true,
  resumesAutomatically: true,
  lostQuorum: "stop",
  minimum: { owners: 0, capacity: new Map(), resources: [] },
  lease: { ttlMs: 15_000, renewIntervalMs: 1_500, stopBudgetMs: 5_000, clockRateError: 0.05, isEndless: false },
  fence: null,
  resources: [],
};

function decoded(yaml: string): GroupPolicies {
  return decodeGroupPolicies(bytesOf(yaml));
}

test("decodeGroupPolicies() fills in every default of a config that says nothing", () => {
  assert.deepEqual(decoded(""), usual);
  const empty = "{management: {antiFlap: {}, fallback: {}}, lease: {}, quorum: {majority: {}, minimum: {}}, fence: {}}";
  assert.deepEqual(decoded(empty), usual);
});

/** [what is written, what is read in place of the default] */
const readings: readonly (readonly [string, Partial<GroupPolicies>])[] = [
  ["management: {startup: highest_priority}", { startup: "highestPriority" }],
  ["management: {startup: first_available}", { startup: "firstAvailable" }],
  ["management: {startup: balanced}", { startup: "balanced" }],
  ["management: {startup: 77}", {}],
  ["management: {fallover: next_in_list}", { fallover: "nextInList" }],
  ["management: {fallover: least_loaded}", { fallover: "leastLoaded" }],
  ["management: {fallover: most_free_capacity}", { fallover: "mostFreeCapacity" }],
  ["management: {fallback: {never: {}}}", { fallback: { type: "never" } }],
  ["management: {fallback: {immediate: {}}}", { fallback: { type: "immediate" } }],
  ["management: {fallback: {delayed: {}}}", { fallback: { type: "delayed", delayMs: 0 } }],
  ["management: {fallback: {delayed: {delayMs: 60000}}}", { fallback: { type: "delayed", delayMs: 60_000 } }],
  [
    'management: {fallback: {window: {window: {from: "02:00", to: "23:59", days: [sat, sun]}}}}',
    { fallback: { type: "window", window: { fromMinute: 120, toMinute: 1_439, days: new Set([0, 6]) } } },
  ],
  [
    'management: {fallback: {window: {window: {from: "22:30", to: "00:00"}}}}',
    { fallback: { type: "window", window: { fromMinute: 1_350, toMinute: 0, days: new Set([0, 1, 2, 3, 4, 5, 6]) } } },
  ],
  ['management: {fallback: {window: {window: {from: "2:00", to: "04:00"}}}}', {}],
  ['management: {fallback: {window: {window: {from: "02:00", to: "04:00", days: [sunday]}}}}', {}],
  ["management: {fallback: {window: {}}}", {}],
  ["management: {settlingTimeMs: 30000}", { settlingMs: 30_000 }],
  ["management: {settlingTimeMs: 4000000}", { settlingMs: 3_600_000 }],
  ["management: {demand: {memoryMib: 8192, cpu: 4}}", { demand: new Map(Object.entries({ cpu: 4, memoryMib: 8192 })) }],
  ['management: {demand: {cpu: "18446744073709551615", "4 cpus": 1}}', { demand: new Map([["cpu", 2 ** 53 - 1]]) }],
  ["management: {sameNode: [rg2, rg1, Rg]}", { sameNode: ["rg2", "rg1"] as unknown as GroupPolicies["sameNode"] }],
  ["management: {differentNode: [rg2]}", { differentNode: ["rg2"] as unknown as GroupPolicies["differentNode"] }],
  ["management: {antiFlap: {movesMax: 5}}", { antiFlap: { movesMax: 5, windowMs: 3_600_000 } }],
  ["management: {antiFlap: {movesMax: 500, windowMs: 1}}", { antiFlap: { movesMax: 100, windowMs: 60_000 } }],
  ["management: {startAutomatically: false}", { startsAutomatically: false }],
  ["management: {resumeAutomatically: false}", { resumesAutomatically: false }],
  ["lostQuorum: freeze", { lostQuorum: "freeze" }],
  ["lostQuorum: read_only", { lostQuorum: "readOnly" }],
  [
    "quorum: {majority: {}, minimum: {owners: 2, capacity: {cpu: 8}, resources: [data]}}",
    { minimum: { owners: 2, capacity: new Map([["cpu", 8]]), resources: ["data"] } },
  ],
  ["fence: {command: [/bin/off, n1]}", { fence: { command: ["/bin/off", "n1"], timeoutMs: 60_000 } }],
  ["fence: {command: [/bin/off], timeoutMs: 1}", { fence: { command: ["/bin/off"], timeoutMs: 1_000 } }],
];

for (const [yaml, changed] of readings) {
  test(`decodeGroupPolicies() reads ${yaml}`, () => {
    assert.deepEqual(decoded(yaml), { ...usual, ...changed });
  });
}

test("decodeGroupPolicies() reads dependencies between groups", () => {
  const list =
    "[{group: rg1}, {group: rg2, where: same_node, soft: true, timeoutMs: 9}, {group: Rg}, {group: rg3, where: anywhere}]";
  const common = { isSameNode: false, isSoft: false, timeoutMs: 300_000 };
  assert.deepEqual(decoded(`management: {dependencies: ${list}}`).dependencies, [
    { ...common, group: "rg1" },
    { group: "rg2", isSameNode: true, isSoft: true, timeoutMs: 9 },
    { ...common, group: "rg3" },
  ]);
});

/** [lease as written, as read] */
const leases: readonly (readonly [string, Partial<GroupPolicies["lease"]>])[] = [
  ["{ttlMs: 60000}", { ttlMs: 60_000, renewIntervalMs: 6_000 }],
  ["{ttlMs: 60000, stopBudgetMs: 30000}", { ttlMs: 60_000, renewIntervalMs: 6_000, stopBudgetMs: 30_000 }],
  ["{renewIntervalMs: 200}", { renewIntervalMs: 200 }],
  ["{stopBudgetMs: 1}", { stopBudgetMs: 1 }],
  ["{clockRateErrorPercent: 10}", { clockRateError: 0.1 }],
  ["{clockRateErrorPercent: 1}", {}],
  ["{ttlMs: 1000000}", { ttlMs: 600_000, renewIntervalMs: 60_000 }],
  ["{renewIntervalMs: 1}", { renewIntervalMs: 100 }],
  // 60,000 x 95 % - 2 x 6,000 - 4,000, and less than that.
  ["{ttlMs: 60000, stopBudgetMs: 50000}", { ttlMs: 60_000, renewIntervalMs: 6_000, stopBudgetMs: 42_899 }],
  // Half a millisecond is left over.
  [
    "{ttlMs: 60010, renewIntervalMs: 6000, stopBudgetMs: 50000}",
    { ttlMs: 60_010, renewIntervalMs: 6_000, stopBudgetMs: 42_909 },
  ],
  ["{ttlMs: 1}", { ttlMs: 2_000, renewIntervalMs: 200, stopBudgetMs: 0 }],
  ["{ttlMs: 5000, renewIntervalMs: 60000}", { ttlMs: 5_000, renewIntervalMs: 2_500, stopBudgetMs: 0 }],
];

for (const [lease, changed] of leases) {
  test(`decodeGroupPolicies() makes the parts of a lease ${lease} fit`, () => {
    assert.deepEqual(decoded(`lease: ${lease}`).lease, { ...usual.lease, ...changed });
  });
}

test("decodeGroupPolicies() reads where each resource can run", () => {
  const { resources } = decoded(`resources:
  - {name: everywhere, application: {}}
  - {name: some, application: {installedOn: [n2, n1, n2]}}
  - {name: disk, disk: {connections: [{node: n1, bus: a}, {node: n1, bus: b}, {node: n3}]}, critical: false}
  - {name: loose, disk: {}}
  - {name: address, address: {}, critical: true}
  - {name: nothing}`);
  assert.deepEqual(resources, [
    { name: "everywhere", nodes: null, isCritical: true },
    { name: "some", nodes: ["n2", "n1"], isCritical: true },
    { name: "disk", nodes: ["n1", "n3"], isCritical: false },
    { name: "loose", nodes: null, isCritical: true },
    { name: "address", nodes: null, isCritical: true },
    { name: "nothing", nodes: null, isCritical: true },
  ]);
});

test("what is no config object is refused, by whoever reads it", () => {
  const broken = Uint8Array.from([0x0a, 0xff]);
  assert.throws(() => decodeGroupPolicies(broken), CodecError);
  assert.throws(() => placementOf(broken), CodecError);
});

test("a right outlasts an election with the longest time before somebody asks for votes", () => {
  assert.ok(electionBoundMs > 2 * limits.electionTimeoutMs);
});

test("placementOf() keeps the policies, and nothing that is executed or private", () => {
  const yaml = `${documentedConfig()}
labels: {secret: "1"}
fence: {command: [/bin/off]}
hooks: [{name: h, before: [/bin/true]}]`;
  const placement = placementOf(bytesOf(yaml));
  assert.deepEqual(decodeGroupPolicies(placement), { ...decoded(yaml), fence: null });
  assert.deepEqual(toPlainJson(GroupConfigSchema, fromBinary(GroupConfigSchema, placement)), {
    resources: [
      { name: "data", disk: { connections: [{ node: "n202" }, { node: "n208" }, { node: "n214" }] } },
      { name: "address", address: {} },
      { name: "postgres", application: { installedOn: ["n202", "n208", "n214"] } },
    ],
    quorum: { minimum: { owners: 2 } },
    lostQuorum: "stop",
    management: {
      startup: "highest_priority",
      fallover: "most_free_capacity",
      fallback: { window: { window: { from: "02:00", to: "04:00", days: ["sat", "sun"] } } },
      demand: { cpu: 4, memoryMib: 8192 },
      differentNode: ["rg226"],
    },
    lease: { ttlMs: 60_000, stopBudgetMs: 30_000 },
    rules: [
      {
        name: "two-racks",
        changes: ["add", "delete", "modify"],
        kinds: ["node"],
        require: { spread: { key: "failure-domain", min: 2 } },
        because: "one rack may burn",
      },
    ],
  });
});

test("placementOf() gives one encoding for one meaning, and nothing for a config without policies", () => {
  const [left, right] = ["{a: 1, b: 2, c: 3}", "{c: 3, a: 1, b: 2}"].map((amounts) =>
    placementOf(bytesOf(`{management: {demand: ${amounts}}, quorum: {majority: {}, minimum: {capacity: ${amounts}}}}`)),
  );
  assert.deepEqual(left, right);
  assert.deepEqual(placementOf(left as Uint8Array), left);
  assert.equal(placementOf(bytesOf("{description: x, labels: {a: b}, quorum: {majority: {}}}")).byteLength, 0);
});

test("placementOf() keeps whether a failed resource moves the group", () => {
  const yaml = "resources: [{name: a, critical: false}, {name: b, critical: true}]";
  const { resources } = decodeGroupPolicies(placementOf(bytesOf(yaml)));
  assert.deepEqual(
    resources.map(({ isCritical }) => isCritical),
    [false, true],
  );
});

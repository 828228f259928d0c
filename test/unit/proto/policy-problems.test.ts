// What is refused of what people write about a group, with field, value and limit; and what is not.

import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { parse } from "yaml";
import { decodeGroupPolicies } from "../../../proto/codec/group-policies.ts";
import { policiesProblem } from "../../../proto/codec/policy-problems.ts";
import { GroupConfigSchema } from "../../../proto/gen/bailiwick/v1/group_config_pb.ts";
import { encodeGroupConfig } from "../../../proto/group-config.ts";
import { electionBoundMs } from "../../../proto/policies.ts";
import { longestStop, stopTimeoutsOf } from "../../../proto/resource-order.ts";
import { bytesOf, configOf, documentedConfig } from "./group-configs.ts";

const of = { group: "rg1", owners: ["n1", "n2", "n3"], nodes: ["n1", "n2", "n3", "n4"] };

function problemOf(yaml: string): string | null {
  return policiesProblem(configOf(yaml), of);
}

/** An amount for each of so many dimensions. */
function amounts(count: number): string {
  return `{${Array.from({ length: count }, (_, at) => `d${at}: 1`).join(", ")}}`;
}

function names(count: number): string {
  return `[${Array.from({ length: count }, (_, at) => `g${at}`).join(", ")}]`;
}

function repeated(count: number, item: (at: number) => string): string {
  return `[${Array.from({ length: count }, (_, at) => item(at)).join(", ")}]`;
}

/** Fields that hold a number: [how to write it, its path, least, most, what 0 stands for]. */
const bounds: readonly (readonly [(value: number) => string, string, number, number, number])[] = [
  [(value) => `management: {settlingTimeMs: ${value}}`, "management.settlingTimeMs", 0, 3_600_000, 0],
  [
    (value) => `management: {fallback: {delayed: {delayMs: ${value}}}}`,
    "management.fallback.delayed.delayMs",
    0,
    604_800_000,
    0,
  ],
  [(value) => `management: {antiFlap: {movesMax: ${value}}}`, "management.antiFlap.movesMax", 1, 100, 3],
  [
    (value) => `management: {antiFlap: {windowMs: ${value}}}`,
    "management.antiFlap.windowMs",
    60_000,
    604_800_000,
    3_600_000,
  ],
  [
    (value) => `management: {dependencies: [{group: rg2, timeoutMs: ${value}}]}`,
    "management.dependencies[0].timeoutMs",
    1,
    3_600_000,
    300_000,
  ],
  [(value) => `lease: {ttlMs: ${value}, renewIntervalMs: 100, stopBudgetMs: 1}`, "lease.ttlMs", 2_423, 600_000, 15_000],
  [(value) => `lease: {ttlMs: 600000, renewIntervalMs: ${value}}`, "lease.renewIntervalMs", 100, 60_000, 60_000],
  [(value) => `lease: {ttlMs: 600000, stopBudgetMs: ${value}}`, "lease.stopBudgetMs", 1, 447_899, 5_000],
  [(value) => `lease: {ttlMs: 60000, clockRateErrorPercent: ${value}}`, "lease.clockRateErrorPercent", 5, 50, 5],
  [(value) => `fence: {command: [/bin/off], timeoutMs: ${value}}`, "fence.timeoutMs", 1_000, 600_000, 60_000],
  [(value) => `quorum: {weighted: {votes: {n1: ${value}}}}`, "quorum.weighted.votes.n1", 0, 100, 0],
  [(value) => `quorum: {minimum: {owners: ${value}}}`, "quorum.minimum.owners", 0, 3, 0],
  ...["startTimeoutMs", "stopTimeoutMs"].map((name) => {
    const write = (value: number) => `resources: [{name: a, address: {address: 10.0.0.1/8}, ${name}: ${value}}]`;
    return [write, `resources[0].${name}`, 100, 3_600_000, 60_000] as const;
  }),
  ...(
    [
      ["intervalMs", 100, 3_600_000, 10_000],
      ["timeoutMs", 100, 600_000, 20_000],
    ] as const
  ).map(([name, ...rest]) => {
    const write = (value: number) =>
      `resources: [{name: a, address: {address: 10.0.0.1/8}, monitor: {${name}: ${value}}}]`;
    return [write, `resources[0].monitor.${name}`, ...rest] as const;
  }),
  [
    (value) => `resources: [{name: a, address: {address: 10.0.0.1/8}, restartsMax: ${value}}]`,
    "resources[0].restartsMax",
    0,
    100,
    0,
  ],
  ...["startTimeoutMs", "stopTimeoutMs"].map((name) => {
    const both = "{name: a, address: {address: 10.0.0.1/8}}, {name: b, address: {address: ::1/128}}";
    const write = (value: number) =>
      `resources: [${both}]\ndependencies: [{resource: a, needs: [b], ${name}: ${value}}]`;
    return [write, `dependencies[0].${name}`, 0, 3_600_000, 0] as const;
  }),
];

for (const [write, field, min, max, usual] of bounds) {
  test(`policiesProblem() keeps ${field} from ${min} to ${max}`, () => {
    for (const value of [0, min, max]) assert.equal(problemOf(write(value)), null, `${value}`);
    for (const value of [...(min > 1 ? [min - 1] : []), max + 1]) {
      const problem = problemOf(write(value));
      assert.ok(problem?.includes(`${value}`), `${value}: ${problem}`);
      if (problem?.startsWith("lease.ttlMs is") || problem?.startsWith("quorum.minimum.owners")) continue;
      const zero = min === 0 ? "" : `, or 0 for ${usual}`;
      assert.equal(problem, `${field} is ${value}, it must be from ${min} to ${max}${zero}`);
    }
  });
}

const exec = "exec: {start: [/a], stop: [/b], monitor: [/c]}";
const unit = "systemd: {unit: a.service}";
const app = (name: string, more = "") => `{name: ${name}, application: {}, run: {${unit}}${more}}`;
const running = (run: string) => `resources: [{name: a, application: {}, run: ${run}}]`;
const stops = (budget: number, resources: string, dependencies = "[]") =>
  `{lease: {ttlMs: 60000, stopBudgetMs: ${budget}}, resources: ${resources}, dependencies: ${dependencies}}`;

/** [what is written, how the refusal begins] */
const refusals: readonly (readonly [string, string])[] = [
  ["lostQuorum: 9", "lostQuorum is 9, which stands for nothing known"],
  ["lostQuorum: freeze", "lostQuorum is freeze, which takes a fence"],
  ["management: {startup: 9}", "management.startup is 9, which"],
  ["management: {fallover: 9}", "management.fallover is 9, which"],
  ["management: {fallback: {window: {}}}", "management.fallback.window.window is missing"],
  [
    'management: {fallback: {window: {window: {from: "2:00", to: "03:00"}}}}',
    'management.fallback.window.window.from is "2:00", it must be HH:MM, from 00:00 to 23:59',
  ],
  [
    'management: {fallback: {window: {window: {from: "02:00", to: "24:00"}}}}',
    'management.fallback.window.window.to is "24:00", it must be HH:MM',
  ],
  [
    'management: {fallback: {window: {window: {from: "02:00", to: "03:00", days: [mon, Tue]}}}}',
    'management.fallback.window.window.days[1] is "Tue", it must be one of mon tue wed thu fri sat sun',
  ],
  [`management: {demand: ${amounts(17)}}`, "management.demand has 17 dimensions, the limit is 16"],
  ['management: {demand: {"4 cpus": 1}}', 'management.demand names "4 cpus", which must be 1 to 63 of'],
  [
    'management: {demand: {cpu: "9007199254740992"}}',
    "management.demand.cpu is 9007199254740992, it must be from 0 to 9007199254740991",
  ],
  ["management: {sameNode: [rg2, Rg]}", 'management.sameNode[1] is "Rg", not a group name of 1 to 63 of a-z 0-9 -'],
  ["management: {sameNode: [rg1]}", 'management.sameNode[0] is "rg1", the group itself'],
  ["management: {sameNode: [cluster]}", 'management.sameNode[0] is "cluster", the system group'],
  [`management: {sameNode: ${names(257)}}`, "management.sameNode has 257 groups, the limit is 256"],
  ["management: {differentNode: [rg1]}", 'management.differentNode[0] is "rg1", the group itself'],
  [`management: {differentNode: ${names(257)}}`, "management.differentNode has 257 groups, the limit is 256"],
  [
    "management: {sameNode: [rg2], differentNode: [rg3, rg2]}",
    'management.differentNode[1] is "rg2", which is in management.sameNode as well',
  ],
  ["management: {dependencies: [{group: rg1}]}", 'management.dependencies[0].group is "rg1", the group itself'],
  ["management: {dependencies: [{}]}", 'management.dependencies[0].group is "", not a group name'],
  ["management: {dependencies: [{group: rg2, where: 9}]}", "management.dependencies[0].where is 9, which"],
  [
    "management: {dependencies: [{group: rg2}, {group: rg2, soft: true}]}",
    'management.dependencies[1].group is "rg2", which is named twice',
  ],
  [
    `management: {dependencies: ${repeated(257, (at) => `{group: g${at}}`)}}`,
    "management.dependencies has 257 groups, the limit is 256",
  ],
  [
    "management: {differentNode: [rg2], dependencies: [{group: rg2, where: same_node}]}",
    'management.dependencies[0].where is same_node, but "rg2" is in management.differentNode',
  ],
  // 95 % of the time to live, less the other parts, leaves nothing.
  [
    "lease: {ttlMs: 9000}",
    "lease.ttlMs is 9000, of which 8550 are safe with a clock rate error of 5 %; it must be more than 8900: 5000 to stop, " +
      "2 x 900 between renewals, 2100 without a manager",
  ],
  ["lease: {ttlMs: 60000, stopBudgetMs: 43000}", "lease.ttlMs is 60000, of which 57000 are safe"],
  [
    "lease: {clockRateErrorPercent: 50}",
    "lease.ttlMs is 15000, of which 7500 are safe with a clock rate error of 50 %",
  ],
  ["lease: {ttlMs: 1999}", "lease.ttlMs is 1999, it must be from 2000 to 600000, or 0 for 15000"],
  ["lease: {stopBudgetMs: 600001}", "lease.stopBudgetMs is 600001, it must be from 1 to 600000, or 0 for 5000"],
  ["fence: {}", "fence.command is empty, it takes the absolute path of a program"],
  ["fence: {command: [off, /n1]}", 'fence.command[0] is "off", it must be an absolute path'],
  ['fence: {command: [/bin/off, "a\\0"]}', "fence.command[1] holds a zero byte"],
  ["quorum: {weighted: {votes: {N1: 1}}}", 'quorum.weighted.votes names "N1", not a node name'],
  ["quorum: {weighted: {votes: {n4: 1}}}", 'quorum.weighted.votes.n4 is of "n4", which is no owner'],
  ["quorum: {weighted: {votes: {n1: 0, n2: 0, n3: 0}}}", "quorum.weighted.votes gives no owner a vote"],
  ["quorum: {witness: {node: N4}}", 'quorum.witness.node names "N4", not a node name'],
  ["quorum: {witness: {node: n3}}", 'quorum.witness.node is "n3", which is an owner'],
  ["quorum: {witness: {node: n99}}", 'quorum.witness.node is "n99", which is no node of the cluster'],
  ["quorum: {minimum: {owners: 4}}", "quorum.minimum.owners is 4, it must be from 0 to 3, the number of owners"],
  [`quorum: {minimum: {capacity: ${amounts(17)}}}`, "quorum.minimum.capacity has 17 dimensions, the limit is 16"],
  ["quorum: {minimum: {resources: [a]}}", 'quorum.minimum.resources[0] is "a", which is no resource of the group'],
  [`resources: ${repeated(257, (at) => app(`a${at}`))}`, "resources has 257 items, the limit is 256"],
  [`resources: [${app("a")}, ${app("a")}]`, 'resources[1].name is "a", which is used twice'],
  [`resources: [${app("A")}]`, 'resources[0].name is "A", it must be 1 to 63 of a-z 0-9 -'],
  [`resources: [${app("a".repeat(64))}]`, 'resources[0].name is "aaaa'],
  ["resources: [{application: {}}]", 'resources[0].name is "", it must be 1 to 63'],
  ["resources: [{name: a}]", 'resources[0] of the name "a" is no application, disk or address'],
  ["resources: [{name: a, application: {}}]", "resources[0].run is missing, an application must be run somehow"],
  [
    `resources: [{name: a, application: {installedOn: [n1, N]}, run: {${unit}}}]`,
    'resources[0].application.installedOn[1] is "N", not a node name',
  ],
  [
    `resources: [{name: a, application: {installedOn: [n1, n2]}, run: {${unit}}}]`,
    'resources[0].application.installedOn is n1 n2, it must name the owner "n3" as well',
  ],
  [
    `resources: [{name: a, application: {version: ${"v".repeat(64)}}, run: {${unit}}}]`,
    "resources[0].application.version has 64 bytes, the limit is 63",
  ],
  ["resources: [{name: a, disk: {}}]", "resources[0].disk.connections is empty, a disk needs at least one"],
  ["resources: [{name: a, disk: {connections: [{}]}}]", 'resources[0].disk.connections[0].node is "", not a node name'],
  [
    "resources: [{name: a, disk: {connections: [{node: n1}, {node: n3}]}}]",
    'resources[0].disk.connections holds none of the owner "n2"',
  ],
  ...[
    "",
    "10.0.0.1",
    "10.0.0.1/33",
    "10.0.0/8",
    "10.0.0.256/8",
    "10.0.0.1/",
    "::1/129",
    ":::/1",
    "1:2:3:4:5:6:7/64",
    "1::2::3/64",
    "g::/8",
  ].map(
    (text) =>
      [
        `resources: [{name: a, address: {address: "${text}"}}]`,
        `resources[0].address.address is "${text}", it must be like`,
      ] as const,
  ),
  [
    `resources: [{name: a, address: {address: 10.0.0.1/8, hostName: ${"é".repeat(127)}}}]`,
    "resources[0].address.hostName has 254 bytes, the limit is 253",
  ],
  [running("{}"), "resources[0].run is empty, it must be exec, systemd or ocf"],
  [running("{exec: {}}"), "resources[0].run.exec.start is empty"],
  [running("{exec: {start: [sh]}}"), 'resources[0].run.exec.start[0] is "sh", it must be an absolute path'],
  [running("{exec: {start: [/a]}}"), "resources[0].run.exec.stop is empty, which it may be with foreground only"],
  [
    running("{exec: {start: [/a], stop: [/b]}}"),
    "resources[0].run.exec.monitor is empty, which it may be with foreground only",
  ],
  [running("{exec: {start: [/a], stop: [b], foreground: true}}"), 'resources[0].run.exec.stop[0] is "b", it must be'],
  ...["", "a", "a.service b", "../a.service"].map(
    (text) =>
      [running(`{systemd: {unit: "${text}"}}`), `resources[0].run.systemd.unit is "${text}", it must be like`] as const,
  ),
  ...["", "IPaddr2", "heartbeat:", "ocf:heartbeat:IPaddr2", "../x:y", "a:../y"].map(
    (text) =>
      [running(`{ocf: {agent: "${text}"}}`), `resources[0].run.ocf.agent is "${text}", it must be like`] as const,
  ),
  [`resources: [${app("a", ", monitor: {depth: 5}")}]`, "resources[0].monitor.depth is 5, it must be 0, 10 or 20"],
  [
    `{resources: [${app("a")}], dependencies: [{resource: b}]}`,
    'dependencies[0].resource is "b", which is no resource',
  ],
  [
    `{resources: [${app("a")}], dependencies: [{resource: a}]}`,
    "dependencies[0].needs is empty, it must name at least",
  ],
  [
    `{resources: [${app("a")}], dependencies: [{resource: a, needs: [b]}]}`,
    'dependencies[0].needs[0] is "b", which is no resource of the group',
  ],
  [
    `{resources: [${app("a")}, ${app("b")}], dependencies: [{resource: a, needs: [b], requirement: 9}]}`,
    "dependencies[0].requirement is 9, which",
  ],
  [
    `{resources: [${app("a")}, ${app("b")}], dependencies: [{resource: a, needs: [b], strength: 9}]}`,
    "dependencies[0].strength is 9, which",
  ],
  [
    `{resources: [${app("a")}, ${app("b")}], dependencies: [{resource: a, needs: [b]}, {resource: b, needs: [a], strength: soft}]}`,
    "dependencies form a cycle: a -> b -> a",
  ],
  [`{resources: [${app("a")}], dependencies: [{resource: a, needs: [a]}]}`, "dependencies form a cycle: a -> a"],
  [
    `dependencies: ${repeated(1_025, () => "{resource: a, needs: [b]}")}`,
    "dependencies has 1025 items, the limit is 1024",
  ],
  [
    stops(20_000, `[${app("a", ", stopTimeoutMs: 20001")}]`),
    "lease.stopBudgetMs is 20000, it must be at least 20001: what a may",
  ],
  [
    stops(
      20_000,
      `[${app("a", ", stopTimeoutMs: 15000")}, ${app("b", ", stopTimeoutMs: 5001")}]`,
      "[{resource: b, needs: [a]}]",
    ),
    "lease.stopBudgetMs is 20000, it must be at least 5001 + 15000 = 20001: what b -> a may take to stop in a row",
  ],
  [
    stops(199, `[${app("a")}, ${app("b")}]`, "[{resource: b, needs: [a]}]"),
    "lease.stopBudgetMs is 199, it must be at least 100 + 100 = 200",
  ],
];

for (const [yaml, expected] of refusals) {
  test(`policiesProblem() refuses ${yaml.slice(0, 100)}`, () => {
    const problem = problemOf(yaml);
    assert.ok(problem?.startsWith(expected), `${problem}`);
  });
}

/** What must not be refused. */
const accepted: readonly string[] = [
  "",
  "lostQuorum: read_only",
  "{lostQuorum: freeze, fence: {command: [/bin/off]}}",
  `management: {demand: ${amounts(16)}, sameNode: ${names(256)}}`,
  "lease: {ttlMs: 60000, stopBudgetMs: 30000}",
  "quorum: {weighted: {votes: {n1: 0, n2: 0}}}",
  "quorum: {witness: {}}",
  "quorum: {witness: {node: n4}}",
  running(`{${exec}}`),
  running("{exec: {start: [/a], foreground: true}}"),
  running("{ocf: {agent: heartbeat:lvm-activate}}"),
  running("{systemd: {unit: 'drbd@data\\x2d1.service'}}"),
  `resources: [${app("0-9")}, ${app("b", ", monitor: {depth: 20}")}]`,
  "resources: [{name: a, disk: {connections: [{node: n1, bus: a}, {node: n1, bus: b}, {node: n2}, {node: n3}, {node: n9}]}}]",
  ...["10.0.0.1/0", "192.0.2.10/32", "2001:db8::1/64", "::/0", "1:2:3:4:5:6:7:8/128"].map(
    (text) => `resources: [{name: a, address: {address: "${text}"}}]`,
  ),
  // Side by side they stop at once; what is not critical may be killed, and what has no runner does not stop.
  stops(20_000, `[${app("a", ", stopTimeoutMs: 20000")}, ${app("b", ", stopTimeoutMs: 20000")}]`),
  stops(20_000, `[${app("a", ", critical: false, stopTimeoutMs: 3600000")}]`),
  stops(20_000, "[{name: a, address: {address: 10.0.0.1/8}, stopTimeoutMs: 3600000}]"),
];

for (const yaml of accepted) {
  test(`policiesProblem() accepts ${yaml === "" ? "a config that says nothing" : yaml.slice(0, 100)}`, () => {
    assert.equal(problemOf(yaml), null);
    assert.ok(encodeGroupConfig(configJson(yaml), of));
  });
}

function configJson(yaml: string): unknown {
  return parse(yaml) ?? {};
}

test("policiesProblem() accepts the example of GroupConfig's documentation, with its owners and without", () => {
  const config = configOf(documentedConfig());
  assert.equal(config.resources.length, 3);
  assert.equal(policiesProblem(config), null);
  assert.equal(policiesProblem(config, { group: "rg220", owners: ["n202", "n208", "n214"] }), null);
  const problem = policiesProblem(config, { owners: ["n202", "n210"] });
  assert.equal(problem, 'resources[0].disk.connections holds none of the owner "n210"');
});

test("policiesProblem() says nothing of owners that are not known", () => {
  for (const yaml of [
    "quorum: {minimum: {owners: 4}}",
    "quorum: {weighted: {votes: {n4: 1}}}",
    "quorum: {witness: {node: n1}}",
    "quorum: {witness: {node: n99}}",
    `resources: [{name: a, application: {installedOn: [n1]}, run: {${unit}}}]`,
  ]) {
    assert.notEqual(problemOf(yaml), null);
    assert.equal(policiesProblem(configOf(yaml)), null);
  }
});

test("encodeGroupConfig() refuses what policiesProblem() does", () => {
  assert.throws(() => encodeGroupConfig({ lostQuorum: "freeze" }), /^Error: lostQuorum is freeze/);
  assert.throws(() => encodeGroupConfig({ quorum: { minimum: { owners: 4 } } }, of), /^Error: quorum\.minimum\.owners/);
});

/** [stop budget, resources, dependencies, how long each may take] */
const shares: readonly (readonly [number, string, string, Readonly<Record<string, number>>])[] = [
  [5_000, `[${app("a")}]`, "[]", { a: 5_000 }],
  [40_000, `[${app("a")}, ${app("b")}]`, "[]", { a: 40_000, b: 40_000 }],
  [40_000, `[${app("a")}, ${app("b")}]`, "[{resource: a, needs: [b]}]", { a: 20_000, b: 20_000 }],
  // As in the documentation: postgres says 20 s.
  [
    30_000,
    `[${app("data")}, ${app("address")}, ${app("postgres", ", stopTimeoutMs: 20000")}]`,
    "[{resource: postgres, needs: [data, address]}]",
    { data: 10_000, address: 10_000, postgres: 20_000 },
  ],
  // Another row of resources takes nothing from this one.
  [
    30_000,
    `[${app("a")}, ${app("b")}, ${app("c")}, ${app("d")}]`,
    "[{resource: a, needs: [b]}, {resource: b, needs: [c]}]",
    { a: 10_000, b: 10_000, c: 10_000, d: 30_000 },
  ],
  // What is not critical and says too much is killed.
  [
    30_000,
    `[${app("a")}, ${app("b", ", critical: false, stopTimeoutMs: 90000")}]`,
    "[{resource: b, needs: [a]}]",
    { a: 30_000, b: 90_000 },
  ],
  [30_000, `[${app("a")}, {name: b, address: {address: 10.0.0.1/8}}]`, "[{resource: b, needs: [a]}]", { a: 30_000 }],
  [10, `[${app("a")}]`, "[]", { a: 100 }],
];

for (const [budgetMs, resources, dependencies, expected] of shares) {
  test(`stopTimeoutsOf() shares ${budgetMs} ms as ${JSON.stringify(expected)}`, () => {
    const config = configOf(`{resources: ${resources}, dependencies: ${dependencies}}`);
    assert.deepEqual(Object.fromEntries(stopTimeoutsOf(config, budgetMs)), expected);
  });
}

test("stopTimeoutsOf() never gives more than 60 s to a resource that does not say", () => {
  assert.deepEqual([...stopTimeoutsOf(configOf(`resources: [${app("a")}]`), 600_000)], [["a", 60_000]]);
});

const resourceNames = ["a", "b", "c", "d", "e", "f"];
const anyResources = fc.record({
  stops: fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 100, max: 9_000 })), { minLength: 6, maxLength: 6 }),
  critical: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
  /** Each needs later ones alone. */
  needs: fc.array(fc.subarray(resourceNames), { minLength: 6, maxLength: 6 }),
  budgetMs: fc.integer({ min: 1_000, max: 40_000 }),
});

test("stops of critical resources in a row fit into the stop budget wherever those that say their time leave 100 ms to each other one", () => {
  fc.assert(
    fc.property(anyResources, ({ stops, critical, needs, budgetMs }) => {
      const config = create(GroupConfigSchema, {
        resources: resourceNames.map((name, at) => ({
          name,
          run: {},
          stopTimeoutMs: stops[at] ?? 0,
          critical: critical[at] ?? true,
        })),
        dependencies: resourceNames.map((resource, at) => ({
          resource,
          needs: (needs[at] ?? []).filter((need) => need > resource),
        })),
      });
      const sumMs = (budget: number) => longestStop(config, budget).reduce((sum, { stopMs }) => sum + stopMs, 0);
      // With nothing to share, each has its least.
      if (sumMs(0) <= budgetMs - 600) assert.ok(sumMs(budgetMs) <= budgetMs);
    }),
  );
});

/** Most often 0, else at or behind one of these. */
const near = (...values: number[]) =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant(0) },
    ...values.flatMap((value) => [fc.constant(value), fc.constant(value + 1)]),
  );
const anyConfig = fc.record({
  management: fc.record({
    settlingTimeMs: near(3_600_000, 5),
    antiFlap: fc.record({ movesMax: near(1, 99, 100), windowMs: near(59_999, 60_000, 604_800_000) }),
    demand: fc.dictionary(fc.constantFrom("cpu", "memory", "disk", "gpu", "4"), fc.bigInt({ min: 0n, max: 2n ** 53n })),
    sameNode: fc.subarray(["rg2", "rg3", "rg6", "Rg"], { maxLength: 1 }),
    differentNode: fc.subarray(["rg2", "rg4"]),
    dependencies: fc.array(fc.record({ group: fc.constantFrom("rg2", "rg5"), timeoutMs: near(1, 3_600_000) }), {
      maxLength: 2,
    }),
  }),
  lease: fc.record({
    ttlMs: fc.oneof(near(1_999, 600_000), fc.integer({ min: 14_000, max: 60_000 })),
    renewIntervalMs: near(99, 3_000, 60_000),
    stopBudgetMs: fc.oneof(near(1, 600_000), fc.integer({ min: 1, max: 10_000 })),
    clockRateErrorPercent: near(4, 20, 50),
  }),
  fence: fc.record({
    command: fc.constantFrom<string[]>(["/off"], ["/off", "n1"], ["/off", ""], ["off"], []),
    timeoutMs: near(999, 600_000),
  }),
});

test("what policiesProblem() accepts decodes to policies within their bounds, which say what was written", () => {
  let count = 0;
  fc.assert(
    fc.property(anyConfig, (written) => {
      const config = create(GroupConfigSchema, written);
      if (policiesProblem(config, of) !== null) return;
      count++;
      const policies = decodeGroupPolicies(toBinary(GroupConfigSchema, config));
      const { management, lease, fence } = written;
      const { ttlMs, renewIntervalMs, stopBudgetMs, clockRateError } = policies.lease;
      assert.ok(ttlMs * (1 - clockRateError) > stopBudgetMs + 2 * renewIntervalMs + electionBoundMs);
      assert.ok(renewIntervalMs >= 100 && stopBudgetMs >= 1 && clockRateError >= 0.05 && clockRateError <= 0.5);
      const said = (value: number, usual: number) => (value === 0 ? usual : value);
      assert.deepEqual(policies.lease, {
        ttlMs: said(lease.ttlMs, 15_000),
        renewIntervalMs: said(lease.renewIntervalMs, Math.floor(ttlMs / 10)),
        stopBudgetMs: said(lease.stopBudgetMs, 5_000),
        clockRateError: said(lease.clockRateErrorPercent, 5) / 100,
        isEndless: policies.lostQuorum === "freeze",
      });
      assert.deepEqual(policies.antiFlap, {
        movesMax: said(management.antiFlap.movesMax, 3),
        windowMs: said(management.antiFlap.windowMs, 3_600_000),
      });
      assert.equal(policies.settlingMs, management.settlingTimeMs);
      const demand = Object.entries(management.demand).map(([name, amount]) => [name, Number(amount)] as const);
      assert.deepEqual(policies.demand, new Map(demand));
      assert.deepEqual([policies.sameNode, policies.differentNode], [management.sameNode, management.differentNode]);
      assert.deepEqual(
        policies.dependencies.map(({ group, timeoutMs }) => [group, timeoutMs]),
        management.dependencies.map(({ group, timeoutMs }) => [group, said(timeoutMs, 300_000)]),
      );
      assert.deepEqual(policies.fence, { command: fence.command, timeoutMs: said(fence.timeoutMs, 60_000) });
    }),
    { numRuns: 5_000 },
  );
  assert.ok(count > 50, `${count} were accepted`);
});

test("a config that is accepted is the same after it was written and read", () => {
  assert.deepEqual(
    decodeGroupPolicies(encodeGroupConfig(configJson(documentedConfig()))),
    decodeGroupPolicies(bytesOf(documentedConfig())),
  );
});

// cluster.yaml: every refusal with its line and column, and what does and does not change the identity of a cluster.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DbError } from "../../../proto/errors.ts";
import { parseBootstrap } from "../../../server/config/bootstrap.ts";

const identities = ["A", "B", "C", "D"].map((letter) => `12D3KooW${letter.repeat(44)}`);

/** A good file; each test breaks one line of it. */
const good = `name: demo
nodes:
  - {name: n1, identity: ${identities[0]}, peerAddresses: ["127.0.0.1:7501"], apiAddress: "127.0.0.1:7401"}
  - {name: n2, identity: ${identities[1]}, peerAddresses: ["127.0.0.1:7502"], apiAddress: "127.0.0.1:7402"}
  - name: n3
    identity: ${identities[2]}
    peerAddresses: ["127.0.0.1:7503"]
    apiAddress: "127.0.0.1:7403"
    labels: {failure-domain: rack1, zone: a}
groups:
  - name: orders
    owners: [n1, n2, n3]
    config: {lostQuorum: stop, labels: {b: "2", a: "1"}}
  - name: billing
    owners: [n3, n1]
`;

function replaced(from: string, to: string): string {
  assert.ok(good.includes(from), `the good file holds ${from}`);
  return good.replace(from, to);
}

function parse(text: string) {
  return parseBootstrap("cluster.yaml", text);
}

/** [what is wrong, file, position and text of the refusal, field] */
const refusals: readonly (readonly [string, string, RegExp, string?])[] = [
  ["an indentation", replaced("    owners: [n3, n1]", "   owners: [n3, n1]"), /^cluster\.yaml:15:1: Not YAML: /],
  ["an open list", replaced("owners: [n3, n1]", "owners: [n3, n1"), /^cluster\.yaml:16:1: Not YAML: /],
  ["a tab", replaced("    owners: [n3", "\towners: [n3"), /^cluster\.yaml:15:1: Not YAML: /],
  ["a key given twice", replaced("name: demo", "name: demo\nname: other"), /^cluster\.yaml:2:1: Not YAML: .*unique/i],
  ["two documents", `${good}---\nname: x\n`, /^cluster\.yaml:\d+:\d+: Not YAML: /],
  ["an empty file", "", /^cluster\.yaml:1:1: The file must be a map/],
  ["a list for a file", "- a\n", /^cluster\.yaml:1:1: The file must be a map, not \["a"\]/],
  [
    "an unknown key",
    replaced("groups:", "grops:"),
    /^cluster\.yaml:10:1: Unknown key "grops"; did you mean "groups"\?/,
  ],
  [
    "an unknown key in a node",
    replaced("    apiAddress:", "    apiAdress:"),
    /^cluster\.yaml:8:5: Unknown key "apiAdress"; did you mean "apiAddress"\?/,
    "nodes[2].apiAdress",
  ],
  [
    "a key of a later version",
    replaced("name: demo", "name: demo\nnetworks: []"),
    /^cluster\.yaml:2:1: Key "networks" is not used by this version/,
    "networks",
  ],
  [
    "a key of a later version in a node",
    replaced("    labels: {f", "    witnessOnly: true\n    labels: {f"),
    /^cluster\.yaml:9:5: Key "witnessOnly" is not used by this version/,
  ],
  ...[
    [
      "a capacity of no whole number",
      "{cpu: 1.5}",
      /^cluster\.yaml:9:21: nodes\[2\]\.capacity\.cpu is 1\.5, it must be a whole number/,
    ],
    [
      "a negative capacity",
      "{cpu: -1}",
      /^cluster\.yaml:9:21: nodes\[2\]\.capacity\.cpu is -1, it must be a whole number from 0 to/,
    ],
    ["a text for a capacity", "{cpu: many}", /^cluster\.yaml:9:21: nodes\[2\]\.capacity\.cpu must be a number/],
    [
      "a dimension without a name",
      '{"": 1}',
      /^cluster\.yaml:9:15: nodes\[2\]\.capacity is .*, it must have names of 1 to 63 of/,
    ],
    [
      "a bad dimension",
      '{"4 cpus": 1}',
      /^cluster\.yaml:9:15: nodes\[2\]\.capacity is .*, it must have names of 1 to 63 of/,
    ],
    [
      "17 dimensions",
      `{${Array.from({ length: 17 }, (_, at) => `d${at}: 1`).join(", ")}}`,
      /^cluster\.yaml:9:15: nodes\[2\]\.capacity is .*, it must hold at most 16 dimensions/,
    ],
  ].map(([what, capacity, expected]) => {
    const text = replaced("    labels: {f", `    capacity: ${capacity}\n    labels: {f`);
    return [what, text, expected] as readonly [string, string, RegExp];
  }),
  [
    "a label without a name",
    replaced("    labels: {f", '    labels: {"": x, f'),
    /^cluster\.yaml:9:14: Key "" must not be empty/,
    "nodes[2].labels.",
  ],
  ["a missing name", replaced("name: demo\n", ""), /^cluster\.yaml:1:1: name is missing/, "name"],
  [
    "a bad name",
    replaced("name: demo", "name: Demo"),
    /^cluster\.yaml:1:7: name is "Demo", it must be 1 to 63 of a-z/,
    "name",
  ],
  ["a name that ends in a hyphen", replaced("name: demo", "name: demo-"), /with a letter, not ending with -$/, "name"],
  [
    "a name within itself",
    replaced("name: demo", "name: &a [*a]"),
    /^cluster\.yaml:1:10: name must be a text, not a value within itself/,
    "name",
  ],
  ["a number for a name", replaced("name: demo", "name: 7"), /^cluster\.yaml:1:7: name must be a text, not 7/],
  [
    "a bad node name",
    replaced("name: n2", "name: n_2"),
    /^cluster\.yaml:4:12: nodes\[1\]\.name is ".*", it must be/,
    "nodes[1].name",
  ],
  [
    "one node",
    "name: demo\nnodes:\n  - {name: n1}\n",
    /^cluster\.yaml:3:3: nodes is \[\{"name":"n1"\}\], it must hold at least 2 nodes/,
    "nodes",
  ],
  [
    "a missing address",
    replaced('    apiAddress: "127.0.0.1:7403"\n', ""),
    /^cluster\.yaml:5:5: .*apiAddress of node "n3"/,
  ],
  [
    "a missing identity",
    replaced(`    identity: ${identities[2]}\n`, ""),
    /^cluster\.yaml:5:5: .*identity of node "n3"/,
  ],
  [
    "a bad identity",
    replaced(`identity: ${identities[2]}`, "identity: me"),
    /^cluster\.yaml:6:15: .*`bailiwick node init`/,
  ],
  ["an address without a port", replaced('"127.0.0.1:7403"', "localhost"), /^cluster\.yaml:8:17: .*must be host:port/],
  ["a port beyond 65535", replaced("127.0.0.1:7403", "127.0.0.1:70403"), /^cluster\.yaml:8:17: .*must be host:port/],
  ["port 0", replaced("127.0.0.1:7403", "127.0.0.1:0"), /^cluster\.yaml:8:17: .*must be host:port/],
  ["two peer addresses", replaced('["127.0.0.1:7503"]', '["a:1", "b:2"]'), /^cluster\.yaml:7:20: .*exactly one/],
  [
    "an address of another node",
    replaced("127.0.0.1:7503", "127.0.0.1:7402"),
    /^cluster\.yaml:7:21: 127\.0\.0\.1:7402 of node "n3" is also of node "n2"/,
    "nodes[2].peerAddresses[0]",
  ],
  [
    "one address for both",
    replaced("127.0.0.1:7503", "127.0.0.1:7403"),
    /^cluster\.yaml:8:17: Address 127\.0\.0\.1:7403 of node "n3" is used twice/,
  ],
  [
    "an identity of another node",
    replaced(`identity: ${identities[2]}`, `identity: ${identities[0]}`),
    /^cluster\.yaml:6:15: 12D3KooWA+ of node "n3" is also of node "n1"/,
  ],
  [
    "two nodes of one name",
    replaced("name: n2", "name: n1"),
    /^cluster\.yaml:4:12: There are two nodes of the name "n1"/,
    "nodes[1].name",
  ],
  [
    "two groups of one name",
    replaced("name: billing", "name: orders"),
    /^cluster\.yaml:14:11: There are two groups of the name "orders"/,
    "groups[1].name",
  ],
  [
    "the system group's name",
    replaced("name: billing", "name: cluster"),
    /^cluster\.yaml:14:11: Group name "cluster" is the system group's/,
  ],
  [
    "an unknown owner",
    replaced("[n1, n2, n3]", "[n1, node2, n3]"),
    /^cluster\.yaml:12:18: Owner of group "orders", "node2", is not a node of this cluster$/,
    "groups[0].owners[1]",
  ],
  ["a mistyped owner", replaced("[n1, n2, n3]", "[n1, n4, n3]"), /^cluster\.yaml:12:18: .*did you mean "n1"\?/],
  [
    "one owner",
    replaced("[n3, n1]", "[n3]"),
    /^cluster\.yaml:15:13: groups\[1\]\.owners is \["n3"\], it must hold at least 2 nodes/,
    "groups[1].owners",
  ],
  [
    "a repeated owner",
    replaced("[n1, n2, n3]", "[n1, n2, n1]"),
    /^cluster\.yaml:12:22: Owner "n1" of group "orders" is named twice/,
    "groups[0].owners[2]",
  ],
  [
    "an unknown key in a config",
    replaced("lostQuorum: stop", "lostQorum: stop"),
    /^cluster\.yaml:13:14: Unknown key "lostQorum" in config/,
    "groups[0].config.lostQorum",
  ],
  [
    "a word that is no policy",
    replaced("lostQuorum: stop", "lostQuorum: halt"),
    /^cluster\.yaml:13:26: Config is refused: lostQuorum is "halt", it must be one of stop, freeze, read_only$/,
    "groups[0].config.lostQuorum",
  ],
  [
    "a quota below its bounds",
    replaced('{lostQuorum: stop, labels: {b: "2", a: "1"}}', "{limits: {quotaBytes: 1000}}"),
    /^cluster\.yaml:13:\d+: Config is refused: limits\.quotaBytes is 1000, it must be from 1048576 to 8589934592, or 0/,
    "groups[0].config.limits.quotaBytes",
  ],
  [
    "a number for a text in a config",
    replaced('{lostQuorum: stop, labels: {b: "2", a: "1"}}', "{description: 3}"),
    /^cluster\.yaml:13:27: Config is refused: field GroupConfig\.description/,
    "groups[0].config.description",
  ],
  [
    "a text for a config",
    replaced('{lostQuorum: stop, labels: {b: "2", a: "1"}}', "x"),
    /^cluster\.yaml:13:13: .*a map/,
  ],
  [
    "two voters",
    `${good}settings: {voters: 2}\n`,
    /^cluster\.yaml:16:20: settings\.voters is 2, it must be 1, 3 or 5/,
    "settings.voters",
  ],
  [
    "more voters than nodes",
    `${good}settings: {voters: 5}\n`,
    /^cluster\.yaml:16:20: 5 voters cannot be chosen from 3/,
  ],
  ...["4", "51", "7.5", '"5"'].map((percent) => {
    const text = `${good}settings: {leaseReads: {clockRateErrorPercent: ${percent}}}\n`;
    const field = "settings.leaseReads.clockRateErrorPercent";
    const expected =
      /^cluster\.yaml:16:48: settings\.leaseReads\.clockRateErrorPercent (is [0-9.]+, it )?must be a (whole )?number/;
    return [`a clock rate error of ${percent} %`, text, expected, field] as const;
  }),
  ...["9999", "86400001", "10000.5", "-1", "never"].map((ms) => {
    const text = `${good}settings: {replaceVoterAfterMs: ${ms}}\n`;
    const expected =
      /^cluster\.yaml:16:33: settings\.replaceVoterAfterMs (is [-0-9.]+, it )?must be a (whole number from 10000 to 86400000, or 0: never|number)/;
    return [`voters replaced after ${ms} ms`, text, expected, "settings.replaceVoterAfterMs"] as const;
  }),
  [
    "lease reads without a bound",
    `${good}settings: {leaseReads: {}}\n`,
    /settings\.leaseReads\.clockRateErrorPercent is missing$/,
    "settings.leaseReads.clockRateErrorPercent",
  ],
  [
    "lease reads that are only switched on",
    `${good}settings: {leaseReads: true}\n`,
    /^cluster\.yaml:16:24: settings\.leaseReads must be a map, not true/,
  ],
  [
    "an unknown candidate",
    `${good}settings: {voterCandidates: [n1, n9]}\n`,
    /^cluster\.yaml:16:34: Voter candidate, "n9", is not a node/,
  ],
];

for (const [what, text, expected, field] of refusals) {
  test(`parseBootstrap() refuses ${what}, with its place`, () => {
    assert.throws(
      () => parse(text),
      (error) => {
        assert.ok(error instanceof DbError, String(error));
        assert.equal(error.code, "invalid_argument");
        assert.match(error.message, expected);
        if (field !== undefined) assert.equal(error.details.field, field);
        return true;
      },
    );
  });
}

test("parseBootstrap() gives what the file says, by name and frozen", () => {
  const bootstrap = parse(good);
  assert.equal(bootstrap.name, "demo");
  assert.deepEqual(
    bootstrap.groups.map(({ group, incarnation, owners }) => ({ group, incarnation, owners })),
    [
      { group: "billing", incarnation: 1, owners: ["n3", "n1"] },
      { group: "orders", incarnation: 1, owners: ["n1", "n2", "n3"] },
    ],
  );
  assert.deepEqual(bootstrap.nodes[2], {
    node: "n3",
    identity: identities[2],
    peerAddress: "127.0.0.1:7503",
    apiAddress: "127.0.0.1:7403",
    labels: [
      ["failure-domain", "rack1"],
      ["zone", "a"],
    ],
    capacity: [],
  });
  assert.throws(() => (bootstrap.nodes as unknown[]).push(1), TypeError);
});

function sized(capacity: string): string {
  return replaced("    labels: {f", `    capacity: ${capacity}\n    labels: {f`);
}

test("parseBootstrap() gives what groups may use of a node, by name", () => {
  const capacities = parse(sized("{memoryMib: 65536, cpu: 16, disk: 0}")).nodes.map(({ capacity }) => capacity);
  const named = [
    ["cpu", 16],
    ["disk", 0],
    ["memoryMib", 65536],
  ];
  assert.deepEqual(capacities, [[], [], named]);
});

function leased(percent: number): string {
  return `${good}settings: {leaseReads: {clockRateErrorPercent: ${percent}}}\n`;
}

test("parseBootstrap() gives lease reads only where a bound of clock rates is given", () => {
  assert.equal(parse(good).leaseRead, null);
  for (const percent of [5, 50])
    assert.deepEqual(parse(leased(percent)).leaseRead, { clockRateErrorMax: percent / 100 });
});

test("parseBootstrap() has voters replaced after a time, or never, in the same cluster whatever that is", () => {
  const withSettings = (settings: string) => parse(`${good}settings: {${settings}}\n`);
  assert.deepEqual(parse(good).voterReplacement, { afterMs: 600_000, candidates: [] });
  assert.deepEqual(withSettings("replaceVoterAfterMs: 0").voterReplacement, { afterMs: null, candidates: [] });
  const limited = withSettings("replaceVoterAfterMs: 10000, voterCandidates: [n3, n1, n2]");
  assert.deepEqual(limited.voterReplacement, { afterMs: 10_000, candidates: ["n3", "n1", "n2"] });
  assert.equal(limited.cluster, parse(good).cluster);
});

test("parseBootstrap() gives one identity for one meaning", () => {
  const { cluster } = parse(good);
  assert.match(cluster, /^[0-9a-f]{32}$/);
  const lines = good.split("\n");
  const nodesSwapped = [...lines.slice(0, 2), lines[3], lines[2], ...lines.slice(4)].join("\n");
  const same = [
    `# A comment\n${good}`,
    nodesSwapped,
    replaced("lostQuorum: stop", "lostQuorum: LOST_QUORUM_POLICY_STOP"),
    replaced('{b: "2", a: "1"}', '{a: "1", b: "2"}'),
    replaced("{failure-domain: rack1, zone: a}", "{zone: a, failure-domain: rack1}"),
    `${good}settings: {}\n`,
    sized("{}"),
  ];
  for (const text of same) {
    assert.notEqual(text, good);
    assert.deepEqual(parse(text), parse(good));
  }
});

test("parseBootstrap() gives one identity for one capacity", () => {
  assert.deepEqual(parse(sized("{a: 1, b: 2}")), parse(sized("{b: 2, a: 1}")));
});

test("parseBootstrap() gives another identity for another meaning", () => {
  const others = [
    replaced("name: demo", "name: demo2"),
    replaced("name: n2", "name: n20").replace("[n1, n2, n3]", "[n1, n20, n3]"),
    replaced(identities[2] as string, identities[3] as string),
    replaced("127.0.0.1:7503", "127.0.0.1:7513"),
    replaced("127.0.0.1:7403", "127.0.0.1:7413"),
    replaced("rack1", "rack2"),
    replaced("[n1, n2, n3]", "[n2, n1, n3]"),
    replaced("[n3, n1]", "[n3, n2]"),
    replaced("lostQuorum: stop", "lostQuorum: read_only"),
    replaced("name: billing", "name: bills"),
    `${good}settings: {voters: 1}\n`,
    sized("{cpu: 1}"),
    sized("{cpu: 2}"),
    sized("{gpu: 1}"),
    leased(5),
    leased(6),
  ];
  const clusters = [good, ...others].map((text) => parse(text).cluster);
  assert.equal(new Set(clusters).size, clusters.length);
});

test("the identity of a known file never changes: data directories hold it", () => {
  assert.equal(parse(good).cluster, "ad3143f788396961d7ebf0301a27f8f4");
});

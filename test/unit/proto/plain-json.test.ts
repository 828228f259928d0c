// Plain JSON: the documented YAML examples, both directions, and what is refused.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { create, equals, fromBinary, type JsonValue, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { parse } from "yaml";
import { ClusterConfigSchema } from "../../../proto/gen/bailiwick/v1/cluster_config_pb.ts";
import { type GroupConfig, GroupConfigSchema } from "../../../proto/gen/bailiwick/v1/group_config_pb.ts";
import { GroupSchema, OwnershipState } from "../../../proto/gen/bailiwick/v1/group_pb.ts";
import { LostQuorumPolicy, StartupPolicy } from "../../../proto/gen/bailiwick/v1/policy_pb.ts";
import { fromPlainJson, toPlainJson } from "../../../proto/plain-json.ts";

/** The YAML example in the comment of `message`, as a reader would copy it. */
function documentedExample(file: string, message: string): JsonValue {
  const path = join(import.meta.dirname, "../../../proto/bailiwick/v1", file);
  const before = readFileSync(path, "utf8").split(`message ${message} {`)[0] ?? "";
  const comment = before.slice(before.lastIndexOf("\n\n"));
  const lines = comment.split("\n").filter((line) => line.startsWith("//     "));
  return parse(lines.map((line) => line.slice("//     ".length)).join("\n")) as JsonValue;
}

function exampleGroup(): GroupConfig {
  const cluster = fromPlainJson(ClusterConfigSchema, documentedExample("group_config.proto", "GroupConfig"));
  const config = cluster.groups[0]?.config;
  assert.ok(config);
  return config;
}

test("fromPlainJson() reads the example of GroupConfig's documentation", () => {
  const config = exampleGroup();
  assert.equal(config.lostQuorum, LostQuorumPolicy.STOP);
  assert.equal(config.management?.startup, StartupPolicy.HIGHEST_PRIORITY);
  assert.equal(config.management?.demand["cpu"], 4n);
  assert.equal(config.quorum?.policy.case, "majority");
  assert.deepEqual(
    config.resources.map((resource) => resource.kind.case),
    ["disk", "address", "application"],
  );
  assert.equal(config.rules[0]?.require?.predicate.case, "spread");
});

test("fromPlainJson() reads the example of ClusterConfig's documentation", () => {
  const cluster = fromPlainJson(ClusterConfigSchema, documentedExample("cluster_config.proto", "ClusterConfig"));
  assert.deepEqual(cluster.groups[0]?.owners, ["n202", "n208", "n214"]);
  assert.equal(cluster.nodes[0]?.labels["failure-domain"], "rack1");
});

test("a group configuration survives bytes and plain JSON", () => {
  const config = exampleGroup();
  assert.ok(equals(GroupConfigSchema, config, fromBinary(GroupConfigSchema, toBinary(GroupConfigSchema, config))));
  assert.ok(
    equals(GroupConfigSchema, config, fromPlainJson(GroupConfigSchema, toPlainJson(GroupConfigSchema, config))),
  );
});

test("toPlainJson() writes short words and numbers", () => {
  const group = create(GroupSchema, { name: "rg220", epoch: 7n, ownershipState: OwnershipState.ONLINE });
  assert.deepEqual(toPlainJson(GroupSchema, group), { name: "rg220", epoch: 7, ownershipState: "online" });
});

test("toPlainJson() writes a default when asked to", () => {
  const json = toPlainJson(GroupSchema, create(GroupSchema), { includeDefaults: true }) as Record<string, JsonValue>;
  assert.equal(json["epoch"], 0);
  assert.equal(json["ownershipState"], "unspecified");
  assert.deepEqual(json["owners"], []);
});

test("toPlainJson() keeps as text what a number cannot hold", () => {
  const group = create(GroupSchema, { epoch: 2n ** 53n, revision: 2n ** 53n - 1n });
  assert.deepEqual(toPlainJson(GroupSchema, group), { epoch: "9007199254740992", revision: 9007199254740991 });
});

test("fromPlainJson() reads any 64-bit integer that toPlainJson() wrote", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (epoch) => {
      const json = toPlainJson(GroupSchema, create(GroupSchema, { epoch }));
      assert.equal(fromPlainJson(GroupSchema, json).epoch, epoch);
    }),
    { numRuns: 100 },
  );
});

test("fromPlainJson() accepts the full name of an enumeration's value", () => {
  const config = fromPlainJson(GroupConfigSchema, { lostQuorum: "LOST_QUORUM_POLICY_READ_ONLY" });
  assert.equal(config.lostQuorum, LostQuorumPolicy.READ_ONLY);
});

test("fromPlainJson() leaves free text alone, though it looks like a word", () => {
  const config = fromPlainJson(GroupConfigSchema, { description: "stop", labels: { lostQuorum: "stop" } });
  assert.equal(config.description, "stop");
  assert.equal(config.labels["lostQuorum"], "stop");
});

for (const [what, value, message] of [
  [
    "an unknown word",
    { lostQuorum: "explode" },
    /^lostQuorum is "explode", it must be one of stop, freeze, read_only$/,
  ],
  [
    "an unknown word deep inside",
    { dependencies: [{ strength: "soft" }, { strength: "weak" }] },
    /^dependencies\[1\]\.strength is "weak", it must be one of hard, soft$/,
  ],
  [
    "what is no word",
    { management: { startup: true } },
    /^management\.startup is true, it must be one of highest_priority/,
  ],
  ["an unknown field", { lostQuorumm: "stop" }, /lostQuorumm/],
  ["an unknown field deep inside", { quorum: { minimum: { ownerz: 2 } } }, /ownerz/],
  ["text for a number", { limits: { historyRevisions: "many" } }, /historyRevisions|history_revisions/],
  ["two policies of a kind", { quorum: { majority: {}, witness: {} } }, /policy/],
  ["a list for a message", { quorum: [] }, /QuorumPolicy|quorum/],
] as const) {
  test(`fromPlainJson() refuses ${what}, naming it`, () => {
    assert.throws(() => fromPlainJson(GroupConfigSchema, value as unknown as JsonValue), { message });
  });
}

// Which nodes first vote in the cluster database.

import assert from "node:assert/strict";
import { test } from "node:test";
import { readClusterFile } from "../../../server/config/cluster-file.ts";
import { chooseVoters } from "../../../server/config/voters.ts";
import { YamlSource } from "../../../server/config/yaml-source.ts";
import { referenceCluster } from "../../../server/dev/reference-cluster.ts";

function votersOf(text: string): readonly string[] {
  return chooseVoters(readClusterFile(YamlSource.parse("cluster.yaml", text)));
}

/** Nodes as `name` or `name@domain`. */
function cluster(nodes: string, rest = ""): string {
  const lines = nodes.split(" ").map((text) => {
    const [name, domain] = text.split("@");
    return domain === undefined ? `  - {name: ${name}}` : `  - {name: ${name}, labels: {failure-domain: ${domain}}}`;
  });
  return `name: demo\nnodes:\n${lines.join("\n")}\n${rest}`;
}

const cases: readonly (readonly [string, string, string])[] = [
  ["one of two nodes", cluster("n2 n1"), "n1"],
  ["three of three", cluster("n3 n1 n2"), "n1 n2 n3"],
  ["three of four", cluster("n4 n3 n1 n2"), "n1 n2 n3"],
  ["five of five", cluster("n5 n4 n3 n1 n2"), "n1 n2 n3 n4 n5"],
  ["as many as the file says", cluster("n5 n4 n3 n1 n2", "settings: {voters: 3}"), "n1 n2 n3"],
  ["from the candidates only", cluster("n5 n4 n3 n1 n2", "settings: {voterCandidates: [n5, n2, n4]}"), "n2 n4 n5"],
  ["one a domain first", cluster("a1@a a2@a a3@a b1@b c1@c b2@b", "settings: {voters: 3}"), "a1 b1 c1"],
  ["then a second of each", cluster("a1@a a2@a a3@a b1@b b2@b b3@b"), "a1 a2 a3 b1 b2"],
  ["nodes without a domain as their own", cluster("a1@x a2@x n1 n2", "settings: {voters: 3}"), "a1 n1 n2"],
  [
    "nodes in few groups first",
    cluster("n1 n2 n3 n4", "groups: [{name: g, owners: [n1, n2]}, {name: h, owners: [n2, n3]}]"),
    "n1 n3 n4",
  ],
  ["of the reference cluster, those in one group", referenceCluster, "n202 n204 n206 n214 n216"],
];

for (const [what, text, expected] of cases) {
  test(`chooseVoters() takes ${what}`, () => assert.equal(votersOf(text).join(" "), expected));
}

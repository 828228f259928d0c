// What groups of one file say of each other, and what a config says of its own owners: every refusal with its place.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DbError } from "../../../proto/errors.ts";
import { readClusterFile } from "../../../server/config/cluster-file.ts";
import { YamlSource } from "../../../server/config/yaml-source.ts";

/** One line for each group: lines 3, 4 and 5; a config begins at column 51. */
function file(configs: { readonly orders?: string; readonly billing?: string; readonly mail?: string }): string {
  const { orders = "", billing = "", mail = "" } = configs;
  return `{name: demo, nodes: [{name: n1}, {name: n2}, {name: n3}, {name: n4}, {name: n5}],
groups: [
  {name: orders,  owners: [n1, n2, n3],  config: {${orders}}},
  {name: billing, owners: [n3, n4],      config: {${billing}}},
  {name: mail,    owners: [n4, n5],      config: {${mail}}},
]}
`;
}

function read(text: string) {
  return readClusterFile(YamlSource.parse("cluster.yaml", text));
}

function refusalOf(text: string): DbError {
  try {
    read(text);
  } catch (reason) {
    assert.ok(reason instanceof DbError, String(reason));
    return reason;
  }
  assert.fail("it was accepted");
}

const needing = (group: string, more = "") => `management: {dependencies: [{group: ${group}${more}}]}`;
const app = "application: {}, run: {systemd: {unit: app.service}}";

/** [what is wrong, the file, position and text of the refusal, field] */
const refusals: readonly (readonly [string, string, RegExp, string])[] = [
  [
    "a group to run with that is not there",
    file({ orders: "management: {sameNode: [biling]}" }),
    /^cluster\.yaml:3:75: "biling" is not a group of this cluster; did you mean "billing"\?$/,
    "groups[0].config.management.sameNode[0]",
  ],
  [
    "a group to run away from that is not there",
    file({ orders: "management: {differentNode: [mail, x]}" }),
    /^cluster\.yaml:3:86: "x" is not a group of this cluster$/,
    "groups[0].config.management.differentNode[1]",
  ],
  [
    "a needed group that is not there",
    file({ billing: needing("order") }),
    /^cluster\.yaml:4:87: "order" is not a group of this cluster; did you mean "orders"\?$/,
    "groups[1].config.management.dependencies[0].group",
  ],
  [
    "a group to run with that shares no owner",
    file({ orders: "management: {sameNode: [mail]}" }),
    /^cluster\.yaml:3:75: Groups "orders" and "mail" share no owner: n1 n2 n3 and n4 n5$/,
    "groups[0].config.management.sameNode[0]",
  ],
  [
    "a needed group that shares no owner",
    file({ mail: needing("orders", ", soft: true") }),
    /^cluster\.yaml:5:87: Groups "mail" and "orders" share no owner: n4 n5 and n1 n2 n3$/,
    "groups[2].config.management.dependencies[0].group",
  ],
  [
    "two groups of which one wants what the other does not",
    file({ orders: "management: {differentNode: [billing]}", billing: "management: {sameNode: [orders]}" }),
    /^cluster\.yaml:3:80: Group "orders" wants to run elsewhere than "billing", which wants to run with it$/,
    "groups[0].config.management.differentNode[0]",
  ],
  [
    "a group to run with that wants to run elsewhere",
    file({ orders: "management: {sameNode: [billing]}", billing: "management: {differentNode: [orders]}" }),
    /^cluster\.yaml:3:75: Group "orders" wants to run with "billing", which wants to run elsewhere$/,
    "groups[0].config.management.sameNode[0]",
  ],
  [
    "hard dependencies in a cycle",
    file({
      orders: needing("billing"),
      billing: "management: {dependencies: [{group: mail, soft: true}, {group: orders}]}",
      mail: needing("billing"),
    }),
    /^cluster\.yaml:3:87: Hard dependencies between groups form a cycle: orders -> billing -> orders$/,
    "groups[0].config.management.dependencies[0].group",
  ],
  [
    "a group that names itself",
    file({ mail: needing("mail") }),
    /^cluster\.yaml:5:87: Config is refused: management\.dependencies\[0\]\.group is "mail", the group itself$/,
    "groups[2].config.management.dependencies[0].group",
  ],
  [
    "more owners at least than there are",
    file({ mail: "quorum: {minimum: {owners: 3}}" }),
    /^cluster\.yaml:5:78: Config is refused: quorum\.minimum\.owners is 3, it must be from 0 to 2, the number of owners$/,
    "groups[2].config.quorum.minimum.owners",
  ],
  [
    "an owner without the application",
    file({ mail: "resources: [{name: a, application: {installedOn: [n4]}, run: {systemd: {unit: a.service}}}]" }),
    /^cluster\.yaml:5:100: Config is refused: resources\[0\]\.application\.installedOn is n4, it must name the owner "n5"/,
    "groups[2].config.resources[0].application.installedOn",
  ],
  [
    "a lease that does not fit its parts",
    file({ mail: "lease: {ttlMs: 9000}" }),
    /^cluster\.yaml:5:66: Config is refused: lease\.ttlMs is 9000, of which 8550 are safe .* more than 8900: 5000 to stop/,
    "groups[2].config.lease.ttlMs",
  ],
  [
    "a stop budget that the file does not say, at the config",
    file({ mail: `resources: [{name: a, ${app}, stopTimeoutMs: 6000}]` }),
    /^cluster\.yaml:5:50: Config is refused: lease\.stopBudgetMs is 5000, it must be at least 6000: what a may take/,
    "groups[2].config",
  ],
];

for (const [what, text, expected, field] of refusals) {
  test(`readClusterFile() refuses ${what}, with its place`, () => {
    const { code, message, details } = refusalOf(text);
    assert.equal(code, "invalid_argument");
    assert.match(message, expected);
    assert.equal(details.field, field);
  });
}

test("readClusterFile() accepts groups that fit together, and soft dependencies in a cycle", () => {
  const orders = "management: {sameNode: [billing], differentNode: [mail], dependencies: [{group: billing}]}";
  const billing = "management: {dependencies: [{group: orders, soft: true}, {group: mail, where: same_node}]}";
  assert.equal(read(file({ orders, billing })).groups.length, 3);
});

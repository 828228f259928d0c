// What the API refuses of rules between groups, whoever writes them: by a new group, a new config, or new owners.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { GroupService } from "../../proto/gen/bailiwick/v1/group_service_pb.ts";
import { encodeGroupConfig } from "../../proto/group-config.ts";
import { type NodeId, toNodeId } from "../../proto/ids.ts";
import type { Reply } from "../../proto/requests.ts";
import { entry, failed, statusOf } from "./api-fixtures.ts";
import { Harness } from "./api-harness.ts";

const { createGroup, updateGroup, setGroupOwners } = GroupService.method;
const entries = [
  entry("orders", ["n202", "n208"]),
  entry("billing", ["n208", "n210"]),
  entry("mail", ["n212", "n214"]),
];
/** Rules of these groups, by name; a group without an answer: null. */
let rules: Record<string, object | null> = {};

let harness: Harness;
before(async () => {
  harness = await Harness.start();
});
after(() => harness.stop());
beforeEach(() => {
  rules = {};
  harness.node.inputs.length = 0;
  harness.node.answer = (request): Reply => {
    if (request.type === "directory") return { type: "directory", nodes: [], groups: entries };
    if (request.type === "createGroup") return { type: "createGroup", entry: entry("web", request.owners) };
    const asked = request.type === "groupStatus" ? entries.find(({ group }) => group === request.group) : undefined;
    const management = asked === undefined ? null : rules[asked.group];
    if (asked === undefined || management === null) return failed;
    return { type: "groupStatus", status: statusOf(asked, { object: { ...asked, config: configOf(management) } }) };
  };
});

function configOf(management: object | undefined): Uint8Array {
  return encodeGroupConfig(management === undefined ? {} : { management });
}

/** Why a new group with these rules is refused; empty: it is not. */
async function refusal(management: object, owners: readonly string[] = ["n208", "n202"]): Promise<string> {
  const request = { group: "web", owners: [...owners], config: { management }, validateOnly: true };
  const answer = await harness.call(createGroup, request).catch((reason: unknown) => reason);
  return answer instanceof Error ? answer.message : "";
}

test("a new group whose rules name a group that is not there is refused, with the field and the name that was meant", async () => {
  const why = /config is refused: management\.\S+: "biling" is not a group of this cluster; did you mean "billing"\?/;
  const named = [{ sameNode: ["biling"] }, { differentNode: ["biling"] }, { dependencies: [{ group: "biling" }] }];
  for (const management of named) assert.match(await refusal(management), why);
  assert.match(await refusal({ dependencies: [{ group: "biling" }] }), /management\.dependencies\[0\]\.group: /);
  const request = { group: "web", owners: ["n202", "n208"], config: { management: { sameNode: ["x"] } } };
  assert.equal((await harness.refused(createGroup, request)).info?.metadata["field"], "config");
  assert.ok(harness.node.all("call").every(({ request: asked }) => asked.type !== "createGroup"));
});

test("a new group that is to run with one, or needs one, on none of the same nodes is refused", async () => {
  const why = /: Groups "web" and "mail" share no owner: n208 n202 and n212 n214$/;
  assert.match(await refusal({ sameNode: ["mail"] }), why);
  assert.match(await refusal({ dependencies: [{ group: "mail" }] }), why);
  assert.equal(await refusal({ differentNode: ["mail"] }), "");
  assert.equal(await refusal({ sameNode: ["billing"] }), "");
});

test("a group that wants the opposite of what another one wants is refused", async () => {
  rules = { orders: { differentNode: ["web"] }, billing: { sameNode: ["web"] } };
  assert.match(
    await refusal({ sameNode: ["orders"] }),
    /sameNode\[0\]: Group "web" wants to run with "orders", which wants to/,
  );
  assert.match(
    await refusal({ differentNode: ["billing"] }),
    /differentNode\[0\]: Group "web" wants to run elsewhere than "billing"/,
  );
});

test("a new config that closes a cycle of hard dependencies is refused, and one of soft ones is not", async () => {
  rules = { billing: { dependencies: [{ group: "orders" }] } };
  const update = (dependency: object) => ({
    group: "orders",
    config: { management: { dependencies: [{ group: "billing", ...dependency }] } },
  });
  const { error, info } = await harness.refused(updateGroup, update({}));
  assert.equal(info?.metadata["field"], "config");
  const cycle =
    /management\.dependencies\[0\]\.group: Hard dependencies between groups form a cycle: orders -> billing -> orders/;
  assert.match(error.details, cycle);
  await assert.rejects(harness.call(updateGroup, update({ soft: true })), /Too few owners/);
  rules = { billing: null };
  await assert.rejects(harness.call(updateGroup, update({})), /Too few owners/);
});

test("new owners that share none with a group that is needed are refused, unless that was so before", async () => {
  const owners = ["n214", "n216"];
  rules = { orders: { dependencies: [{ group: "billing" }] }, mail: { sameNode: ["orders"] } };
  const { error, info } = await harness.refused(setGroupOwners, { group: "orders", owners });
  assert.equal(info?.metadata["field"], "owners");
  assert.match(
    error.details,
    /The owners are refused: .*\.group: Groups "orders" and "billing" share no owner: n214 n216 and n208 n210/,
  );
  const wanted: (readonly NodeId[])[] = [];
  const { answer } = harness.node;
  harness.node.answer = (request, budgetMs) => {
    if (request.type === "setOwners") wanted.push(request.owners);
    return answer(request, budgetMs);
  };
  await harness.call(setGroupOwners, { group: "mail", owners }).catch(() => {});
  assert.deepEqual(wanted, [owners.map(toNodeId)]);
});

test("a config without rules has nobody asked about other groups", async () => {
  assert.equal(await refusal({}), "");
  assert.ok(harness.node.all("call").every(({ request }) => request.type === "createGroup"));
});

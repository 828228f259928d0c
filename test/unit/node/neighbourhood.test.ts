// What groups on one node see of each other when they decide.

import assert from "node:assert/strict";
import { test } from "node:test";
import { placementOf } from "../../../proto/codec/group-policies.ts";
import { encodeGroupConfig } from "../../../proto/group-config.ts";
import { toGroupId, toIncarnation, toLogIndex, toNodeId } from "../../../proto/ids.ts";
import type { GroupSummary } from "../../../proto/model.ts";
import { Neighbourhood } from "../../../server/node/neighbourhood.ts";
import { ResourceGroup } from "../../../server/node/resource-group.ts";
import { Cluster, smallShape } from "./cluster.ts";
import { FakeAgents } from "./fake-agents.ts";

const [n1, n2, n3] = [toNodeId("n1"), toNodeId("n2"), toNodeId("n3")];
const [a, b, c, d] = [toGroupId("a"), toGroupId("b"), toGroupId("c"), toGroupId("d")];

function summary(group: string, owners: GroupSummary["owners"], state: "online" | "offline" = "offline"): GroupSummary {
  const ownership = { currentOwner: null, epoch: 0, state, reason: "" } as unknown as GroupSummary["ownership"];
  const placement = placementOf(encodeGroupConfig({ resources: [], management: { differentNode: ["a"] } }));
  return { group: toGroupId(group), incarnation: toIncarnation(1), index: toLogIndex(1), owners, ownership, placement };
}

test("groups see those that share an owner with them, first those that this node does not own", () => {
  const here = [summary("d", [n1, n2]), summary("a", [n1])];
  const around = new Neighbourhood({ elsewhere: () => elsewhere, here: () => here });
  const elsewhere = [summary("b", [n2]), summary("c", [n3])];
  const seen = (group: typeof a, owners: GroupSummary["owners"]) =>
    around.of({ group, owners }).map((each) => each.group);
  assert.deepEqual(seen(a, [n1, n2]), [b, d]);
  assert.deepEqual(seen(d, [n1, n3]), [c, a]);
  assert.deepEqual(seen(c, [n3]), []);
});

test("what a group says of itself is read once for all who decide beside it, and again only when it says something else", () => {
  const none: readonly GroupSummary[] = [];
  let here = [summary("a", [n1]), summary("b", [n1]), summary("c", [n1])];
  const around = new Neighbourhood({ elsewhere: () => none, here: () => here });
  const seen = (by: typeof a, group: typeof a) =>
    around.of({ group: by, owners: [n1] }).find((each) => each.group === group);
  const [asSeenByA, other] = [seen(a, c), seen(a, b)];
  assert.deepEqual(asSeenByA?.policies.differentNode, [a]);
  assert.equal(seen(b, c), asSeenByA);
  here = here.map((each) => (each.group === c ? summary("c", [n1], "online") : each));
  assert.equal(seen(b, c)?.ownership.state, "online");
  assert.equal(seen(a, b), other);
});

test("a group that stops wakes those that depend on it, and none of the others beside it", (t) => {
  const names = ["a", "b", "c", "d"].map(toGroupId);
  const groups = Object.fromEntries(names.map((name) => [name, [n1, n2, n3]]));
  const cluster = new Cluster({ ...smallShape, groups });
  const resources = [{ name: "web", application: {}, run: { exec: { start: ["/bin/web"], foreground: true } } }];
  const lease = { ttlMs: 60_000, renewIntervalMs: 15_000, stopBudgetMs: 500 };
  for (const group of names) {
    const management = { dependencies: group === b ? [{ group: "a" }] : [] };
    const config = encodeGroupConfig({ lease, resources, management });
    cluster.leader(group);
    cluster.ask(n1, { type: "configure", group, config }, "configure");
  }
  const agents = new FakeAgents(cluster, [n1, n2, n3]);
  const stateOf = (group: typeof a) =>
    cluster.ask(n1, { type: "groupStatus", group }, "groupStatus").status.ownership.state;
  agents.until(() => names.every((group) => stateOf(group) === "online"));
  agents.advance(20_000);
  const woken = new Set<typeof a>();
  const { wake } = ResourceGroup.prototype;
  t.mock.method(ResourceGroup.prototype, "wake", function (this: ResourceGroup) {
    woken.add(this.replica.key.group);
    wake.call(this);
  });
  cluster.ask(n1, { type: "wish", group: a, wish: { type: "stop" }, validateOnly: false, who: "", why: "" }, "wish");
  agents.until(() => stateOf(a) === "offline" && stateOf(b) === "offline");
  assert.deepEqual([...woken].toSorted(), [a, b]);
});

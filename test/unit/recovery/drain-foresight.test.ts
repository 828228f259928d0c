import assert from "node:assert/strict";
import { test } from "node:test";
import { toEpoch, toGroupId, toNodeId } from "../../../proto/ids.ts";
import { drainOrder, foreseeAdvice, foreseeDrain } from "../../../server/recovery/drain-foresight.ts";
import { unplaced } from "../../../server/recovery/placement-record.ts";
import type { PlacementView } from "../../../server/recovery/placement-view.ts";
import { nodesOf, ownershipOf, verdictOf } from "./fixtures.ts";
import {
  amounts,
  dependsOn,
  errorOn,
  firstOwner,
  neighbourOf,
  ownedBy,
  owners,
  placementOf,
  policiesOf,
  ranOn,
  samplesOf,
  statuses,
  viewOf,
} from "./placement-fixtures.ts";

const n208 = firstOwner;

/** @param places `group=node`, `group=` where it has none */
function outlook(fields: Partial<PlacementView>, places = ""): string {
  const placed = places.split(" ").flatMap((place) => {
    const [group = "", node = ""] = place.split("=");
    return group === "" ? [] : [{ group: toGroupId(group), node: node === "" ? null : toNodeId(node) }];
  });
  const placement = placementOf({ decisions: [ranOn("n208")], ...fields.placement });
  const { node, reason } = foreseeDrain(viewOf({ ...fields, placement }), n208, placed);
  return `${node ?? "nowhere"}: ${reason}`;
}

const cpu = (count: number) => ({ capacities: new Map(owners.map((node) => [node, amounts({ cpu: count })])) });

test("an application goes where the policies of its group say, and not to the next in the list", () => {
  assert.equal(outlook({}), "n210: n208 is draining; n210 is chosen by fallover nextInList");
  assert.equal(
    outlook({ policies: policiesOf({ fallover: "leastLoaded" }), samples: samplesOf({ n210: 90, n212: 10 }) }),
    "n212: n208 is draining; n212 is chosen by fallover leastLoaded",
  );
  assert.match(outlook({ placement: placementOf({ bans: [errorOn("n210")] }) }), /^n212: /);
  assert.match(outlook({ agents: new Set(nodesOf("n208 n212")) }), /^n212: /);
});

test("an application that no other owner can take stays, and each of them is named with what is in the way", () => {
  assert.equal(
    outlook({ verdicts: statuses({ n210: "down" }), placement: placementOf({ bans: [errorOn("n212")] }) }),
    "n208: n208 keeps it: n208 is draining, but no other owner can take it: n210 is down; app has failed on n212: exit status 1",
  );
  assert.equal(outlook({ placement: placementOf({ intent: { frozen: "audit" } }) }), "n208: Frozen: audit");
});

test("an owner has no room where its neighbours, or those that have moved there before, leave none", () => {
  const policies = policiesOf({ demand: amounts({ cpu: 2 }) });
  const neighbours = [
    neighbourOf("a", ownedBy("n208"), { demand: amounts({ cpu: 3 }) }),
    neighbourOf("b", ownedBy("n212"), { demand: amounts({ cpu: 3 }) }),
  ];
  assert.match(outlook({ ...cpu(4), policies, neighbours }), /^n210: /);
  assert.equal(
    outlook({ ...cpu(4), policies, neighbours }, "a=n210"),
    "n208: n208 keeps it: n208 is draining, but no other owner can take it: n210 would refuse: it has 1 of the 2 cpu needed free; n212 would refuse: it has 1 of the 2 cpu needed free",
  );
  assert.match(outlook({ ...cpu(4), policies, neighbours }, "a=n210 b="), /^n212: /);
});

test("what the ledger of an owner has answered holds, whatever its neighbours say", () => {
  const policies = policiesOf({ demand: amounts({ cpu: 2 }) });
  const neighbours = [neighbourOf("b", ownedBy("n210"), { demand: amounts({ cpu: 3 }) })];
  const admitted = new Map([[toNodeId("n210"), { type: "admitted", epoch: toEpoch(6) } as const]]);
  const verdicts = statuses({ n212: "down" });
  assert.match(outlook({ ...cpu(4), policies, neighbours, verdicts }), /^n208: /);
  assert.match(outlook({ ...cpu(4), policies, neighbours, verdicts, reservations: admitted }), /^n210: /);
});

test("an application follows one that has moved before, and keeps away from one that has", () => {
  const neighbours = [neighbourOf("a", ownedBy("n208"))];
  const follows = { neighbours, policies: policiesOf({ sameNode: [toGroupId("a")] }) };
  assert.match(outlook(follows), /^n208: .*rg226 runs where a does, which is on n208/);
  assert.match(outlook(follows, "a=n212"), /^n212: /);
  const apart = { neighbours, policies: policiesOf({ differentNode: [toGroupId("a")] }) };
  assert.match(outlook(apart, "a=n210"), /^n212: /);
  const needs = { neighbours, policies: policiesOf({ dependencies: [dependsOn("a", { isSameNode: true })] }) };
  assert.match(outlook(needs, "a=n212"), /^n212: /);
  assert.match(outlook(needs, "a="), /^nowhere: .*rg226 depends on a, which is offline/);
});

test("what is advice goes to the first other owner that is up, as it is advised then", () => {
  const advised = { owners, verdicts: statuses({}), ownership: ownershipOf("n208"), placement: unplaced };
  const text = (fields: Partial<typeof advised>) => {
    const { node, reason } = foreseeAdvice({ ...advised, ...fields }, n208);
    return `${node ?? "nowhere"}: ${reason}`;
  };
  assert.equal(text({}), "n210: n208 is draining; n210 is the first owner in the list that is up");
  assert.equal(
    text({ verdicts: [verdictOf("n208", "up"), verdictOf("n210", "down")] }),
    "n208: No other owner is up: it stays on n208 until one is",
  );
  const frozen = { ...unplaced, intent: { ...unplaced.intent, frozen: "audit" } };
  assert.equal(text({ placement: frozen }), "n208: Frozen: audit");
});

test("who follows another group, or needs it, is asked after it; of two that name each other the smaller name comes first", () => {
  const group = (name: string, policies: Parameters<typeof policiesOf>[0]) =>
    neighbourOf(name, ownedBy("n208"), policies);
  const order = drainOrder([
    group("a", { sameNode: [toGroupId("c")] }),
    group("b", { dependencies: [dependsOn("a"), dependsOn("elsewhere")] }),
    group("c", {}),
    group("d", { sameNode: [toGroupId("e")] }),
    group("e", { sameNode: [toGroupId("d")] }),
    group("f", { dependencies: [dependsOn("g")] }),
    group("g", { dependencies: [dependsOn("f")] }),
  ]);
  assert.deepEqual(order, ["c", "a", "b", "d", "e", "g", "f"]);
});

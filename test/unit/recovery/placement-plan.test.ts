import assert from "node:assert/strict";
import { test } from "node:test";
import { toNodeId } from "../../../proto/ids.ts";
import { minimumLacks } from "../../../server/recovery/minimum.ts";
import { stopAwaits } from "../../../server/recovery/neighbour-rules.ts";
import { planPlacement } from "../../../server/recovery/placement-plan.ts";
import { ms } from "./fixtures.ts";
import {
  admittedBy,
  amounts,
  dependsOn,
  errorOn,
  failed,
  firstOwner,
  idle,
  neighbourOf,
  never,
  ownedBy,
  owners,
  placementOf,
  policiesOf,
  ranOn,
  reportOf,
  secondOwner,
  statuses,
  stepText,
  thirdOwner,
  unowned,
  viewOf,
} from "./placement-fixtures.ts";

const plan = (fields: Parameters<typeof viewOf>[0] = {}) => stepText(planPlacement(viewOf(fields)));
const why = (fields: Parameters<typeof viewOf>[0]) => planPlacement(viewOf(fields)).reason;
const silent = (node: string) => new Set(owners.filter((owner) => owner !== node));
const starting = { ownership: never, ...idle, reservations: admittedBy("n208 n210 n212", 1) };

// Start-up.

test("a start reserves a place on the first owner, and assigns when its ledger has admitted that epoch", () => {
  assert.equal(plan({ ...starting, reservations: new Map() }), "reserve n208");
  assert.equal(plan({ ...starting, reservations: admittedBy("n208", 2) }), "reserve n208");
  assert.equal(plan(starting), "assign n208");
  assert.equal(why(starting), "n208 is chosen by startup highestPriority");
});

test("a start by highest priority waits for the settling time, unless the first in the list is up", () => {
  const policies = policiesOf({ settlingMs: 600_001 });
  const verdicts = statuses({ n208: "joining" });
  assert.equal(plan({ ...starting, policies, verdicts }), "wait until 1000001");
  assert.equal(plan({ ...starting, policies, verdicts, nowMs: ms(1_000_001) }), "assign n210");
  assert.equal(plan({ ...starting, policies }), "assign n208");
  assert.equal(plan({ ...starting, policies, verdicts: statuses({ n208: "maintenance" }) }), "assign n210");
});

test("neither an owner that is there is waited for within the settling time, nor any by an application that moves", () => {
  const policies = policiesOf({ settlingMs: 600_001 });
  const small = new Map([[firstOwner, amounts({ cpu: 4 })]]);
  const large = { ...starting, policies: { ...policies, demand: amounts({ cpu: 8 }) }, capacities: small };
  assert.equal(plan(large), "assign n210");
  assert.equal(plan({ ...large, agents: silent("n208") }), "wait until 1000001");
  const moved = placementOf({ target: thirdOwner, decisions: [ranOn("n210")] });
  const left = { ownership: unowned(), ...idle, policies, reservations: admittedBy("n212") };
  assert.equal(plan({ ...left, placement: moved, verdicts: statuses({ n208: "down" }) }), "assign n212");
  assert.equal(plan({ ...left, placement: moved, verdicts: statuses({ n208: "down", n212: "down" }) }), "reserve n210");
});

test("the very first owner is not chosen while one of higher precedence is awaited", () => {
  const awaited = (node: string) => node === "n208";
  const verdicts = statuses({ n208: "joining" });
  assert.equal(plan({ ...starting, verdicts, awaited }), "wait");
  assert.equal(plan({ ...starting, verdicts: statuses({ n208: "down" }), awaited }), "assign n210");
  const policies = policiesOf({ startup: "firstAvailable" });
  assert.equal(plan({ ...starting, verdicts, awaited, policies }), "assign n210");
});

test("a start by first available takes who came up first, and a balanced one who runs the fewest groups", () => {
  const upSinceMs = new Map([...viewOf().upSinceMs, [thirdOwner, ms(1)]]);
  assert.equal(plan({ ...starting, upSinceMs, policies: policiesOf({ startup: "firstAvailable" }) }), "assign n212");
  const neighbours = [neighbourOf("rg220", ownedBy("n208")), neighbourOf("rg222", ownedBy("n212"))];
  assert.equal(plan({ ...starting, neighbours, policies: policiesOf({ startup: "balanced" }) }), "assign n210");
});

test("a group that does not start automatically waits for an operator, once", () => {
  const policies = policiesOf({ startsAutomatically: false });
  assert.equal(plan({ ...starting, policies }), "wait");
  assert.equal(plan({ ...starting, policies, placement: placementOf({ move: { to: null } }) }), "assign n208");
  assert.equal(plan({ ...starting, policies, placement: placementOf({ move: { to: thirdOwner } }) }), "assign n212");
  assert.equal(plan({ policies, ownership: unowned(), reservations: admittedBy("n208") }), "assign n208");
});

test("an operator's start on an owner does not wait for the settling time", () => {
  const policies = policiesOf({ settlingMs: 900_000 });
  const placement = placementOf({ move: { to: secondOwner } });
  assert.equal(plan({ ...starting, policies, placement, verdicts: statuses({ n208: "down" }) }), "assign n210");
});

// What an agent reports.

test("the owner that reports online under the epoch is online, with the reason of its assignment", () => {
  const ownership = { ...ownedBy("n208", "acquiring"), reason: "n212 is down" };
  assert.equal(plan({ ownership }), "online n208");
  assert.equal(why({ ownership }), "n212 is down");
  assert.equal(plan({ ownership, report: reportOf("acquiring") }), "wait");
});

test("an application that cannot be started is passed on: a ban, a release, and the next owner", () => {
  const report = reportOf("error", "exit status 1");
  assert.deepEqual(planPlacement(viewOf({ ownership: ownedBy("n208", "acquiring"), report })), {
    type: "fail",
    node: "n208",
    resource: "app",
    reason: "exit status 1",
    isFinal: false,
  });
  const placement = placementOf({ bans: [errorOn("n208")], decisions: [ranOn("n208")] });
  assert.equal(plan({ ownership: ownedBy("n208", "acquiring"), report, placement }), "releasing n208");
  // The report is the one of before, as the agent has not heard yet that it is to stop.
  assert.equal(plan({ ownership: ownedBy("n208", "releasing"), report, placement }), "wait until 1015000");
  assert.equal(
    plan({ ownership: ownedBy("n208", "releasing"), report: reportOf("offline"), placement }),
    "offline nobody",
  );
  assert.equal(plan({ ownership: unowned(), ...idle, placement }), "reserve n210");
});

test("the last owner that could take it fails for good", () => {
  const report = reportOf("error");
  assert.equal(plan({ report, verdicts: statuses({ n210: "down" }), agents: silent("n212") }), "fail n208 for good");
  const placement = placementOf({ bans: [errorOn("n210"), errorOn("n212")] });
  assert.equal(plan({ report, placement }), "fail n208 for good");
});

test("a stop that fails is final: nobody knows what still runs there", () => {
  const view = { ownership: ownedBy("n208", "releasing"), report: reportOf("error", "cannot unmount", false) };
  assert.equal(plan(view), "fail n208 for good");
  assert.equal(
    plan({ ...view, placement: placementOf({ bans: [errorOn("n208", "exit status 1")] }) }),
    "fail n208 for good",
  );
});

test("what fails while it is released, and runs no more, goes on to where a place is reserved for it", () => {
  const report = reportOf("error", "exit status 1");
  const ownership = ownedBy("n208", "releasing");
  const neverBegun = { ...errorOn("n208", "The agent of n208 has not begun it"), resource: "" };
  for (const before of [{ target: thirdOwner }, { bans: [neverBegun] }]) {
    assert.equal(plan({ ownership, report, placement: placementOf(before) }), "fail n208");
  }
  const placement = placementOf({ bans: [errorOn("n208")], decisions: [ranOn("n208")] });
  assert.equal(plan({ ownership, report, placement }), "wait until 1015000");
  assert.equal(
    plan({ ownership: unowned(), ...idle, placement, reservations: admittedBy("n212") }),
    "assign n212 as a move",
  );
});

test("in error nothing is started, also when the right of the owner is over", () => {
  const placement = placementOf({ error: errorOn("n208") });
  assert.equal(plan({ placement, ownership: ownedBy("n208", "error"), ...failed("n208") }), "wait");
  assert.equal(plan({ placement, ownership: ownedBy("n208", "error"), report: reportOf("offline") }), "error nobody");
  assert.equal(plan({ placement, ownership: unowned("error"), ...idle }), "wait");
});

test("once the error is cleared, what may still run is stopped or outlived, and then started anew", () => {
  const ownership = ownedBy("n208", "error");
  assert.equal(plan({ ownership, report: reportOf("online") }), "releasing n208");
  assert.equal(plan({ ownership, report: reportOf("error") }), "wait until 1015000");
  assert.equal(plan({ ownership, report: reportOf("error"), nowMs: ms(1_015_000) }), "error nobody");
  assert.equal(plan({ ownership: unowned("error"), ...idle, reservations: admittedBy("n208") }), "assign n208");
});

test("an owner whose agent leaves has given it up, and may get it back", () => {
  assert.equal(plan({ report: reportOf("offline") }), "offline nobody");
});

test("an owner that stopped for want of a quorum has lost it, and gets it back by the startup policy (S1 412, 416)", () => {
  assert.equal(plan({ report: reportOf("offline"), isRenewed: false }), "suspended nobody");
  const resumed = { ownership: unowned("suspended"), ...idle, reservations: admittedBy("n208") };
  assert.equal(plan(resumed), "assign n208 as a move");
  const policies = policiesOf({ resumesAutomatically: false });
  assert.equal(plan({ ...resumed, policies }), "wait");
  assert.equal(plan({ ...resumed, policies, placement: placementOf({ move: { to: null } }) }), "assign n208");
});

// Loss of the owner.

test("nobody takes over from an owner that is lost before its right is over, whatever was lost", () => {
  const losses = [
    { verdicts: statuses({ n208: "down" }) },
    { verdicts: statuses({ n208: "left" }) },
    { verdicts: statuses({ n208: "joining" }) },
    { verdicts: statuses({}).slice(1) },
    { agents: silent("n208") },
    { owners: owners.slice(1), agents: silent("n208") },
  ];
  for (const loss of losses) {
    const view = { ...loss, report: null, reservations: admittedBy("n210") };
    assert.equal(plan({ ...view, nowMs: ms(1_014_999) }), "wait until 1015000");
    assert.equal(plan({ ...view, nowMs: ms(1_015_000) }), "assign n210 as a move");
    assert.equal(plan({ ...view, rightEndsMs: null }), "wait", "nobody knows when the right is over");
  }
});

test("an owner that is heard again before its right is over goes on", () => {
  assert.equal(plan({ report: null }), "wait");
  for (const status of ["suspect", "partial"] as const)
    assert.equal(plan({ verdicts: statuses({ n208: status }) }), "wait");
});

test("an owner that is there and does not renew its right is passed over when that is over", () => {
  assert.equal(plan({ report: null, nowMs: ms(1_015_000), reservations: admittedBy("n210") }), "assign n210 as a move");
  const alone = { verdicts: statuses({ n210: "down", n212: "down" }), reservations: admittedBy("n208") };
  assert.equal(plan({ ...alone, report: null, nowMs: ms(1_015_000) }), "assign n208 as a move");
});

test("the next in the list takes over, around its end", () => {
  const reservations = admittedBy("n208 n210 n212");
  assert.equal(plan({ ...failed("n208"), reservations }), "assign n210 as a move");
  assert.equal(plan({ ownership: ownedBy("n210"), ...failed("n210"), reservations }), "assign n212 as a move");
  assert.equal(plan({ ownership: ownedBy("n212"), ...failed("n212"), reservations }), "assign n208 as a move");
  assert.equal(why({ ...failed("n208"), reservations }), "n208 is down; n210 is chosen by fallover nextInList");
});

test("services are suspended when no owner is left (S1 412), and a lost owner of a stopped group is given up", () => {
  const verdicts = statuses({ n208: "down", n210: "down", n212: "maintenance" });
  assert.equal(plan({ ...failed("n208"), verdicts }), "suspended nobody");
  const stopped = placementOf({ intent: { isOnline: false } });
  assert.equal(plan({ ...failed("n208"), placement: stopped }), "releasing n208");
  assert.equal(
    plan({ ...failed("n208"), ownership: ownedBy("n208", "releasing"), placement: stopped }),
    "offline nobody",
  );
});

test("an owner that refuses is passed over while its answer is fresh", () => {
  const refusal = { type: "refused", reason: "n210 has 1 of 4 cpu left" } as const;
  const reservations = new Map([...admittedBy("n212"), [secondOwner, refusal]]);
  assert.equal(plan({ ...failed("n208"), reservations }), "assign n212 as a move");
});

test("a fail-over that no owner can take for the moment suspends nothing, and goes on as one", () => {
  const refusal = { type: "refused", reason: "Its ledger did not answer" } as const;
  const policies = policiesOf({ resumesAutomatically: false });
  const view = { ...failed("n208"), verdicts: statuses({ n208: "down", n212: "down" }), policies };
  assert.equal(plan({ ...view, reservations: new Map([[secondOwner, refusal]]) }), "offline nobody");
  const placement = placementOf({ decisions: [ranOn("n208")] });
  const after = { ...view, ownership: unowned("offline"), placement, ...idle, reservations: admittedBy("n210") };
  assert.equal(plan(after), "assign n210 as a move");
  assert.match(why(after), /n210 is chosen by fallover nextInList/);
});

test("an owner that is asked to stop and dies is given up when its right is over", () => {
  const view = { ...failed("n208"), ownership: ownedBy("n208", "releasing"), rightEndsMs: ms(1_000_001) };
  assert.equal(plan(view), "wait until 1000001");
  assert.equal(plan({ ...view, nowMs: ms(1_000_001) }), "offline nobody");
});

// Planned moves.

test("an application that has left for another owner goes there, also when the promise has gone stale", () => {
  const placement = placementOf({ target: toNodeId("n212") });
  const left = { ownership: unowned("offline"), placement, ...idle };
  assert.equal(plan(left), "reserve n212");
  assert.equal(plan({ ...left, reservations: admittedBy("n212") }), "assign n212");
  assert.equal(plan({ ...left, agents: silent("n212") }), "reserve n208");
});

test("an application that an operator wants to leave its owner does not return to it", () => {
  const placement = placementOf({ move: { to: null }, target: thirdOwner, decisions: [ranOn("n208", 10)] });
  assert.equal(plan({ ownership: unowned("offline"), placement, ...idle, agents: silent("n212") }), "reserve n210");
});

test("an application that was stopped is started by the startup policy, where it was before as well", () => {
  const placement = placementOf({ move: { to: null }, decisions: [ranOn("n208", 10)] });
  assert.equal(plan({ ownership: unowned("offline"), placement, ...idle }), "reserve n208");
});

test("a group that was advice until now waits for an operator where it does not start by itself", () => {
  const placement = placementOf({ lease: null });
  const policies = policiesOf({ startsAutomatically: false });
  const view = { ownership: ownedBy("n208"), placement, policies, report: null, rightEndsMs: ms(0) };
  assert.equal(plan(view), "offline nobody");
  assert.equal(plan({ ...view, ownership: unowned("offline") }), "wait");
});

test("an operator's move reserves a place, releases, and goes where it was promised", () => {
  const placement = placementOf({ move: { to: thirdOwner }, decisions: [ranOn("n208")] });
  assert.equal(plan({ placement }), "reserve n212");
  assert.equal(plan({ placement, reservations: admittedBy("n212") }), "releasing n208");
  assert.equal(plan({ placement, ownership: ownedBy("n208", "releasing") }), "wait until 1015000");
  const stopped = { placement, ownership: ownedBy("n208", "releasing"), report: reportOf("offline") };
  assert.equal(plan(stopped), "offline nobody");
  assert.equal(plan({ placement, ownership: unowned(), ...idle, reservations: admittedBy("n212") }), "assign n212");
  assert.equal(plan({ placement, ownership: ownedBy("n212") }), "wait");
});

test("a move that has begun goes on to where a place was promised, as long as that owner can take it", () => {
  const view = { ownership: unowned(), ...idle, placement: placementOf({ decisions: [ranOn("n212")] }) };
  assert.equal(plan({ ...view, reservations: admittedBy("n210") }), "assign n210");
  assert.equal(plan({ ...view, reservations: admittedBy("n210", 5) }), "reserve n208");
  assert.equal(plan({ ...view, reservations: admittedBy("n210"), agents: silent("n210") }), "reserve n208");
});

test("an operator's move to an owner that cannot take it changes nothing", () => {
  const placement = placementOf({ move: { to: thirdOwner } });
  assert.equal(plan({ placement, verdicts: statuses({ n212: "down" }) }), "wait");
  assert.match(why({ placement, verdicts: statuses({ n212: "down" }) }), /n208 keeps it: .*n212 is down/);
});

test("when the owner of a move dies meanwhile, the application goes to another one", () => {
  const placement = placementOf({ move: { to: thirdOwner }, decisions: [ranOn("n208")] });
  const view = { placement, ownership: unowned(), ...idle, verdicts: statuses({ n212: "down" }) };
  assert.equal(plan({ ...view, reservations: admittedBy("n208 n210 n212") }), "assign n208");
});

test("an operator's move without an owner goes to the one that fallover would choose", () => {
  assert.equal(plan({ placement: placementOf({ move: { to: null } }) }), "reserve n210");
});

test("an operator's stop releases it, and it stays offline", () => {
  const placement = placementOf({ intent: { isOnline: false } });
  assert.equal(plan({ placement }), "releasing n208");
  assert.equal(
    plan({ placement, ownership: ownedBy("n208", "releasing"), report: reportOf("offline") }),
    "offline nobody",
  );
  assert.equal(plan({ placement, ownership: unowned(), ...idle }), "wait");
});

test("a frozen group is not touched, but what is under way comes to its end", () => {
  const placement = placementOf({ intent: { frozen: "new disk", isOnline: false }, move: { to: thirdOwner } });
  for (const fields of [{}, failed("n208"), { ownership: unowned() }, { verdicts: statuses({ n208: "draining" }) }]) {
    assert.equal(plan({ ...fields, placement, reservations: admittedBy("n208 n210 n212") }), "wait");
  }
  assert.equal(plan({ placement, ownership: ownedBy("n208", "acquiring") }), "online n208");
  assert.equal(
    plan({ placement, ownership: ownedBy("n208", "releasing"), report: reportOf("offline") }),
    "offline nobody",
  );
  assert.equal(plan({ placement, report: reportOf("error") }), "wait");
});

test("a drained owner gives it up when another one can take it, and keeps it otherwise", () => {
  const verdicts = statuses({ n208: "draining" });
  assert.equal(plan({ verdicts }), "reserve n210");
  assert.equal(plan({ verdicts, reservations: admittedBy("n210") }), "releasing n208");
  assert.equal(plan({ verdicts: statuses({ n208: "draining", n210: "down", n212: "maintenance" }) }), "wait");
});

test("who owns the group no more, and is heard, is asked to stop when another one can take it", () => {
  const view = { owners: owners.slice(1), verdicts: statuses({}).slice(1) };
  assert.equal(plan(view), "reserve n210");
  assert.equal(plan({ ...view, reservations: admittedBy("n210") }), "releasing n208");
});

test("who owns the group no more keeps it while no owner can take it, as where it must run beside another", () => {
  const beside = neighbourOf("rg220", ownedBy("n208"));
  const view = { owners: owners.slice(1), verdicts: statuses({}), policies: policiesOf({ sameNode: [beside.group] }) };
  assert.equal(plan({ ...view, neighbours: [beside] }), "wait");
  assert.equal(plan({ ...view, neighbours: [neighbourOf("rg220", ownedBy("n212"))] }), "reserve n212");
});

test("the application returns to the owner that an operator chose as soon as that one can take it", () => {
  const placement = placementOf({ intent: { pinnedTo: thirdOwner } });
  assert.equal(plan({ placement }), "reserve n212");
  assert.equal(plan({ placement, agents: silent("n212") }), "wait");
});

// Sufficient resources.

test("a group without its minimum is released and suspended, and goes on when frozen for that", () => {
  const minimum = { owners: 3, capacity: amounts({}), resources: [] };
  const verdicts = statuses({ n212: "down" });
  const policies = policiesOf({ minimum });
  assert.equal(plan({ policies, verdicts }), "releasing n208");
  const stopped = { ownership: ownedBy("n208", "releasing"), report: reportOf("offline") };
  assert.equal(plan({ policies, verdicts, ...stopped }), "suspended nobody");
  assert.equal(plan({ policies, verdicts, ownership: unowned("suspended"), ...idle }), "wait");
  assert.equal(plan({ policies, ownership: unowned("suspended"), ...idle }), "reserve n208");
  const frozen = policiesOf({ minimum, lostQuorum: "freeze" });
  assert.equal(plan({ policies: frozen, verdicts }), "wait");
  assert.equal(plan({ policies: frozen, ...failed("n208"), reservations: admittedBy("n210") }), "wait");
});

test("a minimum of capacity and of resources is looked for on the owners that are up", () => {
  const capacities = new Map(owners.map((node) => [node, amounts({ cpu: 4 })]));
  const capacity = policiesOf({ minimum: { owners: 0, capacity: amounts({ cpu: 10 }), resources: [] } });
  assert.equal(plan({ policies: capacity, capacities }), "wait");
  assert.equal(plan({ policies: capacity, capacities, verdicts: statuses({ n212: "down" }) }), "releasing n208");
  const resources = [{ name: "disk", nodes: [thirdOwner], isCritical: false }];
  const disk = policiesOf({ resources, minimum: { owners: 0, capacity: amounts({}), resources: ["disk"] } });
  assert.equal(plan({ policies: disk }), "wait");
  assert.equal(plan({ policies: disk, verdicts: statuses({ n212: "down" }) }), "releasing n208");
});

test("a minimum of capacity is there also where another group says that it uses it", () => {
  const capacities = new Map(owners.map((node) => [node, amounts({ cpu: 4 })]));
  const policies = policiesOf({ minimum: { owners: 0, capacity: amounts({ cpu: 8 }), resources: [] } });
  const neighbours = [neighbourOf("rg220", ownedBy("n210"), { demand: amounts({ cpu: 4 }) })];
  const verdicts = statuses({ n212: "down" });
  assert.equal(plan({ policies, capacities, neighbours, verdicts }), "wait");
  assert.equal(plan({ policies, capacities, neighbours, verdicts, ownership: unowned(), ...idle }), "reserve n208");
});

test("all that a minimum lacks is told, one sentence each", () => {
  const capacities = new Map(owners.map((node) => [node, amounts({ cpu: 4 })]));
  const minimum = { owners: 3, capacity: amounts({ cpu: 10, disks: 1 }), resources: ["app", "disk"] };
  const resources = [{ name: "disk", nodes: [thirdOwner], isCritical: false }];
  const view = viewOf({
    capacities,
    policies: policiesOf({ resources, minimum }),
    verdicts: statuses({ n212: "down" }),
  });
  assert.deepEqual(minimumLacks(view), [
    "2 of at least 3 owners are up",
    "The owners that are up have 8 of the 10 cpu needed",
    "The resource app is available on no owner that is up",
    "The resource disk is available on no owner that is up",
  ]);
});

// Groups that share a node.

test("a group that runs where another does waits for that one, goes there, and follows it", () => {
  const policies = policiesOf({ sameNode: [neighbourOf("rg220", never).group] });
  const beside = (ownership: typeof never) => ({ policies, neighbours: [neighbourOf("rg220", ownership)] });
  const start = { ownership: unowned(), ...idle, reservations: admittedBy("n208 n210 n212") };
  assert.equal(plan({ ...start, ...beside(never) }), "wait");
  assert.equal(plan({ ...start, policies }), "wait", "it has not told of itself");
  assert.equal(plan({ ...start, ...beside(ownedBy("n212", "acquiring")) }), "assign n212");
  assert.equal(plan(beside(ownedBy("n212"))), "reserve n212");
  const full = { reservations: new Map([[thirdOwner, { type: "refused", reason: "it is full" } as const]]) };
  assert.equal(plan({ ...beside(ownedBy("n212")), ...full }), "releasing n208", "it must not run anywhere else");
  assert.equal(plan(beside(unowned("suspended"))), "wait");
});

test("of two groups that name each other the one with the smaller name leads", () => {
  const policies = policiesOf({ sameNode: [neighbourOf("rg220", never).group, neighbourOf("rg300", never).group] });
  const mutual = (group: string, ownership: typeof never) =>
    neighbourOf(group, ownership, { sameNode: [viewOf().group] });
  const start = { ownership: unowned(), ...idle, reservations: admittedBy("n208 n210 n212"), policies };
  assert.equal(
    plan({ ...start, neighbours: [mutual("rg220", ownedBy("n210")), mutual("rg300", never)] }),
    "assign n210",
  );
  assert.equal(plan({ ...start, neighbours: [mutual("rg220", never), mutual("rg300", ownedBy("n210"))] }), "wait");
});

test("a group that must not run where another does goes elsewhere, whichever of the two says so", () => {
  const stranger = neighbourOf("rg220", ownedBy("n208"));
  const policies = policiesOf({ differentNode: [stranger.group] });
  const reservations = admittedBy("n208 n210 n212", 1);
  assert.equal(plan({ ...starting, reservations, policies, neighbours: [stranger] }), "assign n210");
  const strict = neighbourOf("rg220", ownedBy("n208", "releasing"), { differentNode: [viewOf().group] });
  assert.equal(plan({ ...starting, reservations, neighbours: [strict] }), "assign n210");
});

test("an owner whose agent does not begin is passed over when its time is up, if another one can take over", () => {
  const view = { ownership: ownedBy("n208", "acquiring"), report: null };
  assert.equal(plan({ ...view, beginsUntilMs: ms(1_000_001) }), "wait until 1000001");
  assert.equal(plan({ ...view, beginsUntilMs: ms(1_000_000) }), "fail n208");
  assert.equal(plan({ ...view, beginsUntilMs: ms(1_000_000), report: reportOf("acquiring") }), "wait");
  assert.equal(
    plan({ ...view, beginsUntilMs: ms(1_000_000), verdicts: statuses({ n210: "down", n212: "down" }) }),
    "wait",
  );
});

test("a group that must not run where another says it is asks the ledger there before it stays down", () => {
  const stranger = neighbourOf("rg220", ownedBy("n210"));
  const view = { ...failed("n208"), policies: policiesOf({ differentNode: [stranger.group] }), neighbours: [stranger] };
  const alone = { ...view, verdicts: statuses({ n208: "down", n212: "down" }) };
  assert.equal(plan(alone), "reserve n210");
  assert.equal(plan({ ...alone, reservations: admittedBy("n210") }), "assign n210 as a move");
  assert.equal(plan(view), "reserve n212");
});

test("of two groups on one node that must not be there only one gives way", () => {
  const named = policiesOf({ differentNode: [neighbourOf("rg220", never).group, neighbourOf("rg300", never).group] });
  const mutual = (group: string) => neighbourOf(group, ownedBy("n208"), { differentNode: [viewOf().group] });
  assert.equal(plan({ neighbours: [mutual("rg220")] }), "wait");
  assert.equal(plan({ policies: named, neighbours: [neighbourOf("rg300", ownedBy("n208"))] }), "reserve n210");
  assert.equal(plan({ policies: named, neighbours: [mutual("rg220")] }), "reserve n210");
  assert.equal(plan({ policies: named, neighbours: [mutual("rg300")] }), "wait");
});

test("a hard dependency is waited for, until its time is over", () => {
  const policies = policiesOf({ dependencies: [dependsOn("rg220")] });
  const neighbours = [neighbourOf("rg220", ownedBy("n212", "acquiring"))];
  const view = { ownership: unowned(), ...idle, policies, neighbours, reservations: admittedBy("n208") };
  assert.equal(plan(view), "wait until 1020000");
  assert.equal(plan({ ...view, decidedSinceMs: ms(970_000) }), "fail n208 for good");
  assert.equal(plan({ ...view, neighbours: [neighbourOf("rg220", ownedBy("n212"))] }), "assign n208");
  assert.equal(plan({ ...view, neighbours: [] }), "wait until 1020000");
});

test("a hard dependency on the same node decides the owner, and its end releases the group", () => {
  const policies = policiesOf({ dependencies: [dependsOn("rg220", { isSameNode: true })] });
  const beside = (ownership: typeof never) => ({ policies, neighbours: [neighbourOf("rg220", ownership)] });
  const start = { ownership: unowned(), ...idle, reservations: admittedBy("n208 n210 n212") };
  assert.equal(plan({ ...start, ...beside(ownedBy("n212")) }), "assign n212");
  assert.equal(plan(beside(ownedBy("n208"))), "wait");
  assert.equal(plan(beside(ownedBy("n208", "releasing"))), "releasing n208");
  assert.equal(plan(beside(ownedBy("n212"))), "releasing n208");
  assert.equal(plan({ policies }), "wait", "it has not told of itself");
});

test("a soft dependency is waited for, and done without", () => {
  const policies = policiesOf({ dependencies: [dependsOn("rg220", { isSoft: true })] });
  const neighbours = [neighbourOf("rg220", never)];
  const view = { ownership: unowned(), ...idle, policies, neighbours, reservations: admittedBy("n208") };
  assert.equal(plan(view), "wait until 1020000");
  assert.equal(plan({ ...view, decidedSinceMs: ms(970_000) }), "assign n208");
  assert.equal(plan({ policies, neighbours }), "wait");
});

test("a group that others depend on waits for their end while it is releasing, up to their time", () => {
  const dependent = (ownership: typeof never, isSoft = false) =>
    neighbourOf("rg300", ownership, { dependencies: [dependsOn("rg226", { isSoft })] });
  const view = (neighbour: ReturnType<typeof dependent>, agoMs = 10_000) =>
    viewOf({
      ownership: ownedBy("n208", "releasing"),
      neighbours: [neighbour],
      decidedSinceMs: ms(1_000_000 - agoMs),
    });
  assert.deepEqual(stopAwaits(view(dependent(ownedBy("n208")))), {
    reason: "rg300 must stop before rg226",
    untilMs: 1_020_000,
  });
  assert.equal(stepText(planPlacement(view(dependent(ownedBy("n208"))))), "wait until 1020000");
  assert.equal(stopAwaits(view(dependent(unowned()))), null);
  assert.equal(stopAwaits(view(dependent(ownedBy("n208"), true))), null);
  assert.equal(stopAwaits(view(dependent(ownedBy("n208")), 30_000)), null);
});

// From advice to a right.

test("who was only advised to run it is the first to be given the right, and that is no move", () => {
  const view = { ownership: ownedBy("n212"), placement: placementOf({ lease: null }), report: null };
  assert.equal(plan({ ...view, nowMs: ms(1_015_000), reservations: admittedBy("n208 n212") }), "assign n212");
  const settling = { policies: policiesOf({ settlingMs: 900_000 }), verdicts: statuses({ n208: "down" }) };
  assert.equal(plan({ ...view, ...settling, nowMs: ms(1_015_000), reservations: admittedBy("n212") }), "assign n212");
});

test("a reason is never longer than what may be stored", () => {
  const reason = "x".repeat(300);
  assert.equal(why({ placement: placementOf({ intent: { frozen: reason } }) }).length, 200);
  assert.equal(planPlacement(viewOf({ report: reportOf("error", reason) })).reason.length, 200);
  const placement = placementOf({ bans: [{ ...errorOn("n208"), reason: `${"x".repeat(197)}...` }] });
  assert.equal(
    plan({ ownership: ownedBy("n208", "releasing"), report: reportOf("error", reason), placement }),
    "wait until 1015000",
  );
});

test("a decision is as old as the manager has known of it, whatever wall clocks say", () => {
  const policies = policiesOf({ dependencies: [dependsOn("rg220")] });
  for (const agoMs of [-500_000, 500_000]) {
    const placement = placementOf({ decisions: [ranOn("n208", agoMs)] });
    assert.equal(plan({ ownership: unowned(), ...idle, policies, placement }), "wait until 1020000");
  }
});

test("the same view gives the same step, and a node that is no owner changes nothing", () => {
  const view = viewOf({ ...failed("n208"), agents: new Set([...owners, toNodeId("n999")]) });
  assert.deepEqual(planPlacement(view), planPlacement(view));
  assert.equal(stepText(planPlacement(view)), "reserve n210");
  assert.equal(view.owners[0], firstOwner);
});

test("an error on an owner where something may still run is final, whoever else could take it", () => {
  const view = { ownership: ownedBy("n208"), report: reportOf("error", "it does not stop", false) };
  assert.equal(plan(view), "fail n208 for good");
});

// Fences, and rights without end.

const fence = { command: ["/sbin/off"], timeoutMs: 10_000 };
const fenced = policiesOf({ fence });
/** The owner's node is down, and its right goes on for 10 s. */
const held = { ...failed("n208"), policies: fenced, rightEndsMs: ms(1_010_000) };
const byFirst = { node: firstOwner, by: secondOwner } as const;
const ordered = { ...byFirst, type: "ordered", untilMs: ms(1_012_000) } as const;
const couldNot = { ...byFirst, type: "failed", reason: "No answer", againMs: ms(1_005_000) } as const;
const done = { ...byFirst, type: "done" } as const;
const endless = { lease: { ...policiesOf().lease, isEndless: true } };
const frozen = { policies: policiesOf({ fence, lostQuorum: "freeze", ...endless }), placement: placementOf(endless) };

test("a node that is down while its right lasts is fenced by the next owner whose agent is heard", () => {
  assert.equal(plan(held), "fence n208 by n210");
  assert.equal(why(held), "n208 is down: n210 fences it");
  assert.equal(plan({ ...held, agents: new Set([thirdOwner]) }), "fence n208 by n212");
  assert.equal(plan({ ...held, agents: new Set([firstOwner, thirdOwner]) }), "fence n208 by n212", "never by itself");
  assert.equal(plan({ ...held, ownership: ownedBy("n208", "acquiring") }), "fence n208 by n210");
  assert.equal(plan({ ...held, ownership: ownedBy("n208", "releasing") }), "fence n208 by n210");
});

test("nobody is fenced without need: its right is over, its agent alone is silent, nobody could take it, or hands are off", () => {
  assert.equal(plan({ ...held, policies: policiesOf() }), "wait until 1010000");
  assert.equal(plan({ ...held, rightEndsMs: ms(999_000), reservations: admittedBy("n210") }), "assign n210 as a move");
  assert.equal(plan({ ...held, verdicts: statuses({}) }), "wait until 1010000");
  assert.equal(plan({ ...held, verdicts: statuses({ n208: "suspect" }) }), "wait until 1010000");
  assert.equal(plan({ ...held, agents: new Set() }), "wait until 1010000");
  const placement = placementOf({ bans: [errorOn("n210"), errorOn("n212")] });
  assert.equal(plan({ ...held, placement }), "wait until 1010000");
  assert.equal(plan({ ...held, placement: placementOf({ intent: { frozen: "a test" } }) }), "wait");
  const needy = policiesOf({ fence, minimum: { owners: 3, capacity: new Map(), resources: [] } });
  assert.equal(plan({ ...held, policies: needy }), "wait until 1010000");
  const stopping = { ...held, ownership: ownedBy("n208", "releasing") };
  assert.equal(plan({ ...stopping, placement: placementOf({ intent: { isOnline: false } }) }), "wait until 1010000");
});

test("a fence under way is waited for, as long as the right lasts", () => {
  assert.equal(plan({ ...held, fence: ordered }), "wait until 1010000");
  assert.equal(plan({ ...held, fence: ordered, rightEndsMs: null }), "wait until 1012000");
  const over = { ...held, fence: ordered, rightEndsMs: ms(999_000) };
  assert.equal(plan({ ...over, reservations: admittedBy("n210") }), "assign n210 as a move");
});

test("a fence that succeeded ends the right, and the next assignment says so", () => {
  assert.equal(plan({ ...held, fence: done }), "reserve n210");
  const assigned = { ...held, fence: done, reservations: admittedBy("n210") };
  assert.equal(plan(assigned), "assign n210 as a move");
  assert.match(why(assigned), /^n208 is down, fenced by n210; n210 is chosen by fallover nextInList/);
  assert.equal(plan({ ...held, fence: done, ownership: ownedBy("n208", "releasing") }), "offline nobody");
  const releasing = { ...held, fence: done, ownership: ownedBy("n208", "releasing") };
  assert.match(why(releasing), /^n208 was fenced by n210/);
});

test("a fence that failed is tried again after a pause by the next owner, and in turns", () => {
  assert.equal(plan({ ...held, fence: couldNot }), "wait until 1005000");
  assert.match(why({ ...held, fence: couldNot }), /n210 could not fence it \(No answer\)/);
  const again = { ...held, fence: couldNot, nowMs: ms(1_005_000) };
  assert.equal(plan(again), "fence n208 by n212");
  assert.match(why(again), /n208 is down: n210 could not fence it \(No answer\): n212 fences it/);
  assert.equal(plan({ ...again, fence: { ...couldNot, by: thirdOwner } }), "fence n208 by n210");
  assert.equal(plan({ ...again, agents: new Set([secondOwner]) }), "fence n208 by n210");
});

test("an owner that returns after a fence was ordered has to stop before anything else is done", () => {
  const back = { policies: fenced, fence: couldNot, rightEndsMs: ms(1_010_000) };
  assert.equal(plan(back), "wait until 1010000");
  assert.match(why(back), /A fence of n208 was ordered while it was down/);
  assert.equal(plan({ ...back, report: reportOf("offline") }), "offline nobody");
  assert.equal(plan({ ...back, report: reportOf("offline"), isRenewed: false }), "offline nobody");
  assert.equal(plan({ ...back, fence: done, reservations: admittedBy("n210") }), "assign n210 as a move");
});

test("a right without end waits for a fence or for an operator, and says so", () => {
  const lost = { ...failed("n208"), ...frozen, rightEndsMs: null };
  assert.equal(plan(lost), "fence n208 by n210");
  assert.equal(plan({ ...lost, fence: couldNot }), "wait until 1005000");
  assert.match(why({ ...lost, fence: couldNot }), /group unfreeze rg226 --confirmed-only-on NODE$/);
  assert.equal(plan({ ...lost, verdicts: statuses({}) }), "wait");
  assert.match(why({ ...lost, verdicts: statuses({}) }), /The agent of n208 is silent: .* --confirmed-only-on NODE$/);
  assert.equal(plan({ ...lost, fence: done, reservations: admittedBy("n210") }), "assign n210 as a move");
});

test("with a quorum a group whose right has no end moves and stops as any other", () => {
  const well = { ...frozen, rightEndsMs: null };
  assert.equal(plan(well), "wait");
  assert.equal(
    plan({ ...well, verdicts: statuses({ n208: "draining" }), reservations: admittedBy("n210") }),
    "releasing n208",
  );
  const stopped = placementOf({ ...endless, intent: { isOnline: false } });
  assert.equal(plan({ ...well, placement: stopped }), "releasing n208");
  assert.equal(
    plan({ ...well, ownership: ownedBy("n208", "releasing"), report: reportOf("offline") }),
    "offline nobody",
  );
});

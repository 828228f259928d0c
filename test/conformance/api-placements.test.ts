// Where applications run, over gRPC: what operators want, how long the answer waits, and what agents report and are granted.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { status as grpcStatus } from "@grpc/grpc-js";
import { failure } from "../../proto/errors.ts";
import { DecisionType, Factor_Kind as FactorKind } from "../../proto/gen/bailiwick/v1/explanation_pb.ts";
import { GroupConfigSchema } from "../../proto/gen/bailiwick/v1/group_config_pb.ts";
import { OwnershipState } from "../../proto/gen/bailiwick/v1/group_pb.ts";
import { GroupService } from "../../proto/gen/bailiwick/v1/group_service_pb.ts";
import { NodeService } from "../../proto/gen/bailiwick/v1/node_service_pb.ts";
import { ComponentState } from "../../proto/gen/bailiwick/v1/status_pb.ts";
import { toEpoch, toLogIndex } from "../../proto/ids.ts";
import type { Ownership } from "../../proto/model.ts";
import type { GroupError, Placement, PlacementDecision } from "../../proto/placement.ts";
import type { GroupStatus, Request } from "../../proto/requests.ts";
import { cluster, entries, failed, n202, n208, rg220, rg226, statusOf } from "./api-fixtures.ts";
import { Harness, header } from "./api-harness.ts";

const sample = {
  ...{ node: n202, atMs: 7_000, ageMs: 12.4 },
  load: new Map([["cpu", 3]]),
  capacity: new Map([["cpu", 16]]),
};

const decision: PlacementDecision = {
  ...{ index: toLogIndex(60), atMs: 8_000, epoch: toEpoch(5), from: n208, to: n202, isWish: false },
  ...{ reason: "n208 is down", samples: [sample], what: "assigned", manager: n208, who: "" },
};

const error: GroupError = { node: n202, resource: "postgres", reason: "did not stop", atMs: 9_000 };

const wellPlaced: Placement = {
  ...statusOf(cluster).placement,
  intent: { isOnline: true, frozen: null, pinnedTo: n202 },
  ...{ move: null, error: null, bans: [], movesMs: [], decisions: [decision] },
};

const withResources = toBinary(
  GroupConfigSchema,
  create(GroupConfigSchema, { resources: [{ name: "postgres", kind: { case: "application", value: {} } }] }),
);

/** One step of the group on its way. */
interface Step {
  readonly state: Ownership["state"];
  readonly on: typeof n202 | null;
  readonly applied?: number;
  readonly placement?: Partial<Placement>;
}

function statusAt({ state, on, applied = 77, placement = {} }: Step): GroupStatus {
  const status = statusOf(entries[1] ?? cluster);
  return {
    ...status,
    object: { ...status.object, config: withResources },
    ownership: { currentOwner: on, epoch: toEpoch(5), state, reason: "As decided" },
    placement: { ...wellPlaced, ...placement },
    resources: [],
    applied: toLogIndex(applied),
  };
}

let harness: Harness;
let steps: Step[] = [];
before(async () => {
  harness = await Harness.start();
});
after(() => harness.stop());

/** The first step is what the node says that has applied the wish; each later question is answered with the next one. */
beforeEach(() => {
  harness.node.inputs.length = 0;
  steps = [{ state: "online", on: n202 }];
  let asked = 0;
  harness.node.answer = (request) => {
    if (request.type === "wish" || request.type === "identified") return { type: "wish", header };
    if (request.type !== "replicaStatus" && request.type !== "groupStatus") return null;
    const status = statusAt(steps[Math.min(asked++, steps.length - 1)] ?? { state: "offline", on: null });
    if (request.type === "groupStatus") return { type: "groupStatus", status };
    assert.equal(request.node, header.node);
    return { type: "replicaStatus", status, last: toLogIndex(80) };
  };
});

function asked<Type extends Request["type"]>(type: Type): Extract<Request, { readonly type: Type }>[] {
  const requests = harness.node.all("call").map(({ request }) => request);
  return requests.filter((request) => request.type === type) as Extract<Request, { readonly type: Type }>[];
}

test("what is wanted goes to the group as one wish, and the node that applied it says how the group stands", async () => {
  const { method } = GroupService;
  const group = "rg220";
  const moved = await harness.call(method.moveGroup, { group, to: "n208", ifEpoch: 5n });
  assert.deepEqual([moved.header?.node, moved.header?.revision], ["n208", 41n]);
  assert.deepEqual([moved.group?.name, moved.group?.currentOwner], ["rg220", "n202"]);
  steps = [{ state: "releasing", on: n202 }];
  await harness.call(method.moveGroup, { group, validateOnly: true, wait: true }, { toldMs: 900 });
  await harness.call(method.startGroup, { group, on: "n208" });
  await harness.call(method.stopGroup, { group });
  await harness.call(method.freezeGroup, { group, why: "new disk" });
  await harness.call(method.unfreezeGroup, { group });
  await harness.call(method.unfreezeGroup, { group, confirmedOnlyOn: "n202" });
  await harness.call(method.unfreezeGroup, { group, confirmedOnlyOn: "n202", ifEpoch: 5n, why: "n208 is unplugged" });
  await harness.call(method.clearGroupFault, { group, forgetMoves: true });
  assert.deepEqual(
    asked("wish").map(({ wish, validateOnly }) => (validateOnly ? { ...wish, validateOnly } : wish)),
    [
      { type: "move", to: "n208", ifEpoch: 5 },
      { type: "move", to: null, ifEpoch: null, validateOnly: true },
      { type: "start", on: "n208" },
      { type: "stop" },
      { type: "freeze", reason: "new disk" },
      { type: "unfreeze" },
      { type: "confirm", onlyOn: "n202", ifEpoch: null, reason: "", atMs: 0 },
      { type: "confirm", onlyOn: "n202", ifEpoch: 5, reason: "n208 is unplugged", atMs: 0 },
      { type: "clearError", forgetMoves: true },
    ],
  );
  assert.equal(asked("groupStatus").length, 0);
  const requestId = { session: "s1", sequence: 7n };
  await harness.call(method.stopGroup, { group, requestId });
  await harness.call(method.clearGroupFault, { group, requestId });
  assert.deepEqual(
    asked("identified").map(({ identity, request }) => [identity.session, identity.sequence, request.type]),
    [
      ["s1", 7, "wish"],
      ["s1", 7, "wish"],
    ],
  );
});

test("who wants it and why goes with every wish", async () => {
  const { moveGroup, startGroup, stopGroup, freezeGroup, unfreezeGroup, clearGroupFault } = GroupService.method;
  const said = { group: "rg220", who: "mona", why: "new disk" };
  await harness.call(moveGroup, said);
  await harness.call(startGroup, said);
  await harness.call(stopGroup, said);
  await harness.call(freezeGroup, said);
  await harness.call(unfreezeGroup, said);
  await harness.call(clearGroupFault, said);
  assert.deepEqual(
    asked("wish").map(({ wish, who, why }) => [wish.type, who, why]),
    ["move", "start", "stop", "freeze", "unfreeze", "clearError"].map((type) => [type, "mona", "new disk"]),
  );
});

test("GetGroup tells decisions and wishes, newest first, with who, when, what and why, and without samples", async () => {
  const wish = { ...decision, index: toLogIndex(61), epoch: null, to: null, isWish: true, reason: "new disk" };
  const notes: Placement["notes"] = [
    { ...wish, what: "stopWanted", who: "mona" },
    { ...wish, index: toLogIndex(59), what: "frozen", who: "" },
  ];
  const decisions = [{ ...decision, index: toLogIndex(58), epoch: null, what: null, manager: null }, decision];
  const status = statusAt({ state: "online", on: n202, placement: { decisions, notes } });
  harness.node.answer = ({ type }) => (type === "groupStatus" ? { type, status } : null);
  const { group } = await harness.call(GroupService.method.getGroup, { group: "rg220" });
  assert.deepEqual(
    group?.decisions.map((one) => [
      ...[Number(one.index), one.time?.seconds, one.type, Number(one.epoch), one.from, one.to],
      ...[one.who, one.manager, one.why, one.samples.length],
    ]),
    [
      [61, 8n, DecisionType.STOP_WANTED, 0, "n208", "", "mona", "n208", "new disk", 0],
      [60, 8n, DecisionType.ASSIGNED, 5, "n208", "n202", "policy", "n208", "n208 is down", 0],
      [59, 8n, DecisionType.FROZEN, 0, "n208", "", "operator", "n208", "new disk", 0],
      [58, 8n, DecisionType.UNSPECIFIED, 0, "n208", "n202", "policy", "", "n208 is down", 0],
    ],
  );
});

test("what is refused names field and value, before the group is asked", async () => {
  const { moveGroup, startGroup, freezeGroup, explainGroup } = GroupService.method;
  const group = "rg220";
  const fieldOf = async (refused: ReturnType<Harness["refused"]>) => {
    const { error: told, info } = await refused;
    assert.equal(told.code, grpcStatus.INVALID_ARGUMENT);
    return [info?.metadata["field"], told.details];
  };
  assert.equal((await fieldOf(harness.refused(moveGroup, { group: "" })))[0], "group");
  assert.match((await fieldOf(harness.refused(moveGroup, { group, to: "N1" }))).join(), /^to,.*"N1"/);
  assert.match((await fieldOf(harness.refused(moveGroup, { group, ifEpoch: 2n ** 60n }))).join(), /^if_epoch,/);
  assert.match((await fieldOf(harness.refused(startGroup, { group, on: "-" }))).join(), /^on,.*"-"/);
  const long = await fieldOf(harness.refused(freezeGroup, { group, why: "x".repeat(201) }));
  assert.deepEqual(long, ["why", "The why has 201 characters, the limit is 200"]);
  const named = await fieldOf(harness.refused(moveGroup, { group, who: "x".repeat(101) }));
  assert.deepEqual(named, ["who", "The who has 101 characters, the limit is 100"]);
  assert.match(
    (await fieldOf(harness.refused(explainGroup, { group, decisions: 101 }))).join(),
    /^decisions,.*101.*100/,
  );
  assert.deepEqual(harness.node.inputs, []);
  harness.node.answer = () => ({ type: "failed", failure: failure("condition_failed", "Frozen: new disk") });
  const { error: frozen } = await harness.refused(moveGroup, { group });
  assert.deepEqual([frozen.code, frozen.details], [grpcStatus.FAILED_PRECONDITION, "Frozen: new disk"]);
});

test("MoveGroup with wait answers once nothing is under way any more, and believes nobody who has not heard of it", async () => {
  const move = { to: n208 };
  steps = [
    { state: "online", on: n202, placement: { move } },
    { state: "online", on: n208, applied: 76 },
    { state: "releasing", on: n202, placement: { move } },
    { state: "acquiring", on: n208 },
    { state: "online", on: n208 },
  ];
  const { moveGroup } = GroupService.method;
  const done = await harness.call(moveGroup, { group: "rg220", to: "n208", wait: true });
  assert.deepEqual([done.group?.currentOwner, done.group?.ownershipState], ["n208", OwnershipState.ONLINE]);
  assert.equal(asked("groupStatus").length, 4);
});

test("StopGroup with wait answers when the group is offline, or in error, or when there is only time left to answer", async () => {
  const { stopGroup } = GroupService.method;
  steps = [
    { state: "releasing", on: n202 },
    { state: "offline", on: null },
  ];
  const stopped = await harness.call(stopGroup, { group: "rg220", wait: true });
  assert.equal(stopped.group?.ownershipState, OwnershipState.OFFLINE);
  steps = [{ state: "error", on: n202, placement: { error } }];
  const polls = asked("groupStatus").length;
  const failing = await harness.call(stopGroup, { group: "rg220", wait: true });
  assert.deepEqual([failing.group?.fault?.why, asked("groupStatus").length], ["did not stop", polls]);
  steps = [{ state: "releasing", on: n202 }];
  const late = await harness.call(stopGroup, { group: "rg220", wait: true }, { toldMs: 900 });
  assert.equal(late.group?.ownershipState, OwnershipState.RELEASING);
});

test("a wish that is decided is no failure when nobody can say how the group stands", async () => {
  harness.node.answer = (request) => (request.type === "wish" ? { type: "wish", header } : failed);
  const { group } = await harness.call(GroupService.method.stopGroup, { group: "rg220" });
  assert.deepEqual([group?.name, group?.ownershipState], ["rg220", OwnershipState.UNSPECIFIED]);
});

test("a group tells what is wanted of it, what failed, how its resources are, and whether its ownership rests on leases", async () => {
  const report = { node: n202, epoch: toEpoch(5), reason: "", exitStatus: 0, restarts: 0, atMs: 7_000, sinceMs: 6_000 };
  const resources: GroupStatus["resources"] = [
    { ...report, resource: "postgres", state: "failed", reason: "port in use", exitStatus: 1, restarts: 2 },
    { ...report, resource: "data", state: "online" },
  ];
  const intent = { isOnline: false, frozen: "new disk", pinnedTo: n208 };
  const status = { ...statusAt({ state: "error", on: n202, placement: { intent, error } }), resources };
  harness.node.answer = () => ({ type: "groupStatus", status });
  const { group } = await harness.call(GroupService.method.getGroup, { group: "rg220" });
  assert.ok(group);
  assert.equal(group.ownershipAdvisory, false);
  const { online, frozen, frozenWhy, pinnedTo } = group.intent ?? {};
  assert.deepEqual([online, frozen, frozenWhy, pinnedTo], [false, true, "new disk", "n208"]);
  assert.deepEqual([group.fault?.node, group.fault?.resource, group.fault?.why], ["n202", "postgres", "did not stop"]);
  assert.deepEqual(group.fault?.since, timestampFromMs(9_000));
  assert.deepEqual([group.since, group.why], [timestampFromMs(8_000), "As decided"]);
  assert.deepEqual(
    group.resources.map(({ resource, node, state, why, exitStatus, restarts }) => ({
      ...{ resource, node, state, why, exitStatus, restarts },
    })),
    [
      { resource: "data", node: "n202", state: ComponentState.ONLINE, why: "", exitStatus: 0, restarts: 0 },
      {
        ...{ resource: "postgres", node: "n202", state: ComponentState.FAILED, why: "port in use" },
        ...{ exitStatus: 1, restarts: 2 },
      },
    ],
  );
});

test("ExplainGroup tells candidates, triggers and decisions", async () => {
  const { answer } = harness.node;
  harness.node.answer = (request, budgetMs) => {
    if (request.type !== "explainGroup") return answer(request, budgetMs);
    const explanation = {
      summary: "n202 is the first that is up",
      candidates: [
        { node: n202, rank: 1, factors: [], sample },
        {
          ...{ node: n208, rank: 0, sample: null },
          factors: [{ kind: "antiFlap", excludes: true, reason: "3 moves" } as const],
        },
      ],
      triggers: [{ event: "n202 fails", to: null, atMs: null }],
      decisions: [decision, { ...decision, epoch: null, from: null, to: null, isWish: true, samples: [] }],
    };
    return { type: "explainGroup", header, explanation };
  };
  const { explanation, group } = await harness.call(GroupService.method.explainGroup, { group: "rg220" });
  assert.equal(group?.currentOwner, "n202");
  assert.deepEqual(
    explanation?.candidates.map(({ node, rank, eligible, sample: used }) => [node, rank, eligible, used?.ageMs]),
    [
      ["n202", 1, true, 12],
      ["n208", 0, false, undefined],
    ],
  );
  assert.deepEqual(explanation?.candidates[1]?.factors[0]?.kind, FactorKind.ANTI_FLAP);
  assert.deepEqual(explanation?.candidates[0]?.sample?.load, { cpu: 3n });
  assert.deepEqual([explanation?.triggers[0]?.to, explanation?.triggers[0]?.at], ["", undefined]);
  assert.deepEqual(
    explanation?.decisions.map(({ epoch, from, to, who, samples }) => [epoch, from, to, who, samples.length]),
    [
      [5n, "n208", "n202", "policy", 1],
      [0n, "", "", "operator", 0],
    ],
  );
  await harness.call(GroupService.method.explainGroup, { group: "rg220", decisions: 100 });
  assert.deepEqual(
    asked("explainGroup").map(({ decisions }) => decisions),
    [10, 100],
  );
});

test("ReportResources hands the report to the node and answers what the agent may do", async () => {
  const terms = { isGranted: true, ttlMs: 15_000, stopBudgetMs: 5_000, isEndless: true, isRevoked: false } as const;
  const grant = { group: rg220, epoch: toEpoch(6), wanted: "online", reason: "Owner", ...terms } as const;
  const fence = { order: "1/4/6/1", node: n208, epoch: toEpoch(6), command: ["/sbin/off", "n208"], timeoutMs: 9_000 };
  harness.node.answer = (request) =>
    request.type === "reportResources"
      ? { type: "reportResources", grants: [{ ...grant, fence }], unreachable: [rg226] }
      : null;
  const { reportResources } = NodeService.method;
  const told = { order: "1/4/6/0", exitStatus: 1, why: "No answer" };
  const groups = [{ group: "rg220", epoch: 6n, renew: true, state: OwnershipState.ACQUIRING, fence: told }];
  const answer = await harness.call(reportResources, {
    node: "n202",
    agent: "a1",
    groups,
    complete: true,
    leaving: true,
  });
  const { group, epoch, granted, ttlMs, stopBudgetMs, wanted, why } = answer.grants[0] ?? {};
  assert.deepEqual(
    [group, epoch, granted, ttlMs, stopBudgetMs, wanted, why],
    ["rg220", 6n, true, 15_000, 5_000, OwnershipState.ONLINE, "Owner"],
  );
  assert.equal(answer.grants[0]?.endless, true);
  const { order, node, epoch: fencedEpoch, command, timeoutMs } = answer.grants[0]?.fence ?? {};
  const ordered = [order, node, fencedEpoch, command, timeoutMs];
  assert.deepEqual(ordered, ["1/4/6/1", "n208", 6n, ["/sbin/off", "n208"], 9_000]);
  assert.deepEqual(answer.unreachable, ["rg226"]);
  const [request] = asked("reportResources");
  const resources: unknown[] = [];
  const outcome = { order: "1/4/6/0", exitStatus: 1, reason: "No answer" };
  assert.deepEqual(request, {
    ...{ type: "reportResources", node: "n202", agent: "a1", isComplete: true, isLeaving: true },
    groups: [{ group: "rg220", epoch: 6, renews: true, state: "acquiring", resources, fence: outcome }],
  });
  const bad = await harness.refused(reportResources, {
    ...{ node: "n202", agent: "a1", complete: true },
    groups: [{ group: "rg220", state: OwnershipState.OFFLINE, fence: { order: "" } }],
  });
  assert.equal(bad.error.details, 'The groups[0].fence.order "" is not 1 to 200 printable characters');
  const elsewhere = await harness.refused(reportResources, { node: "n208", agent: "a1" });
  assert.equal(elsewhere.error.details, 'The node is "n208", it must be the one that is called: n202');
  const nameless = await harness.refused(reportResources, { node: "n202" });
  assert.deepEqual([nameless.info?.metadata["field"], nameless.error.details], ["agent", "The agent is missing"]);
  assert.equal(asked("reportResources").length, 1);
});

test("ReportPerformance hands the sample to the node and answers how soon the next may come", async () => {
  harness.node.answer = () => ({ type: "reportPerformance", intervalMs: 1_000 });
  const { reportPerformance } = NodeService.method;
  const time = timestampFromMs(7_000);
  const answer = await harness.call(reportPerformance, { sample: { node: "n202", time, load: { cpu: 3n } } });
  assert.equal(answer.intervalMs, 1_000);
  assert.deepEqual(asked("reportPerformance")[0]?.sample, {
    ...{ node: "n202", atMs: 7_000, ageMs: 0 },
    ...{ load: new Map([["cpu", 3]]), capacity: new Map() },
  });
  const refused = await harness.refused(reportPerformance, {});
  assert.deepEqual([refused.info?.metadata["field"], refused.error.details], ["sample", "The sample is missing"]);
});

test("AwaitOwnership answers the node's number of changes, or the one that it was given when there was none in time", async () => {
  const { awaitOwnership } = NodeService.method;
  harness.node.answer = () => ({ type: "awaitOwnership", change: 3 });
  assert.equal((await harness.call(awaitOwnership, { node: "n202", after: 2n })).change, 3n);
  assert.deepEqual(asked("awaitOwnership")[0], { type: "awaitOwnership", node: n202, after: 2 });
  harness.node.answer = () => ({ type: "failed", failure: failure("deadline", "Nothing was new") });
  assert.equal((await harness.call(awaitOwnership, { node: "n202", after: 3n })).change, 3n);
  const elsewhere = await harness.refused(awaitOwnership, { node: "n208" });
  assert.equal(elsewhere.error.details, 'The node is "n208", it must be the one that is called: n202');
});

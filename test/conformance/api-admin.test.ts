// Groups, nodes, cluster and maintenance over gRPC, and what tools use to find their way: health and reflection.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, beforeEach, test } from "node:test";
import { promisify } from "node:util";
import { fromBinary } from "@bufbuild/protobuf";
import { status as grpcStatus } from "@grpc/grpc-js";
import { service as healthService } from "grpc-health-check";
import { failure } from "../../proto/errors.ts";
import { ClusterEventType } from "../../proto/gen/bailiwick/v1/cluster_event_pb.ts";
import { PendingOperation_Kind as PendingKind } from "../../proto/gen/bailiwick/v1/cluster_pb.ts";
import { ClusterService } from "../../proto/gen/bailiwick/v1/cluster_service_pb.ts";
import { ReadConsistency } from "../../proto/gen/bailiwick/v1/common_pb.ts";
import { GroupConfigSchema } from "../../proto/gen/bailiwick/v1/group_config_pb.ts";
import { OwnershipState, type Replica } from "../../proto/gen/bailiwick/v1/group_pb.ts";
import { GroupService } from "../../proto/gen/bailiwick/v1/group_service_pb.ts";
import { MaintenanceService } from "../../proto/gen/bailiwick/v1/maintenance_pb.ts";
import { NodeService } from "../../proto/gen/bailiwick/v1/node_service_pb.ts";
import { RecoveryStatus } from "../../proto/gen/bailiwick/v1/status_pb.ts";
import { toGroupId, toIncarnation, toLogIndex, toMemberId, toNodeId, toRevision } from "../../proto/ids.ts";
import type { Reply } from "../../proto/requests.ts";
import { allServices } from "../../server/api/services/all-services.ts";
import {
  cluster,
  clusterStatus,
  config,
  entries,
  entry,
  events,
  failed,
  n202,
  n208,
  nodeSelf,
  nodeStatus,
  records,
  rg220,
  rg226,
  statusOf,
} from "./api-fixtures.ts";
import { Harness, self } from "./api-harness.ts";

let harness: Harness;
before(async () => {
  harness = await Harness.start();
});
after(() => harness.stop());

/** The reference cluster as n202 sees it while no owner of rg226 answers. */
beforeEach(() => {
  harness.node.inputs.length = 0;
  harness.node.answer = (request) => {
    switch (request.type) {
      case "directory":
        return { type: "directory", nodes: records, groups: entries };
      case "clusterStatus":
        return { type: "clusterStatus", status: clusterStatus };
      case "nodeSelf":
        return { type: "nodeSelf", self: nodeSelf };
      case "nodeStatus":
        return { type: "nodeStatus", status: nodeStatus(request.node, request.node === n202 ? nodeSelf : null) };
      case "groupStatus":
        if (request.group === "cluster") return { type: "groupStatus", status: statusOf(cluster) };
        return request.group === rg226 ? failed : { type: "groupStatus", status: statusOf(entries[1] ?? cluster) };
      case "clusterEvents":
        return {
          type: "clusterEvents",
          events: events.filter(({ index }) => index > request.after),
          index: toLogIndex(31),
        };
      default:
        return null;
    }
  };
});

test("GetGroup tells all that an owner knows, and that ownership is advisory", async () => {
  const { group, header, unreachable } = await harness.call(GroupService.method.getGroup, {
    group: "rg220",
    includeInterlocked: true,
  });
  assert.ok(group);
  assert.equal(header?.stale, false);
  assert.deepEqual(group.owners, ["n202", "n208", "n214"]);
  assert.equal(group.ownershipAdvisory, true);
  assert.equal(group.ownershipState, OwnershipState.ONLINE);
  assert.equal(group.epoch, 5n);
  assert.deepEqual(
    [group.quorum?.needed, group.quorum?.up, group.quorum?.total, group.quorum?.degraded],
    [2, 2, 3, true],
  );
  assert.deepEqual(
    [group.quorum?.minimumMet, group.quorum?.minimumMissing],
    [false, ["2 of at least 3 owners are up"]],
  );
  assert.deepEqual(
    group.verdicts.map(({ node, status }) => [node, status]),
    [
      ["n202", RecoveryStatus.UP],
      ["n214", RecoveryStatus.DOWN],
    ],
  );
  assert.deepEqual(
    group.replicas.map(({ node, role, matchedIndex, receivingSnapshot }) => [
      node,
      role,
      matchedIndex,
      receivingSnapshot,
    ]),
    [
      ["n202", 1, 77n, false],
      ["n208", 2, 70n, true],
      ["n214", 2, 70n, true],
    ],
  );
  assert.equal(group.config?.description, "orders");
  assert.deepEqual(
    group.interlocked.map((summary) => [summary.group, summary.sharedNodes]),
    [["rg226", ["n208"]]],
  );
  assert.deepEqual(unreachable, ["n214"]);
});

test("GetGroup marks the answer of an owner that is not the manager as stale", async () => {
  const { header } = await harness.call(GroupService.method.getGroup, { group: "rg220" });
  assert.equal(header?.stale, false);
  const follower = statusOf(entries[1] ?? cluster, { node: n208, replicas: [] });
  harness.node.answer = () => ({ type: "groupStatus", status: follower });
  const second = await harness.call(GroupService.method.getGroup, { group: "rg220" });
  assert.equal(second.header?.stale, true);
});

test("ListGroups names the groups that did not answer and tells what the directory knows of them", async () => {
  const { groups, unreachable } = await harness.call(GroupService.method.listGroups, {});
  assert.deepEqual(
    groups.map(({ name, revision }) => [name, revision]),
    [
      ["rg220", 41n],
      ["rg226", 0n],
    ],
  );
  assert.deepEqual(groups[1]?.owners, ["n208", "n210", "n212"]);
  assert.equal(groups[0]?.config, undefined);
  assert.deepEqual(unreachable, ["rg226"]);
});

test("ListGroups filters by owner and label, includes the system group on request, and pages by name", async () => {
  const { listGroups } = GroupService.method;
  const names = async (
    request: Parameters<typeof harness.call<typeof listGroups.input, typeof listGroups.output>>[1],
  ) => (await harness.call(listGroups, request)).groups.map(({ name }) => name);
  assert.deepEqual(await names({ owner: "n214" }), ["rg220"]);
  assert.deepEqual(await names({ labels: { tier: "one" } }), ["rg220"]);
  assert.deepEqual(await names({ labels: { tier: "two" } }), []);
  assert.deepEqual(await names({ includeSystem: true }), ["cluster", "rg220", "rg226"]);
  const first = await harness.call(listGroups, { limit: 1 });
  assert.deepEqual(
    first.groups.map(({ name }) => name),
    ["rg220"],
  );
  assert.deepEqual(await names({ limit: 1, pageToken: first.nextPageToken }), ["rg226"]);
  const { error } = await harness.refused(listGroups, { limit: 1001 });
  assert.equal(error.code, grpcStatus.INVALID_ARGUMENT);
});

test("ListGroups with LOCAL asks only for the groups that this node owns", async () => {
  const { groups } = await harness.call(GroupService.method.listGroups, { consistency: ReadConsistency.LOCAL });
  assert.deepEqual(
    groups.map(({ name }) => name),
    ["rg220", "rg226"],
  );
  const asked = harness.node.all("call").map(({ request }) => ("group" in request ? request.group : request.type));
  assert.deepEqual(new Set(asked), new Set(["directory", "nodeSelf", "cluster", "rg220"]));
});

test("CreateGroup makes the group, waits until this node has heard of it, and sets its configuration once it has a manager", async () => {
  let attempts = 0;
  let asked = 0;
  harness.node.answer = (request) => {
    if (request.type === "createGroup") return { type: "createGroup", entry: entry("rg9", request.owners) };
    if (request.type === "directory") {
      asked++;
      return { type: "directory", nodes: [], groups: asked < 3 ? [] : [entry("rg9", [n202, n208])] };
    }
    attempts++;
    const code = attempts === 1 ? "not_found" : "no_leader";
    const electing: Reply = { type: "failed", failure: failure(code, "Not heard of yet, or electing a manager") };
    const header = {
      group: toGroupId("rg9"),
      incarnation: toIncarnation(1),
      revision: toRevision(1),
      node: n202,
      stale: false,
    };
    return attempts < 3 ? electing : { type: "configure", header };
  };
  const request = { group: "rg9", owners: ["n202", "n208"], config };
  const made = await harness.call(GroupService.method.createGroup, request);
  assert.equal(asked, 3);
  assert.equal(attempts, 3);
  assert.equal(made.group?.config?.description, "orders");
  assert.equal(made.header?.group, "rg9");
  assert.match(made.warnings[0] ?? "", /n202 and n208/);
});

test("CreateGroup says so when the group is made and its configuration is not", async () => {
  harness.node.answer = (request) =>
    request.type === "createGroup"
      ? { type: "createGroup", entry: entry("rg9", request.owners) }
      : { type: "failed", failure: failure("internal", "Out of order") };
  const { info, error } = await harness.refused(GroupService.method.createGroup, {
    group: "rg9",
    owners: ["n202", "n208"],
    config,
  });
  assert.equal(info?.reason, "OUTCOME_UNKNOWN");
  assert.match(error.details, /The group rg9 is made.*Out of order/);
});

test("CreateGroup with validate_only changes nothing", async () => {
  harness.node.answer = (request) =>
    request.type === "createGroup" && request.validateOnly
      ? { type: "createGroup", entry: entry("rg9", request.owners) }
      : failed;
  const owners = ["n202", "n208", "n214"];
  const { warnings } = await harness.call(GroupService.method.createGroup, {
    group: "rg9",
    owners,
    config,
    validateOnly: true,
  });
  assert.deepEqual(warnings, []);
  assert.equal(harness.node.all("call").length, 1);
});

test("RecoverGroup wants the loss accepted and the name typed, and answers once the group goes on", async () => {
  const { answer } = harness.node;
  let polls = 0;
  harness.node.answer = (request, budgetMs) => {
    if (request.type === "recoverGroup") {
      const recovered = { ...entry("rg220", [request.from]), incarnation: toIncarnation(4) };
      return { type: "recoverGroup", entry: recovered, losses: [`for ${request.reason}`] };
    }
    const reply = answer(request, budgetMs);
    if (reply?.type !== "groupStatus") return reply;
    polls++;
    const incarnation = toIncarnation(polls < 3 ? 3 : 4);
    return { ...reply, status: { ...reply.status, object: { ...reply.status.object, incarnation } } };
  };
  const { recoverGroup } = GroupService.method;
  const asked = { group: "rg220", from: "n208", why: "rack 7 burnt" };
  const careless = await harness.refused(recoverGroup, { ...asked, confirmation: "rg220" });
  assert.equal(careless.info?.metadata["field"], "accept_data_loss");
  const mistyped = await harness.refused(recoverGroup, { ...asked, acceptDataLoss: true, confirmation: "rg222" });
  assert.equal(mistyped.info?.reason, "CONDITION_FAILED");
  assert.equal(mistyped.error.details, 'The confirmation is "rg222", it must be the name "rg220"');
  assert.equal(polls, 0);
  const check = await harness.call(recoverGroup, { ...asked, validateOnly: true });
  assert.deepEqual([check.group?.incarnation, check.losses], [4n, ["for rack 7 burnt"]]);
  const done = await harness.call(recoverGroup, { ...asked, acceptDataLoss: true, confirmation: "rg220" });
  assert.equal(polls, 3);
  assert.deepEqual([done.group?.incarnation, done.header?.incarnation], [4n, 4n]);
});

test("RecoverCluster wants the loss accepted and the node's name typed", async () => {
  const { answer } = harness.node;
  harness.node.answer = (request, budgetMs) => {
    if (request.type !== "recoverCluster") return answer(request, budgetMs);
    const { from, reason } = request;
    return { type: "recoverCluster", incarnation: toIncarnation(9), voters: [from, n202], losses: [`for ${reason}`] };
  };
  const { recoverCluster } = ClusterService.method;
  const asked = { from: "n208", why: "racks burnt" };
  const careless = await harness.refused(recoverCluster, { ...asked, confirmation: "n208" });
  assert.equal(careless.info?.metadata["field"], "accept_data_loss");
  const mistyped = await harness.refused(recoverCluster, { ...asked, acceptDataLoss: true, confirmation: "n202" });
  assert.equal(mistyped.error.details, 'The confirmation is "n202", it must be the name "n208"');
  assert.equal(harness.node.all("call").length, 0);
  const check = await harness.call(recoverCluster, { ...asked, validateOnly: true });
  assert.deepEqual([check.cluster?.leader, check.losses], ["", ["for racks burnt"]]);
  const done = await harness.call(recoverCluster, { ...asked, acceptDataLoss: true, confirmation: "n208" });
  assert.deepEqual([done.cluster?.leader, done.cluster?.voters], ["n208", ["n202", "n208"]]);
});

test("UpdateGroup replaces the configuration and reads the group back", async () => {
  const { answer } = harness.node;
  const header = { group: rg220, incarnation: toIncarnation(3), revision: toRevision(41), node: n208, stale: false };
  let bytes: Uint8Array = new Uint8Array(0);
  harness.node.answer = (request, budgetMs) => {
    if (request.type !== "configure") return answer(request, budgetMs);
    bytes = request.config;
    return { type: "configure", header };
  };
  const { updateGroup } = GroupService.method;
  const { group } = await harness.call(updateGroup, { group: "rg220", config });
  assert.equal(fromBinary(GroupConfigSchema, bytes).description, "orders");
  assert.equal(group?.revision, 41n);
  assert.equal((await harness.refused(updateGroup, { group: "rg220" })).info?.metadata["field"], "config");
  const tiny = await harness.refused(updateGroup, { group: "rg220", config: { limits: { quotaBytes: 1_000n } } });
  assert.equal(tiny.info?.metadata["field"], "config");
  assert.match(tiny.error.details, /limits\.quotaBytes is 1000, it must be from 1048576 to 8589934592/);
  const masked = await harness.refused(updateGroup, { group: "rg220", config, updateMask: { paths: ["labels"] } });
  assert.equal(masked.error.code, grpcStatus.UNIMPLEMENTED);
});

test("CreateGroup and UpdateGroup check a configuration against the group's name and its owners", async () => {
  const { createGroup, updateGroup } = GroupService.method;
  const itself = { management: { sameNode: ["rg9"] } };
  const asked = { group: "rg9", owners: ["n202", "n208"], config: itself, validateOnly: true };
  assert.match((await harness.refused(createGroup, asked)).error.details, /sameNode\[0\] is "rg9", the group itself/);
  const four = { quorum: { minimum: { owners: 4 } } };
  const refused = await harness.refused(updateGroup, { group: "rg220", config: four });
  assert.match(refused.error.details, /quorum\.minimum\.owners is 4, it must be from 0 to 3, the number of owners/);
  assert.equal(refused.info?.metadata["field"], "config");
  const witnessed = (node: string) => ({ group: "rg220", config: { quorum: quorumBy(node) } });
  const stranger = await harness.refused(updateGroup, witnessed("n999"));
  assert.match(stranger.error.details, /quorum\.witness\.node is "n999", which is no node of the cluster/);
  const owner = await harness.refused(updateGroup, witnessed("n208"));
  assert.match(owner.error.details, /quorum\.witness\.node is "n208", which is an owner/);
});

function quorumBy(node: string) {
  return { policy: { case: "witness" as const, value: { node } } };
}

test("ListNodes tells the statuses that this node holds, and those of all nodes on request", async () => {
  const { listNodes } = NodeService.method;
  const { nodes } = await harness.call(listNodes, {});
  assert.deepEqual(
    nodes.map(({ name, recoveryStatus }) => [name, recoveryStatus]),
    [
      ["n202", RecoveryStatus.UP],
      ["n208", RecoveryStatus.PARTIAL],
      ["n214", RecoveryStatus.DOWN],
    ],
  );
  assert.deepEqual(
    [nodes[0]?.groups, nodes[0]?.manages, nodes[0]?.leads, nodes[0]?.clusterVoter],
    [["rg220"], ["rg220"], ["rg220"], true],
  );
  const all = await harness.call(listNodes, { askAll: true, labels: { rack: "r2" } });
  assert.deepEqual(
    all.nodes.map(({ name }) => name),
    ["n208", "n214"],
  );
  assert.deepEqual(all.unreachable, ["n212", "rg226"]);
});

test("GetNode tells what its sphere and the node itself say", async () => {
  const { node } = await harness.call(NodeService.method.getNode, { node: "n202" });
  assert.equal(node?.recoveryStatus, RecoveryStatus.PARTIAL);
  assert.deepEqual(
    node.verdicts.map(({ group }) => group),
    ["rg220", "rg226"],
  );
  assert.equal(node.bootNumber, 2n);
  assert.equal(node.diskFreeBytes, 5_000_000n);
  assert.equal(node.writesRefusedWhy, "The disk of n202 has 5000000 bytes free");
  assert.equal(node.config?.identity, "id-n202");
  assert.deepEqual(node.config?.capacity, { cpu: 16n });
  assert.deepEqual(node.labels, { rack: "r1" });
});

test("DrainNode hands the planned change to the node, and tells moves and how the node stands", async () => {
  const { answer } = harness.node;
  harness.node.answer = (request, budgetMs) => {
    if (request.type !== "drainNode") return answer(request, budgetMs);
    const to = request.validateOnly ? null : n202;
    const moves = [{ group: rg220, from: n208, to, reason: `for ${request.reason}` }];
    return { type: "drainNode", moves, unreachable: request.skipUnavailable ? [rg226] : [] };
  };
  const { drainNode, undrainNode } = NodeService.method;
  const done = await harness.call(drainNode, { node: "n208", why: "new disk", skipUnavailable: true });
  const told = { ...done.moves[0], $typeName: "" };
  assert.deepEqual(told, { $typeName: "", group: "rg220", from: "n208", to: "n202", why: "for new disk" });
  assert.deepEqual([done.node?.name, done.unreachable], ["n208", ["rg226"]]);
  const check = await harness.call(drainNode, { node: "n208", validateOnly: true });
  assert.equal(check.moves[0]?.to, "");
  await harness.call(undrainNode, { node: "n208" });
  const asked = harness.node.all("call").flatMap(({ request }) => (request.type === "drainNode" ? [request] : []));
  assert.deepEqual(
    asked.map(({ wanted, skipUnavailable, validateOnly }) => [wanted, skipUnavailable, validateOnly]),
    [
      ["drained", true, false],
      ["drained", false, true],
      ["none", false, false],
    ],
  );
  const identified = { node: "n208", requestId: { session: "s1", sequence: 1n } };
  assert.equal((await harness.refused(drainNode, identified)).info?.reason, "UNIMPLEMENTED");
});

test("DrainNode waits until nothing runs there any more, and no longer than its caller", async () => {
  const { answer } = harness.node;
  const words = ["up", "draining", "draining", "maintenance"] as const;
  let polls = 0;
  let isStuck = false;
  harness.node.answer = (request, budgetMs) => {
    if (request.type === "drainNode") return { type: "drainNode", moves: [], unreachable: [] };
    const reply = answer(request, budgetMs);
    if (reply?.type !== "nodeStatus") return reply;
    const status = isStuck ? "draining" : (words[Math.min(polls, words.length - 1)] ?? "up");
    polls++;
    const components = reply.status.components.slice(1).map((one) => ({ ...one, status }));
    const intent = { node: n208, wanted: "drained", reason: "new disk", index: toLogIndex(9), pending: [] } as const;
    return { ...reply, status: { ...reply.status, status, components, intent } };
  };
  const { drainNode } = NodeService.method;
  const done = await harness.call(drainNode, { node: "n208", wait: true });
  assert.equal(done.node?.recoveryStatus, RecoveryStatus.MAINTENANCE);
  assert.deepEqual([done.node.intent, done.node.intentWhy], [RecoveryStatus.MAINTENANCE, "new disk"]);
  assert.equal(polls, words.length + 1);
  isStuck = true;
  const late = await harness.call(drainNode, { node: "n208", wait: true }, { toldMs: 900 });
  assert.equal(late.node?.recoveryStatus, RecoveryStatus.DRAINING);
});

test("GetSphere tells members, groups, statuses and interlocked groups", async () => {
  const own = await harness.call(NodeService.method.getSphere, {});
  assert.equal(own.node, "n202");
  assert.deepEqual(own.members, ["n202", "n208", "n214"]);
  assert.deepEqual(
    own.groups.map(({ group, owners }) => [group, owners]),
    [["rg220", ["n202", "n208", "n214"]]],
  );
  assert.deepEqual(
    own.statuses.map(({ name }) => name),
    ["n202", "n208", "n214"],
  );
  assert.deepEqual(
    own.interlocked.map(({ group }) => group),
    ["rg226"],
  );
  const other = await harness.call(NodeService.method.getSphere, { node: "n208" });
  assert.deepEqual(other.unreachable, ["n208"]);
  assert.deepEqual(other.statuses, []);
});

test("GetStatus shows every group and node, those that did not answer by name, and the last failures", async () => {
  const status = await harness.call(ClusterService.method.getStatus, {});
  assert.deepEqual(
    status.groups.map(({ name, revision }) => [name, revision]),
    [
      ["rg220", 41n],
      ["rg226", 0n],
    ],
  );
  assert.deepEqual(status.unreachableGroups, ["rg226"]);
  assert.deepEqual(status.unreachable, ["n212"]);
  assert.deepEqual([status.cluster?.id, status.cluster?.leader, status.cluster?.index], [self.cluster, "n204", 31n]);
  assert.deepEqual(
    status.failures.map(({ node, what }) => [node, what]),
    [
      ["n214", "The node failed"],
      ["n208", "Its groups say so"],
    ],
  );
  assert.deepEqual(
    status.answeredAt?.groups.map(({ group, index }) => [group, index]),
    [["rg220", 77n]],
  );
  const one = await harness.call(ClusterService.method.getStatus, { groups: ["rg226"], local: true });
  assert.deepEqual(
    one.groups.map(({ name }) => name),
    ["rg226"],
  );
  assert.deepEqual(
    one.nodes.map(({ name }) => name),
    ["n208"],
  );
});

test("GetStatus tells which nodes are drained just now, and which owners change", async () => {
  const { answer } = harness.node;
  const nodes = clusterStatus.nodes.map((node, at) => (at === 1 ? { ...node, status: "draining" as const } : node));
  const groups = clusterStatus.groups.map(({ membership, ...rest }) => {
    return { ...rest, membership: { ...membership, target: membership.voters } };
  });
  harness.node.answer = (request, budgetMs) => {
    if (request.type !== "clusterStatus") return answer(request, budgetMs);
    return { type: "clusterStatus", status: { ...clusterStatus, nodes, groups } };
  };
  const { pending } = await harness.call(ClusterService.method.getStatus, {});
  assert.deepEqual(
    pending.map(({ kind, node, group }) => [kind, node, group]),
    [
      [PendingKind.OWNER_CHANGE, "", "rg220"],
      [PendingKind.DRAIN, "n208", ""],
    ],
  );
});

test("a group's manager and owner are looked at as often for many nodes as for one", async () => {
  const usual = harness.node.answer;
  const readsFor = async (count: number, ask: () => Promise<unknown>) => {
    let reads = 0;
    const counted = <Field>(field: Field) => {
      const get = () => {
        reads += 1;
        return field;
      };
      return { get, enumerable: true };
    };
    const groups = clusterStatus.groups.map((status) => {
      const { manager, ownership } = status;
      return Object.defineProperties({ ...status }, { manager: counted(manager), ownership: counted(ownership) });
    });
    const nodes = Array.from({ length: count }, (_, at) => nodeStatus(`n${at}`, null));
    harness.node.answer = (request, budgetMs) => {
      if (request.type !== "clusterStatus") return usual(request, budgetMs);
      return { type: "clusterStatus", status: { ...clusterStatus, nodes, groups } };
    };
    await ask();
    return reads;
  };
  const status = () => harness.call(ClusterService.method.getStatus, {});
  const list = () => harness.call(NodeService.method.listNodes, { askAll: true });
  for (const ask of [status, list]) assert.equal(await readsFor(50, ask), await readsFor(1, ask));
});

test("GetStatus tells of a change of the voters that is under way, and of a voter that stays away", async () => {
  const known = statusOf(cluster);
  const { voters } = known.membership;
  const heir = { node: toNodeId("n216"), member: toMemberId(2), votes: 1, isWitness: false };
  const membership = { ...known.membership, target: [...voters.slice(0, 2), heir] };
  const hindrance = "n206 was not heard for 600 s; no other node that may vote is up";
  const usual = harness.node.answer;
  harness.node.answer = (request, call) => {
    if (request.type !== "groupStatus" || request.group !== "cluster") return usual(request, call);
    return { type: "groupStatus", status: { ...known, membership, hindrance } };
  };
  for (const local of [false, true]) {
    const { pending, failures } = await harness.call(ClusterService.method.getStatus, { local });
    assert.deepEqual(
      pending.map(({ kind, node, what }) => [kind, node, what]),
      [[PendingKind.VOTER_CHANGE, "n216", "The voters of the cluster database are to be n202, n204, n216"]],
    );
    assert.equal(failures[0]?.what, `Voters of the cluster database: ${hindrance}`);
  }
});

test("GetCluster tells the cluster database as this node holds it", async () => {
  const { cluster: held } = await harness.call(ClusterService.method.getCluster, {});
  assert.deepEqual(
    held?.groups.map(({ group }) => group),
    ["rg220", "rg226"],
  );
  assert.equal(held.name, "reference");
  assert.deepEqual(held.voters, ["n202", "n204", "n206"]);
  assert.deepEqual([held.index, held.newestIndex, held.leader], [31n, 77n, "n202"]);
  assert.deepEqual(
    held.topology?.nodes.map(({ name }) => name),
    ["n214", "n202", "n208"],
  );
});

test("ListClusterEvents pages both ways and never parts the events of one entry", async () => {
  const { listClusterEvents } = ClusterService.method;
  for (const isReversed of [false, true]) {
    const pages: string[][] = [];
    let pageToken: Uint8Array = new Uint8Array(0);
    do {
      const page = await harness.call(listClusterEvents, { limit: 1, newestFirst: isReversed, pageToken });
      pages.push(page.events.map(({ index, ordinal, node, group }) => `${index}.${ordinal} ${node}${group}`));
      pageToken = page.nextPageToken;
    } while (pageToken.byteLength > 0);
    const forward = [["3.0 rg220"], ["5.0 n208", "5.1 n214"], ["8.0 n208"]];
    assert.deepEqual(pages, isReversed ? forward.toReversed() : forward);
  }
  const some = await harness.call(listClusterEvents, { afterIndex: 3n, types: [ClusterEventType.NODE_REINTEGRATED] });
  assert.deepEqual(
    some.events.map(({ index }) => index),
    [8n],
  );
});

test("GetStateHash tells the hash of the owner that answers and names the others", async () => {
  const answer = await harness.call(MaintenanceService.method.getStateHash, { group: "rg220" });
  assert.deepEqual(
    answer.hashes.map(({ node, hash }) => [node, hash]),
    [["n202", "00112233445566ff"]],
  );
  assert.equal(answer.index, 77n);
  assert.deepEqual(answer.unreachable, ["n208", "n214"]);
});

const states = {
  index: toLogIndex(70),
  hashes: [
    { node: n202, hash: "00112233445566ff" },
    { node: n208, hash: "00112233445566fe" },
  ],
};

test("GetStateHash tells what the manager's last comparison has brought", async () => {
  const status = statusOf(entry("rg220", ["n202", "n208", "n214"]), { compared: states });
  harness.node.answer = () => ({ type: "groupStatus", status });
  const answer = await harness.call(MaintenanceService.method.getStateHash, { group: "rg220" });
  const hashes = answer.hashes.map(({ node, hash }) => ({ node, hash }));
  assert.deepEqual([answer.index, hashes, answer.equal], [70n, states.hashes, false]);
  assert.deepEqual(answer.unreachable, ["n214"]);
});

test("GetGroup shows the hashes that were compared, and a dispute over them", async () => {
  const rg = entry("rg220", ["n202", "n208", "n214"]);
  const calm = await harness.call(GroupService.method.getGroup, { group: "rg220" });
  assert.equal(calm.group?.dispute, undefined);
  assert.deepEqual(hashesIn(calm.group?.replicas), [
    ["n202", "00112233445566ff", 77n],
    ["n208", "", 0n],
    ["n214", "", 0n],
  ]);
  const status = statusOf(rg, { compared: states, dispute: states });
  harness.node.answer = () => ({ type: "groupStatus", status });
  const { group } = await harness.call(GroupService.method.getGroup, { group: "rg220" });
  assert.equal(group?.dispute?.index, 70n);
  assert.deepEqual(
    group.dispute.hashes.map(({ node, hash }) => ({ node, hash })),
    states.hashes,
  );
  const [n202Hash, n208Hash] = states.hashes.map(({ hash }) => hash);
  assert.deepEqual(hashesIn(group.replicas), [
    ["n202", n202Hash, 70n],
    ["n208", n208Hash, 70n],
    ["n214", "", 0n],
  ]);
});

function hashesIn(replicas: readonly Replica[] = []): readonly unknown[] {
  return replicas.map(({ node, stateHash, hashIndex }) => [node, stateHash, hashIndex]);
}

test("GetVersion answers without asking the node", async () => {
  const { version, api, runtime } = await harness.call(MaintenanceService.method.getVersion, {});
  assert.deepEqual([version, api, runtime], ["0.1.0", "bailiwick.v1", "v24.0.0"]);
  assert.deepEqual(harness.node.inputs, []);
});

test("health says SERVING for the process and for every service", async () => {
  const check = healthService["Check"];
  assert.ok(check);
  for (const service of ["", ...allServices.map(({ descriptor }) => descriptor.typeName)]) {
    const answer = await new Promise((resolve, reject) => {
      harness.client.makeUnaryRequest(
        check.path,
        check.requestSerialize,
        check.responseDeserialize,
        { service },
        (error, response) => (error === null ? resolve(response) : reject(error)),
      );
    });
    assert.deepEqual(answer, { status: "SERVING" });
  }
});

/** A client that knows nothing of our schema but what reflection tells it. */
async function buf(...options: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)("node_modules/.bin/buf", [
    "curl",
    "--protocol",
    "grpc",
    "--http2-prior-knowledge",
    ...options,
  ]);
  return stdout;
}

test("reflection lists every method, health included, and lets a client without our schema call", async () => {
  const url = `http://${harness.server.address}`;
  const methods = (await buf("--list-methods", url)).split("\n");
  for (const { descriptor } of allServices) {
    for (const { name } of descriptor.methods) assert.ok(methods.includes(`${descriptor.typeName}/${name}`), name);
  }
  assert.ok(methods.includes("grpc.health.v1.Health/Check"));
  const answer = await buf("-d", '{"group": "rg220"}', `${url}/bailiwick.v1.GroupService/GetGroup`);
  assert.deepEqual(JSON.parse(answer).group.owners, ["n202", "n208", "n214"]);
  const statuses = JSON.parse(await buf("-d", "{}", `${url}/grpc.health.v1.Health/List`)).statuses;
  assert.deepEqual(statuses["bailiwick.v1.WatchService"], { status: "SERVING" });
});

test("SetGroupOwners refuses an index from 2^53 on, and names the field", async () => {
  const owners = ["n202", "n208"];
  const asked = { group: "rg220", owners, ifConfigurationIndex: 2n ** 53n };
  const { error, info } = await harness.refused(GroupService.method.setGroupOwners, asked);
  assert.equal(error.code, grpcStatus.INVALID_ARGUMENT, error.details);
  assert.equal(info?.metadata["field"], "if_configuration_index");
});

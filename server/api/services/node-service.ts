// NodeService: what nodes are, their spheres of influence, planned changes of them, and what their agents report.

import { create } from "@bufbuild/protobuf";
import type { Node } from "../../../proto/gen/bailiwick/v1/node_pb.ts";
import * as wire from "../../../proto/gen/bailiwick/v1/node_service_pb.ts";
import { compareNames, type NodeId } from "../../../proto/ids.ts";
import type { NodeRecord } from "../../../proto/model.ts";
import type { NodeStatus, Reply } from "../../../proto/requests.ts";
import type { CallContext } from "../call-context.ts";
import { readCount, readNode } from "../convert/fields.ts";
import { toNodeHeader } from "../convert/headers.ts";
import { addRoles, rolesIn, toKnownNode, toNode } from "../convert/nodes.ts";
import { toInterlockSummary } from "../convert/statuses.ts";
import { pageByName } from "../page-token.ts";
import { defineService } from "../service.ts";
import { awaitOwnership, reportPerformance, reportResources } from "./agent-reports.ts";
import { askLocal } from "./ask-groups.ts";
import { drainNode, undrainNode } from "./drain-node.ts";
import { askWholeNode } from "./whole-node.ts";

const membership = "changes of the cluster's membership";

export const nodeService = defineService(
  wire.NodeService,
  { listNodes, getNode, getSphere, drainNode, undrainNode, reportPerformance, reportResources, awaitOwnership },
  { addNode: membership, removeNode: membership, replaceNode: membership },
);

type Directory = Extract<Reply, { readonly type: "directory" }>;

const pageBounds = { usual: 100, max: 1_000 };

async function listNodes(request: wire.ListNodesRequest, context: CallContext): Promise<wire.ListNodesResponse> {
  const limit = readCount(request.limit, "limit", pageBounds);
  const { nodes, unreachable } = request.askAll ? await askEverywhere(context) : await askHere(context);
  const wanted = nodes
    .filter((node) => hasLabels(node, request.labels))
    .toSorted((left, right) => compareNames(left.name, right.name));
  const { page, nextPageToken } = pageByName(wanted, ({ name }) => name, {
    kind: "nodes",
    token: request.pageToken,
    limit,
  });
  return create(wire.ListNodesResponseSchema, {
    header: toNodeHeader(context.self),
    nodes: [...page],
    nextPageToken,
    unreachable: [...unreachable],
  });
}

interface Nodes {
  readonly nodes: readonly Node[];
  readonly unreachable: readonly string[];
}

async function askEverywhere(context: CallContext): Promise<Nodes> {
  const { status } = await context.ask({ type: "clusterStatus" });
  const roles = rolesIn(status.groups, status.voters);
  const nodes = status.nodes.map((node) => addRoles(toNode(node), roles));
  return { nodes, unreachable: [...status.unreachableNodes, ...status.unreachableGroups] };
}

async function askHere(context: CallContext): Promise<Nodes> {
  const { directory, self, groups, voters } = await askLocal(context);
  const roles = rolesIn(groups, voters);
  const nodes = directory.nodes.map((record) => {
    return addRoles(toKnownNode(record, directory.groups, self.statuses), roles);
  });
  return { nodes, unreachable: [] };
}

function hasLabels({ labels }: Node, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}

async function getNode(request: wire.GetNodeRequest, context: CallContext): Promise<wire.GetNodeResponse> {
  const { node, unreachable } = await askWholeNode(readNode(request.node), context);
  return create(wire.GetNodeResponseSchema, {
    header: toNodeHeader(context.self),
    node,
    unreachable: [...unreachable],
  });
}

async function getSphere(request: wire.GetSphereRequest, context: CallContext): Promise<wire.GetSphereResponse> {
  const node = request.node === "" ? context.self.node : readNode(request.node);
  const [{ status }, directory] = await Promise.all([
    context.ask({ type: "nodeStatus", node }),
    context.ask({ type: "directory" }),
  ]);
  return create(wire.GetSphereResponseSchema, {
    header: toNodeHeader(context.self),
    node,
    members: status.sphere.toSorted(compareNames),
    groups: sphereGroups(status, directory),
    statuses: heldStatuses(status, directory),
    interlocked: (status.self?.summaries ?? [])
      .toSorted((left, right) => compareNames(left.group, right.group))
      .map((summary) => toInterlockSummary(summary, status.sphere)),
    unreachable: status.self === null ? [node] : [],
  });
}

function sphereGroups(status: NodeStatus, directory: Directory) {
  return directory.groups
    .filter((entry) => status.groups.includes(entry.group))
    .toSorted((left, right) => compareNames(left.group, right.group))
    .map(({ group, owners }) => ({ group, owners: [...owners] }));
}

/** What the node itself holds of the members of its sphere; nothing when it could not be asked. */
function heldStatuses({ self, sphere }: NodeStatus, directory: Directory): Node[] {
  if (self === null) return [];
  const recordOf = new Map<NodeId, NodeRecord>(directory.nodes.map((record) => [record.node, record]));
  return sphere.toSorted(compareNames).flatMap((member) => {
    const record = recordOf.get(member);
    return record === undefined ? [] : [toKnownNode(record, directory.groups, self.statuses)];
  });
}

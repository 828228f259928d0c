// NodeService.ReportResources, AwaitOwnership and ReportPerformance: what the agent of this node says. The node renews what the agent holds by
// asking the managers of the groups, and answers what it may do from now on; nothing is handed on to another node.

import { create } from "@bufbuild/protobuf";
import { uint64 } from "../../../proto/codec/integers.ts";
import { DbError } from "../../../proto/errors.ts";
import * as wire from "../../../proto/gen/bailiwick/v1/node_service_pb.ts";
import type { FenceOrder, OwnershipGrant } from "../../../proto/placement.ts";
import { limits } from "../../node/limits.ts";
import type { CallContext } from "../call-context.ts";
import { invalid, readField } from "../convert/fields.ts";
import { toNodeHeader } from "../convert/headers.ts";
import { readGroupReports, readOwnNode, readSample } from "../convert/reports.ts";
import { ownershipStates } from "../convert/statuses.ts";

export async function reportResources(
  request: wire.ReportResourcesRequest,
  context: CallContext,
): Promise<wire.ReportResourcesResponse> {
  const node = readOwnNode(request.node, "node", context.self.node);
  const agent = readAgent(request.agent);
  const groups = readGroupReports(request.groups, { node, nowMs: Date.now() });
  const { complete: isComplete, leaving: isLeaving } = request;
  const asked = { type: "reportResources", node, agent, groups, isComplete, isLeaving } as const;
  const { grants, unreachable } = await context.ask(asked);
  return create(wire.ReportResourcesResponseSchema, {
    header: toNodeHeader(context.self),
    grants: grants.map(toGrant),
    unreachable: [...unreachable],
  });
}

export async function awaitOwnership(
  request: wire.AwaitOwnershipRequest,
  context: CallContext,
): Promise<wire.AwaitOwnershipResponse> {
  const node = readOwnNode(request.node, "node", context.self.node);
  const after = readField(uint64, request.after, "after");
  const change = await context.ask({ type: "awaitOwnership", node, after }, limits.agentNewsMs).then(
    (answer) => answer.change,
    (reason: unknown) => {
      // There was none.
      if (reason instanceof DbError && reason.code === "deadline") return after;
      throw reason;
    },
  );
  return create(wire.AwaitOwnershipResponseSchema, {
    header: toNodeHeader(context.self),
    change: uint64.toWire(change, "change"),
  });
}

export async function reportPerformance(
  request: wire.ReportPerformanceRequest,
  context: CallContext,
): Promise<wire.ReportPerformanceResponse> {
  if (request.sample === undefined) throw invalid("sample", "The sample is missing");
  const sample = readSample(request.sample, { node: context.self.node, nowMs: Date.now() });
  const { intervalMs } = await context.ask({ type: "reportPerformance", sample });
  return create(wire.ReportPerformanceResponseSchema, { header: toNodeHeader(context.self), intervalMs });
}

/** Only compared with another one's. */
function readAgent(agent: string): string {
  if (/^[\x21-\x7e]{1,64}$/.test(agent)) return agent;
  const given = agent === "" ? "missing" : `${JSON.stringify(agent.slice(0, 64))}, not 1 to 64 printable characters`;
  throw invalid("agent", `The agent is ${given}`);
}

function toGrant(grant: OwnershipGrant): wire.OwnershipGrant {
  return create(wire.OwnershipGrantSchema, {
    group: grant.group,
    epoch: uint64.toWire(grant.epoch, "epoch"),
    granted: grant.isGranted,
    ttlMs: Math.round(grant.ttlMs),
    stopBudgetMs: Math.round(grant.stopBudgetMs),
    wanted: ownershipStates[grant.wanted],
    why: grant.reason,
    endless: grant.isEndless,
    ...(grant.fence === null ? {} : { fence: toFenceOrder(grant.fence) }),
  });
}

function toFenceOrder({ order, node, epoch, command, timeoutMs }: FenceOrder): wire.FenceOrder {
  return create(wire.FenceOrderSchema, {
    order,
    node,
    epoch: uint64.toWire(epoch, "epoch"),
    command: [...command],
    timeoutMs: Math.round(timeoutMs),
  });
}

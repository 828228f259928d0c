// What an agent asks its node, that node the managers of its groups, and a manager the ledger of a node.

import { type NodeId, toEpoch, toIncarnation } from "../../../proto/ids.ts";
import type { Request } from "../../../proto/requests.ts";
import { rg } from "./cluster.ts";

export function reportOf(node: NodeId): Request {
  return { type: "reportResources", node, agent: "first", groups: [], isComplete: true, isLeaving: false };
}

export function renewalOf(node: NodeId): Request {
  const report = { group: rg, epoch: toEpoch(1), renews: true, state: "online", resources: [], fence: null } as const;
  return { type: "renewOwnership", group: rg, node, report, isLeaving: false };
}

export function reserveOn(node: NodeId): Request {
  const key = { group: rg, incarnation: toIncarnation(1), epoch: toEpoch(2) };
  const reservation = { ...key, demand: new Map(), sameNode: [], differentNode: [] };
  return { type: "reserve", node, reservation, validateOnly: false };
}

// A node as its sphere, its groups and itself tell of it, with its configuration.

import type { Node } from "../../../proto/gen/bailiwick/v1/node_pb.ts";
import type { NodeId } from "../../../proto/ids.ts";
import type { CallContext } from "../call-context.ts";
import { addRoles, rolesIn, toNode, toNodeConfig } from "../convert/nodes.ts";
import { askClusterGroup, askGroups } from "./ask-groups.ts";

export interface WholeNode {
  readonly node: Node;
  /** Groups that could not be asked. */
  readonly unreachable: readonly string[];
}

/** @throws {DbError} `not_found`: there is no such node */
export async function askWholeNode(name: NodeId, context: CallContext): Promise<WholeNode> {
  const { status } = await context.ask({ type: "nodeStatus", node: name });
  const [{ groups, unreachable }, cluster] = await Promise.all([
    askGroups(context, status.groups),
    askClusterGroup(context),
  ]);
  const node = addRoles(toNode(status), rolesIn(groups, cluster?.object.owners ?? []));
  node.config = toNodeConfig(status.record);
  return { node, unreachable };
}

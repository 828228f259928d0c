// Wire forms that watches of nodes share: where they stand, and what they say of a node.

import * as wire from "../gen/bailiwick/peer/v1/forward_pb.ts";
import type { NodeState, NodesPosition, StatusMark } from "../requests.ts";
import { incarnation, logIndex } from "./integers.ts";
import { nodeRecord, recoveryStatus, statusComponent } from "./model.ts";
import { groupId, nodeId } from "./scalars.ts";
import { list, message, nullable, required } from "./structure.ts";
import { wireLimits } from "./wire-limits.ts";

const { itemsMax } = wireLimits;

const statusMark = message<StatusMark, typeof wire.StatusMarkSchema>(wire.StatusMarkSchema, {
  group: groupId,
  incarnation,
  index: logIndex,
});

export const nodesPosition = message<NodesPosition, typeof wire.NodesPositionSchema>(wire.NodesPositionSchema, {
  groups: list(statusMark, itemsMax),
  clusterIndex: logIndex,
  sphere: nullable(nodeId),
});

export const nodeState = message<NodeState, typeof wire.NodeStateSchema>(wire.NodeStateSchema, {
  record: required(nodeRecord),
  status: recoveryStatus,
  components: list(statusComponent, itemsMax),
  groups: list(groupId, itemsMax),
});

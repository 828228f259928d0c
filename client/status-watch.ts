// Watches over the status of a group, over nodes, and over cluster events: see follow.ts for how they resume.

import { create } from "@bufbuild/protobuf";
import { type ClusterEvent, ClusterEventSchema } from "../proto/gen/bailiwick/v1/cluster_event_pb.ts";
import { type Group, GroupSchema } from "../proto/gen/bailiwick/v1/group_pb.ts";
import { type Node, NodeSchema } from "../proto/gen/bailiwick/v1/node_pb.ts";
import {
  ClusterEventsTargetSchema,
  GroupStatusTargetSchema,
  NodeStatusTargetSchema,
  type WatchEvent,
} from "../proto/gen/bailiwick/v1/watch_pb.ts";
import type { ClientParts } from "./caller.ts";
import { type FollowOptions, follow, type NoticeOf } from "./follow.ts";
import { fromWireInteger, toWireInteger } from "./key-values.ts";
import { type Plain, toPlain } from "./plain.ts";

export interface WatchGroupOptions extends FollowOptions {
  /** Only a state of this index of the group's log or a later one; absent: after the newest. */
  readonly fromIndex?: number | undefined;
  /** Also states in which only keys and replication have moved on. */
  readonly includeProgress?: boolean | undefined;
}

export interface WatchNodesOptions extends FollowOptions {
  /** Names, all in the sphere of one node; absent: the sphere of the node that answers. */
  readonly nodes?: readonly string[] | undefined;
}

export interface WatchClusterOptions extends FollowOptions {
  /** First index of the cluster's log to deliver; absent: after the newest. */
  readonly fromIndex?: number | undefined;
}

/** The group as it is at `index` of its log; states that nobody waited for are left out, the newest never is. */
export interface GroupState {
  readonly index: number;
  readonly group: Plain<Group>;
}

export type NodeState =
  /** The node as its groups know it now. */
  | { readonly type: "node"; readonly node: Plain<Node> }
  /** It left the sphere, or the cluster. */
  | { readonly type: "departed"; readonly name: string };

export interface ToldClusterEvent {
  readonly index: number;
  readonly event: Plain<ClusterEvent>;
}

export type GroupNotice = NoticeOf<GroupState>;
export type NodeNotice = NoticeOf<NodeState>;
export type ClusterNotice = NoticeOf<ToldClusterEvent>;

export function watchGroup(
  parts: ClientParts,
  group: string,
  options: WatchGroupOptions,
): AsyncGenerator<GroupNotice, void> {
  const { fromIndex = 0, includeProgress = false } = options;
  const target = { case: "groupStatus", value: create(GroupStatusTargetSchema, { includeProgress }) } as const;
  const subject = {
    name: `the status of ${group}`,
    wish: { group, target },
    start: toWireInteger(fromIndex, "fromIndex"),
    toEvents: ({ revision, event }: WatchEvent) =>
      event.case === "group"
        ? [{ index: fromWireInteger(revision, "index"), group: toPlain(GroupSchema, event.value) }]
        : [],
    orderOf: ({ index }: GroupState) => index,
  };
  return follow(
    parts,
    { ...subject, revisionOf: ({ groups }) => fromWireInteger(groups[0]?.index ?? zero, "index") },
    options,
  );
}

export function watchNodes(parts: ClientParts, options: WatchNodesOptions): AsyncGenerator<NodeNotice, void> {
  const nodes = [...(options.nodes ?? [])];
  const target = { case: "nodeStatus", value: create(NodeStatusTargetSchema, { nodes }) } as const;
  const name = nodes.length === 0 ? "a sphere" : nodes.join(", ");
  return follow(
    parts,
    { name, wish: { target }, start: zero, toEvents: toNodeState, orderOf: null, revisionOf: () => 0 },
    options,
  );
}

export function watchClusterEvents(
  parts: ClientParts,
  options: WatchClusterOptions,
): AsyncGenerator<ClusterNotice, void> {
  const target = { case: "clusterEvents", value: create(ClusterEventsTargetSchema) } as const;
  const subject = {
    name: "the cluster's events",
    wish: { target },
    start: toWireInteger(options.fromIndex ?? 0, "fromIndex"),
    toEvents: ({ revision, event }: WatchEvent) =>
      event.case === "clusterEvent"
        ? [{ index: fromWireInteger(revision, "index"), event: toPlain(ClusterEventSchema, event.value) }]
        : [],
    orderOf: ({ index }: ToldClusterEvent) => index,
  };
  return follow(parts, { ...subject, revisionOf: (at) => fromWireInteger(at.clusterIndex, "index") }, options);
}

const zero = create(GroupSchema).revision;

function toNodeState({ event }: WatchEvent): readonly NodeState[] {
  if (event.case === "node") return [{ type: "node", node: toPlain(NodeSchema, event.value) }];
  return event.case === "nodeDeparted" ? [{ type: "departed", name: event.value }] : [];
}

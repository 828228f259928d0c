// Events of the cluster database, from the domain to the public schema.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { uint64 } from "../../../proto/codec/integers.ts";
import {
  type ClusterEvent,
  ClusterEventSchema,
  ClusterEventType,
} from "../../../proto/gen/bailiwick/v1/cluster_event_pb.ts";
import type * as model from "../../../proto/model.ts";

/** @param events in the order of the log; events of one index are neighbours */
export function toClusterEvents(events: readonly model.ClusterEvent[]): ClusterEvent[] {
  let ordinal = 0;
  return events.map((event, position) => {
    ordinal = events[position - 1]?.index === event.index ? ordinal + 1 : 0;
    return create(ClusterEventSchema, {
      index: uint64.toWire(event.index, "index"),
      ordinal,
      time: timestampFromMs(event.atMs),
      ...changeFields(event.change),
    });
  });
}

function changeFields(change: model.ClusterChange): MessageInitShape<typeof ClusterEventSchema> {
  switch (change.type) {
    case "nodeFailed":
      return { type: ClusterEventType.NODE_FAILED, node: change.node, why: change.reason };
    case "nodeReintegrated":
      return { type: ClusterEventType.NODE_REINTEGRATED, node: change.node, why: change.reason };
    case "nodeDrained":
      return {
        type: ClusterEventType.NODE_DRAINED,
        node: change.node,
        why: withReason("Its applications move off; it goes on voting and storing", change.reason),
      };
    case "nodeUndrained":
      return {
        type: ClusterEventType.NODE_UNDRAINED,
        node: change.node,
        why: withReason("It may run applications again", change.reason),
      };
    case "groupCreated":
      return {
        type: ClusterEventType.GROUP_CREATED,
        group: change.entry.group,
        why: `Created with the owners ${change.entry.owners.join(", ")}`,
      };
    case "ownersChanged":
      return {
        type: ClusterEventType.GROUP_OWNERS_CHANGED,
        group: change.entry.group,
        why: `The owners are now ${change.entry.owners.join(", ")}`,
      };
    case "votersChanged":
      return {
        type: ClusterEventType.VOTERS_CHANGED,
        node: change.joined[0] ?? change.left[0] ?? "",
        who: change.by,
        why: withReason(votersText(change), change.reason),
      };
    case "clusterRecovered":
      return {
        type: ClusterEventType.CLUSTER_RECOVERED,
        node: change.from,
        why: withReason(`The cluster database goes on from what ${change.from} had`, change.reason),
      };
    case "groupRecovered":
      return {
        type: ClusterEventType.GROUP_RECOVERED,
        group: change.entry.group,
        node: change.from,
        why: recoveredWhy(change),
      };
  }
}

function recoveredWhy({ entry, from, reason }: model.ClusterChange & { readonly type: "groupRecovered" }): string {
  const what = `Goes on from what ${from} had, as incarnation ${entry.incarnation}; what it did not have is lost`;
  return withReason(what, reason);
}

function votersText({ left, joined }: model.ClusterChange & { readonly type: "votersChanged" }): string {
  if (left.length === 0) return `Now votes: ${joined.join(", ")}`;
  if (joined.length === 0) return `Votes no more: ${left.join(", ")}`;
  return `${joined.join(", ")} in place of ${left.join(", ")}`;
}

function withReason(what: string, reason: string): string {
  return reason === "" ? what : `${what}: ${reason}`;
}

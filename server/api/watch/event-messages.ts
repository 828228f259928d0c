// What the node says on a stream, as the events of one or more responses with the position behind each.

import { create } from "@bufbuild/protobuf";
import { uint64 } from "../../../proto/codec/integers.ts";
import type { ClusterEventType } from "../../../proto/gen/bailiwick/v1/cluster_event_pb.ts";
import {
  type WatchEvent,
  WatchEventSchema,
  type WatchEvents,
  WatchEventsSchema,
  type WatchPosition,
} from "../../../proto/gen/bailiwick/v1/watch_pb.ts";
import type { Header, NodeState, WatchMessage } from "../../../proto/requests.ts";
import { toClusterEvents } from "../convert/events.ts";
import { toGroup } from "../convert/groups.ts";
import { toWatchedNode } from "../convert/nodes.ts";
import { toEventsPosition, toGroupPosition, toNodesPosition } from "../convert/status-watches.ts";
import type { WatchWish } from "../convert/watch-wish.ts";
import { toPosition, toWatchEvent } from "../convert/watches.ts";
import { toFragments } from "./fragments.ts";

type Message<Type extends WatchMessage["type"]> = WatchMessage & { readonly type: Type };
/** A message that says what happened, or what there is. */
export type EventsMessage = Message<"events" | "initial" | "groupState" | "nodeStates" | "clusterEvents">;

/** Where the watch stands behind the message; null: in the middle of what exists, from where nobody can resume. */
export function positionBehind(message: EventsMessage, header: Header): WatchPosition | null {
  switch (message.type) {
    case "events":
      return toPosition(header, message.revision);
    case "initial":
      return message.more ? null : toPosition(header, message.revision);
    case "groupState":
      return toGroupPosition(header, message.revision);
    case "nodeStates":
      return message.more ? null : toNodesPosition(message.position);
    case "clusterEvents":
      return message.initial && message.more ? null : toEventsPosition(message.revision);
  }
}

/** @returns none when nothing in it is for this watch */
export function toEventMessages(message: EventsMessage, header: Header, wish: WatchWish): readonly WatchEvents[] {
  if (message.type === "events" || message.type === "initial") return toKeyMessages(message, header, wish);
  const events = toStatusEvents(message, wish.types);
  const position = positionBehind(message, header);
  return events.length === 0 ? [] : [toMessage(events, message.initial, position)];
}

function toKeyMessages(message: Message<"events" | "initial">, header: Header, wish: WatchWish): WatchEvents[] {
  const initial = message.type === "initial";
  const fragments = toFragments(message.events);
  return fragments.map(({ events, isFragment }, place) => {
    const isLast = place === fragments.length - 1;
    const reached = isLast ? message.revision : (events.at(-1)?.revision ?? message.revision);
    const isWhole = initial ? isLast && !message.more : !isFragment;
    const position = isWhole ? toPosition(header, reached) : null;
    return toMessage(
      events.map((event) => toWatchEvent(event, wish.keysOnly)),
      initial,
      position,
    );
  });
}

function toStatusEvents(
  message: Message<"groupState" | "nodeStates" | "clusterEvents">,
  types: readonly ClusterEventType[],
): WatchEvent[] {
  switch (message.type) {
    case "groupState": {
      const group = toGroup(message.status, { withConfig: true });
      return [toEvent(message.revision, { case: "group", value: group })];
    }
    case "nodeStates": {
      const left = message.departed.map((node) => {
        return toEvent(message.position.clusterIndex, { case: "nodeDeparted", value: node });
      });
      return [...message.nodes.map(toNodeEvent), ...left];
    }
    case "clusterEvents":
      return toClusterEvents(message.events)
        .filter(({ type }) => types.length === 0 || types.includes(type))
        .map((value) => toEvent(uint64.fromWire(value.index, "index"), { case: "clusterEvent", value }));
  }
}

/** The newest of its groups' verdicts names the event. */
function toNodeEvent(state: NodeState): WatchEvent {
  const newest = Math.max(0, ...state.components.map(({ index }) => index));
  return toEvent(newest, { case: "node", value: toWatchedNode(state) });
}

function toEvent(revision: number, event: WatchEvent["event"]): WatchEvent {
  const result = create(WatchEventSchema, { revision: uint64.toWire(revision, "revision") });
  result.event = event;
  return result;
}

/** @param position null: more of the same follows, and nobody can resume from in between */
function toMessage(events: WatchEvent[], initial: boolean, position: WatchPosition | null): WatchEvents {
  return create(WatchEventsSchema, { events, initial, fragment: position === null, ...(position && { position }) });
}

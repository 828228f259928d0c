// ClusterService.ListClusterEvents: the events that this node holds, a page at a time. Events of one log entry stay together.

import { create } from "@bufbuild/protobuf";
import { logIndex } from "../../../proto/codec/integers.ts";
import type { ClusterEvent } from "../../../proto/gen/bailiwick/v1/cluster_event_pb.ts";
import * as wire from "../../../proto/gen/bailiwick/v1/cluster_service_pb.ts";
import { type LogIndex, toLogIndex } from "../../../proto/ids.ts";
import { emptyBytes } from "../../../storage/bytes.ts";
import { limits } from "../../node/limits.ts";
import type { CallContext } from "../call-context.ts";
import { toClusterEvents } from "../convert/events.ts";
import { readCount, readField } from "../convert/fields.ts";
import { toNodeHeader } from "../convert/headers.ts";
import { decodePageToken, encodePageToken } from "../page-token.ts";

const pageBounds = { usual: 100, max: 1_000 };

export async function listClusterEvents(
  request: wire.ListClusterEventsRequest,
  context: CallContext,
): Promise<wire.ListClusterEventsResponse> {
  const limit = readCount(request.limit, "limit", pageBounds);
  const bounds = readBounds(request);
  const { events } = await context.ask({ type: "clusterEvents", after: bounds.above, limit: limits.listRowsMax });
  const wanted = toClusterEvents(events).filter(
    ({ index, type }) => index < bounds.below && (request.types.length === 0 || request.types.includes(type)),
  );
  const ordered = request.newestFirst ? newestFirst(wanted) : wanted;
  const page = cut(ordered, limit);
  return create(wire.ListClusterEventsResponseSchema, {
    header: toNodeHeader(context.self),
    events: page,
    nextPageToken: page.length === ordered.length ? emptyBytes : toToken(page, request.newestFirst),
  });
}

interface Bounds {
  readonly above: LogIndex;
  readonly below: number;
}

/** The token is the index of the last event delivered. */
function readBounds({ afterIndex, newestFirst: isReversed, pageToken }: wire.ListClusterEventsRequest): Bounds {
  const above = readField(logIndex, afterIndex, "after_index");
  const unbounded = { above, below: Number.POSITIVE_INFINITY };
  if (pageToken.byteLength === 0) return unbounded;
  const reached = Number(decodePageToken(kindOf(isReversed), pageToken, ["number"])[0]);
  return isReversed ? { above, below: reached } : { ...unbounded, above: toLogIndex(Math.max(above, reached)) };
}

function toToken(page: readonly ClusterEvent[], isReversed: boolean): Uint8Array {
  const last = page.at(-1);
  if (last === undefined) return emptyBytes;
  return encodePageToken(kindOf(isReversed), [logIndex.fromWire(last.index, "index")]);
}

function kindOf(isReversed: boolean): string {
  return isReversed ? "events, newest first" : "events";
}

/** Newest entries first; within an entry the order stays. */
function newestFirst(events: readonly ClusterEvent[]): readonly ClusterEvent[] {
  return events.toSorted((left, right) => {
    if (left.index === right.index) return left.ordinal - right.ordinal;
    return left.index < right.index ? 1 : -1;
  });
}

/** The first `limit` events, and those that share the last one's entry. */
function cut(events: readonly ClusterEvent[], limit: number): ClusterEvent[] {
  const last = events[limit - 1];
  if (last === undefined) return [...events];
  const end = events.findIndex((event, position) => position >= limit && event.index !== last.index);
  return events.slice(0, end === -1 ? events.length : end);
}

// What every kind of watch has in common when a client asks for it.

import type { ClusterEventType } from "../../../proto/gen/bailiwick/v1/cluster_event_pb.ts";
import type { WatchCreate } from "../../../proto/gen/bailiwick/v1/watch_pb.ts";
import type { Incarnation } from "../../../proto/ids.ts";
import type { StreamRequest } from "../../../proto/requests.ts";
import { readMs } from "./fields.ts";

/** A watch as asked for. */
export interface WatchWish {
  readonly request: StreamRequest;
  /** The incarnation that was watched before; null: not resumed. */
  readonly incarnation: Incarnation | null;
  readonly keysOnly: boolean;
  /** Of cluster events; empty: all. */
  readonly types: readonly ClusterEventType[];
}

const progressBounds = { usual: 60_000, min: 100, max: 3_600_000 };

export function readProgress({ progressIntervalMs }: WatchCreate): { readonly progressIntervalMs: number } {
  return { progressIntervalMs: readMs(progressIntervalMs, "progress_interval_ms", progressBounds) };
}

// Watches: what a client asks for, and what it is told.

import { create } from "@bufbuild/protobuf";
import { incarnation as incarnationCodec, revision as revisionCodec, uint64 } from "../../../proto/codec/integers.ts";
import {
  type WatchCreate,
  type WatchEvent,
  WatchEventSchema,
  WatchFilter,
  type WatchPosition,
  WatchPositionSchema,
} from "../../../proto/gen/bailiwick/v1/watch_pb.ts";
import { type GroupId, type Incarnation, type Revision, toRevision } from "../../../proto/ids.ts";
import type { KeySpan } from "../../../proto/model.ts";
import type { Header, KeyEvent, WatchRequest } from "../../../proto/requests.ts";
import { emptyBytes } from "../../../storage/bytes.ts";
import { invalid, readField, readGroup, readMs, readRevision, unimplemented } from "./fields.ts";
import { readSpan, toKeyValue } from "./key-values.ts";

/** A watch as asked for. */
export interface WatchWish {
  readonly request: WatchRequest;
  /** The incarnation that was watched before; null: not resumed. */
  readonly incarnation: Incarnation | null;
  readonly keysOnly: boolean;
}

/** @throws {DbError} `invalid_argument`; `unimplemented` for targets other than keys */
export function readWatch(wish: WatchCreate): WatchWish {
  const group = readGroup(wish.group);
  const span = readTarget(wish);
  checkBuffer(wish.bufferBytesMax);
  const resumed = readResume(wish, group);
  return {
    incarnation: resumed?.incarnation ?? null,
    keysOnly: wish.keysOnly,
    request: {
      type: "watch",
      group,
      span,
      startRevision: resumed?.start ?? readRevision(wish.startRevision, "start_revision"),
      previousValues: wish.previousValues,
      progressIntervalMs: readMs(wish.progressIntervalMs, "progress_interval_ms", progressBounds),
      ...readFilters(wish.filters),
    },
  };
}

const progressBounds = { usual: 60_000, min: 100, max: 3_600_000 };

function readTarget({ target, initial }: WatchCreate): KeySpan {
  if (initial)
    throw unimplemented("initial", "agents; list the keys, and watch from the revision of the list plus one");
  switch (target.case) {
    case "key":
    case "prefix":
    case "range":
      return readSpan(target);
    case "groupStatus":
      throw unimplemented("group_status", "agents, which act on ownership; until then ask GetGroup");
    case "nodeStatus":
      throw unimplemented("node_status", "agents; until then ask GetNode or ListNodes");
    case "clusterEvents":
      throw unimplemented("cluster_events", "agents; until then ask ListClusterEvents");
    case undefined:
      throw invalid("target", "The target is missing: one of key, prefix, range");
  }
}

function readResume(wish: WatchCreate, group: GroupId): { start: Revision; incarnation: Incarnation } | null {
  if (wish.resume === undefined) return null;
  if (readRevision(wish.startRevision, "start_revision") !== null) {
    throw invalid("resume", "The resume and the start_revision exclude each other");
  }
  const position = wish.resume.groups.find((one) => one.group === group);
  if (position === undefined) throw invalid("resume", `The resume says nothing about the group ${group}`);
  const last = readField(revisionCodec, position.revision, "resume.revision");
  return {
    start: toRevision(last + 1),
    incarnation: readField(incarnationCodec, position.incarnation, "resume.incarnation"),
  };
}

/** Nothing is held for a slow reader but what it watches: the bound is checked and always kept. */
function checkBuffer(bytesMax: number): void {
  if (bytesMax === 0 || (bytesMax >= 65_536 && bytesMax <= 16_777_216)) return;
  throw invalid("buffer_bytes_max", `The buffer_bytes_max is ${bytesMax}, it must be from 65536 to 16777216`);
}

function readFilters(filters: readonly WatchFilter[]): Pick<WatchRequest, "puts" | "deletes" | "withoutExpiries"> {
  const unknown = filters.find((filter) => !knownFilters.has(filter));
  if (unknown !== undefined) throw invalid("filters", `The filters hold ${String(unknown)}, a number not allowed`);
  return {
    puts: !filters.includes(WatchFilter.NO_PUT),
    deletes: !filters.includes(WatchFilter.NO_DELETE),
    withoutExpiries: filters.includes(WatchFilter.NO_EXPIRY),
  };
}

const knownFilters: ReadonlySet<WatchFilter> = new Set([
  WatchFilter.NO_PUT,
  WatchFilter.NO_DELETE,
  WatchFilter.NO_EXPIRY,
]);

export function toPosition(header: Header, revision: Revision): WatchPosition {
  const incarnation = uint64.toWire(header.incarnation, "incarnation");
  const position = { group: header.group, incarnation, revision: uint64.toWire(revision, "revision") };
  return create(WatchPositionSchema, { groups: [position] });
}

export function toWatchEvent(event: KeyEvent, keysOnly: boolean): WatchEvent {
  const revision = uint64.toWire(event.revision, "revision");
  const result = create(WatchEventSchema, { revision });
  result.event =
    event.kv === null
      ? { case: event.endedLease === 0 ? "delete" : "expire", value: toKeyValue(tombstone(event)) }
      : { case: "put", value: toKeyValue(event.kv, keysOnly) };
  if (event.previous !== null) result.previous = toKeyValue(event.previous, keysOnly);
  return result;
}

function tombstone({ key, revision, endedLease: lease }: KeyEvent) {
  return { key, value: emptyBytes, createRevision: toRevision(0), modRevision: revision, version: 0, lease };
}

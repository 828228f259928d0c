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
import { invalid, readField, readGroup, readRevision } from "./fields.ts";
import { readSpan, toKeyValue } from "./key-values.ts";
import { readEventsWatch, readGroupWatch, readNodesWatch } from "./status-watches.ts";
import { readProgress, type WatchWish } from "./watch-wish.ts";

/** @throws {DbError} `invalid_argument` */
export function readWatch(wish: WatchCreate): WatchWish {
  const { target } = wish;
  checkBeginning(wish);
  const bufferBytesMax = readBuffer(wish.bufferBytesMax);
  switch (target.case) {
    case "key":
    case "prefix":
    case "range":
      return readKeyWatch(wish, readSpan(target), bufferBytesMax);
    case "groupStatus":
      return readGroupWatch(wish, target.value);
    case "nodeStatus":
      return readNodesWatch(wish, target.value);
    case "clusterEvents":
      return readEventsWatch(wish, target.value);
    case undefined: {
      const names = "key, prefix, range, group_status, node_status, cluster_events";
      throw invalid("target", `The target is missing: one of ${names}`);
    }
  }
}

function readKeyWatch(wish: WatchCreate, span: KeySpan, bufferBytesMax: number): WatchWish {
  const group = readGroup(wish.group);
  const resumed = readResume(wish, group);
  return {
    incarnation: resumed?.incarnation ?? null,
    keysOnly: wish.keysOnly,
    types: [],
    request: {
      type: "watch",
      group,
      span,
      startRevision: resumed?.start ?? readRevision(wish.startRevision, "start_revision"),
      previousValues: wish.previousValues,
      initial: wish.initial,
      bufferBytesMax,
      ...readProgress(wish),
      ...readFilters(wish.filters),
    },
  };
}

/** A watch begins in one way. */
function checkBeginning({ startRevision, resume, initial }: WatchCreate): void {
  const hasStart = readRevision(startRevision, "start_revision") !== null;
  if (resume !== undefined && hasStart) {
    throw invalid("resume", "The resume and the start_revision exclude each other");
  }
  if (!initial || (resume === undefined && !hasStart)) return;
  const other = hasStart ? "start_revision" : "resume";
  throw invalid("initial", `The initial and the ${other} exclude each other: initial begins with what exists now`);
}

function readResume(wish: WatchCreate, group: GroupId): { start: Revision; incarnation: Incarnation } | null {
  if (wish.resume === undefined) return null;
  const position = wish.resume.groups.find((one) => one.group === group);
  if (position === undefined) throw invalid("resume", `The resume says nothing about the group ${group}`);
  const last = readField(revisionCodec, position.revision, "resume.revision");
  return {
    start: toRevision(last + 1),
    incarnation: readField(incarnationCodec, position.incarnation, "resume.incarnation"),
  };
}

/** Nothing is held for a slow reader but what it watches: the bound says when it is told that it is behind. */
function readBuffer(bytesMax: number): number {
  if (bytesMax === 0) return 1_048_576;
  if (bytesMax >= 65_536 && bytesMax <= 16_777_216) return bytesMax;
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

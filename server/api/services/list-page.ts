// KeyValueService.List: pages of one revision. The token holds where to go on, the revision of the first page, and a digest
// of what was asked for, so that a token of another question is refused instead of answering a mixture.

import { create } from "@bufbuild/protobuf";
import { uint64 } from "../../../proto/codec/integers.ts";
import { DbError, failure } from "../../../proto/errors.ts";
import {
  type ListRequest,
  type ListResponse,
  ListResponseSchema,
} from "../../../proto/gen/bailiwick/v1/key_value_pb.ts";
import { type Revision, toRevision } from "../../../proto/ids.ts";
import type { KeySpan } from "../../../proto/model.ts";
import type { Reply } from "../../../proto/requests.ts";
import { bytesOf, compareBytes, emptyBytes, textOf } from "../../../storage/bytes.ts";
import { murmur128 } from "../../../storage/hash.ts";
import { limits } from "../../node/limits.ts";
import type { CallContext } from "../call-context.ts";
import { invalid, readCount, readGroup, readRevision } from "../convert/fields.ts";
import { toHeader } from "../convert/headers.ts";
import { everyKey, nextStart, readKey, readSpan, toKeyValue } from "../convert/key-values.ts";
import { decodePageToken, encodePageToken } from "../page-token.ts";
import { askRead } from "./reads.ts";

/** Where a page begins, and what the first page said. */
interface Cursor {
  readonly revision: Revision;
  readonly incarnation: number;
  /** Keys of the whole span. */
  readonly count: number;
  readonly start: Uint8Array;
}

type ListReply = Extract<Reply, { readonly type: "list" }>;

export async function listPage(request: ListRequest, context: CallContext): Promise<ListResponse> {
  const group = readGroup(request.group);
  const span = request.keys.case === undefined ? everyKey : readSpan(request.keys);
  const limit = readCount(request.limit, "limit", { usual: limits.pageKeysUsual, max: limits.pageKeysMax });
  const cursor = readCursor(request, span);
  const asked = {
    type: "list",
    group,
    span: cursor === null ? span : { start: cursor.start, end: span.end },
    revision: cursor?.revision ?? readRevision(request.revision, "revision"),
    limit: Math.min(limit, limits.listRowsMax),
    keysOnly: request.keysOnly,
    countOnly: request.countOnly,
    continues: cursor !== null,
  } as const;
  const reply = await askRead<"list">(context, asked, request.consistency);
  if (cursor !== null && cursor.incarnation !== reply.header.incarnation) throw recreated(reply, cursor);
  return create(ListResponseSchema, {
    header: toHeader(context.self, reply.header),
    keyValues: request.countOnly ? [] : reply.kvs.map((kv) => toKeyValue(kv, request.keysOnly)),
    nextPageToken: nextToken(reply, request, cursor),
    count: uint64.toWire(cursor?.count ?? reply.count, "count"),
  });
}

function readCursor(request: ListRequest, span: KeySpan): Cursor | null {
  if (request.pageToken.byteLength === 0) return null;
  const shape = ["number", "number", "number", "number", "string"] as const;
  const [revision, incarnation, count, digest, start] = decodePageToken("list", request.pageToken, shape);
  if (digest !== digestOf(request)) {
    throw invalid("page_token", "The page_token belongs to a request with other fields than this one");
  }
  const cursor = {
    revision: toRevision(Number(revision)),
    incarnation: Number(incarnation),
    count: Number(count),
    start: readKey(bytesOf(String(start)), "page_token"),
  };
  const isInside = compareBytes(cursor.start, span.start) >= 0 && isBelow(cursor.start, span.end);
  if (!isInside || cursor.revision < 1) throw invalid("page_token", "The page_token lies outside the keys asked for");
  return cursor;
}

function nextToken(reply: ListReply, request: ListRequest, cursor: Cursor | null): Uint8Array {
  const last = reply.kvs.at(-1);
  if (!reply.more || request.countOnly || last === undefined) return emptyBytes;
  const start = nextStart(last.key);
  if (start === null) return emptyBytes;
  const revision = cursor?.revision ?? readRevision(request.revision, "revision") ?? reply.header.revision;
  const count = cursor?.count ?? reply.count;
  return encodePageToken("list", [revision, reply.header.incarnation, count, digestOf(request), textOf(start)]);
}

/** Of all that must not change from page to page. */
function digestOf(request: ListRequest): number {
  const span = request.keys.case === undefined ? everyKey : readSpan(request.keys);
  const { group, keysOnly, countOnly, consistency } = request;
  const parts = [group, keysOnly, countOnly, consistency, textOf(span.start), span.end && textOf(span.end)];
  return murmur128(new TextEncoder().encode(JSON.stringify(parts)), 0)[0];
}

function isBelow(key: Uint8Array, end: Uint8Array | null): boolean {
  return end === null || compareBytes(key, end) < 0;
}

function recreated({ header }: ListReply, cursor: Cursor): DbError {
  const message = `The group ${header.group} is at incarnation ${header.incarnation}, the pages are of ${cursor.incarnation}`;
  return new DbError(failure("compacted", message, { group: header.group, revision: String(header.revision) }));
}

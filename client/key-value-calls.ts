// The calls about key-values: requests made from plain arguments, answers made plain.

import { create } from "@bufbuild/protobuf";
import { FenceSchema, ReadConsistency } from "../proto/gen/bailiwick/v1/common_pb.ts";
import {
  DeleteRequestSchema,
  GetRequestSchema,
  KeyValueService,
  ListRequestSchema,
  PutRequestSchema,
} from "../proto/gen/bailiwick/v1/key_value_pb.ts";
import type { KeyValue } from "../proto/model.ts";
import type { Caller, RequestOptions } from "./caller.ts";
import {
  type AnswerHeader,
  type Bytes,
  fromOptionalKeyValue,
  fromWireHeader,
  fromWireInteger,
  fromWireKeyValue,
  type KeySelection,
  toBytes,
  toWireCount,
  toWireInteger,
  toWireKeys,
  toWireSpan,
} from "./key-values.ts";
import { clientLimits } from "./limits.ts";

export interface ReadOptions extends RequestOptions {
  /** Absent: the newest. */
  readonly revision?: number | undefined;
  /**
   * `local` needs no quorum and may be stale, which the header says. Absent: `linearizable`, but stale while a group without a
   * quorum has the policy `read_only` for that.
   */
  readonly consistency?: "linearizable" | "local" | undefined;
}

export interface WriteOptions extends RequestOptions {
  /** Write only if the key's mod revision is this; 0: only if it does not exist. */
  readonly ifModRevision?: number | undefined;
  /** Answers what was replaced or deleted. */
  readonly previous?: boolean | undefined;
  /** Write only while this ownership holds; `group` absent: of the group written to. */
  readonly fence?: { readonly group?: string; readonly epoch: number } | undefined;
}

export interface PutOptions extends WriteOptions {
  /** Lease of the same group to attach the key to; absent: none, and an earlier attachment ends. */
  readonly lease?: number | undefined;
}

export interface ListOptions extends ReadOptions {
  readonly keysOnly?: boolean | undefined;
  /** 1 to 10,000; 1,000 by default. */
  readonly pageKeys?: number | undefined;
}

export interface GetAnswer {
  readonly header: AnswerHeader;
  /** null when the key does not exist at that revision. */
  readonly keyValue: KeyValue | null;
}

export interface ListPage {
  readonly header: AnswerHeader;
  /** In byte order of keys. */
  readonly keyValues: readonly KeyValue[];
  /** Keys of the whole selection, not of the page alone. */
  readonly count: number;
}

/** The write is durable on a quorum; `header.revision` is the one it made. */
export interface PutAnswer {
  readonly header: AnswerHeader;
  /** null when there was none, or it was not asked for. */
  readonly previous: KeyValue | null;
}

export interface DeleteAnswer {
  readonly header: AnswerHeader;
  readonly deleted: number;
  /** In byte order, if asked for. */
  readonly previous: readonly KeyValue[];
}

export interface Entry {
  /** 1 to 4,096 bytes. */
  readonly key: Bytes;
  /** Up to 1 MiB. */
  readonly value: Bytes;
}

const { method } = KeyValueService;

export async function get(
  caller: Caller,
  { group, key }: { readonly group: string; readonly key: Bytes },
  options: ReadOptions,
): Promise<GetAnswer> {
  const request = create(GetRequestSchema, { group, key: toBytes(key, "key"), ...readFields(options) });
  const { header, keyValue } = await caller.read(method.get, request, options);
  return { header: fromWireHeader(header), keyValue: fromOptionalKeyValue(keyValue) };
}

export async function* list(
  caller: Caller,
  { group, keys }: { readonly group: string; readonly keys: KeySelection },
  options: ListOptions,
): AsyncGenerator<ListPage, void> {
  const { keysOnly = false, pageKeys = clientLimits.pageKeys } = options;
  const limit = toWireCount(pageKeys, "pageKeys", clientLimits.pageKeysMax);
  const fields = { group, keys: toWireSpan(keys), limit, keysOnly, ...readFields(options) };
  let pageToken: Uint8Array = new Uint8Array(0);
  do {
    const page = await caller.read(method.list, create(ListRequestSchema, { ...fields, pageToken }), options);
    pageToken = page.nextPageToken;
    yield {
      header: fromWireHeader(page.header),
      keyValues: page.keyValues.map(fromWireKeyValue),
      count: fromWireInteger(page.count, "count"),
    };
  } while (pageToken.byteLength > 0);
}

export async function put(
  caller: Caller,
  { group, entry }: { readonly group: string; readonly entry: Entry },
  options: PutOptions,
): Promise<PutAnswer> {
  const lease = toWireInteger(options.lease ?? 0, "lease");
  const bytes = { key: toBytes(entry.key, "key"), value: toBytes(entry.value, "value") };
  const fields = { group, ...bytes, lease, ...writeFields(options) };
  const request = create(PutRequestSchema, { ...fields, previousValue: options.previous ?? false });
  const { header, previous } = await caller.writeOnce(method.put, request, { ...options, group });
  return { header: fromWireHeader(header), previous: fromOptionalKeyValue(previous) };
}

export async function deleteKeys(
  caller: Caller,
  { group, keys }: { readonly group: string; readonly keys: KeySelection },
  options: WriteOptions,
): Promise<DeleteAnswer> {
  const fields = { group, keys: toWireKeys(keys), ...writeFields(options) };
  const request = create(DeleteRequestSchema, { ...fields, previousValues: options.previous ?? false });
  const { header, deleted, previous } = await caller.writeOnce(method.delete, request, { ...options, group });
  return {
    header: fromWireHeader(header),
    deleted: fromWireInteger(deleted, "deleted"),
    previous: previous.map(fromWireKeyValue),
  };
}

const readConsistencies = {
  linearizable: ReadConsistency.LINEARIZABLE,
  local: ReadConsistency.LOCAL,
} as const;

function readFields({ revision = 0, consistency }: ReadOptions) {
  return {
    revision: toWireInteger(revision, "revision"),
    consistency: consistency === undefined ? ReadConsistency.UNSPECIFIED : readConsistencies[consistency],
  };
}

function writeFields({ ifModRevision, fence }: WriteOptions) {
  return {
    ...(ifModRevision === undefined ? {} : { ifModRevision: toWireInteger(ifModRevision, "ifModRevision") }),
    ...(fence === undefined ? {} : { fence: toWireFence(fence) }),
  };
}

function toWireFence({ group = "", epoch }: NonNullable<WriteOptions["fence"]>) {
  return create(FenceSchema, { group, epoch: toWireInteger(epoch, "fence.epoch") });
}

// KeyValueService: each call is one request to the node, which forwards it to an owner of the group.

import { create } from "@bufbuild/protobuf";
import { present } from "../../../proto/assert.ts";
import { epoch, revision, uint64 } from "../../../proto/codec/integers.ts";
import type { Fence as WireFence } from "../../../proto/gen/bailiwick/v1/common_pb.ts";
import * as wire from "../../../proto/gen/bailiwick/v1/key_value_pb.ts";
import {
  type TransactRequest,
  type TransactResponse,
  TransactResponseSchema,
} from "../../../proto/gen/bailiwick/v1/transaction_pb.ts";
import type { GroupId, Revision } from "../../../proto/ids.ts";
import type { Fence } from "../../../proto/requests.ts";
import { limits } from "../../node/limits.ts";
import type { CallContext } from "../call-context.ts";
import { invalid, readField, readGroup, readIdentity, readRevision } from "../convert/fields.ts";
import { toHeader } from "../convert/headers.ts";
import { readKey, readSpan, toKeyValue } from "../convert/key-values.ts";
import { readTransaction, toResults, toRevisions } from "../convert/transactions.ts";
import { defineService } from "../service.ts";
import { listPage } from "./list-page.ts";
import { askRead } from "./reads.ts";

/** What can be called by itself, and most of it on a stream too. */
export const keyValueHandlers = { get, list: listPage, put, delete: deleteKeys, transact, compact };

export const keyValueService = defineService(wire.KeyValueService, keyValueHandlers, {});

async function get(request: wire.GetRequest, context: CallContext): Promise<wire.GetResponse> {
  const asked = {
    type: "get",
    group: readGroup(request.group),
    key: readKey(request.key, "key"),
    revision: readRevision(request.revision, "revision"),
  } as const;
  const { header, kv } = await askRead<"get">(context, asked, request.consistency);
  const response = create(wire.GetResponseSchema, { header: toHeader(context.self, header) });
  if (kv !== null) response.keyValue = toKeyValue(kv);
  return response;
}

async function put(request: wire.PutRequest, context: CallContext): Promise<wire.PutResponse> {
  const group = readGroup(request.group);
  const asked = {
    type: "put",
    group,
    key: readKey(request.key, "key"),
    value: readValue(request.value),
    lease: readField(uint64, request.lease, "lease"),
    ifModRevision: readCondition(request.ifModRevision),
    fence: readFence(request.fence, group),
    returnPrevious: request.previousValue,
  } as const;
  const { header, previous } = await context.write(asked, readIdentity(request.requestId));
  const response: wire.PutResponse = { $typeName: "bailiwick.v1.PutResponse", header: toHeader(context.self, header) };
  if (previous !== null) response.previous = toKeyValue(previous);
  return response;
}

async function deleteKeys(request: wire.DeleteRequest, context: CallContext): Promise<wire.DeleteResponse> {
  const { keys } = request;
  if (keys.case === undefined) throw invalid("keys", "One of key, prefix and range is required");
  const ifModRevision = readCondition(request.ifModRevision);
  if (ifModRevision !== null && keys.case !== "key") {
    throw invalid("if_mod_revision", `The if_mod_revision goes with a single key, not with a ${keys.case}`);
  }
  const group = readGroup(request.group);
  const asked = {
    type: "delete",
    group,
    span: readSpan(keys),
    ifModRevision,
    fence: readFence(request.fence, group),
    returnPrevious: request.previousValues,
  } as const;
  const { header, deleted, previous } = await context.write(asked, readIdentity(request.requestId));
  return create(wire.DeleteResponseSchema, {
    header: toHeader(context.self, header),
    deleted: uint64.toWire(deleted, "deleted"),
    previous: previous.map((kv) => toKeyValue(kv)),
  });
}

async function transact(request: TransactRequest, context: CallContext): Promise<TransactResponse> {
  const { parts, success, failure } = readTransaction(request);
  const asked = { type: "transact", group: present(parts[0], "a part").group, parts } as const;
  const { header, succeeded, parts: done } = await context.write(asked, readIdentity(request.requestId));
  return create(TransactResponseSchema, {
    header: toHeader(context.self, header),
    succeeded,
    results: toResults(succeeded ? success : failure, done),
    revisions: toRevisions(done),
  });
}

async function compact(request: wire.CompactRequest, context: CallContext): Promise<wire.CompactResponse> {
  const floor = readRevision(request.revision, "revision");
  if (floor === null) throw invalid("revision", "The revision is 0, the least that can stay readable is 1");
  const asked = { type: "compact", group: readGroup(request.group), revision: floor } as const;
  const { header } = await context.write(asked, readIdentity(request.requestId));
  return create(wire.CompactResponseSchema, { header: toHeader(context.self, header), floor: request.revision });
}

type WireRevision = wire.CompactRequest["revision"];

/** Absent: no condition; 0: the key must not exist. */
function readCondition(wanted: WireRevision | undefined): Revision | null {
  return wanted === undefined ? null : readField(revision, wanted, "if_mod_revision");
}

function readValue(value: Uint8Array): Uint8Array {
  if (value.byteLength <= limits.valueBytesMax) return value;
  throw invalid("value", `The value has ${value.byteLength} bytes, the limit is ${limits.valueBytesMax}`);
}

function readFence(fence: WireFence | undefined, group: GroupId): Fence | null {
  if (fence === undefined) return null;
  const of = fence.group === "" ? group : readGroup(fence.group, "fence.group");
  const claimed = readField(epoch, fence.epoch, "fence.epoch");
  if (claimed === 0) throw invalid("fence.epoch", "The fence.epoch is 0, the least is 1");
  return { group: of, epoch: claimed };
}

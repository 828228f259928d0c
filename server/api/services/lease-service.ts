// LeaseService: each call is one request to the node, which forwards it to the group's manager, who keeps the leases' time.

import { create } from "@bufbuild/protobuf";
import { uint64 } from "../../../proto/codec/integers.ts";
import * as wire from "../../../proto/gen/bailiwick/v1/lease_pb.ts";
import { emptyBytes } from "../../../storage/bytes.ts";
import { limits } from "../../node/limits.ts";
import type { CallContext } from "../call-context.ts";
import { readCount, readField, readGroup, readIdentity } from "../convert/fields.ts";
import { toHeader } from "../convert/headers.ts";
import { readLease, toLease } from "../convert/leases.ts";
import { KeepAliveStream } from "../lease/keep-alive-stream.ts";
import { decodePageToken, encodePageToken } from "../page-token.ts";
import { defineService } from "../service.ts";

const pageKind = "leases";

export const leaseService = defineService(
  wire.LeaseService,
  {
    grantLease,
    keepAliveLease(stream, world) {
      new KeepAliveStream(stream, world);
    },
    revokeLease,
    getLease,
    listLeases,
  },
  {},
);

async function grantLease(request: wire.GrantLeaseRequest, context: CallContext): Promise<wire.GrantLeaseResponse> {
  const group = readGroup(request.group);
  const wanted = readField(uint64, request.id, "id");
  const asked = { type: "grantLease", group, id: wanted === 0 ? null : wanted, ttlMs: request.ttlMs } as const;
  const { header, lease } = await context.write(asked, readIdentity(request.requestId));
  return create(wire.GrantLeaseResponseSchema, { header: toHeader(context.self, header), lease: toLease(lease) });
}

async function revokeLease(request: wire.RevokeLeaseRequest, context: CallContext): Promise<wire.RevokeLeaseResponse> {
  const group = readGroup(request.group);
  const asked = { type: "revokeLease", group, id: readLease(request.id) } as const;
  const { header, deleted } = await context.write(asked, readIdentity(request.requestId));
  return create(wire.RevokeLeaseResponseSchema, {
    header: toHeader(context.self, header),
    deleted: uint64.toWire(deleted, "deleted"),
  });
}

async function getLease(request: wire.GetLeaseRequest, context: CallContext): Promise<wire.GetLeaseResponse> {
  const group = readGroup(request.group);
  const asked = { type: "getLease", group, id: readLease(request.id), keys: request.keys } as const;
  const { header, lease, keys } = await context.ask(asked);
  return create(wire.GetLeaseResponseSchema, {
    header: toHeader(context.self, header),
    lease: toLease(lease),
    keys: [...keys],
  });
}

async function listLeases(request: wire.ListLeasesRequest, context: CallContext): Promise<wire.ListLeasesResponse> {
  const group = readGroup(request.group);
  const limit = readCount(request.limit, "limit", { usual: limits.pageKeysUsual, max: limits.pageKeysMax });
  const after = readAfter(request.pageToken);
  const { header, leases, more } = await context.ask({ type: "listLeases", group, after, limit });
  const last = leases.at(-1);
  return create(wire.ListLeasesResponseSchema, {
    header: toHeader(context.self, header),
    leases: leases.map(toLease),
    nextPageToken: more && last !== undefined ? encodePageToken(pageKind, [last.id]) : emptyBytes,
  });
}

function readAfter(token: Uint8Array): number {
  return token.byteLength === 0 ? 0 : Number(decodePageToken(pageKind, token, ["number"])[0]);
}

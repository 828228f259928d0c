// The calls about leases: requests made from plain arguments, answers made plain. What keeps a lease alive is in
// kept-lease.ts.

import { create } from "@bufbuild/protobuf";
import { DbError, failure } from "../proto/errors.ts";
import {
  GetLeaseRequestSchema,
  GrantLeaseRequestSchema,
  LeaseService,
  ListLeasesRequestSchema,
  RevokeLeaseRequestSchema,
  type Lease as WireLease,
} from "../proto/gen/bailiwick/v1/lease_pb.ts";
import type { Caller, RequestOptions } from "./caller.ts";
import { type AnswerHeader, fromWireHeader, fromWireInteger, toWireCount, toWireInteger } from "./key-values.ts";
import { clientLimits } from "./limits.ts";

/** A promise of life that keys can be attached to; they are deleted when it ends. */
export interface Lease {
  /** 1 to 2^53 - 1. */
  readonly id: number;
  readonly grantedTtlMs: number;
  /** At least this is left, by the group manager's clock, unless it is revoked. */
  readonly ttlMs: number;
  readonly keyCount: number;
}

export interface NewLease {
  /** 1,000 to 86,400,000. */
  readonly ttlMs: number;
  /** Absent: the group chooses. */
  readonly id?: number | undefined;
}

export interface LeaseGranted {
  readonly header: AnswerHeader;
  readonly lease: Lease;
}

export interface LeaseRevoked {
  readonly header: AnswerHeader;
  /** Keys deleted with it, in one revision. */
  readonly deleted: number;
}

export interface LeaseAnswer {
  readonly header: AnswerHeader;
  readonly lease: Lease;
  /** In byte order, if asked for; at most 10,000, and 1 MiB: `lease.keyCount` says how many there are. */
  readonly keys: readonly Uint8Array[];
}

export interface LeasePage {
  readonly header: AnswerHeader;
  /** By id. */
  readonly leases: readonly Lease[];
}

/** A lease of a group. */
export interface LeaseName {
  readonly group: string;
  readonly id: number;
}

const { method } = LeaseService;

export async function grantLease(
  caller: Caller,
  { group, ttlMs, id = 0 }: NewLease & { readonly group: string },
  options: RequestOptions,
): Promise<LeaseGranted> {
  const request = create(GrantLeaseRequestSchema, { group, ttlMs: checkTtl(ttlMs), id: toWireInteger(id, "id") });
  const { header, lease } = await caller.writeOnce(method.grantLease, request, { ...options, group });
  return { header: fromWireHeader(header), lease: fromWireLease(lease) };
}

/** Repeated whatever becomes of it: a lease ends once. Without a session a repetition finds that there is no such lease. */
export async function revokeLease(
  caller: Caller,
  { group, id }: LeaseName,
  options: RequestOptions,
): Promise<LeaseRevoked> {
  const request = create(RevokeLeaseRequestSchema, { group, id: toWireInteger(id, "id") });
  const { header, deleted } = await caller.idempotentOnce(method.revokeLease, request, { ...options, group });
  return { header: fromWireHeader(header), deleted: fromWireInteger(deleted, "deleted") };
}

export async function getLease(
  caller: Caller,
  { group, id }: LeaseName,
  options: RequestOptions & { readonly keys?: boolean | undefined },
): Promise<LeaseAnswer> {
  const { keys = false } = options;
  const request = create(GetLeaseRequestSchema, { group, id: toWireInteger(id, "id"), keys });
  const answer = await caller.read(method.getLease, request, options);
  return { header: fromWireHeader(answer.header), lease: fromWireLease(answer.lease), keys: answer.keys };
}

export async function* listLeases(
  caller: Caller,
  group: string,
  options: RequestOptions & { readonly pageLeases?: number | undefined },
): AsyncGenerator<LeasePage, void> {
  const { pageLeases = clientLimits.pageRows } = options;
  const limit = toWireCount(pageLeases, "pageLeases", clientLimits.pageKeysMax);
  let pageToken: Uint8Array = new Uint8Array(0);
  do {
    const request = create(ListLeasesRequestSchema, { group, limit, pageToken });
    const page = await caller.read(method.listLeases, request, options);
    pageToken = page.nextPageToken;
    yield { header: fromWireHeader(page.header), leases: page.leases.map(fromWireLease) };
  } while (pageToken.byteLength > 0);
}

/** @throws {DbError} `invalid_argument` unless it is an integer that the schema allows */
export function checkTtl(ttlMs: number): number {
  const { leaseTtlMsMin: min, leaseTtlMsMax: max } = clientLimits;
  if (Number.isSafeInteger(ttlMs) && ttlMs >= min && ttlMs <= max) return ttlMs;
  const message = `The ttlMs ${ttlMs} is not an integer from ${min} to ${max}`;
  throw new DbError(failure("invalid_argument", message, { field: "ttlMs" }));
}

function fromWireLease(wire: WireLease | undefined): Lease {
  if (wire === undefined) throw new DbError(failure("internal", "The answer has no lease"));
  const { grantedTtlMs, ttlMs, keyCount } = wire;
  return { id: fromWireInteger(wire.id, "lease.id"), grantedTtlMs, ttlMs, keyCount };
}

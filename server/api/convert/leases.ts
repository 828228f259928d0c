// Leases between the public schema and the domain.

import { create } from "@bufbuild/protobuf";
import { uint64 } from "../../../proto/codec/integers.ts";
import { LeaseSchema, type Lease as WireLease } from "../../../proto/gen/bailiwick/v1/lease_pb.ts";
import type { LeaseStatus } from "../../../proto/leases.ts";
import { invalid, readField } from "./fields.ts";

/** @throws {DbError} `invalid_argument` for 0, and above 2^53 - 1 */
export function readLease(wire: Parameters<typeof uint64.fromWire>[0], field = "id"): number {
  const id = readField(uint64, wire, field);
  if (id === 0) throw invalid(field, `The ${field} of the lease is missing`);
  return id;
}

export function toLease({ id, grantedTtlMs, ttlMs, keyCount }: LeaseStatus): WireLease {
  return create(LeaseSchema, { id: uint64.toWire(id, "id"), grantedTtlMs, ttlMs, keyCount });
}
